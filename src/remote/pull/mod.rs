//! Pulling: what a remote has and a store does not.

mod apply;
mod fetch;
mod ours;
mod pending;
mod select;
mod summary;
mod target;
mod transfer;

pub(super) use self::apply::{ComparedPrompt, compared, describe};
pub(super) use self::fetch::{FetchedPrompt, fetch, fetch_one};
pub(super) use self::pending::{link, look, settle_pending};
pub use self::summary::{
    FailedPrompt, LackingVersions, PromptPull, PullOutcome, PullSummary, RenumberedVersion,
};
pub(super) use self::target::TransferTarget;
pub use self::transfer::PullOptions;
pub(super) use self::transfer::{lacking, pull};
