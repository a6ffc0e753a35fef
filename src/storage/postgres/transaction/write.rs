//! The calls of a write transaction.

use chrono::{DateTime, Utc};

use super::changes::raw;
use super::outcome;
use super::state::PostgresTransaction;
use crate::model::id::{BlobId, EnvironmentName, OperationId, VersionId};
use crate::model::record::{Operation, RecordedInputs};
use crate::storage::postgres::columns::{bytes, micros, number, signed};
use crate::storage::postgres::error::{PostgresContext, corrupt};
use crate::storage::postgres::search;
use crate::storage::postgres::snapshot::UnusedIds;
use crate::storage::postgres::write_step::{Param, WriteStep};
use crate::storage::{
    AnnouncedIds, AppendedBody, AppendedPlace, Indexable, Snapshot, StorageError, StorageErrorKind,
    StorageResult, Transaction,
};

/// Records bodies as stored, and returns those that were not.
const PACKED: &str = "INSERT INTO blob (hash, size, stored)
        SELECT DISTINCT ON (hash) hash, size, true
        FROM unnest($1::bytea[], $2::bigint[]) AS body (hash, size)
    ON CONFLICT (hash) DO UPDATE SET stored = true WHERE NOT blob.stored RETURNING hash";

fn step(doing: &'static str, sql: &'static str, params: Vec<Param>, is_single: bool) -> WriteStep {
    if is_single {
        WriteStep::changing(1, doing, sql, params)
    } else {
        WriteStep::any(doing, sql, params)
    }
}

fn hashes(ids: &[BlobId]) -> Vec<Vec<u8>> {
    ids.iter().map(|id| id.as_bytes().to_vec()).collect()
}

impl PostgresTransaction<'_> {
    /// Records bodies of packs as stored, and returns those that were not.
    fn put_packed(&self, bodies: &[(BlobId, u64)]) -> StorageResult<Vec<BlobId>> {
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&[u8]> = bodies.iter().map(|(id, _)| &id.as_bytes()[..]).collect();
        let sizes: Vec<i64> = bodies.iter().map(|(_, size)| signed(*size)).collect();
        let rows = self
            .snapshot
            .rows("recording bodies", PACKED, &[&ids, &sizes])?;
        rows.iter()
            .map(|row| Ok(BlobId::from_bytes(bytes(row, 0)?)))
            .collect()
    }
}

impl PostgresTransaction<'_> {
    /// Adds the bodies for the journal that are not stored yet, if a pack contains others.
    ///
    /// Without a pack the caller does not need the answer, which would be a round trip.
    fn with_journaled(
        &self,
        mut stored: Vec<BlobId>,
        bodies: &[AppendedBody<'_>],
        packed: &[(BlobId, u64)],
    ) -> StorageResult<Vec<BlobId>> {
        let is_journaled =
            |body: &&AppendedBody<'_>| matches!(body.place, AppendedPlace::Journal(_));
        let mut journaled: Vec<BlobId> = bodies
            .iter()
            .filter(is_journaled)
            .map(|body| body.id)
            .collect();
        if packed.is_empty() || journaled.is_empty() {
            return Ok(stored);
        }
        let sql = "SELECT hash FROM blob WHERE stored AND hash = ANY($1)";
        for row in self
            .snapshot
            .rows("looking for bodies", sql, &[&hashes(&journaled)])?
        {
            let known = BlobId::from_bytes(bytes(&row, 0)?);
            journaled.retain(|id| *id != known);
        }
        stored.extend(journaled);
        Ok(stored)
    }
}

