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
    BlobUsage, Blobs, CompactionSummary, DeltaGroup, Effort, Extent, LiveBodies, LockGuard, Pack,
};
pub use deadline::Deadline;
pub use error::{StorageError, StorageErrorKind, StorageResult};
pub use index::{
    ChangeMark, Index, JournaledBodies, Numbering, OldestJournaled, OperationVisitor,
    ReleasedBefore, Snapshot, SnapshotGuard, StoredBlob, Transaction, Unreferenced,
};
pub use memory::{MemoryBlobs, MemoryIndex};
pub use prompt_table::{PromptTable, VersionRow};
pub(crate) use rows::PromptRows;
pub use search::{
    Indexable, IndexedItem, Phrase, SearchMatch, SearchQuery, SearchVisitor, SearchablePrompt,
    SearchableVersion, WordQuery,
};
pub(crate) use tables::PromptTables;

/// Returns a text in the letter case in which names are searched and sorted.
pub(crate) fn folded(text: &str) -> String {
    unicase::UniCase::new(text).to_folded_case()
}
