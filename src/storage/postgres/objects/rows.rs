//! The rows of objects and of the bodies in them: every statement about objects that writes.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::blobs::ObjectBlobs;
use super::frames::{BodyPlace, NewObject};
use super::object_key::new_key;
use crate::model::id::BlobId;
use crate::storage::StorageResult;
use crate::storage::postgres::blobs::STORE_PACKED;
use crate::storage::postgres::columns::{micros, number, signed};
use crate::storage::postgres::connection::Params;
use crate::storage::postgres::error::corrupt;
use crate::storage::postgres::write_step::{Param, WriteStep};

/// The time in the database, in microseconds since 1970.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The number of rows that are inserted by one statement.
const ROWS_PER_STATEMENT: usize = 5000;

/// An object with a row, whose bodies have none yet.
#[derive(Debug)]
pub(super) struct BegunObject {
    pub(super) number: i64,
    pub(super) key: String,
    pub(super) bodies: Vec<BodyPlace>,
}

/// What a transaction changes when objects become readable.
#[derive(Debug, Default)]
pub(super) struct Publication<'a> {
    pub(super) objects: &'a [BegunObject],
    /// Objects whose bodies are in the new ones.
    pub(super) forgotten: &'a [i64],
    /// The body whose other loose objects are forgotten.
    pub(super) replaces: Option<BlobId>,
    /// Bodies that become rows of the table of packed bodies, as no object could be put.
    pub(super) in_table: &'a [(BlobId, Vec<u8>, DateTime<Utc>)],
    /// Bodies whose rows in the tables of bodies are removed.
    pub(super) not_in_tables: &'a [BlobId],
}

impl ObjectBlobs {
    /// Records that an object is being put, under a new key.
    pub(super) fn begin_object(
        &self,
        object: NewObject,
        loose: Option<BlobId>,
    ) -> StorageResult<BegunObject> {
        let hash = blake3::hash(&object.bytes);
        let address = loose.map_or_else(|| hash.to_hex().to_string(), |id| id.to_string());
        let key = new_key(&address);
        let bodies: u64 = object.bodies.iter().map(|body| body.size).sum();
        let sql = format!(
            "INSERT INTO object (key, is_pack, size, bodies, hash, state, since)
             VALUES ($1, $2, $3, $4, $5, 0, {NOW})
             ON CONFLICT (key) DO UPDATE SET since = excluded.since
                WHERE object.state = 0 AND object.hash = excluded.hash
             RETURNING number"
        );
        let params: &Params<'_> = &[
            &key.as_bytes(),
            &loose.is_none(),
            &signed(object.bytes.len()),
            &signed(bodies),
            &&hash.as_bytes()[..],
        ];
        let rows = self.rows("recording an object", &sql, params)?;
        let row = rows.first().ok_or_else(|| corrupt("recording an object"))?;
        Ok(BegunObject {
            number: signed(number(row, 0)?),
            key,
            bodies: object.bodies,
        })
    }

    /// Makes the bodies of stored objects readable, and those that they replace unreadable.
    ///
    /// # Errors
    ///
    /// A failure changes nothing. It fails if an object was forgotten while it was being put.
    pub(super) fn publish(&self, publication: &Publication<'_>) -> StorageResult<()> {
        let doing = "recording stored bodies";
        let steps = publication.steps();
        self.steps.begin()?;
        let (connection, ()) = self
            .pool
            .begin(|connection| connection.batch(doing, "BEGIN"))?;
        if let Err(error) = connection.run(&steps) {
            connection.send("ROLLBACK");
            return Err(error);
        }
        connection.batch(doing, "COMMIT")?;
        self.pool.put_back(connection);
        Ok(())
    }

    /// Records why an object was not put. The record is removed by the next success.
    pub(super) fn note_failure(&self, message: &str) {
        let sql = format!(
            "INSERT INTO object_failure (since, at, message) VALUES ({NOW}, {NOW}, $1)
             ON CONFLICT (one) DO UPDATE SET at = excluded.at, message = excluded.message"
        );
        // If it fails too, the error that the caller gets is all there is.
        let _ = self.rows("recording a failure", &sql, &[&message.as_bytes()]);
    }

    /// Returns the rows of one statement.
    ///
    /// It must be harmless to run it twice: if an idle connection is broken, that is what happens.
    pub(super) fn rows(
        &self,
        doing: &str,
        sql: &str,
        params: &Params<'_>,
    ) -> StorageResult<Vec<Row>> {
        self.steps.begin()?;
        self.pool.rows(doing, sql, params)
    }
}

