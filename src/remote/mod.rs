//! Remotes: other places of prompts, from which a store pulls and to which it pushes.
//!
//! A remote is a Helicone organisation, which is reached by its HTTP API, or a store that
//! `promptbook serve` serves. What was last seen of a
//! remote is in a file of the store's directory, so that the changes of both sides are known:
//! [`docs::remotes`](crate::docs::remotes) describes it.
//!
//! The layers, each of which uses those before it:
//!
//! - `http`: requests that are repeated, bounded and sent several at a time;
//! - `helicone`: the API as typed calls;
//! - `state`: the file of a remote;
//! - `plan`: the comparison of two sides with what they had in common, without any I/O;
//! - `pull` and `push`: the transfers;
//! - `exchange`: the transfers if the remote is a store that another process serves.

mod clone;
mod error;
mod exchange;
mod helicone;
mod http;
mod options;
mod plan;
mod pull;
mod pull_store;
mod push;
mod remote_service;
mod remotes;
mod renumbering_import;
mod state;

pub use self::clone::clone_store;
pub use self::error::RemoteError;
pub use self::exchange::ReassignedNumber;
pub use self::http::{RemoteKey, StopFlag};
pub use self::options::StatusOptions;
pub use self::plan::Settlement;
pub use self::pull::{
    FailedPrompt, LackingVersions, PromptPull, PullOptions, PullOutcome, PullSummary,
    RenumberedVersion,
};
pub use self::pull_store::pull_store;
pub use self::push::{
    MappedNumber, PromptPush, PromptSync, PushOptions, PushOutcome, PushSummary, SyncState,
    SyncStatus,
};
pub use self::remotes::{DEFAULT_REMOTE, RemoteInfo, Remotes};
pub use self::renumbering_import::{RenumberingSummary, import_renumbering};
pub use self::state::RemoteKind;
