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

pub use blobs::{
    BlobUsage, Blobs, CompactionSummary, DeltaGroup, Effort, Extent, LiveBodies, Pack,
};
pub use deadline::Deadline;
pub use error::{StorageError, StorageErrorKind, StorageResult};
pub use index::{
    AppendedBody, AppendedPlace, BlobVisitor, ChangeMark, Index, JournaledBodies, LockGuard,
    Numbering, OldestJournaled, OperationVisitor, PromptVisitor, ReleasedBefore, Snapshot,
    StoredBlob, Transaction, Unreferenced,
};
pub use memory::{MemoryBlobs, MemoryIndex};
pub use prompt_table::{PromptTable, VersionRow};
pub(crate) use rows::PromptRows;
pub use search::{
    Indexable, IndexedItem, IndexedItemVisitor, Phrase, SearchMatch, SearchQuery, SearchVisitor,
    SearchablePrompt, SearchableVersion, WordQuery,
};
pub(crate) use tables::PromptTables;
