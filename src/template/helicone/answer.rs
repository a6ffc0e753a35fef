//! What merging answers, and why it may not.

use serde::Serialize;
use serde_json::Value;

use crate::template::budget::{LIMIT, TooLarge};
use crate::template::place::{Path, Place};
use crate::template::variable::VariableType;

/// What [`merge`](super::merge()) answers. As JSON: `{"body": …, "errors": […]}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Merged {
    /// The request; texts and sections with an error have their tags still.
    pub body: Value,
    /// The inputs that were not accepted: those of messages, of `response_format`, of `tools`.
    pub errors: Vec<ValidationError>,
}

/// An input that is not of the type that a tag asks for, or is missing where it must not be.
///
/// As JSON: `{"variable": …, "expected": …, "value": …}`, without `value` if there is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ValidationError {
    /// The variable's name.
    pub variable: String,
    /// The type that its tag names; for a member's name, `string`.
    pub expected: VariableType,
    /// The input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// Why a body and parameters can't be merged at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Something is of the wrong shape.
    #[error("{place} is {found}, expected {expected}")]
    Shape {
        /// Where it stands. The messages are counted together: the saved ones, then the caller's.
        place: Place,
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },

    /// The inputs and partials would make the body larger than is accepted.
    #[error("filling the body would add more than {limit} bytes")]
    TooLarge {
        /// How many bytes filling may add, errors included.
        limit: usize,
    },
}

impl MergeError {
    pub(super) fn shape(place: &Path, found: Option<&Value>, expected: &'static str) -> Self {
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
        Self::TooLarge { limit: LIMIT }
    }
}
