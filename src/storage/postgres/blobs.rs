//! [`PostgresBlobs`], the blob store in two tables of the store's schema.
//!
//! The journal is in Postgres too, so there is no checkpoint: only large batches and bundles store
//! bodies here, as packs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::columns::{bytes, micros, number, optional_moment, raw};
use super::connection::Params;
use super::index::{LockNames, PostgresIndex};
use super::pool::ConnectionPool;
use super::store_lock::SessionLock;
use super::write_lock::lock_timeout;
use super::write_step::{Param, WriteStep};
use crate::model::clock;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::{
    BlobUsage, Blobs, CompactionScope, CompactionSummary, CompressionLevel, DeltaGroup, LiveBodies,
    LockGuard, Pack, StorageResult,
};

/// The number of packed bodies that a check reads at once.
const CHECKED_TOGETHER: i64 = 100;

/// Stores a body of a pack.
///
/// Another pack may contain the body. The body is as young as its younger copy.
pub(super) const STORE_PACKED: &str = "INSERT INTO packed VALUES ($1, $2, $3) ON CONFLICT (hash)
    DO UPDATE SET body = excluded.body, written = greatest(packed.written, excluded.written)";

/// A blob store in a schema.
#[derive(Debug)]
pub(crate) struct PostgresBlobs {
    pool: Arc<ConnectionPool>,
    locks: LockNames,
    /// The limit of a wait for a lock.
    limit: Duration,
}

impl PostgresBlobs {
    /// Returns the blob store in the schema of an index.
    pub(crate) fn of(index: &PostgresIndex) -> Self {
        Self {
            pool: Arc::clone(&index.pool),
            locks: index.locks,
            limit: index.limit(),
        }
    }

    fn rows(&self, doing: &str, sql: &str, params: &Params<'_>) -> StorageResult<Vec<Row>> {
        self.pool.rows(doing, sql, params)
    }
}

impl Blobs for PostgresBlobs {
    fn put(&self, id: BlobId, body: &[u8]) -> StorageResult<()> {
        let sql = "INSERT INTO loose VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING";
        let params: &Params<'_> = &[&&id.as_bytes()[..], &body, &micros(clock::system())];
        self.rows("storing a body", sql, params).map(drop)
    }

    /// The journal is in the same database, and its rows are written faster with others.
    fn prefers_packs(&self) -> bool {
        false
    }

    fn flush(&self, _ids: &[BlobId]) -> StorageResult<()> {
        Ok(())
    }

    fn get(&self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let sql = "SELECT body FROM loose WHERE hash = $1
            UNION ALL SELECT body FROM packed WHERE hash = $1";
        let rows = self.rows("reading a body", sql, &[&&id.as_bytes()[..]])?;
        let mut failed = None;
        for row in &rows {
            match VerifiedBytes::check(id, raw(row, 0)?.to_vec()) {
                Ok(body) => return Ok(Some(body)),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), |error| Err(error.into()))
    }

    fn delete(&self, id: BlobId) -> StorageResult<()> {
        let sql = "DELETE FROM loose WHERE hash = $1";
        self.rows("removing a body", sql, &[&&id.as_bytes()[..]])
            .map(drop)
    }

    fn list(&self, visit: &mut dyn FnMut(BlobId) -> StorageResult<()>) -> StorageResult<()> {
        let rows = self.rows("listing bodies", "SELECT hash FROM loose", &[])?;
        rows.iter()
            .try_for_each(|row| visit(BlobId::from_bytes(bytes(row, 0)?)))
    }

