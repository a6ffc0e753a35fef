//! Parts of the text of an operation, for readers that do not need the whole.
//!
//! They skip everything else, which is several times as fast as [`read`](super::read).

use std::borrow::Cow;
use std::ops::Range;

use chrono::{DateTime, Utc};
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::format::{OperationTextError, write};
use crate::model::clock;
use crate::model::id::{BlobId, GroupId, PromptId, VersionId};
use crate::model::record::{Change, OperationContent};

/// The beginning of every text, up to the moment.
const OPENING: &str = "{\"at\":\"";
/// A moment is shorter than this. The limit keeps damage from expanding a small archive.
const MAX_MOMENT_BYTES: usize = 40;

/// Returns when the operation was made.
///
/// The rest of the text is not parsed, if the moment is written as usual.
pub(crate) fn moment(text: &str) -> Result<DateTime<Utc>, OperationTextError> {
    #[derive(Deserialize)]
    struct Part {
        at: DateTime<Utc>,
    }
    let written = moment_in(text.as_bytes()).and_then(|place| text.get(place));
    if let Some(at) = written.and_then(clock::usual_moment) {
        return Ok(at);
    }
    let part: Part = serde_json::from_str(text)?;
    Ok(part.at)
}

/// Returns the place of the moment in a text, of which only the beginning need be there.
pub(crate) fn moment_in(text: &[u8]) -> Option<Range<usize>> {
    let moment = text.strip_prefix(OPENING.as_bytes())?;
    let first = &moment[..moment.len().min(MAX_MOMENT_BYTES)];
    let length = first.iter().position(|byte| *byte == b'"')?;
    Some(OPENING.len()..OPENING.len() + length)
}

/// Returns whether the operation may undo others; if not, it undoes none.
///
/// Most operations undo nothing, which their text shows without being parsed.
pub(crate) fn may_undo(text: &str) -> bool {
    text.contains("\"undoes\"")
}

/// Returns an id or a name as it is written in the text of each operation that contains it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A search for the operations that may change a prompt.
#[derive(Debug)]
pub(crate) struct PromptMention(memmem::Finder<'static>);

impl PromptMention {
    pub(crate) fn of(prompt: PromptId) -> Self {
        let quoted = format!("\"{prompt}\"");
        Self(memmem::Finder::new(quoted.as_bytes()).into_owned())
    }

    /// Returns whether the operation may change the prompt; if not, it does not.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.0.find(text.as_bytes()).is_some()
    }
}

/// Returns whether the operation may belong to this group; if not, it does not.
pub(crate) fn may_be_of_group(text: &str, group: GroupId) -> bool {
    text.contains(&format!("\"{group}\""))
}

/// Returns whether the operation may change the environment list; if not, it does not.
pub(crate) fn may_change_environment_list(text: &str) -> bool {
    text.contains("\"environment_list\"")
}

/// Returns the prompt of each change of a prompt, in order.
pub(crate) fn changed_prompts(text: &str) -> Result<Vec<PromptId>, OperationTextError> {
    let items = changed_items(text)?;
    Ok(items.iter().filter_map(ChangedItem::prompt).collect())
}

/// Returns the versions that the operation created, each with the address of its body.
pub(crate) fn created_versions(text: &str) -> Result<Vec<(BlobId, VersionId)>, OperationTextError> {
    #[derive(Deserialize)]
    struct Part {
        changes: Vec<AnyChange>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum AnyChange {
        VersionCreated { id: VersionId, blob: BlobId },
        Prompt {},
        VersionDeleted {},
        VersionRestored {},
        Environment {},
        EnvironmentList {},
    }
    let part: Part = serde_json::from_str(text)?;
    let created = part.changes.into_iter().filter_map(|change| match change {
        AnyChange::VersionCreated { id, blob } => Some((blob, id)),
        _ => None,
    });
    Ok(created.collect())
}

/// The part of a change that decides which versions of its prompt are live.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LiveChange {
    VersionCreated {
        id: VersionId,
        #[serde(rename = "prompt_id")]
        prompt: PromptId,
    },
    VersionDeleted {
        id: VersionId,
        prompt: PromptId,
    },
    VersionRestored {
        id: VersionId,
        prompt: PromptId,
    },
    Prompt {
        id: PromptId,
        /// `None` if the change deletes the prompt.
        after: Option<IgnoredAny>,
    },
    Environment {
        prompt: PromptId,
    },
    EnvironmentList {},
}

