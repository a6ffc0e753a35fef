//! Copying of bodies from objects, or from tables, to new objects that replace them.

use std::collections::HashSet;
use std::mem;

use super::blobs::ObjectBlobs;
use super::frames::ObjectBuilder;
use super::placed_body::{PLACED, PlacedBody, placed_body};
use super::reader::ReadBody;
use super::rows::Publication;
use crate::model::id::BlobId;
use crate::storage::postgres::columns::{bytes, moment, number, raw, signed};
use crate::storage::postgres::connection::Connection;
use crate::storage::{Blobs as _, CompressionLevel, DeltaGroup, StorageErrorKind, StorageResult};

/// The number of rows that are read at a time.
const FETCH: &str = "FETCH 1000 FROM rewritten";
/// The total size of the bodies that move from tables to an object at a time.
const MOVED_BYTES: i64 = 16 * 1024 * 1024;
/// Objects of this size or larger are not joined any more.
const LARGE: u64 = 4 * 1024 * 1024;

/// The objects that are rewritten, and those that replace them.
#[derive(Debug, Default)]
pub(super) struct RewriteSummary {
    /// The total size of the objects that were forgotten.
    pub(super) old_bytes: u64,
    /// The total size of the new objects.
    pub(super) new_bytes: u64,
}

impl ObjectBlobs {
    /// Copies all bodies of objects to new ones, and forgets the old ones.
    ///
    /// A body that cannot be read from these objects is copied from where it is intact. An object with a
    /// body that is nowhere intact remains.
    ///
    /// # Errors
    ///
    /// After a failure all objects remain; some of their bodies are in new objects too.
    pub(super) fn rewrite(
        &self,
        connection: &Connection,
        old: &[(i64, u64)],
        level: CompressionLevel,
        order: &RewriteOrder,
    ) -> StorageResult<RewriteSummary> {
        let doing = "rewriting objects";
        let numbers: Vec<String> = old.iter().map(|(number, _)| number.to_string()).collect();
        if numbers.is_empty() {
            return Ok(RewriteSummary::default());
        }
        let RewriteOrder { group, join, order } = order;
        // A body is as young as its youngest copy.
        let columns = PLACED.replace("p.written", "max(p.written) OVER (PARTITION BY p.hash)");
        self.steps.begin()?;
        connection.batch(
            doing,
            &format!(
                "DECLARE rewritten CURSOR WITH HOLD FOR
                 SELECT {columns}, {group} FROM placed p JOIN object o ON o.number = p.object {join}
                 WHERE o.state = 1 AND o.number IN ({}) ORDER BY {order}",
                numbers.join(", ")
            ),
        )?;
        let mut copies = Copies::new(self, level);
        loop {
            let rows = connection.rows(doing, FETCH, &[])?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let group = DeltaGroup(number(row, 10)?);
                copies.add(placed_body(row)?, group)?;
            }
        }
        connection.batch(doing, "CLOSE rewritten")?;
        let (unread, new_bytes) = copies.finish()?;
        let forgotten: Vec<(i64, u64)> = old
            .iter()
            .copied()
            .filter(|(number, _)| !unread.contains(number))
            .collect();
        let numbers: Vec<i64> = forgotten.iter().map(|(number, _)| *number).collect();
        self.publish(&Publication {
            forgotten: &numbers,
            ..Publication::default()
        })?;
        Ok(RewriteSummary {
            old_bytes: forgotten.iter().map(|(_, size)| size).sum(),
            new_bytes,
        })
    }

    /// Joins small objects, until each is larger than all smaller ones together.
    pub(super) fn join_objects(&self) -> StorageResult<()> {
        let sql = "SELECT number, size FROM object WHERE is_pack AND state = 1 AND size < $1 ORDER BY size";
        let rows = self.rows("looking for small objects", sql, &[&signed(LARGE)])?;
        let (mut old, mut sum, mut joined) = (Vec::new(), 0, 0);
        for row in &rows {
            let (object, size) = (signed(number(row, 0)?), number(row, 1)?);
            old.push((object, size));
            if old.len() > 1 && size < 2 * sum {
                joined = old.len();
            }
            sum += size;
        }
        old.truncate(joined);
        if old.is_empty() {
            return Ok(());
        }
        let (connection, ()) = self
            .pool
            .begin(|connection| connection.batch("joining objects", "SELECT 1"))?;
        self.rewrite(
            &connection,
            &old,
            CompressionLevel::Best,
            &RewriteOrder::as_they_are(),
        )?;
        self.pool.put_back(connection);
        Ok(())
    }

    /// Moves the bodies in the tables of a store without objects to objects.
    pub(super) fn move_tables(&self) -> StorageResult<()> {
        loop {
            let sql = "SELECT hash, body, written FROM (
                    SELECT hash, body, written, sum(length(body)) OVER (ORDER BY hash) AS total,
                        row_number() OVER (ORDER BY hash) AS place
                    FROM (SELECT DISTINCT ON (hash) * FROM
                        (SELECT * FROM packed UNION ALL SELECT * FROM loose) AS waiting LIMIT 5000) AS few) AS bodies
                WHERE total <= $1 OR place = 1";
            let rows = self.rows("reading bodies", sql, &[&MOVED_BYTES])?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut builder = ObjectBuilder::new(CompressionLevel::Best);
            let mut moved = Vec::new();
            for row in &rows {
                let id = BlobId::from_bytes(bytes(row, 0)?);
                builder.add(id, raw(row, 1)?, DeltaGroup(0), moment(row, 2)?)?;
                moved.push(id);
            }
            let begun = self.put_object(&mut builder, None)?;
            self.publish(&Publication {
                objects: begun.as_slice(),
                not_in_tables: &moved,
                ..Publication::default()
            })?;
        }
    }
}

