//! The reads of bodies: where each one is stored, and which ones are unreferenced.

use tokio_postgres::Row;

use super::PostgresSnapshot;
use crate::model::id::BlobId;
use crate::storage::postgres::columns::{bytes, micros, number, optional_raw, raw, signed};
use crate::storage::postgres::connection::Params;
use crate::storage::{
    BlobVisitor, BodyReads, JournaledBodies, OldestJournaled, ReleasedBefore, StorageResult,
    StoredBlob, Unreferenced,
};

/// The number of bodies that are read at once by a visit of all.
const VISITED_TOGETHER: i64 = 100;

fn stored(row: &Row, size: usize, body: usize) -> StorageResult<StoredBlob> {
    Ok(match optional_raw(row, body)? {
        Some(bytes) => StoredBlob::Journaled(bytes.to_vec()),
        None => StoredBlob::Settled(number(row, size)?),
    })
}

impl BodyReads for PostgresSnapshot<'_> {
    fn blob(&self, id: BlobId) -> StorageResult<Option<StoredBlob>> {
        if self.unused().has_body(id) {
            return Ok(None);
        }
        let sql = "SELECT o.size, j.body FROM blob o LEFT JOIN journal j ON j.blob = o.key
            WHERE o.stored AND o.hash = $1";
        let is_concerned = self.pending().concerned().has_body(id);
        let params: &Params<'_> = &[&&id.as_bytes()[..]];
        let rows = self.rows_beside_pending(is_concerned, "reading a body", sql, params)?;
        rows.first().map(|row| stored(row, 0, 1)).transpose()
    }

    fn waiting(&self) -> StorageResult<OldestJournaled> {
        let sql = "SELECT count(*), coalesce(sum(length(body)), 0)::bigint FROM journal";
        let row = self.row("measuring the journal", sql, &[])?;
        let Some(row) = row else {
            return Ok(OldestJournaled::default());
        };
        Ok(OldestJournaled {
            bodies: number(&row, 0)?,
            bytes: number(&row, 1)?,
        })
    }

    fn journal(&self, after: u64, bytes_at_most: usize) -> StorageResult<Vec<JournaledBodies>> {
        // The sum before a body decides, so that there is always one.
        let sql = "SELECT blob, hash, body FROM
                (SELECT j.blob, o.hash, j.body, row_number() OVER w AS place,
                    sum(length(j.body)) OVER w AS total
                 FROM journal j JOIN blob o ON o.key = j.blob WHERE j.blob > $1
                 WINDOW w AS (ORDER BY j.blob)) AS listed
            WHERE place = 1 OR total <= $2 ORDER BY blob";
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&signed(after), &signed(bytes_at_most)];
        let rows = self.rows("reading the journal", sql, &params)?;
        let body = |row: &Row| {
            Ok(JournaledBodies {
                position: number(row, 0)?,
                id: BlobId::from_bytes(bytes(row, 1)?),
                bytes: raw(row, 2)?.to_vec(),
            })
        };
        rows.iter().map(body).collect()
    }

    fn unreferenced(
        &self,
        unused: ReleasedBefore,
        limit: usize,
    ) -> StorageResult<Vec<Unreferenced>> {
        let sql = "SELECT hash, size FROM blob
            WHERE live = 0 AND stored AND unused_since <= $1 AND unused_by < $2 LIMIT $3";
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [
            &micros(unused.since),
            &signed(unused.before),
            &signed(limit),
        ];
        let rows = self.rows("searching for unreferenced bodies", sql, &params)?;
        let body = |row: &Row| {
            Ok(Unreferenced {
                id: BlobId::from_bytes(bytes(row, 0)?),
                size: number(row, 1)?,
            })
        };
        rows.iter().map(body).collect()
    }

    fn each_blob(&self, visit: &mut BlobVisitor<'_>) -> StorageResult<()> {
        let sql = "SELECT o.key, o.hash, o.size, j.body, o.live
            FROM blob o LEFT JOIN journal j ON j.blob = o.key
            WHERE o.stored AND o.key > $1 ORDER BY o.key LIMIT $2";
        let mut after = 0_i64;
        loop {
            let rows = self.rows("reading all bodies", sql, &[&after, &VISITED_TOGETHER])?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.get(0);
            for row in &rows {
                let id = BlobId::from_bytes(bytes(row, 1)?);
                if visit(id, stored(row, 2, 3)?, number(row, 4)?).is_break() {
                    return Ok(());
                }
            }
        }
    }
}