    fn pack(&self, _level: CompressionLevel) -> StorageResult<Box<dyn Pack + '_>> {
        Ok(Box::new(PostgresPack {
            blobs: self,
            bodies: Vec::new(),
        }))
    }

    fn written(&self, id: BlobId) -> StorageResult<Option<DateTime<Utc>>> {
        let sql = "SELECT written FROM loose WHERE hash = $1";
        let rows = self.rows("reading a body's age", sql, &[&&id.as_bytes()[..]])?;
        rows.first().map_or(Ok(None), |row| optional_moment(row, 0))
    }

    fn newest(&self) -> StorageResult<Option<DateTime<Utc>>> {
        let sql =
            "SELECT greatest((SELECT max(written) FROM loose), (SELECT max(written) FROM packed))";
        let rows = self.rows("reading the age of bodies", sql, &[])?;
        rows.first().map_or(Ok(None), |row| optional_moment(row, 0))
    }

    fn compact(
        &self,
        _scope: CompactionScope,
        young_since: DateTime<Utc>,
        live: &mut LiveBodies<'_>,
    ) -> StorageResult<CompactionSummary> {
        let Some(_lock) = SessionLock::try_take(&self.pool, self.locks.packs)? else {
            // A pack was finished whose bodies no row may name yet.
            return Ok(CompactionSummary::default());
        };
        let mut referenced = Vec::new();
        live(&mut |id, _| {
            referenced.push(id.as_bytes().to_vec());
            Ok(())
        })?;
        let sql = "WITH gone AS (
                DELETE FROM packed p WHERE written <= $1
                    AND NOT EXISTS (SELECT 1 FROM unnest($2::bytea[]) AS live (hash) WHERE live.hash = p.hash)
                RETURNING length(body) AS size)
            SELECT count(*), coalesce(sum(size), 0)::bigint FROM gone";
        let rows = self.rows("removing bodies", sql, &[&micros(young_since), &referenced])?;
        let Some(row) = rows.first() else {
            return Ok(CompactionSummary::default());
        };
        Ok(CompactionSummary {
            bodies: number(row, 0)?,
            bytes: number(row, 1)?,
        })
    }

    fn join_packs(&self) -> StorageResult<()> {
        Ok(())
    }

    fn holds(&self, id: BlobId) -> StorageResult<bool> {
        let sql =
            "SELECT 1 FROM loose WHERE hash = $1 UNION ALL SELECT 1 FROM packed WHERE hash = $1";
        Ok(!self
            .rows("looking for a body", sql, &[&&id.as_bytes()[..]])?
            .is_empty())
    }

    fn check_packs(&self, all: bool) -> StorageResult<Vec<String>> {
        let mut problems = Vec::new();
        if !all {
            // A row has no index of its own: the server's is checked with the tables.
            return Ok(problems);
        }
        let sql = "SELECT hash, body FROM packed WHERE hash > $1 ORDER BY hash LIMIT $2";
        let mut after: Vec<u8> = Vec::new();
        loop {
            let rows = self.rows("reading packed bodies", sql, &[&after, &CHECKED_TOGETHER])?;
            let Some(last) = rows.last() else {
                return Ok(problems);
            };
            after = raw(last, 0)?.to_vec();
            for row in &rows {
                let id = BlobId::from_bytes(bytes(row, 0)?);
                if VerifiedBytes::check(id, raw(row, 1)?.to_vec()).is_err() {
                    problems.push(format!("packed body {id} is damaged"));
                }
            }
        }
    }

    fn usage(&self) -> StorageResult<BlobUsage> {
        let sql = "SELECT count(*), coalesce(sum(length(body)), 0)::bigint,
                (SELECT count(*) FROM packed),
                (SELECT coalesce(sum(length(body)), 0)::bigint FROM packed)
            FROM loose";
        let rows = self.rows("measuring bodies", sql, &[])?;
        let Some(row) = rows.first() else {
            return Ok(BlobUsage::default());
        };
        let packed_bodies = number(row, 2)?;
        Ok(BlobUsage {
            loose_bodies: number(row, 0)?,
            loose_bytes: number(row, 1)?,
            packs: u64::from(packed_bodies > 0),
            packed_bodies,
            packed_bytes: number(row, 3)?,
            pack_bytes: number(row, 3)?,
            failure: None,
        })
    }

    fn sweep(&self, _deleted_before: DateTime<Utc>) -> StorageResult<()> {
        Ok(())
    }
}

/// A pack that is being written. Its bodies become rows when it is finished.
struct PostgresPack<'a> {
    blobs: &'a PostgresBlobs,
    bodies: Vec<(BlobId, Vec<u8>, DateTime<Utc>)>,
}

impl fmt::Debug for PostgresPack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresPack")
            .field("bodies", &self.bodies.len())
            .finish_non_exhaustive()
    }
}

impl Pack for PostgresPack<'_> {
    fn add(
        &mut self,
        id: BlobId,
        bytes: &[u8],
        _group: DeltaGroup,
        written: DateTime<Utc>,
    ) -> StorageResult<()> {
        self.bodies.push((id, bytes.to_vec(), written));
        Ok(())
    }

    fn get(&mut self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let found = self.bodies.iter().find(|(added, ..)| *added == id);
        Ok(found.and_then(|(_, bytes, _)| VerifiedBytes::check(id, bytes.clone()).ok()))
    }

    fn finish(self: Box<Self>) -> StorageResult<Box<dyn LockGuard>> {
        let blobs = self.blobs;
        let lock = PackLock::take(&blobs.pool, blobs.locks.packs, blobs.limit)?;
        let step = |(id, body, written): (BlobId, Vec<u8>, DateTime<Utc>)| {
            let params: Vec<Param> = vec![
                Box::new(id.as_bytes().to_vec()),
                Box::new(body),
                Box::new(micros(written)),
            ];
            WriteStep::changing(1, "storing a pack", STORE_PACKED, params)
        };
        let steps: Vec<WriteStep> = self.bodies.into_iter().map(step).collect();
        let connection = blobs.pool.take()?;
        connection.batch("storing a pack", "BEGIN")?;
        if let Err(error) = connection.run(&steps) {
            connection.send("ROLLBACK");
            return Err(error);
        }
        connection.batch("storing a pack", "COMMIT")?;
        blobs.pool.put_back(connection);
        Ok(Box::new(lock))
    }
}

/// The lock of a finished pack, shared by all that were finished.
#[derive(Debug)]
pub(super) struct PackLock {
    connection: Option<super::connection::Connection>,
    pool: Arc<ConnectionPool>,
}

impl PackLock {
    /// Waits for the lock. A compaction may hold it.
    ///
    /// # Errors
    ///
    /// [`Busy`](crate::storage::StorageErrorKind::Busy) if the limit has passed.
    pub(super) fn take(
        pool: &Arc<ConnectionPool>,
        lock: i64,
        limit: Duration,
    ) -> StorageResult<Self> {
        let connection = pool.take()?;
        let limit = lock_timeout(limit);
        let locked = connection.batch(
            "taking the lock of packs",
            &format!("SET lock_timeout = {limit}; SELECT pg_advisory_lock_shared({lock})"),
        );
        let held = Self {
            connection: Some(connection),
            pool: Arc::clone(pool),
        };
        locked.map(|()| held)
    }
}

impl Drop for PackLock {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.send("SELECT pg_advisory_unlock_all(); RESET lock_timeout");
            self.pool.put_back(connection);
        }
    }
}

impl LockGuard for PackLock {}
