//! [`SqliteIndex`], with its connections and its write lock.

use super::FORMAT;
use crate::storage::sqlite::connection;
use crate::storage::sqlite::objects;
use crate::storage::sqlite::schema;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::Connection;

use super::archive::{RowPosition, SegmentCache, SegmentSizes, archive};
use super::body_locks::BodyLocks;
use super::change_counter::ChangeCounter;
use super::connection::ConnectionMode;
use super::error::{SqliteContext as _, SqliteResult};
use super::files::{LocklessState, OpenFiles};
use super::interned::InternedTexts;
use super::snapshot::SqliteSnapshot;
use super::transaction::{RowIdCache, SqliteTransaction};
use crate::fs::lock::file_lock::{FileLock, FileLockGuard};
use crate::fs::lock::policy::LockPolicy;
use crate::fs::owner::prepare_index;
use crate::fs::place::flush_directory;
#[cfg(feature = "server")]
use crate::fs::place::remove;
use crate::model::record::{Durability, Settings};
use crate::storage::{
    ChangeMark, Deadline, Index, LockGuard, Snapshot, StorageError, StorageErrorKind, Transaction,
};

/// The kind of a file that is to be opened as an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexFile {
    /// No file, or one in which no write was ever completed.
    Nothing,
    /// Something other than a store's index.
    Foreign,
    /// An index of an unreleased build, in the format that the build gave this number.
    Unreleased(u32),
    /// An index of this format.
    Index(u32),
}

/// What an index is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenMode {
    /// Reading and writing.
    Write,
    /// Reading, while other processes may write.
    Read,
    /// Reading, in a place that this process cannot write to.
    ReadUnwritable,
}

/// The kind of a file, the connection by which it was found, and the files that it opened.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) found: IndexFile,
    pub(super) opened: Option<(Connection, OpenFiles)>,
    /// The reason if a file of [`IndexFile::Foreign`] could not be read.
    pub(crate) damage: Option<StorageError>,
}

/// An index in a file.
#[derive(Debug)]
pub(crate) struct SqliteIndex {
    /// An absolute path without links.
    path: PathBuf,
    purpose: OpenMode,
    /// The state that shows whether anything was written, while the index is read without locks.
    unlocked: Mutex<Option<Arc<LocklessState>>>,
    /// The files of its connections. At least one connection is open as long as the handle is,
    /// because SQLite removes the log with the last one.
    files: OpenFiles,
    readers: Mutex<Vec<ReadConnection>>,
    /// Connections that could not end a transaction.
    stuck: Mutex<Vec<ReadConnection>>,
    watcher: ChangeCounter,
    /// Opened by the first write; `None` in an index that is only read.
    writer: Option<OnceLock<Mutex<WriteConnection>>>,
    /// Held by the writer, among all threads of all processes.
    lock: FileLock,
    bodies: BodyLocks,
    pub(super) poisoned: AtomicBool,
    /// Whether another file has taken the name of one of `files`.
    replaced: AtomicBool,
    /// The process that opened it. SQLite's connections and locks do not survive a fork:
    /// <https://sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_>.
    process: u32,
    /// SQLite's count of schema changes (`PRAGMA schema_version`) at the last check of the schema.
    checked_schema: AtomicI64,
    /// Whether it was opened in spite of damage.
    is_damaged: bool,
    /// Whether the file was rewritten without free pages. It gets shorter once the whole log is
    /// checkpointed.
    shrinks_at_checkpoint: AtomicBool,
    pub(super) segments: Arc<SegmentCache>,
}

/// A connection that reads all tables, with its caches.
#[derive(Debug)]
pub(super) struct ReadConnection {
    pub(super) connection: Connection,
    /// The segments that were read, shared by all connections.
    pub(super) segments: Arc<SegmentCache>,
    pub(super) interned: InternedTexts,
    /// The end of the history, once it was read in this transaction.
    pub(super) end: Cell<Option<RowPosition>>,
    /// The state of the index, for a connection that takes no locks.
    pub(super) unlocked: Option<Arc<LocklessState>>,
}

