//! One prompt's rows as plain data: what an index says of a prompt, for `verify` to compare with its operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{PromptState, Version};
use crate::model::version_number::VersionNumber;

/// A prompt with all its versions, deleted ones too, and its pointers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptTable {
    /// The prompt's id.
    pub id: PromptId,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Its name and tags; none once it is deleted.
    pub state: Option<PromptState>,
    /// Its versions in the order they were committed.
    pub versions: Vec<Arc<VersionRow>>,
    /// Where its environments point, and since when.
    pub environments: BTreeMap<EnvironmentName, (VersionId, DateTime<Utc>)>,
}

/// A version and its deletion mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The version as it was made, its `environments` empty.
    pub version: Version,
    /// When it was deleted, itself or with its prompt.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl PromptTable {
    /// The live versions, in the order they were committed.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions
            .iter()
            .filter(|row| row.deleted_at.is_none())
            .map(|row| &row.version)
    }

    /// The highest number of a live version.
    #[must_use]
    pub fn latest(&self) -> Option<VersionNumber> {
        self.live().map(|version| version.number).max()
    }
}
