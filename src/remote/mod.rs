//! Remotes: other places of prompts, from which a store pulls and to which it pushes.
//!
//! A remote is a Helicone organisation, which is reached by its HTTP API. What was last seen of a
//! remote is in a file of the store's directory, so that the changes of both sides are known:
//! [`docs::remotes`](crate::docs::remotes) describes it.
//!
//! The layers, each of which uses those before it:
//!
//! - `http`: requests that are repeated, bounded and sent several at a time;
//! - `helicone`: the API as typed calls;
//! - `state`: the file of a remote;
//! - `plan`: the comparison of two sides with what they had in common, without any I/O;
//! - `pull` and `push`: the transfers.

mod clone;
mod error;
mod helicone;
mod http;
mod options;
mod plan;
mod pull;
mod push;
mod remotes;
mod state;

pub use self::clone::clone_store;
pub use self::error::RemoteError;
pub use self::http::{RemoteKey, StopFlag};
pub use self::options::StatusOptions;
pub use self::plan::Settlement;
pub use self::pull::{
    FailedPrompt, LackingVersions, PromptPull, PullOptions, PullOutcome, PullSummary,
    RenumberedVersion,
};
pub use self::push::{
    MappedNumber, PromptPush, PromptSync, PushOptions, PushOutcome, PushSummary, SyncState,
    SyncStatus,
};
pub use self::remotes::{DEFAULT_REMOTE, RemoteInfo, Remotes};