impl ReadConnection {
    /// Returns whether everything that was read belongs to one committed state.
    pub(super) fn is_consistent(&self) -> bool {
        self.unlocked
            .as_ref()
            .is_none_or(|unlocked| unlocked.holds())
    }

    pub(super) fn of(connection: Connection, segments: &Arc<SegmentCache>) -> Self {
        Self {
            connection,
            unlocked: None,
            segments: Arc::clone(segments),
            interned: InternedTexts::default(),
            end: Cell::default(),
        }
    }
}

/// The connection that writes.
#[derive(Debug)]
pub(super) struct WriteConnection {
    /// The reads of the transaction.
    pub(super) snapshot: SqliteSnapshot<'static>,
    /// The durability that the connection is set to.
    durability: Durability,
    /// The keys of committed rows.
    pub(super) keys: RowIdCache,
}

/// A value that is no count of schema changes, because those have 32 bits.
const UNCHECKED: i64 = i64::MAX;

/// Maximum number of idle readers that are kept open. More than there are cores would not read
/// faster.
const MAX_IDLE_READERS: usize = 16;

/// Number of pages at which the write-ahead log is checkpointed. The log is then overwritten from
/// its start, which is cheaper than growing a file.
const MAX_WAL_PAGES: i64 = 1000;

/// The same limit when an index that was written to is closed. It is lower, because the next
/// process that opens the index reads all pages that are left.
const MAX_WAL_PAGES_AT_CLOSE: i64 = 128;

/// Maximum number of segments that are made in one call: about 65,000 operations, in about a
/// second.
const MAX_SEGMENTS_AT_ONCE: usize = 512;

/// Fewer free pages than this, or than a quarter of the others, are left for later writes.
const MIN_FREE_PAGES: i64 = 128;

/// Rewriting more pages than this would block writers too long: a third of a second.
const MAX_USED_PAGES: i64 = 16 * 1024;

impl SqliteIndex {
    /// Determines what a file is, without changing it.
    ///
    /// The first read creates the log if there is none. SQLite may be compiled not to flush the
    /// directory then, but the log's name must be durable before any process commits to it. Such
    /// processes wait for the lock that is held here.
    pub(crate) fn probe(
        path: &Path,
        purpose: OpenMode,
        policy: &LockPolicy,
    ) -> SqliteResult<Probe> {
        let access = connection::access(path, purpose);
        if purpose == OpenMode::ReadUnwritable || connection::log_exists(path) {
            return connection::probe(path, access, policy.limit);
        }
        let (lock, deadline) = (write_lock_file(path, policy), policy.deadline());
        let mut write_lock = if lock.path().exists() {
            Some(lock.lock(deadline)?)
        } else {
            None
        };
        let mut probed = connection::probe(path, access, policy.limit)?;
        if let (IndexFile::Index(_), Some((connection, files))) = (probed.found, &mut probed.opened)
        {
            if write_lock.is_none() {
                write_lock = Some(lock.lock(deadline)?);
            }
            if purpose == OpenMode::Write {
                connection::enable_wal(connection)?; // Another program may have turned it off.
            }
            connection::open_log(path, connection)?;
            path.parent().map_or(Ok(()), flush_directory)?;
            *files = OpenFiles::of(path)?;
        }
        drop(write_lock);
        Ok(probed)
    }

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

    /// Checks whether there is a log without an index that it could belong to.
    ///
    /// SQLite would delete it.
    pub(crate) fn log_without_index(path: &Path) -> bool {
        connection::log_without_index(path)
    }

    /// Checks whether a file that SQLite cannot open begins like every index.
    pub(crate) fn begins_as_index(path: &Path) -> bool {
        connection::begins_as_database(path)
    }

