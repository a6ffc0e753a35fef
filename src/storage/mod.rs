//! The traits that a store is built on: [`Index`] for all small data, and [`Blobs`] for bodies.
//!
//! The engine above knows nothing about files or SQL, and relies only on the documentation of these
//! traits. This module contains them, an implementation of both in memory, and (with the feature
//! `testing`) the suite that every implementation must pass.

mod blobs;
mod deadline;
pub(crate) mod directory;
mod error;
mod index;
mod memory;
mod prompt_table;
mod rows;
mod search;
pub(crate) mod sqlite;
mod tables;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use blobs::{BlobUsage, Blobs, Compacted, Effort, Extent, Hold, Kin, LiveBodies, Pack};
pub use deadline::Deadline;
pub use error::{Error, ErrorKind, Result};
pub use index::{
    ChangeMark, Collectable, Held, Index, Journaled, Numbering, OperationVisitor, Snapshot,
    StoredBlob, Transaction, Unused, Waiting,
};
pub use memory::{MemoryBlobs, MemoryIndex};
pub use prompt_table::{PromptTable, VersionRow};
pub(crate) use rows::PromptRows;
pub use search::{
    Phrase, SearchMatch, SearchQuery, SearchVisitor, Searchable, SearchablePrompt,
    SearchableVersion, Told, Words,
};
pub(crate) use tables::PromptTables;
