//! Readable locations within a body.

use std::fmt::{self, Write as _};

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
    pub(super) fn new(text: &str) -> Self {
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

/// The path from a body's root to the current position of a walk.
#[derive(Debug)]
pub(crate) struct LocationPath(String);

/// A step of a [`LocationPath`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum LocationStep<'a> {
    Index(usize),
    Member(&'a str),
}

impl LocationPath {
    /// Creates a path that begins at a described place.
    pub(crate) fn new(root: impl Into<String>) -> Self {
        Self(root.into())
    }

    /// Runs `act` with the path one step further, and then restores the path.
    pub(crate) fn within<T>(
        &mut self,
        step: LocationStep<'_>,
        act: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let length = self.0.len();
        self.push(step);
        let done = act(self);
        self.0.truncate(length);
        done
    }

    fn push(&mut self, step: LocationStep<'_>) {
        // Writing to a `String` cannot fail.
        let _ = match step {
            LocationStep::Index(index) => write!(self.0, "[{index}]"),
            LocationStep::Member(name) if is_plain(name) => write!(self.0, ".{name}"),
            LocationStep::Member(name) => write!(self.0, "[{}]", serde_json::Value::from(name)),
        };
    }

    /// Returns the current place of the walk.
    pub(crate) fn place(&self) -> TextLocation {
        TextLocation::new(&self.0)
    }
}

/// Checks whether a member's name needs no quotes.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_code() {
        let mut path = LocationPath::new("tools");
        let place = path.within(LocationStep::Index(0), |path| {
            path.within(LocationStep::Member("function"), |path| {
                path.within(LocationStep::Member("a \"b\""), |path| path.place())
            })
        });
        assert_eq!(place.as_str(), r#"tools[0].function["a \"b\""]"#);
        assert_eq!(path.place().as_str(), "tools");
    }

    #[test]
    fn names_are_quoted_where_code_would_quote_them() {
        let mut path = LocationPath::new("x");
        for (name, expected) in [
            ("a1", "x.a1"),
            ("$", "x.$"),
            ("1a", r#"x["1a"]"#),
            ("", r#"x[""]"#),
            ("é", r#"x["é"]"#),
        ] {
            assert_eq!(
                path.within(LocationStep::Member(name), |path| path.place())
                    .as_str(),
                expected
            );
        }
    }

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
