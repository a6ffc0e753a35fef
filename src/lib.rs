//! promptbook (front page to come)

pub mod backend;
mod body;
#[cfg(feature = "cli")]
pub mod cli;
mod directory;
mod engine;
mod error;
mod id;
mod number;
mod record;
mod sqlite;
mod store;
pub mod template;

pub use body::Body;
pub use engine::contract::{self, Breakage, Contract};
pub use engine::{
    Collected, Created, Move, Moved, NewPrompt, NewVersion, Report, Settled, Violation,
};
pub use error::{Error, Holder, Invalid, Result};
pub use id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
pub use number::{Bump, PromptRef, Selector, Spec, VersionNumber};
pub use record::{
    Change, Durability, Environment, Expected, Operation, OperationContent, OperationFilter,
    OperationKind, Policy, Prompt, PromptFilter, PromptState, RecordedInputs, Settings, Version,
    VersionCounts, VersionFilter,
};
pub use store::{Batch, Mode, Rendered, Resolved, Stats, Store, StoreOptions};
