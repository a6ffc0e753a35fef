//! The locks that order writing and removing bodies, held by a connection of their own.

use std::fmt;

use super::connection::Connection;
use super::pool::ConnectionPool;
use super::write_lock::lock_timeout;
use crate::storage::{Deadline, LockGuard, StorageResult};

/// A lock of a session. It is released when this is dropped, or when the connection breaks.
pub(super) struct SessionLock<'a> {
    connection: Option<Connection>,
    pool: &'a ConnectionPool,
}

impl<'a> SessionLock<'a> {
    /// Waits for a lock, shared or exclusive.
    pub(super) fn take(
        pool: &'a ConnectionPool,
        lock: i64,
        is_shared: bool,
        deadline: Deadline,
    ) -> StorageResult<Self> {
        let connection = pool.take()?;
        let limit = lock_timeout(deadline.remaining());
        let suffix = if is_shared { "_shared" } else { "" };
        let locked = connection.batch(
            "waiting for the lock of the bodies",
            &format!("SET lock_timeout = {limit}; SELECT pg_advisory_lock{suffix}({lock})"),
        );
        let held = Self {
            connection: Some(connection),
            pool,
        };
        locked.map(|()| held)
    }

    /// Takes an exclusive lock if it is free.
    pub(super) fn try_take(pool: &'a ConnectionPool, lock: i64) -> StorageResult<Option<Self>> {
        let connection = pool.take()?;
        let sql = format!("SELECT pg_try_advisory_lock({lock})");
        let rows = connection.rows("taking the lock of packs", &sql, &[])?;
        let is_taken = rows.first().is_some_and(|row| row.get(0));
        let held = Self {
            connection: Some(connection),
            pool,
        };
        Ok(is_taken.then_some(held))
    }
}

impl Drop for SessionLock<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.send("SELECT pg_advisory_unlock_all(); RESET lock_timeout");
            self.pool.put_back(connection);
        }
    }
}

impl LockGuard for SessionLock<'_> {}

impl fmt::Debug for SessionLock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLock").finish_non_exhaustive()
    }
}
