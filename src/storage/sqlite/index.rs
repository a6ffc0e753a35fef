//! [`SqliteIndex`], the index in a file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rusqlite::Connection;

use super::archive::SegmentCache;
use super::body_locks::BodyLocks;
use super::change_counter::ChangeCounter;
use super::connection::ConnectionMode;
use super::error::{SqliteContext as _, SqliteResult};
use super::files::{LocklessState, OpenFiles};
use super::pool::ReadConnection;
use super::probe::{IndexFile, OpenMode, Probe};
use super::snapshot::SqliteSnapshot;
use super::transaction::SqliteTransaction;
#[cfg(feature = "server")]
use super::write_lock::write_lock_path;
use super::write_lock::{WriteConnection, write_lock_file};
use super::{FORMAT, connection, objects, schema};
#[cfg(feature = "server")]
use crate::fs::durable::remove;
use crate::fs::lock::file_lock::FileLock;
use crate::fs::lock::policy::LockPolicy;
use crate::fs::owner::prepare_index;
use crate::model::record::{Durability, Settings};
use crate::storage::{
    ChangeMark, Deadline, Index, LockGuard, Snapshot, StorageError, StorageErrorKind, Transaction,
};

/// An index in a file.
#[derive(Debug)]
pub(crate) struct SqliteIndex {
    /// An absolute path without links.
    pub(super) path: PathBuf,
    pub(super) purpose: OpenMode,
    /// The state that shows whether anything was written, while the index is read without locks.
    pub(super) unlocked: Mutex<Option<Arc<LocklessState>>>,
    /// The files of its connections. At least one connection is open as long as the handle is,
    /// because SQLite removes the log with the last one.
    pub(super) files: OpenFiles,
    pub(super) readers: Mutex<Vec<ReadConnection>>,
    /// Connections that could not end a transaction.
    pub(super) stuck: Mutex<Vec<ReadConnection>>,
    pub(super) watcher: ChangeCounter,
    /// Opened by the first write; `None` in an index that is only read.
    pub(super) writer: Option<OnceLock<Mutex<WriteConnection>>>,
    /// Held by the writer, among all threads of all processes.
    pub(super) lock: FileLock,
    pub(super) bodies: BodyLocks,
    pub(super) poisoned: AtomicBool,
    /// Whether another file has taken the name of one of `files`.
    pub(super) replaced: AtomicBool,
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
}

/// A value that is no count of schema changes, because those have 32 bits.
const UNCHECKED: i64 = i64::MAX;

impl SqliteIndex {
    /// Creates an index if there is none. Returns what was there before.
    ///
    /// Several processes may try at the same time. `rest` creates what else a store needs, and
    /// flushes the directory: as soon as the index exists, other processes use the store.
    pub(crate) fn create<E: From<StorageError>>(
        path: &Path,
        settings: Settings,
        policy: &LockPolicy,
        rest: impl FnOnce() -> Result<(), E>,
    ) -> Result<IndexFile, E> {
        let lock = write_lock_file(path, policy);
        let _write_lock = lock.lock(policy.deadline())?;
        let mut found = connection::probe(path, ConnectionMode::Write, policy.limit)?.found;
        if found == IndexFile::Foreign && connection::is_unwritten(path)? {
            connection::empty(path)?;
            found = IndexFile::Nothing;
        }
        if found == IndexFile::Nothing {
            prepare_index(path)?;
            let connection = connection::open(path, ConnectionMode::Create)?;
            connection::enable_wal(&connection)?;
            schema::create(&connection, settings, rest)?;
            // The next process that opens the index would read the whole log. If this fails,
            // nothing is lost.
            let _ = connection::empty_log(&connection, 1);
        }
        Ok(found)
    }

