//! A variable, where a body uses it, and what it takes.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::javascript;
use super::place::Place;

/// The type of a variable, as its tag names it.
///
/// [`accepts`](Self::accepts) says what strict mode takes for it. As sets of values, number and boolean are
/// within string, and string is within every other type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VariableType {
    /// `string`: text, and what has one plain text form.
    String,
    /// `number`
    Number,
    /// `boolean`
    Boolean,
    /// Any other type takes every value.
    Other(String),
}

impl VariableType {
    /// The type as a tag names it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Other(name) => name,
        }
    }

    /// Whether strict mode takes this value.
    ///
    /// - `string` takes strings, numbers and booleans;
    /// - `number` takes numbers, and the strings that JavaScript's `Number()` reads (`0x1F`, `1e3`,
    ///   `Infinity`) but blank ones;
    /// - `boolean` takes booleans, and the strings true, false, yes and no in any case;
    /// - any other type takes every value, null too.
    ///
    /// ```
    /// use promptbook::template::VariableType;
    ///
    /// assert!(VariableType::Number.accepts(&"0x1F".into()));
    /// assert!(!VariableType::Number.accepts(&" ".into()));
    /// assert!(VariableType::from("date").accepts(&serde_json::Value::Null));
    /// ```
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Other(_), _)
            | (Self::String, Value::String(_) | Value::Number(_) | Value::Bool(_))
            | (Self::Number, Value::Number(_)) => true,
            (Self::Number, Value::String(text)) => {
                javascript::is_numeric_text(text) && !text.chars().all(javascript::is_space)
            }
            (Self::Boolean, value) => is_boolean(value),
            _ => false,
        }
    }
}

/// Whether a value is true or false, or one of the words for them, in any case.
pub(super) fn is_boolean(value: &Value) -> bool {
    // No letter outside ASCII has one of these letters as its lower case.
    let is_word = |text: &str| {
        let words = ["true", "false", "yes", "no"];
        words.iter().any(|word| text.eq_ignore_ascii_case(word))
    };
    value.is_boolean() || value.as_str().is_some_and(is_word)
}

impl From<&str> for VariableType {
    fn from(name: &str) -> Self {
        match name {
            "string" => Self::String,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for VariableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for VariableType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How a tag's value is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Site {
    /// In a message's text, or between other text: the value's text form goes in.
    Text,
    /// A string in `tools` or `response_format` that is exactly this tag: the value takes its place, with
    /// its type.
    Value,
    /// A member's name in `tools` or `response_format` that is exactly this tag: it needs a string.
    Key,
}

/// One use of a variable in a body.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct VariableUse {
    /// The variable's name.
    pub name: String,
    /// Its type, as this tag names it.
    pub kind: VariableType,
    /// How the value is used here.
    pub site: Site,
    /// Where the tag stands.
    pub place: Place,
}

impl VariableUse {
    /// Whether strict mode takes this value here: as [`VariableType::accepts`], and at a
    /// [`Site::Key`] strings only.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        self.kind.accepts(value) && (self.site != Site::Key || value.is_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_named_exactly() {
        assert_eq!(VariableType::from("number"), VariableType::Number);
        assert_eq!(
            VariableType::from("Number"),
            VariableType::Other("Number".into())
        );
        assert_eq!(json!(VariableType::from("date")), json!("date"));
    }

    #[test]
    fn strict_types_take_these_values() {
        let kinds = ["number", "boolean", "string", "date"].map(VariableType::from);
        for (value, accepting) in [
            (json!(0), [true, false, true, true]),
            (json!(false), [false, true, true, true]),
            (json!("0x10"), [true, false, true, true]),
            (json!("yEs"), [false, true, true, true]),
            (json!(""), [false, false, true, true]),
            (json!("\u{feff}\n"), [false, false, true, true]),
            (json!("Ann"), [false, false, true, true]),
            (json!(null), [false, false, false, true]),
            (json!([5]), [false, false, false, true]),
            (json!({}), [false, false, false, true]),
        ] {
            assert_eq!(
                kinds.each_ref().map(|kind| kind.accepts(&value)),
                accepting,
                "{value}"
            );
        }
    }

    #[test]
    fn keys_take_strings_of_their_type_only() {
        let key = |kind: &str| VariableUse {
            name: "x".into(),
            kind: kind.into(),
            site: Site::Key,
            place: Place::new("tools"),
        };
        assert!(key("string").accepts(&json!("")));
        assert!(!key("string").accepts(&json!(1)));
        assert!(!key("date").accepts(&json!(null)));
        assert!(key("number").accepts(&json!("5")));
        assert!(!key("number").accepts(&json!("five")));
    }
}