    /// Checks whether a file that SQLite cannot open is what an interrupted creation leaves.
    pub(crate) fn is_unwritten(path: &Path) -> SqliteResult<bool> {
        connection::is_unwritten(path)
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

    fn keep_first(&self, connection: Connection) {
        // A connection that takes no locks never checks again what it has read, so it must be
        // opened after the state is noted.
        if self.purpose != OpenMode::ReadUnwritable {
            let reader = ReadConnection::of(connection, &self.segments);
            self.readers().push(reader);
        }
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
    fn deadline(&self) -> Deadline {
        self.lock.policy().deadline()
    }

    /// Opens a connection to the files of the first one.
    pub(super) fn connect(&self) -> SqliteResult<ReadConnection> {
        let (access, unlocked) = self.access()?;
        let open = if self.is_damaged {
            connection::open_damaged
        } else {
            connection::open_within
        };
        let limit = self.lock.policy().limit;
        let connection = self.connect_by(|| open(&self.path, access, limit))?;
        Ok(ReadConnection {
            unlocked,
            ..ReadConnection::of(connection, &self.segments)
        })
    }

    fn connect_by(
        &self,
        open: impl FnOnce() -> SqliteResult<Connection>,
    ) -> SqliteResult<Connection> {
        let opened = open().and_then(|connection| {
            connection::open_log(&self.path, &connection).map(|()| connection)
        });
        // If the files were replaced, the result of opening them does not matter.
        self.check_files()?;
        opened
    }

    /// Returns how a connection is opened now.
    ///
    /// For a connection that takes no locks, also returns the state of the index that it reads.
    fn access(&self) -> SqliteResult<(ConnectionMode, Option<Arc<LocklessState>>)> {
        let access = connection::access(&self.path, self.purpose);
        let mut unlocked = self.unlocked.lock().unwrap_or_else(PoisonError::into_inner);
        if access != ConnectionMode::Immutable {
            *unlocked = None;
        } else if unlocked.as_ref().is_none_or(|state| !state.holds()) {
            *unlocked = Some(Arc::new(LocklessState::of(&self.path)?));
        }
        Ok((access, unlocked.clone()))
    }

    fn is_unlocked(&self) -> bool {
        let unlocked = self.unlocked.lock();
        let unlocked = unlocked.unwrap_or_else(PoisonError::into_inner);
        unlocked.is_some()
    }

    /// Fails if the names of its files lead to others, and makes the handle unusable.
    ///
    /// Those files contain another store, or another state of this one.
    fn check_files(&self) -> SqliteResult<()> {
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

    fn open_writer(&self) -> SqliteResult<Mutex<WriteConnection>> {
        let tables = self.connect()?;
        connection::enlarge_cache(&tables.connection)?;
        Ok(Mutex::new(WriteConnection {
            snapshot: SqliteSnapshot::apart(tables),
            durability: Durability::Full,
            keys: RowIdCache::default(),
        }))
    }

    fn stuck(&self) -> MutexGuard<'_, Vec<ReadConnection>> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, Vec<ReadConnection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn sound(&self) -> SqliteResult<()> {
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

    pub(super) fn write_lock(&self) -> SqliteResult<WriteLock<'_>> {
        self.write_lock_by(self.deadline())
    }

    /// Waits for the right to write, among the threads of this handle and all other processes.
    ///
    /// Fails as busy once the deadline has passed.
    fn write_lock_by(&self, deadline: Deadline) -> SqliteResult<WriteLock<'_>> {
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
        Ok(write_lock)
    }
}

/// Returns the lock on which threads and processes queue to write.
fn write_lock_file(index: &Path, policy: &LockPolicy) -> FileLock {
    FileLock::new(write_lock_path(index), index.to_owned(), policy.clone())
}

fn write_lock_path(index: &Path) -> PathBuf {
    index.with_file_name("write.lock")
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
    /// Returns an idle reader, or a new one.
    fn reader(&self) -> SqliteResult<ReadConnection> {
        loop {
            let idle = self.readers().pop();
            match idle {
                // The index was written after this connection read it without locks.
                Some(idle) if !idle.is_consistent() => {}
                Some(idle) => return Ok(idle),
                None => return self.connect(),
            }
        }
    }

    /// Ends a connection's transaction, and keeps the connection for the next reader.
    ///
    /// The last connection must stay open. So one that cannot end its transaction stays open as
    /// long as the handle.
    pub(super) fn end_reading(&self, reader: ReadConnection) {
        let is_ended = |sql| connection::run(&reader.connection, sql).is_ok();
        if is_ended("COMMIT") || is_ended("ROLLBACK") {
            self.put_back(reader);
        } else {
            self.stuck().push(reader);
        }
    }

    /// Keeps a connection that has ended its transaction for the next reader.
    fn put_back(&self, reader: ReadConnection) {
        let mut readers = self.readers();
        if readers.len() < MAX_IDLE_READERS {
            readers.push(reader);
        }
    }

    fn is_given_up(&self) -> bool {
        self.poisoned.load(Ordering::Acquire) || self.replaced.load(Ordering::Acquire)
    }

    fn maintain_by(&self, reader: &ReadConnection) -> SqliteResult<bool> {
        let more = self.archive(reader, SegmentSizes::USUAL)?;
        if self.compact(reader)? {
            self.shrinks_at_checkpoint.store(true, Ordering::Relaxed);
        }
        let pages_left = || connection::pages_to_checkpoint(&reader.connection);
        if self.shrinks_at_checkpoint.load(Ordering::Relaxed) || pages_left()? >= MAX_WAL_PAGES {
            self.checkpoint_wal(reader)?;
            // A reader of an earlier state prevents a complete checkpoint.
            self.shrinks_at_checkpoint
                .fetch_and(pages_left()? > 0, Ordering::Relaxed);
        }
        Ok(more)
    }

    /// Archives old operations into segments. Returns whether there may be more.
    ///
    /// Segments are made while writers continue. Each one then waits for the write lock, and holds
    /// it only briefly.
    pub(super) fn archive(
        &self,
        reader: &ReadConnection,
        sizes: SegmentSizes,
    ) -> SqliteResult<bool> {
        for _ in 0..MAX_SEGMENTS_AT_ONCE {
            let doing = "looking for operations to archive";
            connection::run(&reader.connection, "BEGIN").context(doing)?;
            let archived = archive(&reader.connection, sizes)?;
            connection::run(&reader.connection, "COMMIT").context(doing)?;
            let Some(archived) = archived else {
                return Ok(false);
            };
            // A loss of this commit costs nothing: the rows would be archived again.
            let mut write_lock = self.write_lock()?;
            write_lock.set_durability(Durability::Relaxed)?;
            let mut write = SqliteTransaction::begin(write_lock, self)?;
            if !write.archive(&archived)? {
                return Ok(false);
            }
            Box::new(write).commit()?;
        }
        Ok(true)
    }

    /// Gives free pages back if there are many and the others are few. Returns whether it did.
    ///
    /// Writers wait while the other pages are rewritten.
    fn compact(&self, reader: &ReadConnection) -> SqliteResult<bool> {
        let (free, used) = connection::pages(&reader.connection)?;
        if free < MIN_FREE_PAGES || free < used / 4 || used > MAX_USED_PAGES {
            return Ok(false);
        }
        let mut write_lock = self.write_lock()?;
        write_lock.set_durability(Durability::Relaxed)?;
        connection::compact(&write_lock.tables().connection)?;
        Ok(true)
    }

    fn checkpoint_wal(&self, checkpointer: &ReadConnection) -> SqliteResult<()> {
        // Most of the log is checkpointed while writers continue. The few pages that were added
        // meanwhile follow while none writes, after which the next writer restarts the log.
        connection::checkpoint(&checkpointer.connection)?;
        let _write_lock = self.write_lock()?;
        connection::checkpoint(&checkpointer.connection)
    }
}

impl Drop for SqliteIndex {
    /// Checkpoints the log if it is long.
    ///
    /// SQLite knows which pages are checkpointed only as long as any process has the index open.
    /// For the next process, the whole log is new: it would be read to its end and not overwritten,
    /// and would grow with each process.
    fn drop(&mut self) {
        if self.usable().is_err() {
            return;
        }
        if let Some(writer) = self.writer.as_mut().and_then(OnceLock::get_mut) {
            let writer = writer.get_mut().unwrap_or_else(PoisonError::into_inner);
            // A log that stays only costs time.
            let _ =
                connection::empty_log(&writer.snapshot.tables().connection, MAX_WAL_PAGES_AT_CLOSE);
        }
    }
}

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

