//! The commit, and the look for its outcome if the connection breaks during it.

use super::changes::raw;
use super::state::PostgresTransaction;
use crate::storage::postgres::connection::WriteStep;
use crate::storage::postgres::error::PostgresContext;
use crate::storage::postgres::index::PostgresIndex;
use crate::storage::postgres::write_lock;
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

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
    transaction.run(&[WriteStep {
        doing: "marking the change",
        sql: "UPDATE head SET commits = commits + 1, mark = $1",
        params: vec![raw(&mark)],
        is_single: true,
    }])?;
    let connection = transaction.snapshot.connection();
    // From here on, an answer that does not come leaves the outcome open.
    let Err(error) = connection.try_batch("COMMIT") else {
        transaction.snapshot.end();
        return Ok(());
    };
    if error.code().is_some() && !connection.is_closed() {
        transaction.snapshot.end();
        return Err(error).context("committing");
    }
    let (index, number, id) = (transaction.index, transaction.last.0, transaction.last.1);
    let has_operation = number > transaction.began_at;
    drop(transaction);
    let look = || -> StorageResult<bool> {
        if has_operation {
            is_committed(
                index,
                "SELECT 1 FROM operation WHERE hash = $1",
                id.as_bytes(),
            )
        } else {
            is_committed(index, "SELECT 1 FROM head WHERE mark = $1", &mark)
        }
    };
    match look() {
        Ok(true) => Ok(()),
        // Another writer may have replaced the mark of a transaction without operations.
        Ok(false) if has_operation => Err(StorageError::new(
            StorageErrorKind::Io,
            "postgres: the commit was not made",
        )
        .because(error)),
        _ => Err(
            StorageError::new(StorageErrorKind::OutcomeUnknown, "postgres: committing")
                .because(error),
        ),
    }
}

/// Returns whether a row exists, read under the writers' lock.
///
/// The server process of a broken connection holds the lock until its transaction has ended, so the
/// answer is final.
fn is_committed(index: &PostgresIndex, sql: &str, id: &[u8]) -> StorageResult<bool> {
    let connection = index.pool.connect()?;
    write_lock::begin(
        &connection,
        index.locks.writers,
        index.deadline(),
        "SELECT 1",
    )?;
    let rows = connection.rows("looking for the outcome of a commit", sql, &[&id])?;
    Ok(!rows.is_empty())
}
