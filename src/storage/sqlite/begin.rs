//! The beginning of a write transaction, beside programs that do not use the write lock.
//!
//! A program that opens the index with SQLite alone, such as a shell, may hold SQLite's own lock.
//! That lock is polled, because SQLite offers no other way.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::connection;
use super::error::{SqliteContext, SqliteResult};
use super::paths::beside;
use super::write_lock::WriteLock;
use crate::fs::lock::policy::NOTICE_AFTER;
use crate::storage::StorageErrorKind;

impl WriteLock<'_> {
    /// Begins a transaction, or fails as busy once the deadline of the lock has passed.
    pub(super) fn begin(&self) -> SqliteResult<()> {
        let connection = &self.tables().connection;
        let left = self.deadline.remaining();
        let begun = begin(connection, left.min(NOTICE_AFTER));
        match &begun {
            Err(error) if error.kind() == StorageErrorKind::Busy => {}
            _ => return begun,
        }
        let began = Instant::now();
        // The lock is a byte of the log's index, whose file exists once there is a lock.
        let locked = beside(self.lock.index(), "-shm");
        let policy = self.lock.policy();
        if left > NOTICE_AFTER {
            policy.notify(&locked, NOTICE_AFTER);
            match begin(connection, self.deadline.remaining()) {
                Err(error) if error.kind() == StorageErrorKind::Busy => {}
                begun => return begun,
            }
        }
        let waited = left.min(NOTICE_AFTER) + began.elapsed();
        Err(policy.busy(&locked, waited))
    }
}

fn begin(connection: &Connection, limit: Duration) -> SqliteResult<()> {
    connection::limit_waits(connection, limit)?;
    connection::run(connection, "BEGIN IMMEDIATE").context("starting to write")
}
