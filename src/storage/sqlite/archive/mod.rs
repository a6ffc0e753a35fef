//! Segments: old operations, many to one row of the index.
//!
//! A segment contains the texts of operations with consecutive numbers, and the id of the last one.
//! The other ids follow from the texts and from the id before the segment, and the last id proves
//! everything that was read. Damage anywhere in a segment, or in a row that it refers to, is
//! [`Corrupt`](crate::storage::StorageErrorKind::Corrupt), and never yields another operation.

mod archiver;
mod known_rows;
mod row_lookups;
mod segments;
mod text;

pub(crate) use self::archiver::{ArchivedSegment, SegmentSizes, archive, last_row};
pub(super) use self::segments::{LogSegment, RowPosition, SegmentCache, end, next};
