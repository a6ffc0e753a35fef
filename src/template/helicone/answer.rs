//! The result of a merge, and the errors that prevent it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::model::text_location::TextLocation;
use crate::template::budget::{MAX_ADDED_BYTES, TooLarge};
use crate::template::place::LocationPath;
use crate::template::variable::VariableType;

/// The result of [`merge`](super::merge()). As JSON: `{"body": …, "errors": […]}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Merged {
    /// The request. Texts and sections with an error still have their tags.
    pub body: Value,
    /// The inputs that were not accepted: those of messages, of `response_format`, and of `tools`.
    pub errors: Vec<ValidationError>,
}

/// An input that does not have the type that a tag requires, or that is missing but required.
///
/// As JSON: `{"variable": …, "expected": …, "value": …}`, without `value` if there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ValidationError {
    /// The variable's name.
    pub variable: String,
    /// The type that its tag names; for a member's name, `string`.
    pub expected: VariableType,
    /// The input.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub value: Option<Value>,
}

/// Reads a member that is there, whose value may be null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    reader: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

/// A reason why a body and parameters cannot be merged at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A value has the wrong shape.
    #[error("{place} is {found}, expected {expected}")]
    Shape {
        /// The place of the value. Messages are counted together: the saved ones, then the
        /// caller's.
        place: TextLocation,
        /// The shape that was found.
        found: &'static str,
        /// The shape that was expected.
        expected: &'static str,
    },

    /// The inputs and partials would make the body larger than the limit.
    #[error("filling the body would add more than {limit} bytes")]
    TooLarge {
        /// Maximum number of bytes that filling may add, errors included.
        limit: usize,
    },
}

impl MergeError {
    pub(super) fn shape(
        place: &LocationPath,
        found: Option<&Value>,
        expected: &'static str,
    ) -> Self {
        let found = match found {
            None => "missing",
            Some(Value::Null) => "null",
            Some(Value::Bool(_)) => "a boolean",
            Some(Value::Number(_)) => "a number",
            Some(Value::String(_)) => "a string",
            Some(Value::Array(_)) => "a list",
            Some(Value::Object(_)) => "an object",
        };
        Self::Shape {
            place: place.place(),
            found,
            expected,
        }
    }
}

impl From<TooLarge> for MergeError {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge {
            limit: MAX_ADDED_BYTES,
        }
    }
}
