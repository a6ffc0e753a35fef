//! Versions, their counts, and the inputs that requests recorded for them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::contract_digest::ContractDigest;
use crate::model::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::model::inputs::Inputs;
use crate::model::memory_size::of_text;
use crate::model::version_number::VersionNumber;

/// A version of a prompt: its immutable fields, and the environments that point to it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Version {
    /// The id.
    pub id: VersionId,
    /// The prompt that the version belongs to.
    pub prompt_id: PromptId,
    /// The number.
    pub number: VersionNumber,
    /// The body's member `model`, if it is a string.
    pub model: Option<String>,
    /// The commit message.
    pub message: String,
    /// The author of the commit.
    pub author: String,
    /// The version that it is based on. A prompt's first version has none.
    pub base: Option<VersionId>,
    /// The time of the commit, in microseconds.
    pub created_at: DateTime<Utc>,
    /// The body's content address.
    pub blob: BlobId,
    /// The body's size in bytes.
    pub size: u64,
    /// The digest of the body's contract, unless the contract depends on other bodies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<ContractDigest>,
    /// The environments that point to the version, sorted.
    ///
    /// The list is empty in a [`VersionCreated`](crate::history::Change::VersionCreated), because moving an environment is a change
    /// of its own.
    pub environments: Vec<EnvironmentName>,
}

impl Version {
    /// Returns the version's size in memory, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let environment =
            |name: &EnvironmentName| size_of::<EnvironmentName>() + of_text(name.as_str());
        size_of::<Self>()
            + self.model.as_deref().map_or(0, of_text)
            + of_text(&self.message)
            + of_text(&self.author)
            + self.environments.iter().map(environment).sum::<usize>()
    }
}

/// The number of versions of a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VersionCounts {
    /// The number of live versions.
    pub total: u64,
    /// The highest major number of a live version, or 0 if there is none.
    pub highest_major: u32,
}

/// The inputs that a request passed to a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedInputs {
    /// The request's id, which can be any text.
    pub request_id: String,
    /// The version that was rendered.
    pub version_id: VersionId,
    /// The inputs by name.
    pub inputs: Inputs,
    /// The environment through which the version was resolved, if any.
    pub environment: Option<EnvironmentName>,
    /// The time at which the inputs were recorded.
    pub recorded_at: DateTime<Utc>,
}
