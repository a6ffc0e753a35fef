//! [`SqliteIndex`], the index in a file: what an open handle has, and whether it is usable.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use rusqlite::Connection;

use super::archive::SegmentCache;
use super::body_locks::BodyLocks;
use super::change_counter::ChangeCounter;
use super::error::SqliteResult;
use super::files::{LocklessState, OpenFiles};
use super::open_mode::OpenMode;
use super::paths::write_lock_file;
use super::pool::ReaderPool;
use super::write_connection::WriteConnection;
use super::{objects, schema};
use crate::fs::lock::file_lock::FileLock;
use crate::fs::lock::policy::LockPolicy;
use crate::storage::{Deadline, StorageError, StorageErrorKind};

/// An index in a file.
#[derive(Debug)]
pub(crate) struct SqliteIndex {
    /// An absolute path without links.
    pub(super) path: PathBuf,
    pub(super) purpose: OpenMode,
    /// The state that shows whether anything was written, while the index is read without locks.
    pub(super) unlocked: Mutex<Option<Arc<LocklessState>>>,
    pub(super) readers: ReaderPool,
    pub(super) watcher: ChangeCounter,
    /// Opened by the first write; `None` in an index that is only read.
    pub(super) writer: Option<OnceLock<Mutex<WriteConnection>>>,
    /// Held by the writer, among all threads of all processes.
    pub(super) lock: FileLock,
    /// Whether this handle has looked for the note of a failed flush of the log.
    pub(super) is_log_note_read: AtomicBool,
    pub(super) bodies: BodyLocks,
    pub(super) poisoned: AtomicBool,
    /// Whether another file has taken the name of one of `files`.
    pub(super) replaced: AtomicBool,
    opened: Instant,
    /// Seconds from `opened` to the last check that reads made of the files.
    files_checked: AtomicU64,
    /// The process that opened it. SQLite's connections and locks do not survive a fork:
    /// <https://sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_>.
    pub(super) process: u32,
    /// SQLite's count of schema changes (`PRAGMA schema_version`) at the last check of the schema.
    pub(super) checked_schema: AtomicI64,
    /// Whether it was opened in spite of damage.
    pub(super) is_damaged: bool,
    /// Whether the file was rewritten without free pages. It gets shorter once the whole log is
    /// checkpointed.
    pub(super) shrinks_at_checkpoint: AtomicBool,
    pub(super) segments: Arc<SegmentCache>,
    /// The files of its connections. At least one connection is open as long as the handle is,
    /// because SQLite removes the log with the last one. They are declared last because connections
    /// need their directory until they are closed.
    pub(super) files: OpenFiles,
}

/// A value that is no count of schema changes, because those have 32 bits.
const UNCHECKED: i64 = i64::MAX;

impl SqliteIndex {
    /// Returns the index of these files, without a connection.
    pub(super) fn new(
        path: &Path,
        purpose: OpenMode,
        files: OpenFiles,
        policy: &LockPolicy,
        is_damaged: bool,
    ) -> SqliteResult<Self> {
        Ok(Self {
            path: path.to_owned(),
            purpose,
            unlocked: Mutex::default(),
            files,
            readers: ReaderPool::default(),
            watcher: ChangeCounter::default(),
            writer: (purpose == OpenMode::Write).then(OnceLock::new),
            lock: write_lock_file(path, policy),
            is_log_note_read: AtomicBool::new(false),
            bodies: BodyLocks::of(path.parent().unwrap_or(path), policy)?,
            poisoned: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
            opened: Instant::now(),
            files_checked: AtomicU64::new(0),
            process: std::process::id(),
            checked_schema: AtomicI64::new(UNCHECKED),
            is_damaged,
            shrinks_at_checkpoint: AtomicBool::new(false),
            segments: Arc::default(),
        })
    }

    /// Sets the directory of the bodies. The index need not be in it, because it may be a link.
    pub(crate) fn with_bodies_in(mut self, store: &Path) -> SqliteResult<Self> {
        self.bodies = BodyLocks::of(store, self.lock.policy())?;
        Ok(self)
    }

    /// Checks the schema, unless it has not changed since the last check.
    ///
    /// The result is valid until the transaction ends.
    pub(super) fn check_schema(&self, connection: &Connection) -> SqliteResult<()> {
        let count = schema::changes(connection)?;
        if count != self.checked_schema.load(Ordering::Relaxed) {
            objects::check(connection)?;
            self.checked_schema.store(count, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Returns the deadline of a call that begins now.
    pub(super) fn deadline(&self) -> Deadline {
        self.lock.policy().deadline()
    }

    /// Fails if the names of its files lead to others, and makes the handle unusable.
    ///
    /// Those files contain another store, or another state of this one.
    pub(super) fn check_files(&self) -> SqliteResult<()> {
        self.note_replaced(self.files.check())
    }

    /// Checks the files if no read has checked them for a second.
    ///
    /// An idle connection reads files that were moved or removed as well as before.
    pub(super) fn check_files_of_reads(&self) -> SqliteResult<()> {
        let now = self.opened.elapsed().as_secs();
        if self.files_checked.fetch_max(now, Ordering::Relaxed) < now {
            self.check_files()?;
        }
        Ok(())
    }

    /// Like [`check_files`](Self::check_files), for the files that contain committed data.
    pub(super) fn check_durable_files(&self) -> SqliteResult<()> {
        self.note_replaced(self.files.check_durable())
    }

    fn note_replaced(&self, checked: SqliteResult<()>) -> SqliteResult<()> {
        if let Err(error) = &checked
            && error.kind() == StorageErrorKind::Replaced
        {
            self.replaced.store(true, Ordering::Release);
        }
        checked
    }

    pub(super) fn usable(&self) -> SqliteResult<()> {
        self.sound()?;
        if std::process::id() != self.process {
            let opened = self.process;
            let reason = format!(
                "the store was opened by process {opened}, of which this process is a fork; open the store again in this process"
            );
            return Err(StorageError::new(StorageErrorKind::Forked, reason));
        }
        Ok(())
    }

    pub(super) fn sound(&self) -> SqliteResult<()> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(StorageError::new(
                StorageErrorKind::Poisoned,
                "an earlier flush failed",
            ));
        }
        if self.replaced.load(Ordering::Acquire) {
            let path = self.path.display();
            let reason = format!(
                "the files of {path} were moved, removed or replaced; open the store again"
            );
            return Err(StorageError::new(StorageErrorKind::Replaced, reason));
        }
        Ok(())
    }

    /// Returns whether the handle is unusable.
    pub(super) fn is_given_up(&self) -> bool {
        self.poisoned.load(Ordering::Acquire) || self.replaced.load(Ordering::Acquire)
    }
}
