//! The implementation of [`Blobs`] by objects, and by the tables of bodies that are not in one.

use chrono::{DateTime, Utc};

use super::blobs::ObjectBlobs;
use super::frames::ObjectBuilder;
use super::pack::ObjectPack;
use super::placed_body::{PLACED, PlacedBody, placed_body};
use super::reader::ReadBody;
use super::rows::{BegunObject, Publication};
use crate::model::clock;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::postgres::columns::{bytes, micros, number, optional_moment, text};
use crate::storage::{
    BlobFailure, BlobUsage, Blobs, CompactionScope, CompactionSummary, CompressionLevel,
    DeltaGroup, LiveBodies, Pack, StorageError, StorageErrorKind, StorageResult,
};

impl ObjectBlobs {
    /// Puts an object, and returns its rows once it is durable.
    pub(super) fn put_object(
        &self,
        builder: &mut ObjectBuilder,
        loose: Option<BlobId>,
    ) -> StorageResult<Option<BegunObject>> {
        let Some(object) = builder.take()? else {
            return Ok(None);
        };
        let bytes = object.bytes.clone();
        let begun = self.begin_object(object, loose)?;
        self.steps.begin()?;
        let put = self.bucket.start_put(&begun.key, bytes);
        if let Err(error) = put.and_then(|put| self.bucket.finish_put(put)) {
            self.note_failure(&error.to_string());
            return Err(error);
        }
        Ok(Some(begun))
    }

    /// Returns the places of a body, that of the newest object first.
    fn places(&self, id: BlobId) -> StorageResult<Vec<PlacedBody>> {
        let sql = format!(
            "SELECT {PLACED} FROM placed p JOIN object o ON o.number = p.object
             WHERE p.hash = $1 AND o.state = 1 ORDER BY o.number DESC"
        );
        let rows = self.rows("looking for a body", &sql, &[&&id.as_bytes()[..]])?;
        rows.iter().map(placed_body).collect()
    }
}

impl Blobs for ObjectBlobs {
    fn put(&self, id: BlobId, body: &[u8]) -> StorageResult<()> {
        let mut builder = ObjectBuilder::new(CompressionLevel::Best);
        builder.add(id, body, DeltaGroup(0), clock::system())?;
        let begun = self.put_object(&mut builder, Some(id))?;
        self.publish(&Publication {
            objects: begun.as_slice(),
            replaces: Some(id),
            ..Publication::default()
        })
    }

    fn flush(&self, _ids: &[BlobId]) -> StorageResult<()> {
        Ok(())
    }

    fn get(&self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let mut before = Vec::new();
        loop {
            let places = self.places(id)?;
            let (mut failed, mut missing) = (None, None);
            for place in &places {
                match self.reader.read(&self.bucket, place) {
                    Ok(ReadBody::Intact(body)) => return Ok(Some(body)),
                    Ok(ReadBody::Missing) => missing = Some(place),
                    // A damaged copy is reported only if no other could have been intact.
                    Err(error) if failed.is_none() || error.kind() != StorageErrorKind::Corrupt => {
                        failed = Some(error);
                    }
                    Err(_) => {}
                }
            }
            match self.tables.get(id) {
                Ok(None) => {}
                Err(error) if failed.is_some() && error.kind() == StorageErrorKind::Corrupt => {}
                found => return found,
            }
            // The object may have been replaced by another one, and deleted.
            if missing.is_some() && places != before {
                before = places;
                continue;
            }
            return match (failed, missing) {
                (Some(error), _) => Err(error),
                (None, Some(place)) => Err(StorageError::new(
                    StorageErrorKind::Corrupt,
                    format!("object {} of body {id} is missing", place.key),
                )),
                (None, None) => Ok(None),
            };
        }
    }

