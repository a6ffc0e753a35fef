//! Marks of removed and added text: colours or signs.

use anstream::ColorChoice;

use crate::cli::output::{ADDED, REMOVED, paint};

/// The way in which removed and added text is marked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ChangeMarks {
    /// By colour.
    Colour,
    /// By `[-removed-]{+added+}`, for output without colour.
    Signs,
}

impl ChangeMarks {
    /// Returns the marks for standard output.
    pub(crate) fn of_output() -> Self {
        match anstream::stdout().current_choice() {
            ColorChoice::Never => Self::Signs,
            _ => Self::Colour,
        }
    }

    /// Returns removed text and the text that replaces it, in one line.
    pub(super) fn pair(self, old: &str, new: &str) -> String {
        self.removed(old)
            + if matches!(self, Self::Colour) {
                " "
            } else {
                ""
            }
            + &self.added(new)
    }

    fn removed(self, words: &str) -> String {
        match self {
            Self::Colour => paint(REMOVED, words),
            Self::Signs => format!("[-{words}-]"),
        }
    }

    fn added(self, words: &str) -> String {
        match self {
            Self::Colour => paint(ADDED, words),
            Self::Signs => format!("{{+{words}+}}"),
        }
    }
}
