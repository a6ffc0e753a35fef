//! The creation, identification and opening of an index.

use std::path::Path;

use super::error::SqliteResult;
use super::files::OpenFiles;
use super::index::SqliteIndex;
use super::index_directory::IndexDirectory;
use super::index_file::{IndexFile, Probe};
use super::open_mode::{ConnectionMode, OpenMode};
use super::paths::write_lock_file;
use super::schema::FORMAT;
use super::{connection, index_file, open_mode, paths, schema};
use crate::fs::durable::flush_directory;
use crate::fs::durable::remove;
use crate::fs::lock::policy::LockPolicy;
use crate::fs::owner::prepare_index;
use crate::model::record::Settings;
use crate::storage::{StorageError, StorageErrorKind};

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
        let mut found = index_file::probe(path, ConnectionMode::Write, policy.limit)?.found;
        if found == IndexFile::Foreign && index_file::is_unwritten(path)? {
            index_file::empty(path)?;
            found = IndexFile::Nothing;
        }
        if found == IndexFile::Nothing {
            prepare_index(path)?;
            let place = IndexDirectory::of(path);
            let connection = connection::open(&place, ConnectionMode::Create)?;
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
    pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
        let [log, shared] = ["-wal", "-shm"].map(|suffix| paths::beside(path, suffix));
        let parts = [paths::write_lock_path(path), log, shared, path.to_owned()];
        parts.iter().try_for_each(|part| remove(part))
    }

    /// Opens a damaged index for [`verify`](mod@crate::engine::verify).
    ///
    /// Tables are read if possible, whatever the rest of the schema is.
    pub(crate) fn open_damaged(
        path: &Path,
        purpose: OpenMode,
        policy: &LockPolicy,
    ) -> SqliteResult<Self> {
        let access = open_mode::access(path, purpose);
        let open = connection::open_damaged;
        let (connection, files) = connection::open_first(path, access, policy.limit, open)?;
        let index = Self::new(path, purpose, files, policy, true)?;
        index.keep_first(connection);
        Ok(index)
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
        connection::in_transaction(&reader.connection, |connection| {
            index.check_schema(connection)
        })?;
        index.readers.put_back(reader);
        Ok(index)
    }

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
        let access = open_mode::access(path, purpose);
        if purpose == OpenMode::ReadUnwritable || paths::log_exists(path) {
            return index_file::probe(path, access, policy.limit);
        }
        let (lock, deadline) = (write_lock_file(path, policy), policy.deadline());
        let mut write_lock = if lock.path().exists() {
            Some(lock.lock(deadline)?)
        } else {
            None
        };
        let mut probed = index_file::probe(path, access, policy.limit)?;
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
            *files = OpenFiles::of(files.place())?;
        }
        drop(write_lock);
        Ok(probed)
    }

    /// Checks whether there is a log without an index that it could belong to.
    ///
    /// SQLite would delete it.
    pub(crate) fn log_without_index(path: &Path) -> bool {
        paths::log_without_index(path)
    }

    /// Checks whether a file that SQLite cannot open begins like every index.
    pub(crate) fn begins_as_index(path: &Path) -> bool {
        index_file::begins_as_database(path)
    }

    /// Checks whether a file that SQLite cannot open is what an interrupted creation leaves.
    pub(crate) fn is_unwritten(path: &Path) -> SqliteResult<bool> {
        index_file::is_unwritten(path)
    }
}
