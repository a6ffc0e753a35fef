//! Detection of commits: by the header of the WAL index, or else by `PRAGMA data_version`.
//!
//! The pragma's value changes when SQLite finds that another connection, of any process, has
//! committed, and drops this connection's page cache for that reason. It is as fresh as SQLite's
//! own reads, and takes microseconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use rusqlite::Connection;

use super::wal_index::WalIndex;
use crate::storage::ChangeMark;

/// A watcher for commits.
///
/// The first call gets no mark: a program that asks once, as the command does, need not open a
/// connection for it.
#[derive(Debug, Default)]
pub(crate) struct ChangeCounter {
    asked: AtomicBool,
    /// Created when it is first needed, and never replaced: the marks of two cannot be compared.
    way: OnceLock<CommitSource>,
    /// For tests: do not use the header.
    data_version_only: bool,
}

#[derive(Debug)]
enum CommitSource {
    Header(WalIndex),
    /// On a connection that never writes, because the pragma does not show a connection's own
    /// commits.
    Version(Mutex<Connection>),
}

impl ChangeCounter {
    #[cfg(test)]
    pub(crate) fn data_version_only() -> Self {
        Self {
            data_version_only: true,
            ..Self::default()
        }
    }

    #[cfg(test)]
    pub(crate) fn is_by_header(&self) -> bool {
        matches!(self.way.get(), Some(CommitSource::Header(_)))
    }

    /// Returns the current mark; `None` if SQLite does not provide one.
    pub(crate) fn mark(&self, connect: impl FnOnce() -> Option<Connection>) -> Option<ChangeMark> {
        let way = match self.way.get() {
            Some(way) => way,
            None if !self.asked.swap(true, Ordering::Relaxed) => return None,
            None => {
                // If two threads create one at the same time, one is dropped unused.
                let made = self.way(connect()?)?;
                self.way.get_or_init(|| made)
            }
        };
        match way {
            CommitSource::Header(index) => {
                ChangeMark::new(index.header()?.map(u32::to_ne_bytes).as_flattened())
            }
            CommitSource::Version(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                ChangeMark::new(data_version(&connection).ok()?.to_ne_bytes())
            }
        }
    }

    fn way(&self, connection: Connection) -> Option<CommitSource> {
        // A read connects it to the shared memory.
        data_version(&connection).ok()?;
        if self.data_version_only {
            return Some(CommitSource::Version(Mutex::new(connection)));
        }
        Some(match WalIndex::of(connection) {
            Ok(index) => CommitSource::Header(index),
            Err(connection) => CommitSource::Version(Mutex::new(connection)),
        })
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get::<_, u32>(0))
        .map(u64::from)
}
