//! Errors of a fake.

use std::path::PathBuf;

use crate::error::OpenError;
use crate::server::api_error::ApiError;
use crate::server::{FixturesError, ServerError};

/// An error that keeps a fake from starting or from doing what a test requested.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FakeError {
    /// The server does not run.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::Error),
    /// The fixtures cannot be loaded.
    #[error(transparent)]
    Fixtures(#[from] FixturesError),
    /// The API does not have this route.
    #[error("{route:?} is not a route of the API; the routes are:{}", list(known))]
    Route {
        /// The route, as the caller named it.
        route: String,
        /// The names of all routes.
        known: Vec<String>,
    },
    /// The status of a fault or of a failing completion is not an error status.
    #[error("{status} is not an error status; expected 400 to 599")]
    FaultStatus {
        /// The status.
        status: u16,
    },
    /// A scripted header is malformed, or is one that HTTP itself determines.
    #[error("a scripted response cannot have the header {name:?} with this value")]
    FaultHeader {
        /// The name of the header.
        name: String,
    },
    /// The store existed before the fake, which resets only stores that it created.
    #[error("cannot reset the store in {}, because it existed before this fake", path.display())]
    NotMadeHere {
        /// The store's directory.
        path: PathBuf,
    },
    /// A world cannot be created or ended.
    #[error("the world of the key {key:?} {reason}")]
    World {
        /// The key of the world.
        key: String,
        /// The reason, which completes the sentence.
        reason: &'static str,
    },
}

fn list(known: &[String]) -> String {
    known.iter().map(|route| format!("\n  {route}")).collect()
}

impl From<OpenError> for FakeError {
    fn from(error: OpenError) -> Self {
        Self::Store(error.into())
    }
}

impl From<FakeError> for ApiError {
    fn from(error: FakeError) -> Self {
        match error {
            FakeError::Route { .. }
            | FakeError::FaultStatus { .. }
            | FakeError::FaultHeader { .. } => Self::Shape(error.to_string()),
            FakeError::NotMadeHere { .. } | FakeError::World { .. } => {
                Self::Rules(error.to_string())
            }
            FakeError::Fixtures(FixturesError::Store(error)) | FakeError::Store(error) => {
                error.into()
            }
            FakeError::Fixtures(error @ FixturesError::Refused { .. }) => {
                let source = std::error::Error::source(&error);
                let why = source.map(|why| format!(": {why}")).unwrap_or_default();
                Self::Shape(format!("{error}{why}"))
            }
            FakeError::Fixtures(error) => Self::Shape(error.to_string()),
            FakeError::Server(error) => Self::Internal(error.to_string().into()),
        }
    }
}
