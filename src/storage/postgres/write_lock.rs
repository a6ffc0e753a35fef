//! The lock that orders the writers of a store.

use std::time::Duration;

use super::connection::Connection;
use crate::storage::{Deadline, StorageResult};

/// Begins a transaction that holds the writers' lock until it ends.
///
/// The lock is a statement of its own, before any statement that reads: in READ COMMITTED each
/// statement has its own snapshot, so all that follow see what the previous holder committed. In one
/// statement with the reading, or in REPEATABLE READ, the snapshot would be older than the wait.
///
/// `rest` is a query that is sent together with it.
pub(super) fn begin(
    connection: &Connection,
    lock: i64,
    deadline: Deadline,
    rest: &str,
) -> StorageResult<Vec<tokio_postgres::Row>> {
    let begin = format!(
        "{}; SELECT pg_advisory_xact_lock({lock})",
        begin_text(deadline)
    );
    connection.rows_after("starting to write", &begin, rest, &[])
}

/// Returns the beginning of a transaction whose waits for locks end at a deadline.
fn begin_text(deadline: Deadline) -> String {
    let limit = lock_timeout(deadline.remaining());
    format!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = {limit}")
}

/// Returns a limit in Postgres' milliseconds, where 0 means none.
pub(super) fn lock_timeout(limit: Duration) -> u128 {
    if limit.as_millis() > 1_000_000_000 {
        0
    } else {
        limit.as_millis().max(1)
    }
}
