//! Filters and orders of lists.

use serde::{Deserialize, Serialize};

use super::operation::{Change, Operation};
use super::version::Version;
use crate::model::id::{EnvironmentName, PromptId};
use crate::model::selector::admits;

/// The order of a list of prompts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PromptOrder {
    /// The prompts that were created last come first.
    #[default]
    Newest,
    /// By name, ignoring case; of prompts with the same name, the newest comes first.
    Name,
    /// The prompts that were changed last come first, by
    /// [`Prompt::updated_at`](super::Prompt::updated_at).
    LastChange,
}

/// A filter for lists of prompts, and their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptFilter {
    /// Text that the name contains, ignoring case. Empty text matches every prompt.
    pub name_contains: String,
    /// Tags of which a prompt has at least one. An empty list matches every prompt.
    pub tags: Vec<String>,
    /// The order of the list.
    pub order: PromptOrder,
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

    /// Sets the order of the list.
    #[must_use]
    pub fn order_by(mut self, order: PromptOrder) -> Self {
        self.order = order;
        self
    }

    /// Returns whether every prompt passes the filter.
    pub(crate) fn admits_all(&self) -> bool {
        self.name_contains.is_empty() && self.tags.is_empty()
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
    /// The author of the commit.
    pub author: Option<String>,
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

    /// Selects only versions that this author committed.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = Some(author.into());
        self
    }

    /// Returns whether a version passes the filter.
    pub(crate) fn admits(&self, version: &Version) -> bool {
        let number = version.number;
        let requirement = self.requirement.as_ref();
        self.major.is_none_or(|major| number.major == major)
            && requirement.is_none_or(|wanted| admits(wanted, number))
            && self
                .author
                .as_ref()
                .is_none_or(|author| *author == version.author)
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

    /// Returns whether an operation passes the filter: one change is of the prompt and environment.
    pub(crate) fn admits(&self, operation: &Operation) -> bool {
        if self.prompt.is_none() && self.environment.is_none() {
            return true;
        }
        let of_prompt = |change: &Change| self.prompt.is_none_or(|id| change.prompt() == Some(id));
        let of_environment = |change: &Change| match (&self.environment, change) {
            (None, _) => true,
            (Some(wanted), Change::Environment { name, .. }) => name == wanted,
            (Some(_), _) => false,
        };
        let mut changes = operation.content.changes.iter();
        changes.any(|change| of_prompt(change) && of_environment(change))
    }
}