impl Publication<'_> {
    fn steps(&self) -> Vec<WriteStep> {
        let mut steps = Vec::new();
        let mut add = |sql, params, is_single| {
            let doing = "recording stored bodies";
            steps.push(if is_single {
                WriteStep::changing(1, doing, sql, params)
            } else {
                WriteStep::any(doing, sql, params)
            });
        };
        for object in self.objects {
            // It is no longer being put if another process has swept it meanwhile.
            add(STORED, vec![Box::new(object.number) as _], true);
            for bodies in object.bodies.chunks(ROWS_PER_STATEMENT) {
                add(PLACE, placing(object.number, bodies), false);
            }
        }
        for number in self.forgotten {
            add(FORGET, vec![Box::new(*number) as _], true);
            add(
                "DELETE FROM placed WHERE object = $1",
                vec![Box::new(*number) as _],
                false,
            );
        }
        if let (Some(id), [object, ..]) = (self.replaces, self.objects) {
            let id = id.as_bytes().to_vec();
            add(
                REPLACE,
                vec![Box::new(id) as _, Box::new(object.number) as _],
                false,
            );
        }
        for (id, body, written) in self.in_table {
            let params: Vec<Param> = vec![
                Box::new(id.as_bytes().to_vec()),
                Box::new(body.clone()),
                Box::new(micros(*written)),
            ];
            add(STORE_PACKED, params, true);
        }
        if !self.not_in_tables.is_empty() {
            let ids: Vec<Vec<u8>> = self
                .not_in_tables
                .iter()
                .map(|id| id.as_bytes().to_vec())
                .collect();
            for table in [
                "DELETE FROM packed WHERE hash = ANY($1)",
                "DELETE FROM loose WHERE hash = ANY($1)",
            ] {
                add(table, vec![Box::new(ids.clone()) as _], false);
            }
        }
        if !self.objects.is_empty() {
            add("DELETE FROM object_failure", Vec::new(), false);
        }
        steps
    }
}

const STORED: &str =
    "UPDATE object SET state = 1, since = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    WHERE number = $1 AND state = 0";

const FORGET: &str =
    "UPDATE object SET state = 2, since = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    WHERE number = $1 AND state = 1";

const PLACE: &str = "INSERT INTO placed (object, hash, frame, frame_stored, frame_size, start, size, written)
    SELECT $1, * FROM unnest($2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])";

/// Forgets the loose objects of a body, except one.
const REPLACE: &str = "WITH gone AS (
        DELETE FROM placed p USING object o
        WHERE o.number = p.object AND NOT o.is_pack AND p.hash = $1 AND o.number <> $2 RETURNING o.number)
    UPDATE object SET state = 2, since = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    WHERE number IN (SELECT number FROM gone)";

fn placing(object: i64, bodies: &[BodyPlace]) -> Vec<Param> {
    let column = |value: fn(&BodyPlace) -> u64| -> Param {
        Box::new(
            bodies
                .iter()
                .map(|body| signed(value(body)))
                .collect::<Vec<i64>>(),
        )
    };
    let hashes: Vec<Vec<u8>> = bodies
        .iter()
        .map(|body| body.id.as_bytes().to_vec())
        .collect();
    let written: Vec<i64> = bodies.iter().map(|body| micros(body.written)).collect();
    vec![
        Box::new(object),
        Box::new(hashes),
        column(|body| body.frame.begin),
        column(|body| body.frame.stored),
        column(|body| body.frame.size),
        column(|body| body.start),
        column(|body| body.size),
        Box::new(written),
    ]
}
