//! Plain data: what the store holds and gives back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::model::memory_size::of_text;
use crate::model::shown::Quoted;
use crate::model::version_number::VersionNumber;

/// A prompt: a named line of versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Prompt {
    /// The id, for good.
    pub id: PromptId,
    /// The name, as it is now.
    pub name: PromptName,
    /// The tags, as they are now, in the order they were given.
    pub tags: Vec<String>,
    /// When the prompt was created.
    pub created_at: DateTime<Utc>,
    /// How many live versions it has.
    pub versions: u64,
    /// The highest number of a live version.
    pub latest: Option<VersionNumber>,
}

/// A version of a prompt: what never changes, and the environments that point to it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Version {
    /// The id.
    pub id: VersionId,
    /// The prompt it belongs to.
    pub prompt_id: PromptId,
    /// The number.
    pub number: VersionNumber,
    /// The body's member `model`, where it is a string.
    pub model: Option<String>,
    /// The commit message.
    pub message: String,
    /// Who committed it.
    pub author: String,
    /// The version it was committed on; none for a first version.
    pub base: Option<VersionId>,
    /// When it was committed, to the microsecond.
    pub created_at: DateTime<Utc>,
    /// The body's content address.
    pub blob: BlobId,
    /// The body's size in bytes.
    pub size: u64,
    /// The environments that point to it, sorted. A version that an operation creates is in none
    /// yet: the pointer's move is a change of its own.
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
    /// The version it points to.
    pub version_id: VersionId,
    /// That version's number.
    pub number: VersionNumber,
    /// When it was pointed there.
    pub moved_at: DateTime<Utc>,
}

/// How many versions a prompt has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VersionCounts {
    /// Live versions.
    pub total: u64,
    /// The highest major number of a live version, 0 without one.
    pub highest_major: u32,
}

/// What a caller believes a pointer to be: checked in the transaction that changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    #[default]
    Any,
    /// It points nowhere.
    Absent,
    /// It points to this version.
    Is(VersionId),
}

/// The inputs that a request gave to a version.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RecordedInputs {
    /// The request's id, any text.
    pub request_id: String,
    /// The version that was rendered.
    pub version_id: VersionId,
    /// The inputs by name.
    pub inputs: Map<String, Value>,
    /// The environment that the version was resolved through, if any.
    pub environment: Option<EnvironmentName>,
    /// When they were recorded.
    pub recorded_at: DateTime<Utc>,
}

/// One change of the store: who, when, what was before and after. Never altered.
///
/// As JSON: `{number, id, at, author, kind, undoes, changes}`; `undoes` only where there are any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Operation {
    /// 1 for the store's first operation, and so on without gaps.
    pub number: u64,
    /// The hash over the previous operation's id and this one's content.
    pub id: OperationId,
    /// What it was.
    #[serde(flatten)]
    pub content: OperationContent,
}

/// What an operation did. Its JSON text is what the operation's id is a hash of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OperationContent {
    /// When, to the microsecond. Clocks may go backwards; operation numbers do not.
    pub at: DateTime<Utc>,
    /// Who.
    pub author: String,
    /// What the caller asked for.
    pub kind: OperationKind,
    /// The operations that an [`Undo`](OperationKind::Undo) took back, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoes: Vec<u64>,
    /// What it changed, in order.
    pub changes: Vec<Change>,
}

/// What the caller of an operation asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationKind {
    /// A prompt was created, with its first version.
    Create,
    /// A prompt was brought in as it was elsewhere, with its versions and pointers.
    Import,
    /// A version was committed.
    Commit,
    /// Pointers were set or removed.
    Move,
    /// A prompt was renamed.
    Rename,
    /// A prompt's tags were set.
    Tag,
    /// A version was deleted.
    DeleteVersion,
    /// A prompt was deleted.
    DeletePrompt,
    /// Earlier operations were taken back.
    Undo,
}

