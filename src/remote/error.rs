//! Errors of remotes.

use std::time::Duration;

use crate::VersionNumber;
use crate::error::{FileError, OpenError};

/// An error of a call that uses a remote.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The store failed or refused the call.
    #[error(transparent)]
    Store(#[from] crate::Error),

    /// The text is not the URL of a remote, or not one that may be used.
    #[error("{url:?} cannot be a remote: {reason}")]
    Url {
        /// The URL, without a password.
        url: String,
        /// The reason.
        reason: String,
    },

    /// The text is not the name of a remote.
    #[error("{name:?} is not a name of a remote: expected 1 to 64 of A-Z, a-z, 0-9, _ and -")]
    Name {
        /// The text.
        name: String,
    },

    /// The store already has a remote of this name.
    #[error("the store already has a remote {name}, which is {url}")]
    Exists {
        /// The name.
        name: String,
        /// The URL of the existing remote.
        url: String,
    },

    /// The store has no remote of this name.
    #[error("the store has no remote {name}")]
    NotFound {
        /// The name.
        name: String,
    },

    /// The store is not in a directory, so it has no place for remotes.
    #[error("a store that is not in a directory has no remotes")]
    NoDirectory,

    /// Another process pulls from a remote of the store, or pushes to one.
    #[error("another process uses the remotes of this store; repeat the command when it has ended")]
    Busy,

    /// The file of a remote cannot be read or written, or is damaged.
    #[error("the state of the remote {name} cannot be used: {source}")]
    State {
        /// The name of the remote.
        name: String,
        /// The reason.
        source: FileError,
    },

    /// The remote did not answer, although the request was repeated.
    #[error("{host} did not answer {request}: {reason}")]
    Unanswered {
        /// The host and the port.
        host: String,
        /// The method and the path of the request.
        request: String,
        /// What happened at the last attempt.
        reason: String,
    },

    /// The remote does not accept the key, or requires one.
    #[error("{host} refuses the key ({status}): {text}")]
    KeyRefused {
        /// The host and the port.
        host: String,
        /// The status of the answer.
        status: u16,
        /// The text of the answer.
        text: String,
    },

    /// The remote asks to wait longer than a call waits.
    #[error("{host} asks to wait {} s before the next request; repeat the command after that", after.as_secs())]
    TooManyRequests {
        /// The host and the port.
        host: String,
        /// The time to wait.
        after: Duration,
    },

    /// The remote answered with an error.
    #[error("{host} answered {request} with {status}: {text}")]
    Refused {
        /// The host and the port.
        host: String,
        /// The method and the path of the request.
        request: String,
        /// The status of the answer.
        status: u16,
        /// The text of the answer.
        text: String,
    },

    /// The remote's answer is not what its API describes.
    #[error("{host} answered {request} with something else than its API describes: {reason}")]
    Malformed {
        /// The host and the port.
        host: String,
        /// The method and the path of the request.
        request: String,
        /// What is wrong.
        reason: String,
    },

    /// A request was not answered, and several versions there may be the one that it created.
    #[error(
        "it is unclear which version there is {number} of {prompt}, whose request was not answered: \
         {candidates}; delete the surplus ones there, and repeat the command"
    )]
    Unclear {
        /// The prompt here.
        prompt: String,
        /// The number of the version here.
        number: VersionNumber,
        /// The versions there that may be it.
        candidates: String,
    },

    /// No prompt of the store and none of the remote has this name or id.
    #[error("neither the store nor the remote has the prompt {prompt:?}")]
    PromptNotFound {
        /// The name or the id.
        prompt: String,
    },

    /// The name belongs to several prompts.
    #[error("several prompts have the name {prompt:?}; use the id of one of them")]
    PromptAmbiguous {
        /// The name.
        prompt: String,
    },

    /// Both the store and a served store have new operations.
    ///
    /// A history has one order, so one side's operations come first: those of the remote. That
    /// replaces the index, for which the store must not be open:
    /// [`pull_store`](super::pull_store()) does it.
    #[error("both the store and the remote {name} have new operations")]
    Diverged {
        /// The name of the remote.
        name: String,
    },

    /// An operation of a served store contradicts the store.
    #[error("operation {operation} of {host} contradicts the store: {reason}")]
    Contradiction {
        /// The host and the port.
        host: String,
        /// The number of the operation there.
        operation: u64,
        /// What contradicts it.
        reason: String,
    },

    /// A version that would be renumbered was pushed to a remote, where others may use its number.
    #[error(
        "version {number} of prompt {prompt:?} was pushed to the remote {remote}, so it cannot be renumbered"
    )]
    AlreadyPushed {
        /// The name of the prompt.
        prompt: String,
        /// The number of the version.
        number: VersionNumber,
        /// The name of the remote.
        remote: String,
    },

    /// Prompts were selected, or a side was chosen for them, but the remote is a served store.
    #[error("a history is exchanged entirely with a store: no prompts can be selected")]
    Selection,

    /// The call was stopped. What it did until then remains, and the next call continues.
    #[error("stopped; the next pull or push continues from here")]
    Stopped,
}

impl From<OpenError> for RemoteError {
    fn from(error: OpenError) -> Self {
        Self::Store(error.into())
    }
}

impl RemoteError {
    /// Returns whether the error concerns the whole remote, and not only one prompt.
    pub(super) fn is_of_remote(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::Malformed { .. })
    }
}
