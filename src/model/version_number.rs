//! Version numbers, bumps, and the ways to select a version.

use std::fmt;
use std::str::FromStr;

use semver::{Comparator, Op, VersionReq};
use serde::{Deserialize, Serialize};

use crate::model::arguments::{IntoPromptRef, IntoSelector};
use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId, from_text};
use crate::model::invalid_argument::InvalidArgument;

/// The number of a version: `major.minor`, unique within its prompt and never reused.
///
/// ```
/// let number: promptbook::VersionNumber = "2.1".parse()?;
/// assert_eq!((number.major, number.minor), (2, 1));
/// assert!(number > "1.12".parse()?);
/// # Ok::<(), promptbook::error::InvalidArgument>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionNumber {
    /// Increases if the new version would break callers of the previous one.
    pub major: u32,
    /// Increases with every other change.
    pub minor: u32,
}

impl VersionNumber {
    /// Returns the number `major.minor`.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.major, self.minor))
    }
}

impl FromStr for VersionNumber {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let part = |digits: &str| {
            let canonical = digits == "0" || !digits.starts_with('0');
            let digits_only = digits.bytes().all(|byte| byte.is_ascii_digit());
            (canonical && digits_only)
                .then(|| digits.parse().ok())
                .flatten()
        };
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self::new(part(major)?, part(minor)?)))
            .ok_or_else(|| {
                InvalidArgument::new("version number", text, "expected MAJOR.MINOR, such as 2.1")
            })
    }
}

impl From<VersionNumber> for String {
    fn from(number: VersionNumber) -> Self {
        number.to_string()
    }
}

/// The step from the number of a base to the number of a new version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Bump {
    /// The base's major, with the next minor of that major.
    Minor,
    /// The prompt's next major, with minor 0.
    Major,
    /// A minor bump if the bump rules allow one, otherwise a major bump.
    #[default]
    Auto,
}

/// A selector of one version of a prompt.
///
/// | text | selects |
/// |---|---|
/// | `0197…-…` (a UUID) | the version with that id |
/// | `2.1` | the version with that number |
/// | `latest` | the version with the highest number |
/// | `^2`, `2.*`, `2`, `~2.1`, `>=1.2, <3` | the version with the highest number that meets it |
/// | any other text, or any text after `env:` | the version that this environment points to |
///
/// Requirements follow the rules of the [`semver`] crate, with a number such as `2.1` read as
/// `2.1.0`.
///
/// ```
/// use promptbook::Selector;
///
/// assert!(matches!("2.1".parse()?, Selector::Number(_)));
/// assert!(matches!("^2".parse()?, Selector::Requirement(_)));
/// assert!(matches!("production".parse()?, Selector::Environment(_)));
/// assert!(matches!("env:latest".parse()?, Selector::Environment(_)));
/// # Ok::<(), promptbook::error::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Selector {
    /// The version with this id.
    Id(VersionId),
    /// The version with this number.
    Number(VersionNumber),
    /// The version with the highest number.
    Latest,
    /// The version with the highest number that meets a requirement.
    Requirement(VersionReq),
    /// The version that an environment points to.
    Environment(EnvironmentName),
}

impl FromStr for Selector {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        if let Some(name) = text.strip_prefix("env:") {
            return name.parse().map(Self::Environment);
        }
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        if text.starts_with(|c: char| c.is_ascii_digit() || "^~<>=*".contains(c)) {
            return VersionReq::parse(text)
                .map(Self::Requirement)
                .map_err(|error| {
                    let reason = format!(
                        "{error}; to select the environment of this name, write env:{text}"
                    );
                    InvalidArgument::new("version requirement", text, reason)
                });
        }
        text.parse().map(Self::Environment)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Latest => f.write_str("latest"),
            Self::Requirement(requirement) => requirement.fmt(f),
            Self::Environment(name) => {
                let plain =
                    matches!(name.as_str().parse(), Ok(Self::Environment(read)) if read == *name);
                write!(f, "{}{name}", if plain { "" } else { "env:" })
            }
        }
    }
}

impl From<VersionNumber> for Selector {
    fn from(number: VersionNumber) -> Self {
        Self::Number(number)
    }
}

impl From<VersionId> for Selector {
    fn from(id: VersionId) -> Self {
        Self::Id(id)
    }
}

impl From<EnvironmentName> for Selector {
    fn from(name: EnvironmentName) -> Self {
        Self::Environment(name)
    }
}

impl From<&EnvironmentName> for Selector {
    fn from(name: &EnvironmentName) -> Self {
        Self::Environment(name.clone())
    }
}

/// Returns whether a requirement admits a number, which is read as `major.minor.0`.
pub(crate) fn admits(requirement: &VersionReq, number: VersionNumber) -> bool {
    let version = semver::Version::new(number.major.into(), number.minor.into(), 0);
    requirement.matches(&version)
}

/// Returns the lowest and the highest major that a requirement can admit, to bound a search.
pub(crate) fn majors(requirement: &VersionReq) -> (u32, u32) {
    let narrow = |(low, high): (u32, u32), comparator: &Comparator| {
        let major = u32::try_from(comparator.major).unwrap_or(u32::MAX);
        match comparator.op {
            Op::Exact | Op::Tilde | Op::Caret | Op::Wildcard => (low.max(major), high.min(major)),
            Op::Greater | Op::GreaterEq => (low.max(major), high),
            Op::Less | Op::LessEq => (low, high.min(major)),
            _ => (low, high),
        }
    };
    requirement.comparators.iter().fold((0, u32::MAX), narrow)
}

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
        match text.parse() {
            Ok(id) => Ok(Self::IdOrName(id)),
            Err(_) => text.parse().map(Self::Name),
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

impl FromStr for VersionSpec {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let (prompt, selector) = Self::split(text);
        match (selector, prompt.parse::<VersionId>()) {
            (None, Ok(id)) => Ok(Self::from(id)),
            (None, Err(_)) => Ok(Self::new(prompt.parse::<PromptRef>()?, Selector::Latest)),
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

impl<P: IntoPromptRef, S: IntoSelector> TryFrom<(P, S)> for VersionSpec {
    type Error = InvalidArgument;

    fn try_from((prompt, selector): (P, S)) -> Result<Self, InvalidArgument> {
        Ok(Self::new(
            prompt.into_prompt_ref()?,
            selector.into_selector()?,
        ))
    }
}

from_text!(VersionNumber, Selector, PromptRef, VersionSpec);