impl LiveChange {
    /// Returns the prompt that was changed; `None` if the change is to the store itself.
    pub(crate) fn prompt(&self) -> Option<PromptId> {
        match self {
            Self::VersionCreated { prompt, .. }
            | Self::VersionDeleted { prompt, .. }
            | Self::VersionRestored { prompt, .. }
            | Self::Prompt { id: prompt, .. }
            | Self::Environment { prompt } => Some(*prompt),
            Self::EnvironmentList {} => None,
        }
    }
}

impl From<&Change> for LiveChange {
    fn from(change: &Change) -> Self {
        match change {
            Change::VersionCreated(version) => Self::VersionCreated {
                id: version.id,
                prompt: version.prompt_id,
            },
            Change::VersionDeleted { prompt, id } => Self::VersionDeleted {
                id: *id,
                prompt: *prompt,
            },
            Change::VersionRestored { prompt, id } => Self::VersionRestored {
                id: *id,
                prompt: *prompt,
            },
            Change::Prompt { id, after, .. } => Self::Prompt {
                id: *id,
                after: after.as_ref().map(|_| IgnoredAny),
            },
            Change::Environment { prompt, .. } => Self::Environment { prompt: *prompt },
            Change::EnvironmentList { .. } => Self::EnvironmentList {},
        }
    }
}

/// Returns the part of each change that decides which versions are live, in order.
pub(crate) fn live_changes(text: &str) -> Result<Vec<LiveChange>, OperationTextError> {
    #[derive(Deserialize)]
    struct Part {
        changes: Vec<LiveChange>,
    }
    let part: Part = serde_json::from_str(text)?;
    Ok(part.changes)
}

/// Returns what each change is about, in order.
pub(crate) fn changed_items(text: &str) -> Result<Vec<ChangedItem<'_>>, OperationTextError> {
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow)]
        changes: Vec<ChangedItem<'a>>,
    }
    let part: Part<'_> = serde_json::from_str(text)?;
    Ok(part.changes)
}

/// What a change is about: its prompt, and its environment or the name that the prompt has after it;
/// or the store.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangedItem<'a> {
    Prompt {
        id: PromptId,
        #[serde(borrow)]
        after: Option<NamePart<'a>>,
    },
    VersionCreated {
        prompt_id: PromptId,
    },
    VersionDeleted {
        prompt: PromptId,
    },
    VersionRestored {
        prompt: PromptId,
    },
    Environment {
        prompt: PromptId,
        #[serde(borrow)]
        name: Cow<'a, str>,
    },
    EnvironmentList {},
}

/// The name in a state of a prompt.
#[derive(Debug, Deserialize)]
pub(crate) struct NamePart<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

impl ChangedItem<'_> {
    /// Returns the prompt that was changed; `None` if the change is to the store itself.
    pub(crate) fn prompt(&self) -> Option<PromptId> {
        match self {
            Self::Prompt { id: prompt, .. }
            | Self::VersionCreated { prompt_id: prompt }
            | Self::VersionDeleted { prompt }
            | Self::VersionRestored { prompt }
            | Self::Environment { prompt, .. } => Some(*prompt),
            Self::EnvironmentList {} => None,
        }
    }

    /// Returns the name of the environment that was changed, if one was.
    pub(crate) fn environment(&self) -> Option<&str> {
        match self {
            Self::Environment { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Returns whether the change creates, deletes, renames or tags the prompt itself.
    pub(crate) fn is_of_prompt(&self) -> bool {
        matches!(self, Self::Prompt { .. })
    }

    /// Returns the prompt's name after a change of the prompt itself; `None` if it was deleted.
    pub(crate) fn name_after(&self) -> Option<&str> {
        match self {
            Self::Prompt { after, .. } => after.as_ref().map(|after| &*after.name),
            _ => None,
        }
    }
}

/// Returns the text of the operation without the numbers of the operations that it undoes.
///
/// The numbers differ between stores that have the same operations in different order.
pub(crate) fn without_undoes<'a>(
    text: &'a str,
    content: &OperationContent,
) -> Result<Cow<'a, str>, OperationTextError> {
    if content.undoes.is_empty() {
        return Ok(text.into());
    }
    let mut content = content.clone();
    content.undoes.clear();
    Ok(write(&content)?.into())
}
