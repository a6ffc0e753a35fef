//! Pulling: what a remote has and a store does not.

mod apply;
mod fetch;
mod ours;
mod select;
mod summary;
mod transfer;

pub use self::summary::{
    FailedPrompt, LackingVersions, PromptPull, PullOutcome, PullSummary, RenumberedVersion,
};
pub use self::transfer::PullOptions;
pub(super) use self::transfer::{PullTarget, pull};
