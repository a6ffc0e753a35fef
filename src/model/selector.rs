//! [`Selector`], the ways to select a version of a prompt.

use std::fmt;
use std::str::FromStr;

use semver::{Comparator, Op, VersionReq};

use crate::model::id::{EnvironmentName, VersionId, from_text};
use crate::model::invalid_argument::InvalidArgument;
use crate::model::version_number::VersionNumber;

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
        if text.is_empty() {
            let reason = "it is empty; write a number such as 1.0, latest, or an environment";
            return Err(InvalidArgument::new("selector", text, reason));
        }
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if text.starts_with(|c: char| c.is_ascii_digit())
            && let Ok(number) = text.parse()
        {
            return Ok(Self::Number(number));
        }
        if let Some(id) = VersionId::from_text(text) {
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

from_text!(Selector);
