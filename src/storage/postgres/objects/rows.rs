//! The rows of objects and of the bodies in them: every statement about objects that writes.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::blobs::ObjectBlobs;
use super::frames::{BodyPlace, FramePlace, NewObject};
use crate::model::id::BlobId;
use crate::storage::postgres::blobs::STORE_PACKED;
use crate::storage::postgres::columns::{bytes, micros, moment, number, raw, signed};
use crate::storage::postgres::connection::{Params, WriteStep};
use crate::storage::postgres::error::corrupt;
use crate::storage::{StorageError, StorageResult};

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

/// Returns a key that no object has had: an address, then the time and a random number.
fn new_key(address: &str) -> String {
    let now = crate::model::clock::system().timestamp_micros();
    let prefix = address.get(..2).unwrap_or(address);
    format!("{prefix}/{address}-{now:016x}{:016x}", fastrand::u64(..))
}

/// Returns the key of an object that is put only to check that objects can be put.
pub(super) fn probe_key() -> String {
    let key = new_key("probe");
    key.get(3..).unwrap_or(&key).to_owned()
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

    /// Records that an object could not be put. The record is removed by the next success.
    pub(super) fn note_failure(&self, error: &StorageError) {
        let sql = format!(
            "INSERT INTO object_failure (since, at, message) VALUES ({NOW}, {NOW}, $1)
             ON CONFLICT (one) DO UPDATE SET at = excluded.at, message = excluded.message"
        );
        // If it fails too, the error that the caller gets is all there is.
        let _ = self.rows(
            "recording a failure",
            &sql,
            &[&error.to_string().as_bytes()],
        );
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
            steps.push(WriteStep {
                doing: "recording stored bodies",
                sql,
                params,
                is_single,
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
            let params: Vec<Box<dyn ToSql + Sync>> = vec![
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

fn placing(object: i64, bodies: &[BodyPlace]) -> Vec<Box<dyn ToSql + Sync>> {
    let column = |value: fn(&BodyPlace) -> u64| -> Box<dyn ToSql + Sync> {
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

/// A body, and the object that contains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlacedBody {
    pub(super) object: i64,
    pub(super) key: String,
    /// The size of the object.
    pub(super) object_size: u64,
    pub(super) place: BodyPlace,
}

/// The columns that [`placed_body`] reads, of `object o` and `placed p`.
pub(super) const PLACED: &str = "p.hash, o.number, o.key, o.size, p.frame, p.frame_stored, p.frame_size, p.start, p.size, p.written";

/// Returns the body in a row of the columns [`PLACED`].
pub(super) fn placed_body(row: &Row) -> StorageResult<PlacedBody> {
    Ok(PlacedBody {
        object: signed(number(row, 1)?),
        key: key(row, 2)?,
        object_size: number(row, 3)?,
        place: BodyPlace {
            id: BlobId::from_bytes(bytes(row, 0)?),
            frame: FramePlace {
                begin: number(row, 4)?,
                stored: number(row, 5)?,
                size: number(row, 6)?,
            },
            start: number(row, 7)?,
            size: number(row, 8)?,
            written: moment(row, 9)?,
        },
    })
}

/// Returns the key of an object.
pub(super) fn key(row: &Row, column: usize) -> StorageResult<String> {
    let key = std::str::from_utf8(raw(row, column)?);
    key.map(str::to_owned)
        .map_err(|error| corrupt("reading the key of an object").because(error))
}
