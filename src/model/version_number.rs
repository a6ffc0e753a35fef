//! [`VersionNumber`], the number of a version, and [`Bump`], the step to the next one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::id::from_text;
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

from_text!(VersionNumber);
