//! The state of a write transaction.

use std::collections::HashSet;

use crate::model::id::{BlobId, OperationId};
use crate::storage::postgres::columns::bytes;
use crate::storage::postgres::error::corrupt;
use crate::storage::postgres::history_end::number_of;
use crate::storage::postgres::index::PostgresIndex;
use crate::storage::postgres::snapshot::PostgresSnapshot;
use crate::storage::postgres::write_lock;
use crate::storage::postgres::write_step::WriteStep;
use crate::storage::{Deadline, StorageResult};

/// A write transaction. Dropping it without a commit rolls it back.
pub(in crate::storage::postgres) struct PostgresTransaction<'a> {
    pub(super) snapshot: PostgresSnapshot<'a>,
    pub(super) index: &'a PostgresIndex,
    /// The number and the id of the last operation.
    pub(super) last: (u64, OperationId),
    /// The last operation before this transaction.
    pub(super) began_at: u64,
    /// Bodies that versions may have although they are not stored.
    pub(super) absent: HashSet<BlobId>,
    pub(super) savepoint: Option<((u64, OperationId), HashSet<BlobId>)>,
}

impl<'a> PostgresTransaction<'a> {
    /// Waits for the writers' lock and begins, in one round trip.
    pub(in crate::storage::postgres) fn begin(
        index: &'a PostgresIndex,
        deadline: Deadline,
    ) -> StorageResult<Self> {
        let seen = index.seen.last()?;
        let (connection, end) = index.pool.begin(|connection| {
            write_lock::begin(
                connection,
                index.planted_fault,
                index.locks.writers,
                number_of(seen),
                deadline,
            )
        })?;
        // If the history lost its end, dropping this rolls back.
        let snapshot = PostgresSnapshot::begun(connection, &index.pool);
        index.seen.check(seen, &end)?;
        let last = (end.number, end.id);
        Ok(Self {
            snapshot,
            index,
            last,
            began_at: last.0,
            absent: HashSet::new(),
            savepoint: None,
        })
    }

    /// Makes writes of one kind, after those that are pending.
    pub(super) fn run(&self, steps: Vec<WriteStep>) -> StorageResult<()> {
        self.snapshot.pending().add_steps(steps);
        self.snapshot.send_pending()
    }

    /// Fails as corrupt if a live version would be left without its body.
    pub(super) fn check_absent(&self) -> StorageResult<()> {
        if self.absent.is_empty() {
            return Ok(());
        }
        let doing = "looking for versions without a body";
        let sql = "SELECT hash FROM blob WHERE NOT stored AND live > 0 AND hash = ANY($1) LIMIT 1";
        let Some(row) = self.snapshot.row(doing, sql, &[&self.absent_hashes()])? else {
            return Ok(());
        };
        let id = BlobId::from_bytes(bytes(&row, 0)?);
        Err(corrupt(&format!(
            "live versions have body {id}, which is not stored"
        )))
    }

    pub(super) fn absent_hashes(&self) -> Vec<Vec<u8>> {
        self.absent
            .iter()
            .map(|id| id.as_bytes().to_vec())
            .collect()
    }
}
