//! What a file is that is to be opened as an index.

use std::path::Path;

use rusqlite::Connection;

use super::connection;
use super::error::SqliteResult;
use super::files::OpenFiles;
use super::index::SqliteIndex;
use super::write_lock::write_lock_file;
use crate::fs::durable::flush_directory;
use crate::fs::lock::policy::LockPolicy;
use crate::storage::StorageError;

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
}
