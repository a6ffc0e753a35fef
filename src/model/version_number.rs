//! Version numbers, how they grow, and the ways to name a version.

use std::fmt;
use std::str::FromStr;

use semver::{Comparator, Op, VersionReq};
use serde::{Deserialize, Serialize};

use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::invalid_argument::Invalid;

/// The number of a version: `major.minor`, unique within its prompt for good.
///
/// ```
/// let number: promptbook::VersionNumber = "2.1".parse()?;
/// assert_eq!((number.major, number.minor), (2, 1));
/// assert!(number > "1.12".parse()?);
/// # Ok::<(), promptbook::Invalid>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionNumber {
    /// Grows when callers of the version before would break.
    pub major: u32,
    /// Grows with every other change.
    pub minor: u32,
}

impl VersionNumber {
    /// The number `major.minor`.
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
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
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
                Invalid::new("version number", text, "expected MAJOR.MINOR, such as 2.1")
            })
    }
}

impl TryFrom<String> for VersionNumber {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<VersionNumber> for String {
    fn from(number: VersionNumber) -> Self {
        number.to_string()
    }
}

/// How a new version's number grows from its base's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Bump {
    /// The base's major, and that major's next minor.
    Minor,
    /// The prompt's next major, and minor 0.
    Major,
    /// A minor if the bump rules allow one, else a major.
    #[default]
    Auto,
}

/// Names one version of a prompt.
///
/// | text | selects |
/// |---|---|
/// | `0197…-…` (a UUID) | the version of that id |
/// | `2.1` | the version of that number |
/// | `latest` | the version of the highest number |
/// | `^2`, `2.*`, `2`, `~2.1`, `>=1.2, <3` | the highest number that meets the requirement, by the rules of the [`semver`] crate, `2.1` read as `2.1.0` |
/// | anything else, or anything behind `env:` | the version that the environment of that name points to |
///
/// ```
/// use promptbook::Selector;
///
/// assert!(matches!("2.1".parse()?, Selector::Number(_)));
/// assert!(matches!("^2".parse()?, Selector::Requirement(_)));
/// assert!(matches!("production".parse()?, Selector::Environment(_)));
/// assert!(matches!("env:latest".parse()?, Selector::Environment(_)));
/// # Ok::<(), promptbook::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Selector {
    /// By id.
    Id(VersionId),
    /// By number.
    Number(VersionNumber),
    /// The highest number.
    Latest,
    /// The highest number that meets a requirement.
    Requirement(VersionReq),
    /// What an environment points to.
    Environment(EnvironmentName),
}

impl FromStr for Selector {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
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
                    let reason = format!("{error}; an environment of this name is env:{text}");
                    Invalid::new("version requirement", text, reason)
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

impl TryFrom<&str> for Selector {
    type Error = Invalid;

    fn try_from(text: &str) -> Result<Self, Invalid> {
        text.parse()
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

/// Whether a requirement admits a number, read as `major.minor.0`.
pub(crate) fn admits(requirement: &VersionReq, number: VersionNumber) -> bool {
    let version = semver::Version::new(number.major.into(), number.minor.into(), 0);
    requirement.matches(&version)
}

/// The majors that a requirement can admit, both ends included: a bound for a search by number.
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

/// Names a prompt: by id or by name.
///
/// As text: the id or the name. `id:` and an id always names one prompt, also if another prompt has that text as its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PromptRef {
    /// By id.
    Id(PromptId),
    /// By exact name.
    Name(PromptName),
    /// Text that may be an id as well as a name. Where two prompts answer to it, it is an error.
    IdOrName(PromptId),
}

impl FromStr for PromptRef {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
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

impl TryFrom<&str> for PromptRef {
    type Error = Invalid;

    fn try_from(text: &str) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl TryFrom<&String> for PromptRef {
    type Error = Invalid;

    fn try_from(text: &String) -> Result<Self, Invalid> {
        text.parse()
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

/// Names a version in one word: a prompt and a selector, or a version's id alone.
///
/// As text: `greeting@2.1`, `greeting@^2`, `greeting@production`, `abc123@env:latest`; without a selector,
/// `greeting` is its latest version, as a branch in git is its newest commit. The text is cut at `@env:`,
/// else at the last `@`. Names are any text, so some have to be completed by a selector (`a@b@latest`), and some can only be
/// replaced by the id (`id:abc123`): a name with `@env:`, and one that is a version's id.
///
/// ```
/// use promptbook::{Selector, Spec};
///
/// let spec: Spec = "greeting@^2".parse()?;
/// assert_eq!(spec.selector, "^2".parse()?);
/// let spec: Spec = "greeting".parse()?;
/// assert_eq!(spec.selector, Selector::Latest);
/// # Ok::<(), promptbook::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spec {
    /// The prompt; only a version's id can do without.
    pub prompt: Option<PromptRef>,
    /// Which of its versions.
    pub selector: Selector,
}

impl Spec {
    /// A version of a prompt.
    pub fn new(prompt: impl Into<PromptRef>, selector: impl Into<Selector>) -> Self {
        Self {
            prompt: Some(prompt.into()),
            selector: selector.into(),
        }
    }

    /// Cuts a text into the prompt's and the selector's, if there is one.
    #[must_use]
    pub fn split(text: &str) -> (&str, Option<&str>) {
        let at = text.find("@env:").or_else(|| text.rfind('@'));
        match at {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        }
    }
}

impl FromStr for Spec {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
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

impl TryFrom<&str> for Spec {
    type Error = Invalid;

    fn try_from(text: &str) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl TryFrom<&String> for Spec {
    type Error = Invalid;

    fn try_from(text: &String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<&Spec> for Spec {
    fn from(spec: &Spec) -> Self {
        spec.clone()
    }
}

impl From<VersionId> for Spec {
    fn from(id: VersionId) -> Self {
        Self {
            prompt: None,
            selector: Selector::Id(id),
        }
    }
}

impl<P: Into<PromptRef>, S: Into<Selector>> From<(P, S)> for Spec {
    fn from((prompt, selector): (P, S)) -> Self {
        Self::new(prompt, selector)
    }
}