impl OperationKind {
    /// The kind as it stands in JSON.
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

/// One thing that an operation changed, with what was before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// A prompt came, came back, went, or has another name or other tags. Its live versions go with it; when it comes
    /// back, each of them does by a change of its own.
    Prompt {
        /// Which.
        id: PromptId,
        /// What it was; none where it is new or was deleted.
        before: Option<PromptState>,
        /// What it is; none where it is deleted.
        after: Option<PromptState>,
    },
    /// A version came to be.
    VersionCreated(Box<Version>),
    /// A version was deleted. Its number stays taken.
    VersionDeleted {
        /// Its prompt.
        prompt: PromptId,
        /// Which.
        id: VersionId,
    },
    /// A deleted version came back, as it was.
    VersionRestored {
        /// Its prompt.
        prompt: PromptId,
        /// Which.
        id: VersionId,
    },
    /// An environment points elsewhere.
    Environment {
        /// The prompt.
        prompt: PromptId,
        /// Which of its environments.
        name: EnvironmentName,
        /// Where it pointed; none where it did not exist.
        before: Option<VersionId>,
        /// Where it points; none where it was removed.
        after: Option<VersionId>,
        /// Why, as far as somebody said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl Change {
    /// The prompt that was changed.
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

/// What of a prompt can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptState {
    /// The name.
    pub name: PromptName,
    /// The tags.
    pub tags: Vec<String>,
}

impl PromptState {
    /// Describes the name and the tags for people, each quoted and cut.
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

/// Which prompts to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptFilter {
    /// Text that the name contains, in any letter case; empty for all.
    pub name_contains: String,
    /// Tags of which a prompt has any; empty for all.
    pub tags: Vec<String>,
}

impl PromptFilter {
    /// Only prompts whose name contains this text, in any letter case.
    #[must_use]
    pub fn name_contains(mut self, text: impl Into<String>) -> Self {
        self.name_contains = text.into();
        self
    }

    /// Only prompts that have this tag, or another one named so.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}

/// Which versions of a prompt to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VersionFilter {
    /// Only this major.
    pub major: Option<u32>,
    /// Only numbers that meet this requirement, `2.1` read as `2.1.0`.
    pub requirement: Option<semver::VersionReq>,
}

impl Version {
    /// The memory that it takes, in bytes.
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
    /// Only versions of this major.
    #[must_use]
    pub fn major(mut self, major: u32) -> Self {
        self.major = Some(major);
        self
    }

    /// Only versions whose number meets this requirement.
    #[must_use]
    pub fn requirement(mut self, requirement: semver::VersionReq) -> Self {
        self.requirement = Some(requirement);
        self
    }
}

/// Which operations to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationFilter {
    /// Only operations that changed this prompt, deleted ones too.
    pub prompt: Option<PromptId>,
    /// Only operations that moved an environment of this name.
    pub environment: Option<EnvironmentName>,
}

impl OperationFilter {
    /// Only operations that changed this prompt.
    #[must_use]
    pub fn prompt(mut self, id: PromptId) -> Self {
        self.prompt = Some(id);
        self
    }

    /// Only operations that moved an environment of this name.
    #[must_use]
    pub fn environment(mut self, name: EnvironmentName) -> Self {
        self.environment = Some(name);
        self
    }
}

/// Which changes may be called minor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// A minor that would break callers of its base is refused, unless forced.
    #[default]
    Enforced,
    /// The caller chooses, as with the live service.
    Free,
}

/// What a store was made with, kept in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settings {
    /// The number of a prompt's first version.
    pub first_version: VersionNumber,
    /// The bump policy.
    pub policy: Policy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            first_version: VersionNumber::new(1, 0),
            policy: Policy::default(),
        }
    }
}

/// What an acknowledged change survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however it comes, and power loss.
    #[default]
    Full,
    /// The end of the process. A power cut may take the last changes back, in whole operations and newest
    /// first; what is left is a consistent store.
    Relaxed,
}
