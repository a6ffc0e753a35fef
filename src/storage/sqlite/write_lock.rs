//! The write lock of an index, under which one connection writes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::connection;
use super::error::SqliteResult;
use super::index::SqliteIndex;
use super::read_connection::ReadConnection;
use super::snapshot::SqliteSnapshot;
use super::transaction::RowIdCache;
use super::write_connection::WriteConnection;
use crate::fs::lock::guard::FileLockGuard;
use crate::model::record::Durability;
use crate::storage::{Deadline, StorageError, StorageErrorKind};

/// The exclusive right to write, until this is dropped.
pub(super) struct WriteLock<'a> {
    pub(super) writer: MutexGuard<'a, WriteConnection>,
    /// Dropped after `writer`.
    pub(super) lock: FileLockGuard<'a>,
    /// The limit of SQLite's waits for programs that write without the lock.
    pub(super) deadline: Deadline,
}

impl WriteLock<'_> {
    pub(super) fn tables(&self) -> &ReadConnection {
        self.writer.snapshot.tables()
    }

    pub(super) fn set_durability(&mut self, durability: Durability) -> SqliteResult<()> {
        if self.writer.durability != durability {
            connection::set_durability(&self.tables().connection, durability)?;
            self.writer.durability = durability;
        }
        Ok(())
    }
}

impl SqliteIndex {
    pub(super) fn open_writer(&self) -> SqliteResult<Mutex<WriteConnection>> {
        let tables = self.connect()?;
        connection::prepare_commits(&tables.connection)?;
        Ok(Mutex::new(WriteConnection {
            snapshot: SqliteSnapshot::apart(tables),
            durability: Durability::Full,
            keys: RowIdCache::default(),
        }))
    }

    pub(super) fn write_lock(&self) -> SqliteResult<WriteLock<'_>> {
        self.write_lock_by(self.deadline())
    }

    /// Waits for the right to write, among the threads of this handle and all other processes.
    ///
    /// Fails as busy once the deadline has passed.
    pub(super) fn write_lock_by(&self, deadline: Deadline) -> SqliteResult<WriteLock<'_>> {
        self.usable()?;
        let opened = self.writer.as_ref().ok_or_else(|| {
            StorageError::new(
                StorageErrorKind::ReadOnly,
                "the index was opened for reading only",
            )
        })?;
        let writer = match opened.get() {
            Some(writer) => writer,
            None => {
                // If two threads open one at the same time, one is closed unused.
                let made = self.open_writer()?;
                opened.get_or_init(|| made)
            }
        };
        let lock = self.lock.lock(deadline)?;
        self.sound()?;
        // Only the holder of the lock uses the connection.
        let writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let write_lock = WriteLock {
            writer,
            lock,
            deadline,
        };
        self.check_files()?;
        self.trust_log(&write_lock)?;
        Ok(write_lock)
    }
}
