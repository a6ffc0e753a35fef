//! What happens to parts of a text that a format or a body cannot express.

/// What to do with parts of a text that are not carried over: loops, conditions, helpers and
/// expressions of another template language, and texts that would become variables of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unsupported {
    /// Refuse the file or the body, and name each part with its line.
    #[default]
    Refuse,
    /// Keep them as text, and report each of them as a finding.
    KeepAsText,
}
