//! Errors of remotes, as the command reports them.

use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::remote::RemoteError;

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let (exit, kind, hint) = match error {
            RemoteError::Store(error) => return error.into(),
            RemoteError::Url { .. } => (Exit::Usage, "remote_url", None),
            RemoteError::Name { .. } => (Exit::Usage, "remote_name", None),
            RemoteError::NoDirectory => (Exit::Usage, "remote", None),
            RemoteError::Exists { .. } => (
                Exit::Conflict,
                "remote_exists",
                Some("choose another name, or remove it with promptbook remote remove NAME"),
            ),
            RemoteError::NotFound { .. } => (
                Exit::NotFound,
                "remote_not_found",
                Some(
                    "promptbook remote list shows the remotes, and promptbook remote add NAME URL \
                     adds one",
                ),
            ),
            RemoteError::Busy => (Exit::Failure, "busy", None),
            RemoteError::State { .. } => (
                Exit::Damaged,
                "remote_state",
                Some(
                    "promptbook remote remove NAME removes it, and after remote add a pull finds \
                     what both sides have",
                ),
            ),
            RemoteError::KeyRefused { .. } => (
                Exit::Usage,
                "key_refused",
                Some("check the key, and that the URL is of the organisation's region"),
            ),
            RemoteError::PromptNotFound { .. } => (Exit::NotFound, "prompt_not_found", None),
            RemoteError::PromptAmbiguous { .. } => (Exit::NotFound, "prompt_ambiguous", None),
            RemoteError::Diverged { .. } => (Exit::Conflict, "diverged", None),
            RemoteError::Contradiction { .. } => (
                Exit::Conflict,
                "remote_conflict",
                Some(
                    "if both gave a number to a version, promptbook pull --renumber gives the own \
                     versions the next free ones; otherwise clone the remote into a new store, and \
                     repeat there what only this store has",
                ),
            ),
            RemoteError::AlreadyPushed { .. } => (
                Exit::Conflict,
                "already_pushed",
                Some(
                    "clone the remote into a new store, and commit the version's body there again",
                ),
            ),
            RemoteError::Selection => (
                Exit::Usage,
                "remote_selection",
                Some("leave out --prompt, --ours and --theirs"),
            ),
            RemoteError::Stopped => (Exit::Failure, "interrupted", None),
            _ => (Exit::Failure, "remote", None),
        };
        let failure = Self::new(exit, kind, error.to_string()).with_sources(&error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
