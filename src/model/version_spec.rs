//! [`PromptRef`] and [`VersionSpec`], which name a prompt and one of its versions.

use std::fmt;
use std::str::FromStr;

use crate::model::id::{PromptId, PromptName, VersionId, from_text};
use crate::model::invalid_argument::InvalidArgument;
use crate::model::selector::Selector;

/// A reference to a prompt, by id or by name.
///
/// As text, it is the id or the name. `id:` followed by an id always means the prompt with that id,
/// even if another prompt has the same text as its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PromptRef {
    /// The prompt with this id.
    Id(PromptId),
    /// The prompt with exactly this name.
    Name(PromptName),
    /// Text that may be an id or a name. If it matches two prompts, it is an error.
    IdOrName(PromptId),
}

impl FromStr for PromptRef {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        if let Some(Ok(id)) = text.strip_prefix("id:").map(str::parse) {
            return Ok(Self::Id(id));
        }
        match PromptId::from_text(text) {
            Some(id) => Ok(Self::IdOrName(id)),
            None => text.parse().map(Self::Name),
        }
    }
}

impl fmt::Display for PromptRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) | Self::IdOrName(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl From<PromptId> for PromptRef {
    fn from(id: PromptId) -> Self {
        Self::Id(id)
    }
}

impl From<&PromptId> for PromptRef {
    fn from(id: &PromptId) -> Self {
        Self::Id(*id)
    }
}

impl From<PromptName> for PromptRef {
    fn from(name: PromptName) -> Self {
        Self::Name(name)
    }
}

impl From<&PromptName> for PromptRef {
    fn from(name: &PromptName) -> Self {
        Self::Name(name.clone())
    }
}

/// One version of one prompt: a prompt and a selector, or a version's id alone.
///
/// As text, it is `greeting@2.1`, `greeting@^2`, `greeting@production` or `abc123@env:latest`.
/// Without a selector, `greeting` means its latest version, as a branch in git means its newest
/// commit.
///
/// The text is split at `@env:`, otherwise at the last `@`. A name may be any text. A name that
/// contains `@` needs a selector after it (`a@b@latest`). A name that contains `@env:`, and a name
/// that is a version's id, can only be replaced by the prompt's id (`id:abc123`).
///
/// ```
/// use promptbook::{Selector, VersionSpec};
///
/// let spec: VersionSpec = "greeting@^2".parse()?;
/// assert_eq!(spec.selector, "^2".parse()?);
/// let spec: VersionSpec = "greeting".parse()?;
/// assert_eq!(spec.selector, Selector::Latest);
/// # Ok::<(), promptbook::error::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VersionSpec {
    /// The prompt; `None` only if the selector is a version's id.
    pub prompt: Option<PromptRef>,
    /// The selector of one of its versions.
    pub selector: Selector,
}

impl VersionSpec {
    /// Returns the spec of a version of a prompt.
    pub fn new(prompt: impl Into<PromptRef>, selector: impl Into<Selector>) -> Self {
        Self {
            prompt: Some(prompt.into()),
            selector: selector.into(),
        }
    }

    /// Splits a text into the prompt's part and the selector's, if it has one.
    #[must_use]
    pub fn split(text: &str) -> (&str, Option<&str>) {
        let at = text.find("@env:").or_else(|| text.rfind('@'));
        match at {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        }
    }
}

/// Writes the spec as it is parsed, without a selector if that is `latest`.
impl fmt::Display for VersionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.prompt, &self.selector) {
            (None, selector) => selector.fmt(f),
            (Some(prompt), Selector::Latest) => prompt.fmt(f),
            (Some(prompt), selector) => write!(f, "{prompt}@{selector}"),
        }
    }
}

impl FromStr for VersionSpec {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let (prompt, selector) = Self::split(text);
        match (selector, VersionId::from_text(prompt)) {
            (None, Some(id)) => Ok(Self::from(id)),
            (None, None) => Ok(Self::new(prompt.parse::<PromptRef>()?, Selector::Latest)),
            (Some(selector), _) => Ok(Self::new(
                prompt.parse::<PromptRef>()?,
                selector.parse::<Selector>()?,
            )),
        }
    }
}

impl From<VersionId> for VersionSpec {
    fn from(id: VersionId) -> Self {
        Self {
            prompt: None,
            selector: Selector::Id(id),
        }
    }
}

from_text!(PromptRef, VersionSpec);
