//! The error for text that does not parse.

use std::convert::Infallible;

/// An error for text that is not a valid id, name, number or selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {what}: {reason}")]
#[non_exhaustive]
pub struct InvalidArgument {
    /// What the text was parsed as, such as `prompt id`.
    pub what: &'static str,
    /// The text, truncated to its first 200 characters.
    pub text: String,
    /// The reason why it is not valid.
    pub reason: String,
}

/// The maximum size of a name, a tag, a message and a reason, in bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Checks that a text has at most [`MAX_TEXT_BYTES`]. The error names it as `what`.
pub(crate) fn check_length(what: &'static str, text: &str) -> Result<(), InvalidArgument> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(());
    }
    let reason = format!("it has {} bytes, more than {MAX_TEXT_BYTES}", text.len());
    Err(InvalidArgument::new(what, text, reason))
}

impl InvalidArgument {
    pub(crate) fn new(what: &'static str, text: &str, reason: impl Into<String>) -> Self {
        Self {
            what,
            text: text.chars().take(200).collect(),
            reason: reason.into(),
        }
    }
}

impl From<Infallible> for InvalidArgument {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
