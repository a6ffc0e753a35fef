//! Both places in memory: for tests and for stores that are thrown away.
//!
//! Stricter than it need be: every change is checked against the state that it says was there.
//! A snapshot is a clone of persistent maps, which costs the same at any size.

mod blobs;
mod bodies;
mod index;
mod operations;
mod search;
mod state;
mod write;

pub use self::blobs::MemoryBlobs;
pub use self::index::MemoryIndex;
