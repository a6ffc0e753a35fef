//! Operations: the entries of the history, and their changes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::prompt::PromptState;
use super::version::Version;
use crate::model::id::{EnvironmentName, GroupId, OperationId, PromptId, VersionId};
use crate::model::log_position::LogPosition;

/// One entry of the store's history. It never changes.
///
/// As JSON: `{number, id, at, author, kind, undoes, group, changes}`, without `undoes` if it is empty
/// and without `group` if there is none.
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

impl From<&Operation> for LogPosition {
    /// Returns the position after this operation.
    fn from(operation: &Operation) -> Self {
        Self {
            number: operation.number,
            id: operation.id,
        }
    }
}

/// The content of an operation. The operation's id is a hash of its text in the history.
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
    /// The group, if the operation was made together with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
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
    /// A prompt was imported from elsewhere, with its versions and environments, or changes of it.
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
    /// The store's environment list was changed.
    EnvironmentList,
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
            Self::EnvironmentList => "environment_list",
            Self::Undo => "undo",
        }
    }
}

/// One effect of an operation, on a prompt or on the store, with the states before and after.
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
    /// The store's [environment list](crate::View::environment_list) was set, changed or removed.
    EnvironmentList {
        /// The list before; none if environments could have any name.
        before: Option<Vec<EnvironmentName>>,
        /// The list after; none if environments can have any name.
        after: Option<Vec<EnvironmentName>>,
    },
}

impl Change {
    /// Returns the prompt that was changed; none if the change is to the store itself.
    #[must_use]
    pub fn prompt(&self) -> Option<PromptId> {
        match self {
            Self::Prompt { id, .. } => Some(*id),
            Self::VersionCreated(version) => Some(version.prompt_id),
            Self::VersionDeleted { prompt, .. }
            | Self::VersionRestored { prompt, .. }
            | Self::Environment { prompt, .. } => Some(*prompt),
            Self::EnvironmentList { .. } => None,
        }
    }
}
