//! The index and the blob store in memory, for tests and for temporary stores.
//!
//! The index is stricter than the contract requires: it compares every change with the state that
//! the change says was there before. A snapshot is a clone of persistent maps, whose cost does not
//! depend on their size.

#![expect(clippy::disallowed_types, reason = "this module defines backends")]

mod blobs;
mod bodies;
mod committed;
mod index;
mod operations;
mod search;
mod state;
mod write;

pub use self::blobs::MemoryBlobs;
pub use self::index::MemoryIndex;
