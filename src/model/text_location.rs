//! [`TextLocation`], a readable location within a body.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A location within a body.
///
/// As text: `messages[1].content`, `messages[0].content[2].text`, `tools[0].function.parameters["a
/// b"]`, and inside a partial `messages[0].content > partial abc123:1 (production)
/// messages[1].content`. The place of a member's name is that of the member. A place of more than
/// 400 bytes is cut in the middle (`…`), so that a deep body does not make its problems larger than
/// itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextLocation(String);

impl TextLocation {
    /// Number of bytes that are preserved at each end of a long place.
    const END: usize = 200;

    /// Creates a place from its text.
    pub(crate) fn new(text: &str) -> Self {
        if text.len() <= 2 * Self::END {
            return Self(text.to_owned());
        }
        let is_boundary = |at: &usize| text.is_char_boundary(*at);
        let head = (0..=Self::END).rev().find(is_boundary).unwrap_or(0);
        let tail = (text.len() - Self::END..)
            .find(is_boundary)
            .unwrap_or(text.len());
        Self(format!("{}…{}", &text[..head], &text[tail..]))
    }

    /// Returns the place as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TextLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_places_are_cut_in_the_middle() {
        let place = TextLocation::new(&format!("{}{}", "é".repeat(500), "ü".repeat(500)));
        assert_eq!(
            place.as_str(),
            format!("{}…{}", "é".repeat(100), "ü".repeat(100))
        );
        let text = "é".repeat(200);
        assert_eq!(TextLocation::new(&text).as_str(), text);
    }
}