    fn set_durability(&mut self, durability: Durability) -> SqliteResult<()> {
        if self.writer.durability != durability {
            connection::set_durability(&self.tables().connection, durability)?;
            self.writer.durability = durability;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing;

    fn made(directory: &Path) -> PathBuf {
        let path = directory.join("index.db");
        let found = SqliteIndex::create(&path, Settings::default(), &LockPolicy::default(), || {
            Ok::<_, StorageError>(())
        })
        .unwrap();
        assert_eq!(found, IndexFile::Nothing);
        path
    }

    fn open(path: &Path, purpose: OpenMode) -> SqliteIndex {
        let policy = LockPolicy::default();
        let probed = SqliteIndex::probe(path, purpose, &policy).unwrap();
        SqliteIndex::open(path, purpose, probed, &policy).unwrap()
    }

    /// Whether this or another index commits, and whether this one was opened for reading only.
    #[test]
    fn its_mark_shows_commits_by_every_index_on_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = made(directory.path());
        let open = |purpose| open(&path, purpose);
        let by_version = |mut index: SqliteIndex| {
            index.watcher = ChangeCounter::data_version_only();
            index
        };
        let indexes = [
            open(OpenMode::Write),
            by_version(open(OpenMode::Write)),
            open(OpenMode::Read),
            by_version(open(OpenMode::Read)),
        ];
        assert_eq!(
            indexes.each_ref().map(|index| index.change_mark()),
            [None; 4]
        );
        let marks = || indexes.each_ref().map(|index| index.change_mark().unwrap());
        for (number, writer) in (1..=20).zip(indexes[..2].iter().cycle()) {
            let before = marks();
            assert_eq!(marks(), before, "nothing was committed");
            testing::HistoryWriter::new(writer).create(number, "seen", &[]);
            for (before, now) in before.iter().zip(marks()) {
                assert_ne!(*before, now, "a commit was not seen");
            }
        }
        let by_header = indexes.each_ref().map(|index| index.watcher.is_by_header());
        assert_eq!(by_header, [true, false, true, false]);
    }

    /// After a failed flush the outcome is unknown, and SQLite never looks again at a file that it
    /// takes for immutable.
    #[test]
    fn it_has_no_mark_if_a_mark_would_miss_changes() {
        let directory = tempfile::tempdir().unwrap();
        let path = made(directory.path());
        let index = open(&path, OpenMode::Write);
        assert_eq!(index.change_mark(), None, "the first call gets none");
        assert!(index.change_mark().is_some());
        index.poisoned.store(true, Ordering::Release);
        assert_eq!(index.change_mark(), None, "a poisoned handle");
        drop(index);
        let other = rusqlite::Connection::open(&path).unwrap();
        let fold = "PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE);";
        other.execute_batch(fold).unwrap();
        drop(other);
        let index = open(&path, OpenMode::ReadUnwritable);
        assert!(index.is_unlocked());
        assert_eq!(index.change_mark(), None, "an immutable index");
    }

    /// A reader that is open meanwhile still sees the earlier state.
    #[test]
    fn free_pages_are_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = made(directory.path());
        let index = open(&path, OpenMode::Write);
        let mut scribe = testing::HistoryWriter::new(&index);
        scribe.create(1, "p", &[]);
        let bodies: Vec<_> = (0..300)
            .map(|number| {
                let body = format!("{number}{}", "x".repeat(4000));
                let numbered = format!("1.{number}");
                scribe
                    .commit_body(1, 1 + number, &numbered, body.as_bytes())
                    .blob
            })
            .collect();
        let pages = || connection::pages(&index.connect().unwrap().connection).unwrap();
        index.maintain().unwrap();
        let (_, full) = pages();
        assert!(full > 300, "they are in the journal");
        let held = index.snapshot().unwrap();
        let before = testing::all_answers(&*held);
        scribe.drop_journal(&bodies);
        assert!(pages().0 > 300, "they were in the journal");
        index.maintain().unwrap();
        assert_eq!(pages().0, 0);
        assert_eq!(testing::all_answers(&*held), before);
        drop(held);
        index.maintain().unwrap();
        let after = testing::all_answers(&*index.snapshot().unwrap());
        assert_eq!(before.len(), after.len());
        assert_eq!(index.snapshot().unwrap().self_check().unwrap(), [""; 0]);
        drop(index);
        let bytes = path.metadata().unwrap().len();
        assert!(bytes < 100 * 4096, "{bytes} bytes are left");
    }

