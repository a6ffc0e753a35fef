//! API errors: the live service's texts, and the statuses of both status modes.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::error::{InvalidArgument, InvalidBody};
use crate::model::causes::with_causes;
use crate::{Error, ErrorKind};

/// The set of HTTP statuses that report errors. The texts are the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusMode {
    /// The statuses that HTTP defines: reading or changing a missing item is a 404.
    #[default]
    Plain,
    /// The live service's statuses.
    ///
    /// Reading a missing item is often a 500. Changing or deleting a missing item often has no
    /// effect and succeeds.
    Live,
}

/// An error that a request is answered with.
#[derive(Clone, Debug)]
pub(crate) enum ApiError {
    /// The prompt does not exist.
    Prompt,
    /// The prompt whose tags should be set does not exist.
    PromptToTag,
    /// The version does not exist.
    Version,
    /// The version whose body should be read does not exist.
    VersionOfBody,
    /// The prompt has no version in production.
    ProductionVersion,
    /// The base of the new version does not exist.
    Base,
    /// The prompt has no such version.
    VersionOfPrompt,
    /// No inputs are recorded for this request.
    Inputs,
    /// The prompt that should be changed or deleted does not exist.
    PromptToChange,
    /// The version that should be deleted does not exist.
    VersionToDelete,
    /// The environment does not point to this version.
    EnvironmentToRemove,
    /// The request is malformed; the text names the faulty member and the expected value.
    Shape(String),
    /// The bump policy or the version numbers forbid the change.
    Rules(String),
    /// The key is missing or wrong.
    Key(&'static str),
    /// The request is for a host name that is not served here.
    Host(String),
    /// The URL of a body was not signed here, or has expired.
    Signature(&'static str),
    /// The route does not exist.
    Route(String),
    /// The route does not have this method.
    Method(String),
    /// The request is too large.
    TooLarge(String),
    /// The request's body took too long to arrive.
    TooSlow,
    /// The store failed. The client gets a text about the kind; the cause is only logged.
    Store(ErrorKind, Arc<str>),
    /// A prompt request cannot be merged.
    Gateway(String),
    /// The prompt of a request, or its version, does not exist.
    GatewayPrompt(String),
    /// The body of a request's prompt is damaged; the cause is only logged.
    GatewayBody(Arc<str>),
    /// The request is not JSON, or names no model. The text is sent without JSON around it.
    Model(String),
    /// The server has no upstream that answers requests.
    NoUpstream,
    /// The upstream cannot be used; the second text is only logged.
    Upstream(&'static str, Arc<str>),
    /// Other requests occupy the memory that this one needs.
    Loaded,
    /// An internal failure; its cause is only logged.
    Internal(Arc<str>),
}

impl ApiError {
    /// Returns the text, the plain status and the live status. Clients rely on this table.
    fn text_and_statuses(&self) -> (&str, u16, LiveStatus) {
        use LiveStatus::{Same, Status, Succeeds};
        match self {
            Self::Prompt => ("Prompt not found", 404, Status(500)),
            Self::PromptToTag => ("Prompt not found", 404, Same),
            Self::Version => ("Prompt version not found", 404, Status(500)),
            Self::VersionOfBody => ("Prompt version not found", 404, Same),
            Self::ProductionVersion => ("Prompt production version not found", 404, Status(500)),
            Self::Base => ("Current version not found", 404, Status(500)),
            Self::VersionOfPrompt => (
                "Prompt version not found or does not belong to the specified prompt",
                404,
                Status(500),
            ),
            Self::Inputs => ("Prompt inputs not found", 404, Same),
            Self::PromptToChange => ("Prompt not found", 404, Succeeds),
            Self::VersionToDelete => ("Prompt version not found", 404, Succeeds),
            Self::EnvironmentToRemove => (
                "Environment not found on this prompt version",
                404,
                Succeeds,
            ),
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
                let (text, status) = text_and_status(*kind);
                (text, status, Same)
            }
            Self::Gateway(text) | Self::Model(text) => (text, 400, Same),
            Self::GatewayPrompt(text) => (text, 404, Status(400)),
            Self::GatewayBody(_) => ("Error retrieving prompt body: it is damaged", 400, Same),
            Self::NoUpstream => (
                "This server answers no requests for models: start it with --upstream URL",
                501,
                Same,
            ),
            Self::Upstream(text, _) => (text, 502, Same),
            Self::Loaded => (
                "The server is busy with other large requests; try again",
                503,
                Same,
            ),
            Self::Internal(_) => ("Internal server error", 500, Same),
        }
    }

    /// Returns the cause for the log, or `None` if the request is at fault.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::Store(_, cause)
            | Self::Internal(cause)
            | Self::GatewayBody(cause)
            | Self::Upstream(_, cause) => Some(cause),
            _ => None,
        }
    }

    /// Returns the text for the client.
    pub(crate) fn text(&self) -> &str {
        self.text_and_statuses().0
    }

    /// Returns the status, or `None` if the live service answers as if the request had succeeded.
    pub(crate) fn status(&self, status: StatusMode) -> Option<StatusCode> {
        let (_, plain, live) = self.text_and_statuses();
        let code = match (status, live) {
            (StatusMode::Live, LiveStatus::Succeeds) => return None,
            (StatusMode::Live, LiveStatus::Status(code)) => code,
            _ => plain,
        };
        Some(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// Returns the text and status of a store error for which no route has a specific text.
fn text_and_status(kind: ErrorKind) -> (&'static str, u16) {
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

/// The live service's status, compared with the plain one.
enum LiveStatus {
    Same,
    Status(u16),
    Succeeds,
}

/// Puts the error in the response's extensions.
///
/// [`finish`](super::middleware::finish) knows the status mode, and writes the response.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Converts errors that have the same text on every route.
///
/// Routes call [`or_refuse`](OrApiError::or_refuse) first if they have a specific text for a
/// missing item.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::PromptNotFound { .. } => Self::Prompt,
            Error::VersionNotFound { .. }
            | Error::EnvironmentNotFound { .. }
            | Error::MismatchedVersion { .. } => Self::Version,
            Error::InputsNotFound { .. } => Self::Inputs,
            Error::InvalidArgument(invalid) => invalid.into(),
            Error::InvalidBody(invalid) => invalid.into(),
            Error::Breaking { .. }
            | Error::Conflict { .. }
            | Error::NoBase { .. }
            | Error::NumbersExhausted { .. }
            | Error::PromptIdTaken { .. } => Self::Rules(error.to_string()),
            error => Self::Store(error.kind(), with_causes(&error).into()),
        }
    }
}

impl From<InvalidBody> for ApiError {
    fn from(invalid: InvalidBody) -> Self {
        Self::Shape(format!("promptBody: {}", invalid.reason))
    }
}

/// Names the request's member that contains the text.
impl From<InvalidArgument> for ApiError {
    fn from(invalid: InvalidArgument) -> Self {
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

/// Conversion of a missing item to the API error that a route has for it.
pub(crate) trait OrApiError<T> {
    fn or_refuse(self, missing: ApiError) -> Result<T, ApiError>;
}

impl<T> OrApiError<T> for crate::Result<T> {
    fn or_refuse(self, missing: ApiError) -> Result<T, ApiError> {
        self.map_err(|error| match error {
            Error::PromptNotFound { .. }
            | Error::VersionNotFound { .. }
            | Error::EnvironmentNotFound { .. }
            | Error::MismatchedVersion { .. } => missing,
            error => error.into(),
        })
    }
}
