//! Whether anybody has committed since: by the header of the WAL index, or where that can't be had by
//! `PRAGMA data_version`.
//!
//! The pragma's value steps when SQLite finds that another connection, of this process or of another, has committed, for
//! which it throws this connection's page cache away: it is as fresh as SQLite's own reads, and takes microseconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use rusqlite::Connection;

use super::wal_index::WalIndex;
use crate::storage::ChangeMark;

/// Watches for commits.
///
/// The first who asks gets no mark: a program that asks once, as the command does, need not open a connection for it.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    asked: AtomicBool,
    /// Made by the first who asks, and never replaced: the marks of two can't be compared.
    way: OnceLock<Way>,
    /// For tests: not by the header.
    by_version_only: bool,
}

#[derive(Debug)]
enum Way {
    Header(WalIndex),
    /// On a connection that never writes: it would not be told of its own commits.
    Version(Mutex<Connection>),
}

impl Watcher {
    #[cfg(test)]
    pub(crate) fn by_version_only() -> Self {
        Self {
            by_version_only: true,
            ..Self::default()
        }
    }

    #[cfg(test)]
    pub(crate) fn is_by_header(&self) -> bool {
        matches!(self.way.get(), Some(Way::Header(_)))
    }

    /// The mark as of now; none while SQLite does not tell.
    pub(crate) fn mark(&self, connect: impl FnOnce() -> Option<Connection>) -> Option<ChangeMark> {
        let way = match self.way.get() {
            Some(way) => way,
            None if !self.asked.swap(true, Ordering::Relaxed) => return None,
            None => {
                // Where two make one at once, one is thrown away before it was used.
                let made = self.way(connect()?)?;
                self.way.get_or_init(|| made)
            }
        };
        match way {
            Way::Header(index) => index.header().map(ChangeMark::of_words),
            Way::Version(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                data_version(&connection).ok().map(ChangeMark::new)
            }
        }
    }

    fn way(&self, connection: Connection) -> Option<Way> {
        // Reading is what connects it to the shared memory.
        data_version(&connection).ok()?;
        if self.by_version_only {
            return Some(Way::Version(Mutex::new(connection)));
        }
        Some(match WalIndex::of(connection) {
            Ok(index) => Way::Header(index),
            Err(connection) => Way::Version(Mutex::new(connection)),
        })
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get::<_, u32>(0))
        .map(u64::from)
}
