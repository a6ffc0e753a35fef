//! The reads of an index, in groups.

mod bodies;
mod log;
mod lookups;
mod prompts;
mod search;
mod versions;
mod whole;

pub use bodies::{
    BlobVisitor, BodyReads, JournaledBodies, OldestJournaled, ReleasedBefore, StoredBlob,
    Unreferenced,
};
pub use log::{LogReads, OperationVisitor};
pub use lookups::{EnvironmentLookup, HeadLookup, LookupReads, Resolution, VersionSummary};
pub(crate) use lookups::{environment_by_parts, resolve_by_parts};
pub use prompts::{PromptReads, PromptVisitor};
pub use search::SearchReads;
pub use versions::{Numbering, VersionReads};
pub use whole::Snapshot;
