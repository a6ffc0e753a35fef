//! Plain data that the store contains and returns.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::model::inputs::Inputs;
use crate::model::memory_size::of_text;
use crate::model::shown::Quoted;
use crate::model::version_number::VersionNumber;

/// A prompt: a named sequence of versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
}

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
    /// The environments that point to the version, sorted.
    ///
    /// The list is empty in a [`Change::VersionCreated`], because moving an environment is a change
    /// of its own.
    pub environments: Vec<EnvironmentName>,
}

/// An environment of a prompt: a named pointer to one of its live versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// The number of versions of a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VersionCounts {
    /// The number of live versions.
    pub total: u64,
    /// The highest major number of a live version, or 0 if there is none.
    pub highest_major: u32,
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

/// The inputs that a request passed to a version.
#[derive(Clone, Debug, PartialEq, Serialize)]
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

/// One entry of the store's history. It never changes.
///
/// As JSON: `{number, id, at, author, kind, undoes, changes}`, without `undoes` if it is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Operation {
    /// The position in the history.
    ///
    /// The store's first operation has number 1, and there are no gaps.
    pub number: u64,
    /// The hash of the previous operation's id and of this operation's content.
    pub id: OperationId,
    /// The content.
    #[serde(flatten)]
    pub content: OperationContent,
}

/// The content of an operation. The operation's id is a hash of its JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OperationContent {
    /// The time of the operation, in microseconds.
    ///
    /// Clocks may go backwards; operation numbers do not.
    pub at: DateTime<Utc>,
    /// The author.
    pub author: String,
    /// The kind of request that the operation fulfills.
    pub kind: OperationKind,
    /// The operations that an [`Undo`](OperationKind::Undo) undid, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoes: Vec<u64>,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

/// The kind of request that an operation fulfills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationKind {
    /// A prompt was created, with its first version.
    Create,
    /// A prompt was imported from elsewhere, with its versions and environments.
    Import,
    /// A version was committed.
    Commit,
    /// Environments were moved or removed.
    Move,
    /// A prompt was renamed.
    Rename,
    /// A prompt's tags were set.
    Tag,
    /// A version was deleted.
    DeleteVersion,
    /// A prompt was deleted.
    DeletePrompt,
    /// Earlier operations were undone.
    Undo,
}

impl OperationKind {
    /// Returns the kind's name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Import => "import",
            Self::Commit => "commit",
            Self::Move => "move",
            Self::Rename => "rename",
            Self::Tag => "tag",
            Self::DeleteVersion => "delete_version",
            Self::DeletePrompt => "delete_prompt",
            Self::Undo => "undo",
        }
    }
}

/// One effect of an operation on a prompt, with the states before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// A prompt was created, restored or deleted, or its name or tags were changed.
    ///
    /// Deleting a prompt deletes its live versions too. When the prompt is restored, each of them
    /// is restored by a change of its own.
    Prompt {
        /// The prompt.
        id: PromptId,
        /// The state before; none if the prompt was created or restored.
        before: Option<PromptState>,
        /// The state after; none if the prompt was deleted.
        after: Option<PromptState>,
    },
    /// A version was created.
    VersionCreated(Box<Version>),
    /// A version was deleted. Its number is not used again.
    VersionDeleted {
        /// The version's prompt.
        prompt: PromptId,
        /// The version.
        id: VersionId,
    },
    /// A deleted version was restored, unchanged.
    VersionRestored {
        /// The version's prompt.
        prompt: PromptId,
        /// The version.
        id: VersionId,
    },
    /// An environment was created, moved or removed.
    Environment {
        /// The prompt.
        prompt: PromptId,
        /// The environment's name.
        name: EnvironmentName,
        /// The version that the environment pointed to; none if it did not exist.
        before: Option<VersionId>,
        /// The version that the environment points to; none if it was removed.
        after: Option<VersionId>,
        /// The reason, if the caller gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl Change {
    /// Returns the prompt that was changed.
    #[must_use]
    pub fn prompt(&self) -> PromptId {
        match self {
            Self::Prompt { id, .. } => *id,
            Self::VersionCreated(version) => version.prompt_id,
            Self::VersionDeleted { prompt, .. }
            | Self::VersionRestored { prompt, .. }
            | Self::Environment { prompt, .. } => *prompt,
        }
    }
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
        match self.tags.is_empty() {
            true => name.to_string(),
            false => format!("{name}, tagged [{}]", tags.collect::<Vec<_>>().join(", ")),
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

/// A filter for lists of prompts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptFilter {
    /// Text that the name contains, ignoring case. Empty text matches every prompt.
    pub name_contains: String,
    /// Tags of which a prompt has at least one. An empty list matches every prompt.
    pub tags: Vec<String>,
}

impl PromptFilter {
    /// Selects only prompts whose name contains this text, ignoring case.
    #[must_use]
    pub fn name_contains(mut self, text: impl Into<String>) -> Self {
        self.name_contains = text.into();
        self
    }

    /// Selects only prompts that have this tag, or another tag that was added to the filter.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}

/// A filter for lists of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VersionFilter {
    /// The major number.
    pub major: Option<u32>,
    /// A requirement that the number satisfies. The number `2.1` is compared as `2.1.0`.
    pub requirement: Option<semver::VersionReq>,
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

impl VersionFilter {
    /// Selects only versions with this major number.
    #[must_use]
    pub fn major(mut self, major: u32) -> Self {
        self.major = Some(major);
        self
    }

    /// Selects only versions whose number satisfies this requirement.
    #[must_use]
    pub fn requirement(mut self, requirement: semver::VersionReq) -> Self {
        self.requirement = Some(requirement);
        self
    }
}

/// A filter for lists of operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationFilter {
    /// A prompt that the operation changed. It may be deleted.
    pub prompt: Option<PromptId>,
    /// The name of an environment that the operation moved.
    pub environment: Option<EnvironmentName>,
}

impl OperationFilter {
    /// Selects only operations that changed this prompt.
    #[must_use]
    pub fn prompt(mut self, id: PromptId) -> Self {
        self.prompt = Some(id);
        self
    }

    /// Selects only operations that moved an environment with this name.
    #[must_use]
    pub fn environment(mut self, name: EnvironmentName) -> Self {
        self.environment = Some(name);
        self
    }
}

/// The store's rule for minor versions that would break callers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BumpPolicy {
    /// A minor version that would break callers of its base is refused, unless it is forced.
    #[default]
    Enforced,
    /// The caller chooses the bump, as with the live service.
    Free,
}

/// The settings that a store was created with. They are stored in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settings {
    /// The number of a prompt's first version.
    pub first_version: VersionNumber,
    /// The bump policy.
    pub policy: BumpPolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            first_version: VersionNumber::new(1, 0),
            policy: BumpPolicy::default(),
        }
    }
}

/// The failures that an acknowledged change survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however it ends, and power loss.
    #[default]
    Full,
    /// The end of the process.
    ///
    /// Power loss may remove the last operations. It removes whole operations, newest first, and
    /// what remains is a consistent store.
    Relaxed,
}
