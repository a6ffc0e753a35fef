//! What is answered to text that does not parse.

/// Text that is not what it should be: an id, a name, a number, a selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {what}: {reason}")]
#[non_exhaustive]
pub struct Invalid {
    /// What the text was read as, such as `prompt id`.
    pub what: &'static str,
    /// The text, cut to its first 200 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Invalid {
    pub(crate) fn new(what: &'static str, text: &str, reason: impl Into<String>) -> Self {
        Self {
            what,
            text: text.chars().take(200).collect(),
            reason: reason.into(),
        }
    }
}