/// The order in which bodies are rewritten: parts of a query.
#[derive(Debug)]
pub(super) struct RewriteOrder {
    pub(super) group: &'static str,
    pub(super) join: &'static str,
    pub(super) order: &'static str,
}

impl RewriteOrder {
    /// The order of the old objects, with their frames as groups.
    pub(super) const fn as_they_are() -> Self {
        Self {
            group: "p.object * 8388608 + p.frame",
            join: "",
            order: "p.object, p.frame, p.start",
        }
    }
}

/// The new objects of a rewrite.
struct Copies<'a> {
    blobs: &'a ObjectBlobs,
    builder: ObjectBuilder,
    copied: HashSet<BlobId>,
    /// The copies of bodies that could not be read.
    unread: Vec<(PlacedBody, DeltaGroup)>,
    bytes: u64,
}

impl<'a> Copies<'a> {
    fn new(blobs: &'a ObjectBlobs, level: CompressionLevel) -> Self {
        Self {
            blobs,
            builder: ObjectBuilder::new(level),
            copied: HashSet::new(),
            unread: Vec::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, body: PlacedBody, group: DeltaGroup) -> StorageResult<()> {
        let id = body.place.id;
        if self.copied.contains(&id) {
            return Ok(());
        }
        match self.blobs.reader.read(&self.blobs.bucket, &body) {
            Ok(ReadBody::Intact(bytes)) => self.copy(&body, bytes.as_bytes(), group),
            Ok(ReadBody::Missing) => {
                self.unread.push((body, group));
                Ok(())
            }
            Err(error) if error.kind() == StorageErrorKind::Corrupt => {
                self.unread.push((body, group));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn copy(&mut self, body: &PlacedBody, bytes: &[u8], group: DeltaGroup) -> StorageResult<()> {
        let id = body.place.id;
        self.builder.add(id, bytes, group, body.place.written)?;
        self.copied.insert(id);
        if self.builder.is_full() {
            self.put()?;
        }
        Ok(())
    }

    fn put(&mut self) -> StorageResult<()> {
        let begun = self.blobs.put_object(&mut self.builder, None)?;
        let Some(begun) = begun else {
            return Ok(());
        };
        let end = |body: &super::frames::BodyPlace| body.frame.begin + body.frame.stored;
        self.bytes += begun.bodies.last().map_or(0, end);
        self.blobs.publish(&Publication {
            objects: &[begun],
            ..Publication::default()
        })
    }

    /// Puts the last object. Returns the old objects that must remain, and the size of the new ones.
    fn finish(mut self) -> StorageResult<(HashSet<i64>, u64)> {
        let mut lost = HashSet::new();
        for (body, group) in mem::take(&mut self.unread) {
            if self.copied.contains(&body.place.id) {
                continue;
            }
            // A repair has put it into an object of its own.
            match self.blobs.get(body.place.id) {
                Ok(Some(bytes)) => self.copy(&body, bytes.as_bytes(), group)?,
                Err(error) if error.kind() != StorageErrorKind::Corrupt => return Err(error),
                _ => drop(lost.insert(body.object)),
            }
        }
        self.put()?;
        Ok((lost, self.bytes))
    }
}
