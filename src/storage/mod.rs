//! The traits that a store is built on: [`Index`] for all small data, and [`Blobs`] for bodies.
//!
//! The engine above knows nothing about files or SQL, and relies only on the documentation of these
//! traits. This module contains them, an implementation of both in memory, and (with the feature
//! `testing`) the suite that every implementation must pass.

mod blobs;
mod change_mark;
mod commit_watch;
mod deadline;
pub(crate) mod directory;
mod error;
mod history_text;
mod index;
mod memory;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod prompt_table;
mod rows;
#[cfg(feature = "s3")]
mod s3;
mod search;
mod snapshot;
pub(crate) mod sqlite;
mod tables;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transaction;

pub use crate::model::verified_bytes::{HashMismatch, VerifiedBytes};
pub use blobs::{
    BlobFailure, BlobUsage, Blobs, CompactionScope, CompactionSummary, CompressionLevel,
    DeltaGroup, LiveBodies, Pack,
};
pub use change_mark::ChangeMark;
pub use commit_watch::{CommitWatch, WakeFn};
pub use deadline::Deadline;
pub use error::{StorageError, StorageErrorKind, StorageResult};
pub(crate) use history_text::{
    read_changed_prompts, read_live_changes, read_operation, unwritten, write_operation,
};
pub use index::{Index, LockGuard};
#[expect(
    clippy::disallowed_types,
    reason = "an export, for those who open a store"
)]
pub use memory::{MemoryBlobs, MemoryIndex};
pub use prompt_table::{PromptTable, VersionRow};
pub(crate) use rows::PromptRows;
pub use search::{
    Indexable, IndexedItem, IndexedItemVisitor, Phrase, PlaceCounts, SearchMatch, SearchQuery,
    SearchVisitor, SearchablePrompt, SearchableVersion, WordQuery,
};
pub use snapshot::{
    BlobVisitor, BodyReads, EnvironmentLookup, HeadLookup, JournaledBodies, LogReads, LookupReads,
    Numbering, OldestJournaled, OperationVisitor, PromptReads, PromptVisitor, ReleasedBefore,
    Resolution, SearchReads, Snapshot, StoredBlob, Unreferenced, VersionReads, VersionSummary,
};
pub(crate) use tables::PromptTables;

/// Returns a text in the letter case in which names are searched and sorted.
pub(crate) fn folded(text: &str) -> String {
    unicase::UniCase::new(text).to_folded_case()
}
pub use transaction::{AnnouncedIds, AppendedBody, AppendedPlace, Transaction};