impl Transaction for PostgresTransaction<'_> {
    fn snapshot(&self) -> &dyn Snapshot {
        &self.snapshot
    }

    fn last_operation(&self) -> StorageResult<(u64, OperationId)> {
        Ok(self.last)
    }

    fn announce(&mut self, ids: &AnnouncedIds) -> StorageResult<()> {
        let unused = UnusedIds::of(ids, |sql, params| {
            self.snapshot.rows("looking up ids", sql, params)
        })?;
        *self.snapshot.unused() = unused;
        Ok(())
    }

    fn append(
        &mut self,
        operation: &Operation,
        text: &str,
        now: DateTime<Utc>,
        bodies: &[AppendedBody<'_>],
    ) -> StorageResult<Vec<BlobId>> {
        let (last, _) = self.last;
        if operation.number != last + 1 {
            let number = operation.number;
            return Err(corrupt(&format!(
                "operation {number} cannot follow operation {last}"
            )));
        }
        let mut packed = Vec::new();
        for body in bodies {
            if let AppendedPlace::Pack(size) = body.place {
                packed.push((body.id, size));
            }
        }
        let mut unused = self.snapshot.unused();
        bodies.iter().for_each(|body| unused.remove_body(body.id));
        let changes = &operation.content.changes;
        changes.iter().for_each(|change| unused.remove(change));
        drop(unused);
        let stored = self.put_packed(&packed)?;
        let stored = self.with_journaled(stored, bodies, &packed)?;
        let mut pending = self.snapshot.pending();
        for body in bodies {
            if let AppendedPlace::Journal(bytes) = body.place {
                pending.add_body(body.id, bytes);
            }
        }
        pending.append(operation, text, micros(now));
        let is_full = pending.is_full();
        drop(pending);
        if is_full {
            self.snapshot.send_ahead()?;
        }
        self.last = (operation.number, operation.id);
        Ok(stored)
    }

    fn put_body(&mut self, id: BlobId, bytes: &[u8]) -> StorageResult<()> {
        self.snapshot.unused().remove_body(id);
        let mut pending = self.snapshot.pending();
        pending.add_body(id, bytes);
        let is_full = pending.is_full();
        drop(pending);
        if is_full {
            self.snapshot.send_ahead()?;
        }
        Ok(())
    }

    fn journal_body(&mut self, id: BlobId, bytes: &[u8]) -> StorageResult<()> {
        let sql = "INSERT INTO journal SELECT key, $2 FROM blob WHERE hash = $1 AND stored";
        let params = vec![raw(id.as_bytes()), raw(bytes)];
        self.run(vec![step(
            "journaling a body that is recorded as stored",
            sql,
            params,
            true,
        )])
    }

    fn put_packed_body(&mut self, id: BlobId, size: u64) -> StorageResult<bool> {
        self.snapshot.unused().remove_body(id);
        Ok(!self.put_packed(&[(id, size)])?.is_empty())
    }

    fn put_absent_body(&mut self, id: BlobId, size: u64) -> StorageResult<()> {
        let sql = "INSERT INTO blob (hash, size, stored) VALUES ($1, $2, false)
            ON CONFLICT (hash) DO UPDATE SET size = blob.size WHERE blob.size = $2";
        let params: Vec<Param> = vec![raw(id.as_bytes()), Box::new(signed(size))];
        self.run(vec![step(
            "recording a body of this size",
            sql,
            params,
            true,
        )])?;
        self.absent.insert(id);
        self.snapshot.pending().absent = self.absent_hashes();
        Ok(())
    }

    fn drop_journal(&mut self, ids: &[BlobId]) -> StorageResult<()> {
        let sql = "DELETE FROM journal WHERE blob IN (SELECT key FROM blob WHERE hash = ANY($1::bytea[]))";
        let doing = "removing checkpointed bodies from the journal";
        self.run(vec![step(doing, sql, vec![Box::new(hashes(ids))], false)])
    }

    fn forget_blobs(&mut self, ids: &[BlobId]) -> StorageResult<()> {
        self.drop_journal(ids)?;
        let forget = |id: &BlobId| {
            let sql = "UPDATE blob SET stored = false WHERE live = 0 AND hash = $1";
            step(
                "marking a body as removed",
                sql,
                vec![raw(id.as_bytes())],
                true,
            )
        };
        self.run(ids.iter().map(forget).collect())
    }

    fn put_inputs(&mut self, inputs: &RecordedInputs) -> StorageResult<()> {
        let text = serde_json::to_vec(&inputs.inputs).context("writing inputs")?;
        let environment = inputs.environment.as_ref().map(EnvironmentName::as_str);
        let params: Vec<Param> = vec![
            raw(inputs.version_id.as_bytes()),
            raw(inputs.request_id.as_bytes()),
            Box::new(text),
            Box::new(environment.map(|name| name.as_bytes().to_vec())),
            Box::new(micros(inputs.recorded_at)),
        ];
        let sql = "INSERT INTO request_inputs SELECT key, $2, $3, $4, $5 FROM version WHERE id = $1
            ON CONFLICT (version, sha256(request))
            DO UPDATE SET inputs = $3, environment = $4, recorded_at = $5";
        self.run(vec![step("recording inputs", sql, params, true)])
    }

    fn drop_inputs(&mut self, version: VersionId, limit: usize) -> StorageResult<u64> {
        let sql = "WITH dropped AS (DELETE FROM request_inputs WHERE ctid IN
                (SELECT i.ctid FROM request_inputs i JOIN version v ON v.key = i.version
                 WHERE v.id = $1 LIMIT $2) RETURNING 1)
            SELECT count(*) FROM dropped";
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&&version.as_bytes()[..], &signed(limit)];
        let row = self
            .snapshot
            .row("dropping recorded inputs", sql, &params)?;
        row.map_or(Ok(0), |row| number(&row, 0))
    }

    fn index_documents(&mut self, news: &Indexable) -> StorageResult<()> {
        self.run(search::steps(news))
    }

    fn savepoint(&mut self) -> StorageResult<()> {
        self.snapshot.finish_sent()?;
        self.snapshot.pending().set_savepoint();
        self.savepoint = Some((self.last, self.absent.clone()));
        Ok(())
    }

    fn roll_back(&mut self) -> StorageResult<()> {
        let Some((last, absent)) = self.savepoint.clone() else {
            let reason = "postgres: rolling back: there is no savepoint";
            return Err(StorageError::new(StorageErrorKind::Other, reason));
        };
        if let Some(kind) = self.snapshot.failure() {
            // The callers of those writes learn whether it helps to repeat them.
            let reason = "postgres: rolling back: writes before the savepoint failed";
            return Err(StorageError::new(kind, reason));
        }
        let is_on_server = self.snapshot.pending().roll_back();
        if is_on_server {
            self.snapshot
                .connection()
                .batch("rolling back", "ROLLBACK TO SAVEPOINT kept")?;
        }
        (self.last, self.absent) = (last, absent);
        // Bodies that the undone writes removed are stored again.
        *self.snapshot.unused() = UnusedIds::default();
        self.snapshot.pending().absent = self.absent_hashes();
        Ok(())
    }

    fn commit(self: Box<Self>) -> StorageResult<()> {
        self.check_absent()?;
        outcome::commit(*self)
    }
}