    fn delete(&self, id: BlobId) -> StorageResult<()> {
        // The caller's lock may have been lost, and the body stored again: then it remains, unless a
        // pack contains it too.
        let sql = "WITH gone AS (
                DELETE FROM placed p USING object o
                WHERE o.number = p.object AND NOT o.is_pack AND o.state = 1 AND p.hash = $1
                    AND (NOT EXISTS (SELECT 1 FROM blob b WHERE b.hash = $1 AND b.stored)
                        OR EXISTS (SELECT 1 FROM placed q JOIN object r ON r.number = q.object
                            WHERE q.hash = $1 AND r.is_pack AND r.state = 1))
                RETURNING o.number)
            UPDATE object SET state = 2, since = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
            WHERE number IN (SELECT number FROM gone)";
        self.rows("removing a body", sql, &[&&id.as_bytes()[..]])?;
        let sql = "DELETE FROM loose WHERE hash = $1
            AND (NOT EXISTS (SELECT 1 FROM blob b WHERE b.hash = $1 AND b.stored)
                OR EXISTS (SELECT 1 FROM placed q JOIN object r ON r.number = q.object
                    WHERE q.hash = $1 AND r.state = 1))";
        self.rows("removing a body", sql, &[&&id.as_bytes()[..]])
            .map(drop)
    }

    fn list(&self, visit: &mut dyn FnMut(BlobId) -> StorageResult<()>) -> StorageResult<()> {
        let sql = "SELECT p.hash FROM placed p JOIN object o ON o.number = p.object
            WHERE NOT o.is_pack AND o.state = 1 UNION SELECT hash FROM loose";
        let rows = self.rows("listing bodies", sql, &[])?;
        rows.iter()
            .try_for_each(|row| visit(BlobId::from_bytes(bytes(row, 0)?)))
    }

    fn pack(&self, level: CompressionLevel) -> StorageResult<Box<dyn Pack + '_>> {
        Ok(Box::new(ObjectPack::new(self, level)))
    }

    fn written(&self, id: BlobId) -> StorageResult<Option<DateTime<Utc>>> {
        let sql = "SELECT greatest((SELECT max(p.written) FROM placed p JOIN object o ON o.number = p.object
                WHERE p.hash = $1 AND NOT o.is_pack AND o.state = 1),
            (SELECT written FROM loose WHERE hash = $1))";
        let rows = self.rows("reading a body's age", sql, &[&&id.as_bytes()[..]])?;
        rows.first().map_or(Ok(None), |row| optional_moment(row, 0))
    }

    fn newest(&self) -> StorageResult<Option<DateTime<Utc>>> {
        let sql = "SELECT max(p.written) FROM placed p JOIN object o ON o.number = p.object WHERE o.state = 1";
        let rows = self.rows("reading the age of bodies", sql, &[])?;
        let newest = rows
            .first()
            .map_or(Ok(None), |row| optional_moment(row, 0))?;
        Ok(newest.max(self.tables.newest()?))
    }

    fn compact(
        &self,
        scope: CompactionScope,
        young_since: DateTime<Utc>,
        live: &mut LiveBodies<'_>,
    ) -> StorageResult<CompactionSummary> {
        self.compact_objects(scope, young_since, live)
    }

    fn join_packs(&self) -> StorageResult<()> {
        self.move_tables()?;
        self.join_objects()
    }

    fn holds(&self, id: BlobId) -> StorageResult<bool> {
        let sql = "SELECT 1 FROM placed p JOIN object o ON o.number = p.object
            WHERE p.hash = $1 AND o.state = 1 LIMIT 1";
        let rows = self.rows("looking for a body", sql, &[&&id.as_bytes()[..]])?;
        Ok(!rows.is_empty() || self.tables.holds(id)?)
    }

    fn check_packs(&self, all: bool) -> StorageResult<Vec<String>> {
        self.check_objects(all)
    }

    fn usage(&self) -> StorageResult<BlobUsage> {
        let sql = "WITH body AS (
                SELECT p.hash, max(p.size) AS size, o.is_pack FROM placed p JOIN object o ON o.number = p.object
                WHERE o.state = 1 GROUP BY p.hash, o.is_pack)
            SELECT count(*) FILTER (WHERE NOT is_pack), coalesce(sum(size) FILTER (WHERE NOT is_pack), 0)::bigint,
                count(*) FILTER (WHERE is_pack), coalesce(sum(size) FILTER (WHERE is_pack), 0)::bigint,
                (SELECT count(*) FROM object WHERE is_pack AND state = 1),
                (SELECT coalesce(sum(size), 0)::bigint FROM object WHERE is_pack AND state = 1)
            FROM body";
        let rows = self.rows("measuring bodies", sql, &[])?;
        let mut usage = self.tables.usage()?;
        if let Some(row) = rows.first() {
            usage.loose_bodies += number(row, 0)?;
            usage.loose_bytes += number(row, 1)?;
            usage.packed_bodies += number(row, 2)?;
            usage.packed_bytes += number(row, 3)?;
            usage.packs += number(row, 4)?;
            usage.pack_bytes += number(row, 5)?;
        }
        let sql = "SELECT since, at, message FROM object_failure";
        let rows = self.rows("reading the last failure", sql, &[])?;
        if let Some(row) = rows.first() {
            let moment = |column| optional_moment(row, column).map(Option::unwrap_or_default);
            usage.failure = Some(BlobFailure {
                since: moment(0)?,
                at: moment(1)?,
                message: text(row, 2)?.to_owned(),
            });
        }
        Ok(usage)
    }

    fn sweep(&self, deleted_before: DateTime<Utc>) -> StorageResult<()> {
        self.sweep_objects(micros(deleted_before))
    }

    fn max_loose(&self) -> u64 {
        0
    }
}
