//! Variables: their types, the values that they accept, and their uses in a body.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::javascript;
use crate::model::text_location::TextLocation;

/// The type of a variable, as written in its tag.
///
/// [`accepts`](Self::accepts) defines which values strict mode accepts. As sets of values, number
/// and boolean are subsets of string, and string is a subset of every other type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VariableType {
    /// `string`: text, and values with one plain text form.
    String,
    /// `number`
    Number,
    /// `boolean`
    Boolean,
    /// Any other type; it accepts every value.
    Other(String),
}

impl VariableType {
    /// Returns the type as written in a tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Other(name) => name,
        }
    }

    /// Checks whether strict mode accepts this value.
    ///
    /// - `string` accepts strings, numbers and booleans;
    /// - `number` accepts numbers, and the strings that JavaScript's `Number()` reads (`0x1F`,
    ///   `1e3`, `Infinity`), except blank ones;
    /// - `boolean` accepts booleans, and the strings true, false, yes and no in any case;
    /// - any other type accepts every value, including null.
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

/// Checks whether a value is a boolean or one of the words for it, in any case.
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

impl<'de> Deserialize<'de> for VariableType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(Self::from(name.as_str()))
    }
}

/// How a tag's value is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VariableSite {
    /// In a message's text, or next to other text: the value's text form is inserted.
    Text,
    /// A string in `tools` or `response_format` that is exactly this tag: the value replaces the
    /// string, and keeps its type.
    Value,
    /// The name of a member in `tools` or `response_format` that is exactly this tag: the value
    /// must be a string.
    Key,
}

/// A use of a variable in a body.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VariableUse {
    /// The variable's name.
    pub name: String,
    /// The variable's type, as written in this tag.
    pub kind: VariableType,
    /// How the value is used here.
    pub site: VariableSite,
    /// The place of the tag.
    pub place: TextLocation,
}

impl VariableUse {
    /// Checks whether strict mode accepts this value here.
    ///
    /// The rules are those of [`VariableType::accepts`]. A [`VariableSite::Key`] accepts only strings.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        self.kind.accepts(value) && (self.site != VariableSite::Key || value.is_string())
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
            site: VariableSite::Key,
            place: TextLocation::new("tools"),
        };
        assert!(key("string").accepts(&json!("")));
        assert!(!key("string").accepts(&json!(1)));
        assert!(!key("date").accepts(&json!(null)));
        assert!(key("number").accepts(&json!("5")));
        assert!(!key("number").accepts(&json!("five")));
    }
}
