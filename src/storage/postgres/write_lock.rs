//! The lock that orders the writers of a store.

use std::time::Duration;

use super::connection::Connection;
use super::history_end::{HISTORY_END, HistoryEnd};
use super::planted_fault::PlantedFault;
use crate::storage::{Deadline, StorageResult};

/// Begins a transaction that holds the writers' lock until it ends.
///
/// The lock is a statement of its own, before any statement that reads: in READ COMMITTED each
/// statement has its own snapshot, so all that follow see what the previous holder committed. In one
/// statement with the reading, or in REPEATABLE READ, the snapshot would be older than the wait.
///
/// It is sent together with the reading of the end of the history. The operation `seen` is read with
/// it.
pub(super) fn begin(
    connection: &Connection,
    fault: PlantedFault,
    lock: i64,
    seen: i64,
    deadline: Deadline,
) -> StorageResult<HistoryEnd> {
    let lock = format!("SELECT pg_advisory_xact_lock({lock})");
    let (begin, read) = match fault {
        PlantedFault::None | PlantedFault::AssumesFailure | PlantedFault::AcknowledgesEarly => {
            let begin = begin_text("READ COMMITTED", deadline);
            (format!("{begin}; {lock}"), HISTORY_END.to_owned())
        }
        PlantedFault::ReadsWithLock => (
            begin_text("READ COMMITTED", deadline),
            format!("WITH held AS MATERIALIZED ({lock}) {HISTORY_END}, held"),
        ),
        PlantedFault::SnapshotBeforeLock => {
            let begin = begin_text("REPEATABLE READ", deadline);
            (format!("{begin}; {lock}"), HISTORY_END.to_owned())
        }
        PlantedFault::NoLock => (
            begin_text("READ COMMITTED", deadline),
            HISTORY_END.to_owned(),
        ),
    };
    let rows = connection.rows_after("starting to write", &begin, &read, &[&seen])?;
    HistoryEnd::of(&rows)
}

/// Returns the beginning of a transaction whose waits for locks end at a deadline.
fn begin_text(isolation: &str, deadline: Deadline) -> String {
    let limit = lock_timeout(deadline.remaining());
    format!("BEGIN ISOLATION LEVEL {isolation} READ WRITE; SET LOCAL lock_timeout = {limit}")
}

/// Returns a limit in Postgres' milliseconds, where 0 means none.
pub(super) fn lock_timeout(limit: Duration) -> u128 {
    if limit.as_millis() > 1_000_000_000 {
        0
    } else {
        limit.as_millis().max(1)
    }
}
