//! Pushing: what a store has and a remote does not.

mod execute;
mod steps;
mod summary;
mod transfer;

pub use self::summary::{
    MappedNumber, PromptPush, PromptSync, PushOutcome, PushSummary, SyncState, SyncStatus,
};
pub use self::transfer::PushOptions;
pub(super) use self::transfer::{push, status};