    /// Removes an index.
    ///
    /// The file itself is removed last, because a log without an index means a loss. No process may
    /// have it open.
    #[cfg(feature = "server")]
    pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
        let [log, shared] = ["-wal", "-shm"].map(|suffix| connection::beside(path, suffix));
        let parts = [write_lock_path(path), log, shared, path.to_owned()];
        parts.iter().try_for_each(|part| remove(part))
    }

    /// Opens a damaged index for [`verify`](crate::engine::verify).
    ///
    /// Tables are read if possible, whatever the rest of the schema is.
    pub(crate) fn open_damaged(
        path: &Path,
        purpose: OpenMode,
        policy: &LockPolicy,
    ) -> SqliteResult<Self> {
        let access = connection::access(path, purpose);
        let open = connection::open_damaged;
        let (connection, files) = connection::open_first(path, access, policy.limit, open)?;
        let index = Self::new(path, purpose, files, policy, true)?;
        index.keep_first(connection);
        Ok(index)
    }

    fn new(
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
            readers: Mutex::default(),
            stuck: Mutex::default(),
            watcher: ChangeCounter::default(),
            writer: (purpose == OpenMode::Write).then(OnceLock::new),
            lock: write_lock_file(path, policy),
            bodies: BodyLocks::of(path.parent().unwrap_or(path), policy)?,
            poisoned: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
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

    /// Opens an index that [`probe`](Self::probe) found, of a format not above [`FORMAT`].
    ///
    /// An older format is migrated if the index is opened for writing. The connection that found
    /// the index is the first reader; others are opened when they are needed.
    pub(crate) fn open(
        path: &Path,
        purpose: OpenMode,
        probed: Probe,
        policy: &LockPolicy,
    ) -> SqliteResult<Self> {
        let Some((connection, files)) = probed.opened else {
            let reason = format!("{} contains no index", path.display());
            return Err(StorageError::new(StorageErrorKind::Other, reason));
        };
        let index = Self::new(path, purpose, files, policy, false)?;
        index.keep_first(connection);
        match probed.found {
            IndexFile::Index(format) if format < FORMAT && purpose == OpenMode::Write => {
                schema::migrate(&index.write_lock()?.tables().connection)?;
            }
            _ => {}
        }
        let reader = index.reader()?;
        index.check_schema(&reader.connection)?;
        index.put_back(reader);
        Ok(index)
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
}

impl Index for SqliteIndex {
    fn snapshot(&self) -> SqliteResult<Box<dyn Snapshot + '_>> {
        self.usable()?;
        let tables = self.reader()?;
        connection::run(&tables.connection, "BEGIN").context("starting to read")?;
        tables.end.set(None);
        Ok(Box::new(SqliteSnapshot::pooled(tables, self)))
    }

    fn transaction(&self, durability: Durability) -> SqliteResult<Box<dyn Transaction + '_>> {
        self.transaction_by(durability, self.deadline())
    }

    fn transaction_by(
        &self,
        durability: Durability,
        deadline: Deadline,
    ) -> SqliteResult<Box<dyn Transaction + '_>> {
        let mut write_lock = self.write_lock_by(deadline)?;
        write_lock.set_durability(durability)?;
        Ok(Box::new(SqliteTransaction::begin(write_lock, self)?))
    }

    fn close_by(&self, moment: Deadline) {
        self.lock.close_by(moment);
        self.bodies.close_by(moment);
    }

    fn lock_shared(&self) -> SqliteResult<Box<dyn LockGuard + '_>> {
        self.bodies.take()
    }

    fn lock_exclusive(&self) -> SqliteResult<Box<dyn LockGuard + '_>> {
        self.bodies.take()
    }

    fn change_mark(&self) -> Option<ChangeMark> {
        // SQLite does not notice a change of a file that it reads without locks.
        let may_be_unlocked = self.purpose == OpenMode::ReadUnwritable;
        if self.is_given_up() || may_be_unlocked && self.is_unlocked() {
            return None;
        }
        self.watcher.mark(|| match self.access() {
            Ok((access, None)) => {
                let open = || connection::open_to_watch(&self.path, access);
                self.connect_by(open).ok()
            }
            _ => None,
        })
    }

    fn check_location(&self) -> SqliteResult<()> {
        self.usable()?;
        self.check_files()
    }

    fn maintain(&self) -> SqliteResult<bool> {
        self.usable()?;
        if self.writer.is_none() {
            return Ok(false);
        }
        let reader = self.reader()?;
        let more = self.maintain_by(&reader);
        self.put_back(reader);
        more
    }
}

impl SqliteIndex {
    pub(super) fn is_given_up(&self) -> bool {
        self.poisoned.load(Ordering::Acquire) || self.replaced.load(Ordering::Acquire)
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
