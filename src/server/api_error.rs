//! Why a request is refused: the texts of the live service, and their two tables of statuses.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::{Error, ErrorKind, Invalid};

/// Which statuses tell of what is wrong. The texts are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// As HTTP means them: what is not there is a 404, and changing it too.
    #[default]
    Plain,
    /// As the live service does: much of what is not there is a 500, and changing it changes nothing and is no error.
    Live,
}

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// No such prompt.
    Prompt,
    /// No such prompt to give tags to.
    PromptToTag,
    /// No such version.
    Version,
    /// No such version to read the body of.
    VersionOfBody,
    /// The prompt has no version in production.
    ProductionVersion,
    /// No such version to go out from.
    Base,
    /// No such version of this prompt.
    VersionOfPrompt,
    /// No inputs of this request are recorded.
    Inputs,
    /// No such prompt to change or delete.
    PromptToChange,
    /// No such version to delete.
    VersionToDelete,
    /// The environment is not on this version.
    EnvironmentToRemove,
    /// The request is not of the right shape: what it is that is wrong, and what was expected.
    Shape(String),
    /// The bump rules or the numbers forbid it.
    Rules(String),
    /// No key, or a wrong one.
    Key(&'static str),
    /// The request is for a name that is not served here.
    Host(String),
    /// The URL of a body is not one that was signed here, or not any more.
    Signature(&'static str),
    /// No such route.
    Route(String),
    /// The route has other methods.
    Method(String),
    /// The request is too large.
    TooLarge(String),
    /// The request's body took too long.
    TooSlow,
    /// The store fails. The text says what the client can do; the cause is for the log.
    Store(ErrorKind, Arc<str>),
    /// Others take the memory that it would.
    Loaded,
    /// Something of ours: the text tells nothing of it.
    Internal(Arc<str>),
}

impl Refusal {
    /// What it is, for whoever reads the code: one row each of the tables that clients rely on.
    fn row(&self) -> (&str, u16, Live) {
        use Live::{As, Passes, Same};
        match self {
            Self::Prompt => ("Prompt not found", 404, As(500)),
            Self::PromptToTag => ("Prompt not found", 404, Same),
            Self::Version => ("Prompt version not found", 404, As(500)),
            Self::VersionOfBody => ("Prompt version not found", 404, Same),
            Self::ProductionVersion => ("Prompt production version not found", 404, As(500)),
            Self::Base => ("Current version not found", 404, As(500)),
            Self::VersionOfPrompt => (
                "Prompt version not found or does not belong to the specified prompt",
                404,
                As(500),
            ),
            Self::Inputs => ("Prompt inputs not found", 404, Same),
            Self::PromptToChange => ("Prompt not found", 404, Passes),
            Self::VersionToDelete => ("Prompt version not found", 404, Passes),
            Self::EnvironmentToRemove => {
                ("Environment not found on this prompt version", 404, Passes)
            }
            Self::Shape(text) => (text, 400, Same),
            Self::Rules(text) => (text, 409, Same),
            Self::Key(text) => (text, 401, Same),
            Self::Host(text) => (text, 421, Same),
            Self::Signature(text) => (text, 403, Same),
            Self::Route(text) => (text, 404, Same),
            Self::Method(text) => (text, 405, Same),
            Self::TooLarge(text) => (text, 413, Same),
            Self::TooSlow => ("The request's body took too long", 408, Same),
            Self::Store(kind, _) => {
                let (text, status) = of_kind(*kind);
                (text, status, Same)
            }
            Self::Loaded => (
                "The server is busy with other large requests; try again",
                503,
                Same,
            ),
            Self::Internal(_) => ("Internal server error", 500, Same),
        }
    }

    /// Why the server fails to answer, for the log. None if the request is at fault.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::Store(_, cause) | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }

    /// The text for the client.
    pub(crate) fn text(&self) -> &str {
        self.row().0
    }

    /// The status, or none where the live service lets the request pass without changing anything.
    pub(crate) fn status(&self, status: Status) -> Option<StatusCode> {
        let (_, plain, live) = self.row();
        let code = match (status, live) {
            (Status::Live, Live::Passes) => return None,
            (Status::Live, Live::As(code)) => code,
            _ => plain,
        };
        Some(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// The text and status of an error of the store, unless a route has a text of its own for it.
fn of_kind(kind: ErrorKind) -> (&'static str, u16) {
    match kind {
        ErrorKind::NotFound => ("Not found", 404),
        ErrorKind::Invalid => ("The request is malformed", 400),
        ErrorKind::Ambiguous | ErrorKind::Conflict | ErrorKind::Refused => {
            ("The request conflicts with what is stored", 409)
        }
        ErrorKind::Unrenderable => ("The prompt cannot be rendered", 422),
        ErrorKind::ReadOnly => ("The store is read-only", 403),
        ErrorKind::Busy => ("The store is busy; try again", 503),
        ErrorKind::Cancelled => ("The request was cancelled; try again", 503),
        ErrorKind::Unavailable => ("The store is not available", 503),
        ErrorKind::Full => ("The disk is full", 507),
        ErrorKind::Corrupt | ErrorKind::OutcomeUnknown | ErrorKind::Other => {
            ("Internal server error", 500)
        }
    }
}

/// How the live service differs.
enum Live {
    Same,
    As(u16),
    Passes,
}

/// The refusal is put in the response for [`finish`](super::middleware::finish), which knows the statuses and writes it.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What is not there is refused as a route says, by [`or_refuse`](OrRefuse::or_refuse) before this.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::PromptNotFound { .. } => Self::Prompt,
            Error::VersionNotFound { .. }
            | Error::EnvironmentNotFound { .. }
            | Error::ForeignVersion { .. } => Self::Version,
            Error::InputsNotFound { .. } => Self::Inputs,
            Error::Invalid(invalid) => invalid.into(),
            Error::InvalidBody { reason } => Self::Shape(format!("promptBody: {reason}")),
            Error::Breaking { .. }
            | Error::Conflict { .. }
            | Error::NoBase { .. }
            | Error::NumbersExhausted { .. }
            | Error::PromptIdTaken { .. } => Self::Rules(error.to_string()),
            error => Self::Store(error.kind(), told(&error).into()),
        }
    }
}

/// Names the member that has the text.
impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        let member = match invalid.what {
            "prompt name" => "name",
            "tag" => "tags",
            "commit message" => "commitMessage",
            "environment name" => "environment",
            other => other,
        };
        Self::Shape(format!("{member}: {invalid}"))
    }
}

/// An error and all that led to it.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Says by which refusal a route tells that something is not there.
pub(crate) trait OrRefuse<T> {
    fn or_refuse(self, refusal: Refusal) -> Result<T, Refusal>;
}

impl<T> OrRefuse<T> for crate::Result<T> {
    fn or_refuse(self, refusal: Refusal) -> Result<T, Refusal> {
        self.map_err(|error| match error {
            Error::PromptNotFound { .. }
            | Error::VersionNotFound { .. }
            | Error::EnvironmentNotFound { .. }
            | Error::ForeignVersion { .. } => refusal,
            error => error.into(),
        })
    }
}
