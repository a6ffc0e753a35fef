//! What can go wrong with a fake.

use std::io;
use std::path::PathBuf;

use crate::server::api_error::Refusal;
use crate::server::{FixturesError, ServerError};

/// Why a fake does not start, or does not do what a test asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FakeError {
    /// The server does not run.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::Error),
    /// The fixtures can't be loaded.
    #[error(transparent)]
    Fixtures(#[from] FixturesError),
    /// A route that the API does not have.
    #[error("{route:?} is no route; the routes are:{}", list(known))]
    Route {
        /// As it was named.
        route: String,
        /// All there are, as they are named.
        known: Vec<String>,
    },
    /// A fault's status that tells of no failure.
    #[error("{status} is no status of a failure: expected 400 to 599")]
    FaultStatus {
        /// The status.
        status: u16,
    },
    /// The store was there before the fake, which only empties what it made itself.
    #[error("the store in {} was there before this fake, so it is not reset", path.display())]
    NotMadeHere {
        /// The store's directory.
        path: PathBuf,
    },
    /// The directory could not be emptied.
    #[error("the store in {} can't be removed", path.display())]
    Remove {
        /// The store's directory.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

fn list(known: &[String]) -> String {
    known.iter().map(|route| format!("\n  {route}")).collect()
}

impl From<FakeError> for Refusal {
    fn from(error: FakeError) -> Self {
        match error {
            FakeError::Route { .. } | FakeError::FaultStatus { .. } => {
                Self::Shape(error.to_string())
            }
            FakeError::NotMadeHere { .. } => Self::Rules(error.to_string()),
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
            FakeError::Remove { ref source, .. } => {
                Self::Internal(format!("{error}: {source}").into())
            }
        }
    }
}
