//! The exact JSON text type, [`Json`].

use super::JsonTree;
use super::parse_value;
use crate::json::layout;
use std::fmt;
use std::ops::Index;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::memory_size::{of_json, of_text};

/// JSON text with its numbers as they are written.
///
/// [`text`](Self::text) is exact. [`json`](Self::json) is the parsed value, which represents 64-bit
/// integers and doubles: `123456789012345678901` becomes the nearest double, and `1.50`, `1E5` and
/// `-0` lose their notation.
///
/// Two values are equal if they have the same content with numbers written alike. White space, the
/// escapes of strings and the order of members do not matter. With `serde_json`, serialization
/// writes the text unchanged. Other formats receive what [`RawValue`] gives them.
///
/// ```
/// use promptbook::Json;
///
/// let json: Json = r#"{"seed": 123456789012345678901, "top_p": 1.50}"#.parse()?;
/// assert_eq!(json.text(), r#"{"seed": 123456789012345678901, "top_p": 1.50}"#);
/// assert_eq!(json.json()["top_p"], 1.5);
/// let other: Json = r#"{"seed": 123456789012345678902, "top_p": 1.50}"#.parse()?;
/// assert_ne!(json, other);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Json {
    text: String,
    /// The parsed value, once it was requested.
    value: OnceLock<Box<Value>>,
}

impl Json {
    /// Returns the exact text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the parsed value. It is lossy: numbers become 64-bit integers or doubles.
    #[must_use]
    pub fn json(&self) -> &Value {
        self.value.get_or_init(|| Box::new(parse(&self.text)))
    }

    /// Returns the exact text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Returns the value for text that is known to be JSON.
    pub(crate) fn new(text: String) -> Self {
        let value = OnceLock::new();
        Self { text, value }
    }

    /// Returns the value for text that is known to be JSON, with its parsed form.
    pub(crate) fn parsed(text: String, value: Value) -> Self {
        let value = OnceLock::from(Box::new(value));
        Self { text, value }
    }

    /// Returns the value for text that is known to be JSON, without its white space.
    pub(crate) fn compact(text: &str) -> Self {
        Self::new(layout::compact(text))
    }

    /// Returns whether the result of [`json`](Self::json) is in memory.
    pub(crate) fn is_parsed(&self) -> bool {
        self.value.get().is_some()
    }

    /// Returns the memory that the value uses, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let value = self.value.get();
        size_of::<Self>() + of_text(&self.text) + value.map_or(0, |value| of_json(value))
    }

    /// Returns the parsed text with exact numbers.
    pub(crate) fn tree(&self) -> JsonTree<'_> {
        JsonTree::of(&self.text)
    }
}

/// Parses text that is known to be JSON, however deeply it is nested.
pub(crate) fn parse(text: &str) -> Value {
    // A deeply nested input inside a deeply nested body can exceed the parser's depth limit.
    parse_value(text).unwrap_or_else(|_| value_of(&JsonTree::of(text)))
}

fn value_of(tree: &JsonTree<'_>) -> Value {
    match tree {
        JsonTree::Null => Value::Null,
        JsonTree::Bool(bool) => Value::Bool(*bool),
        JsonTree::Number(number) => serde_json::from_str(number.text()).unwrap_or_default(),
        JsonTree::String(text) => text.as_str().into(),
        JsonTree::Array(items) => items.iter().map(value_of).collect(),
        JsonTree::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| (name, value_of(value)))
                .collect()
        }
    }
}

/// Returns the first number of JSON text that a `Value` cannot represent exactly.
#[cfg(feature = "cli")]
pub(crate) fn inexact_number(text: &str) -> Option<&str> {
    fn first<'a>(tree: &JsonTree<'a>) -> Option<&'a str> {
        match tree {
            JsonTree::Number(number) => {
                let nearest: serde_json::Number = serde_json::from_str(number.text()).ok()?;
                let is_exact = JsonTree::of(&nearest.to_string()).is_same(tree);
                (!is_exact).then(|| number.text())
            }
            JsonTree::Array(items) => items.iter().find_map(first),
            JsonTree::Object(members) => members.iter().find_map(|(_, value)| first(value)),
            JsonTree::Null | JsonTree::Bool(_) | JsonTree::String(_) => None,
        }
    }
    first(&JsonTree::of(text))
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Json").field(&self.text).finish()
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text || self.tree() == other.tree()
    }
}

impl Eq for Json {}

impl PartialEq<Value> for Json {
    /// Compares the parsed value.
    fn eq(&self, other: &Value) -> bool {
        self.json() == other
    }
}

impl Index<&str> for Json {
    type Output = Value;

    /// Returns the member with this name of [`json`](Json::json), or null if there is none.
    fn index(&self, name: &str) -> &Value {
        &self.json()[name]
    }
}

impl AsRef<Json> for Json {
    fn as_ref(&self) -> &Json {
        self
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self::parsed(value.to_string(), value)
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        Self::new(value.to_string())
    }
}

impl From<&JsonTree<'_>> for Json {
    fn from(tree: &JsonTree<'_>) -> Self {
        Self::new(tree.to_text())
    }
}

impl FromStr for Json {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let value = parse_value(text)?;
        Ok(Self::parsed(text.to_owned(), value))
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.text).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;

        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn serializing_keeps_numbers_as_they_are_written() {
        let text = r#"{"a":[123456789012345678901,1.50,1E5,-0,1e-400]}"#;
        let json: Json = text.parse().unwrap();
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        struct Outer {
            inner: Json,
        }
        let outer = Outer { inner: json };
        let whole = serde_json::to_string(&outer).unwrap();
        assert_eq!(whole, format!("{{\"inner\":{text}}}"));
        assert_eq!(serde_json::from_str::<Outer>(&whole).unwrap(), outer);
        // A `Value` represents what it can.
        let value = serde_json::to_value(&outer).unwrap();
        assert_eq!(value["inner"]["a"][1], 1.5);
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_value_holds_integers_of_64_bits_and_doubles() {
        for exact in [
            "18446744073709551615",
            "-9223372036854775808",
            "0.1",
            "1.50",
            "1E5",
            "-0",
            "5e-324",
            "\"1e400\"",
        ] {
            assert_eq!(
                inexact_number(&format!("{{\"a\":[{exact}]}}")),
                None,
                "{exact}"
            );
        }
        for inexact in [
            "18446744073709551616",
            "123456789012345678901",
            "1e-400",
            "0.1000000000000000055",
        ] {
            assert_eq!(
                inexact_number(&format!("{{\"a\":[0,{inexact}]}}")),
                Some(inexact)
            );
        }
    }

    #[test]
    fn text_beyond_the_depth_limit_is_parsed() {
        let text = format!(
            "{}[1, \"\\n\", null, true]{}",
            "{\"a\":".repeat(300),
            "}".repeat(300)
        );
        let json = Json::new(text);
        let mut at = json.json();
        for _ in 0..300 {
            at = &at["a"];
        }
        assert_eq!(*at, json!([1, "\n", null, true]));
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        for text in ["", "{", "1e400", "\"\\ud800\"", "[1] 2"] {
            assert!(text.parse::<Json>().is_err(), "{text}");
        }
    }
}
