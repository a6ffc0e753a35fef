//! Machine-readable locations of values within a body.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The location of a value within a body: a JSON Pointer (RFC 6901), such as `/messages/0/content`.
///
/// In the name of a member, `~` is written `~0`, and `/` is written `~1`. The empty pointer is the
/// whole body.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pointer(String);

impl Pointer {
    /// Returns the pointer as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the member names, unescaped, and the indexes along the path.
    pub fn tokens(&self) -> impl Iterator<Item = Cow<'_, str>> {
        tokens(&self.0)
    }

    /// Returns the value at this location, if it exists.
    #[must_use]
    pub fn find<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        body.pointer(&self.0)
    }

    /// Returns the pointer to a member of this value.
    pub(crate) fn member(&self, name: &str) -> Self {
        let mut further = String::with_capacity(self.0.len() + 1 + name.len());
        further.push_str(&self.0);
        further.push('/');
        for c in name.chars() {
            match c {
                '~' => further.push_str("~0"),
                '/' => further.push_str("~1"),
                c => further.push(c),
            }
        }
        Self(further)
    }

    /// Returns the pointer to an item of this value.
    pub(crate) fn item(&self, index: usize) -> Self {
        let mut further = self.0.clone();
        // Writing to a `String` cannot fail.
        let _ = write!(further, "/{index}");
        Self(further)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns the names and indexes of a pointer's text, unescaped.
pub(crate) fn tokens(pointer: &str) -> impl Iterator<Item = Cow<'_, str>> {
    // The text before the first slash is empty.
    pointer.split('/').skip(1).map(|token| {
        if token.contains('~') {
            token.replace("~1", "/").replace("~0", "~").into()
        } else {
            token.into()
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_escaped_and_found_again() {
        let body = json!({"a/b": {"~1": [1, {"": 2}]}});
        let pointer = Pointer::default().member("a/b").member("~1").item(1);
        let pointer = pointer.member("");
        assert_eq!(pointer.as_str(), "/a~1b/~01/1/");
        assert_eq!(pointer.find(&body), Some(&json!(2)));
        let tokens: Vec<_> = pointer.tokens().collect();
        assert_eq!(tokens, ["a/b", "~1", "1", ""]);
        assert_eq!(Pointer::default().find(&body), Some(&body));
        assert_eq!(Pointer::default().tokens().count(), 0);
    }
}
