//! Old operations, many to a row: a chunk has the texts of operations of consecutive numbers, and the id of the last.
//!
//! The other ids follow from the one before the chunk and the texts, and the last one proves all that was read: damage
//! anywhere in a chunk, or in a row that it refers to, is [`Corrupt`](crate::storage::ErrorKind::Corrupt), and never
//! another operation.

mod archiver;
mod segments;
mod text;

pub(crate) use self::archiver::{Gathered, Sizes, gather};
pub(super) use self::segments::{Chunk, Chunks, Place, end, next};