    /// An index whose operations are archived before every snapshot, two to a segment.
    #[derive(Debug)]
    struct Archiving(SqliteIndex);

    impl Archiving {
        fn archive(&self) {
            let sizes = SegmentSizes {
                operations: 2,
                bytes: 10_000,
                newest: 0,
            };
            let reader = self.0.connect().unwrap();
            self.0.archive(&reader, sizes).unwrap();
        }
    }

    impl Index for Archiving {
        fn snapshot(&self) -> SqliteResult<Box<dyn Snapshot + '_>> {
            self.archive();
            self.0.snapshot()
        }

        fn transaction(&self, durability: Durability) -> SqliteResult<Box<dyn Transaction + '_>> {
            self.0.transaction(durability)
        }

        fn lock_shared(&self) -> SqliteResult<Box<dyn LockGuard + '_>> {
            self.0.lock_shared()
        }

        fn lock_exclusive(&self) -> SqliteResult<Box<dyn LockGuard + '_>> {
            self.0.lock_exclusive()
        }

        fn change_mark(&self) -> Option<ChangeMark> {
            self.0.change_mark()
        }

        fn maintain(&self) -> SqliteResult<bool> {
            self.0.maintain()
        }
    }

    fn passes_the_suite(change: impl Fn(&mut SqliteIndex)) {
        passes_the_suite_as(|mut index| {
            change(&mut index);
            Box::new(index)
        });
    }

    fn passes_the_suite_as(wrap: impl Fn(SqliteIndex) -> Box<dyn Index>) {
        let directory = tempfile::tempdir().unwrap();
        let made = Cell::new(0);
        testing::index::all(&|settings| {
            made.set(made.get() + 1);
            let folder = directory.path().join(made.get().to_string());
            std::fs::create_dir(&folder).unwrap();
            let path = folder.join("index.db");
            assert_eq!(
                SqliteIndex::create(&path, settings, &LockPolicy::default(), || Ok::<
                    _,
                    StorageError,
                >(
                    ()
                ))
                .unwrap(),
                IndexFile::Nothing
            );
            wrap(open(&path, OpenMode::Write))
        });
    }

    #[test]
    fn it_passes_the_suite_when_operations_are_archived() {
        passes_the_suite_as(|index| Box::new(Archiving(index)));
    }

    #[test]
    fn it_passes_the_suite() {
        passes_the_suite(|_| ());
    }

    #[test]
    fn it_passes_the_suite_with_marks_by_the_data_version() {
        passes_the_suite(|index| index.watcher = ChangeCounter::data_version_only());
    }
}
