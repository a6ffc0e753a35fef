//! Whether anybody has committed since: `PRAGMA data_version`, on a connection of its own.
//!
//! SQLite steps it when it finds that another connection, of this process or of another, has committed, and throws this
//! connection's page cache away for the same reason: it is as fresh as SQLite's own reads.

use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::backend::ChangeMark;

/// The connection that watches for commits. It never writes: it would not be told of its own commits.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    /// Opened by the first who asks, and never replaced: the marks of two connections can't be compared.
    connection: Mutex<Option<Connection>>,
}

impl Watcher {
    /// The mark as of now; none while SQLite does not tell.
    pub(super) fn mark(&self, connect: impl FnOnce() -> Option<Connection>) -> Option<ChangeMark> {
        let connection = self.connection.lock();
        let mut connection = connection.unwrap_or_else(PoisonError::into_inner);
        if connection.is_none() {
            *connection = connect();
        }
        let version = data_version(connection.as_ref()?).ok()?;
        Some(ChangeMark::new(version.into()))
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}
