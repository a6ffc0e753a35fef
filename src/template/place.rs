//! [`LocationPath`], the path of a walk through a body.

use std::fmt::Write as _;

use crate::model::text_location::TextLocation;

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
            // Most names are plain, and formatting takes several times as long.
            LocationStep::Member(name) if is_plain(name) => {
                self.0.push('.');
                self.0.push_str(name);
                Ok(())
            }
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
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    name.bytes().next().is_some_and(is_letter)
        && name
            .bytes()
            .all(|byte| is_letter(byte) || byte.is_ascii_digit())
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
}
