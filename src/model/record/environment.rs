//! Environments, and what a caller expects of one before it is moved.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::version_number::VersionNumber;

/// An environment of a prompt: a named pointer to one of its live versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Environment {
    /// The name.
    pub name: EnvironmentName,
    /// The prompt.
    pub prompt_id: PromptId,
    /// The version that the environment points to.
    pub version_id: VersionId,
    /// The number of that version.
    pub number: VersionNumber,
    /// The time at which the environment was moved to that version.
    pub moved_at: DateTime<Utc>,
}

/// The version that a caller expects a pointer to point to.
///
/// The expectation is checked in the transaction that changes the pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// No expectation.
    #[default]
    Any,
    /// The pointer does not exist.
    Absent,
    /// The pointer points to this version.
    Is(VersionId),
}

impl From<VersionId> for Expected {
    fn from(id: VersionId) -> Self {
        Self::Is(id)
    }
}
