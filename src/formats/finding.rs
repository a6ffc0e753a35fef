//! Findings of a format: what it cannot read or carry, and where.

use std::fmt;

use serde::Serialize;

/// Something in a file that its format cannot read, or that is not carried over.
///
/// It displays as `line N: …`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

impl fmt::Display for FormatFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.text)
    }
}
