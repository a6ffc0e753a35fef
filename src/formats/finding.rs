//! Findings of a format: what it cannot read or carry, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something in a file that its format cannot read, or that is not carried over.
///
/// It displays as `line N: …`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FormatFinding {
    /// The line, from 1; none if the finding concerns the whole file.
    pub line: Option<usize>,
    /// What was found, and what to do about it.
    pub text: String,
}

impl FormatFinding {
    pub(crate) fn new(line: impl Into<Option<usize>>, text: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            text: text.into(),
        }
    }
}

/// The end of a finding about what a body has no place for.
const STAYS: &str = " stays in the file only";

impl FormatFinding {
    /// Returns the finding for a part of a file that a body has no place for.
    #[cfg(feature = "formats")]
    pub(super) fn stays(what: &str, line: usize) -> Self {
        Self::new(line, format!("{what}{STAYS}"))
    }

    /// Returns the finding after the file is overwritten, if it is about a part that is then lost.
    pub(crate) fn overwritten(&self) -> Option<Self> {
        let what = self.text.strip_suffix(STAYS)?;
        let text = format!("{what} was in the file only, and is overwritten");
        Some(Self::new(self.line, text))
    }
}

impl fmt::Display for FormatFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.text)
    }
}
