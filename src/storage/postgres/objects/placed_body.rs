//! [`PlacedBody`], a body and the object that contains it, as the table of contents has them.

use tokio_postgres::Row;

use super::frames::{BodyPlace, FramePlace};
use crate::model::id::BlobId;
use crate::storage::StorageResult;
use crate::storage::postgres::columns::{bytes, moment, number, raw, signed};
use crate::storage::postgres::error::corrupt;

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
