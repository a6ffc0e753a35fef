//! The commit, and the look for its outcome if the connection breaks during it.

use std::thread;
use std::time::Duration;

use super::changes::raw;
use super::state::PostgresTransaction;
use crate::storage::postgres::connection::CommitFailure;
use crate::storage::postgres::index::PostgresIndex;
use crate::storage::postgres::planted_fault::PlantedFault;
use crate::storage::postgres::write_lock;
use crate::storage::postgres::write_step::WriteStep;
use crate::storage::{Deadline, StorageError, StorageErrorKind, StorageResult};

/// The pause between two attempts to ask a server that does not answer.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

/// Commits a transaction.
///
/// # Errors
///
/// [`OutcomeUnknown`](StorageErrorKind::OutcomeUnknown) if the connection broke during the commit, and
/// the server cannot be asked for the outcome. If the transaction was not committed, the error is of
/// another kind.
pub(super) fn commit(transaction: PostgresTransaction<'_>) -> StorageResult<()> {
    let mark: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(16)
        .collect();
    transaction
        .snapshot
        .pending()
        .add_steps(vec![WriteStep::any(
            "marking the change",
            "WITH marked AS (UPDATE head SET commits = commits + 1, mark = $1 RETURNING 1)
            SELECT pg_notify($2, ''), 1 / count(*) FROM marked",
            vec![raw(&mark), Box::new(transaction.index.channel.clone())],
        )]);
    let error = match transaction.snapshot.commit() {
        Ok(()) => {
            transaction.snapshot.end();
            transaction.index.seen.add(transaction.last);
            return Ok(());
        }
        // Dropping the transaction rolls it back, if it has not ended.
        Err(CommitFailure::Before(error)) => return Err(error),
        // The outcome is open.
        Err(CommitFailure::Unanswered(error)) => error,
    };
    let (index, number, id) = (transaction.index, transaction.last.0, transaction.last.1);
    let has_operation = number > transaction.began_at;
    drop(transaction);
    if index.planted_fault == PlantedFault::AssumesFailure {
        return Err(not_made(error));
    }
    let look = || {
        if has_operation {
            let sql = "SELECT 1 FROM operation WHERE hash = $1";
            is_committed(index, sql, id.as_bytes())
        } else {
            is_committed(index, "SELECT 1 FROM head WHERE mark = $1", &mark)
        }
    };
    match until_answered(index.deadline(), look) {
        Ok(true) => {
            index.seen.add((number, id));
            Ok(())
        }
        // Another writer may have replaced the mark of a transaction without operations.
        Ok(false) if has_operation => Err(not_made(error)),
        _ => Err(
            StorageError::new(StorageErrorKind::OutcomeUnknown, "postgres: committing")
                .because(error),
        ),
    }
}

fn not_made(error: tokio_postgres::Error) -> StorageError {
    let reason = "postgres: the connection broke, and the commit was not made";
    StorageError::new(StorageErrorKind::Busy, reason).because(error)
}

/// Asks the server again and again until it answers, for example after its restart.
///
/// # Errors
///
/// Those of the last attempt, if the deadline has passed.
fn until_answered<T>(deadline: Deadline, ask: impl Fn() -> StorageResult<T>) -> StorageResult<T> {
    loop {
        match ask() {
            Err(_) if !deadline.remaining().is_zero() => {
                thread::sleep(ASK_INTERVAL.min(deadline.remaining()));
            }
            answer => return answer,
        }
    }
}

/// Returns whether a row exists, read under the writers' lock.
///
/// The server process of a broken connection holds the lock until its transaction has ended, so the
/// answer is final.
fn is_committed(index: &PostgresIndex, sql: &str, id: &[u8]) -> StorageResult<bool> {
    let connection = index.pool.connect()?;
    let (fault, lock) = (index.planted_fault, index.locks.writers);
    write_lock::begin(&connection, fault, lock, 0, index.deadline())?;
    let rows = connection.rows("looking for the outcome of a commit", sql, &[&id])?;
    connection.send("ROLLBACK");
    index.pool.put_back(connection);
    Ok(!rows.is_empty())
}
