//! Prompts: their rows, and the fields of them that change.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::environment::Environment;
use crate::model::id::{PromptId, PromptName};
use crate::model::shown::Quoted;
use crate::model::version_number::VersionNumber;

/// A prompt: a named sequence of versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Prompt {
    /// The id. It never changes.
    pub id: PromptId,
    /// The current name.
    pub name: PromptName,
    /// The current tags, in the order in which they were given.
    pub tags: Vec<String>,
    /// The time at which the prompt was created.
    pub created_at: DateTime<Utc>,
    /// The number of live versions.
    pub versions: u64,
    /// The highest number of a live version.
    pub latest: Option<VersionNumber>,
    /// The time of the last operation that changed the prompt, its versions or its environments.
    ///
    /// It is the operation's own time. Clocks may go backwards, so it may be earlier than that of
    /// an operation before it.
    pub updated_at: DateTime<Utc>,
    /// The environments, sorted by name.
    pub environments: Vec<Environment>,
}

/// The mutable fields of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptState {
    /// The name.
    pub name: PromptName,
    /// The tags.
    pub tags: Vec<String>,
}

impl PromptState {
    /// Describes the name and the tags for people. Each is quoted and shortened.
    pub(crate) fn described(&self) -> String {
        let name = Quoted(self.name.as_str());
        let tags = self.tags.iter().map(|tag| Quoted(tag).to_string());
        if self.tags.is_empty() {
            name.to_string()
        } else {
            format!("{name}, tagged [{}]", tags.collect::<Vec<_>>().join(", "))
        }
    }
}

impl From<&Prompt> for PromptState {
    fn from(prompt: &Prompt) -> Self {
        Self {
            name: prompt.name.clone(),
            tags: prompt.tags.clone(),
        }
    }
}
