//! The rows of one prompt as plain data, which `verify` compares with the prompt's operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{PromptState, Version};
use crate::model::version_number::VersionNumber;

/// A prompt with its environments and all its versions, deleted ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptTable {
    /// The prompt's id.
    pub id: PromptId,
    /// The time of its creation.
    pub created_at: DateTime<Utc>,
    /// Its name and tags; `None` if the prompt is deleted.
    pub state: Option<PromptState>,
    /// The time of the last operation that changed it.
    pub updated_at: DateTime<Utc>,
    /// Its versions in the order of their commits.
    pub versions: Vec<VersionRow>,
    /// The version that each environment points to, and since when.
    pub environments: BTreeMap<EnvironmentName, (VersionId, DateTime<Utc>)>,
}

/// A version, and the time of its deletion if it is deleted. Clones share the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The version as it was committed. Its `environments` are empty.
    pub version: Arc<Version>,
    /// The time at which it was deleted, alone or with its prompt.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl PromptTable {
    /// Returns the live versions, in the order of their commits.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions
            .iter()
            .filter(|row| row.deleted_at.is_none())
            .map(|row| &*row.version)
    }

    /// Returns the highest number of a live version.
    #[must_use]
    pub fn latest(&self) -> Option<VersionNumber> {
        self.live().map(|version| version.number).max()
    }
}
