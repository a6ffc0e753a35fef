//! Removal of unreferenced bodies from packs.

use chrono::{DateTime, Utc};

use super::blobs::ObjectBlobs;
use super::rewrite::RewriteOrder;
use crate::storage::postgres::columns::{micros, number, signed};
use crate::storage::postgres::connection::Connection;
use crate::storage::postgres::store_lock::SessionLock;
use crate::storage::{
    CompactionScope, CompactionSummary, CompressionLevel, LiveBodies, StorageResult,
};

/// The number of referenced bodies that are sent to the database together.
const SENT_TOGETHER: usize = 10_000;

/// The order of the referenced bodies, followed by the young ones.
const BY_GROUP: RewriteOrder = RewriteOrder {
    group: "coalesce(l.body_group, p.object)",
    join: "LEFT JOIN referenced l ON l.hash = p.hash",
    order: "l.place NULLS LAST, p.object, p.frame, p.start",
};

impl ObjectBlobs {
    /// Removes the rows of unreferenced bodies, and rewrites packs as `scope` says.
    pub(super) fn compact_objects(
        &self,
        scope: CompactionScope,
        young_since: DateTime<Utc>,
        live: &mut LiveBodies<'_>,
    ) -> StorageResult<CompactionSummary> {
        self.move_tables()?;
        let Some(_lock) = SessionLock::try_take(&self.pool, self.locks.packs)? else {
            // A pack was finished whose bodies no row may name yet.
            return Ok(CompactionSummary::default());
        };
        // A session of its own, for its temporary table. It is closed if anything fails.
        let (connection, newest) = self
            .pool
            .begin(|connection| self.newest_object(connection))?;
        send_referenced(&connection, live)?;
        let bodies = self.remove_rows(&connection, newest, young_since)?;
        let (old, level, order) = match scope {
            CompactionScope::Wasteful => {
                let order = RewriteOrder::as_they_are();
                (
                    self.packs(&connection, newest, WASTEFUL)?,
                    CompressionLevel::Best,
                    order,
                )
            }
            CompactionScope::All => (
                self.packs(&connection, newest, "true")?,
                CompressionLevel::Best,
                BY_GROUP,
            ),
        };
        let rewritten = self.rewrite(&connection, &old, level, &order)?;
        connection.batch("removing a temporary table", "DROP TABLE referenced")?;
        self.pool.put_back(connection);
        Ok(CompactionSummary {
            bodies,
            bytes: rewritten.old_bytes.saturating_sub(rewritten.new_bytes),
        })
    }

    /// Returns the number of the newest object.
    ///
    /// Objects that are put from now on are not touched, even if the lock of bodies is lost.
    fn newest_object(&self, connection: &Connection) -> StorageResult<i64> {
        self.steps.begin()?;
        let sql = "SELECT coalesce(max(number), 0) FROM object";
        let rows = connection.rows("looking for objects", sql, &[])?;
        rows.first()
            .map_or(Ok(0), |row| Ok(signed(number(row, 0)?)))
    }

    /// Removes the rows of unreferenced bodies that are not young, and returns their number.
    fn remove_rows(
        &self,
        connection: &Connection,
        newest: i64,
        young_since: DateTime<Utc>,
    ) -> StorageResult<u64> {
        // A body that was stored again since the references were read has a row in the index. The
        // object that contains it now is newer, or its row is one of these.
        let sql = "WITH gone AS (
                DELETE FROM placed p USING object o
                WHERE o.number = p.object AND o.is_pack AND o.state = 1 AND o.number <= $1 AND p.written <= $2
                    AND NOT EXISTS (SELECT 1 FROM referenced l WHERE l.hash = p.hash)
                    AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.hash = p.hash AND b.stored)
                RETURNING p.hash)
            SELECT count(DISTINCT hash) FROM gone";
        self.steps.begin()?;
        let rows = connection.rows("removing bodies", sql, &[&newest, &micros(young_since)])?;
        rows.first().map_or(Ok(0), |row| number(row, 0))
    }

    /// Returns the packs that fulfil a condition, with their sizes.
    fn packs(
        &self,
        connection: &Connection,
        newest: i64,
        condition: &str,
    ) -> StorageResult<Vec<(i64, u64)>> {
        self.steps.begin()?;
        let sql = format!(
            "SELECT o.number, o.size FROM object o
             WHERE o.is_pack AND o.state = 1 AND o.number <= $1 AND {condition} ORDER BY o.number"
        );
        let rows = connection.rows("looking for packs", &sql, &[&newest])?;
        rows.iter()
            .map(|row| Ok((signed(number(row, 0)?), number(row, 1)?)))
            .collect()
    }
}

/// The condition that less than half of a pack's bodies are left.
const WASTEFUL: &str = "2 * coalesce((SELECT sum(p.size) FROM placed p WHERE p.object = o.number), 0) < greatest(o.bodies, 1)";

/// Fills a temporary table with the referenced bodies, in the order in which they are visited.
fn send_referenced(connection: &Connection, live: &mut LiveBodies<'_>) -> StorageResult<()> {
    let doing = "sending the referenced bodies";
    connection.batch(
        doing,
        "DROP TABLE IF EXISTS referenced;
         CREATE TEMPORARY TABLE referenced (hash bytea PRIMARY KEY, place bigint, body_group bigint)",
    )?;
    let (mut hashes, mut groups, mut sent) = (Vec::new(), Vec::new(), 0_i64);
    let mut send = |hashes: &mut Vec<Vec<u8>>, groups: &mut Vec<i64>| {
        // The sign bit of a group does not matter.
        let sql = "INSERT INTO referenced SELECT hash, $1 + place, body_group & 9223372036854775807
            FROM unnest($2::bytea[], $3::bigint[]) WITH ORDINALITY AS body (hash, body_group, place)
            ON CONFLICT (hash) DO NOTHING";
        connection.rows(doing, sql, &[&sent, &*hashes, &*groups])?;
        sent += signed(hashes.len());
        hashes.clear();
        groups.clear();
        StorageResult::Ok(())
    };
    live(&mut |id, group| {
        hashes.push(id.as_bytes().to_vec());
        groups.push(group.0.cast_signed());
        if hashes.len() < SENT_TOGETHER {
            return Ok(());
        }
        send(&mut hashes, &mut groups)
    })?;
    if hashes.is_empty() {
        return Ok(());
    }
    send(&mut hashes, &mut groups)
}
