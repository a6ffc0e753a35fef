//! Estimates of the memory that values take, in bytes, for caches of bounded size.
//!
//! The estimates are rather too high than too low.

use serde_json::{Map, Value};

/// The overhead of a map's entry and of the allocations of its values that have no fixed size.
pub(crate) const ENTRY: usize = 128;

/// Returns the heap memory of a text, without the `String` itself.
pub(crate) fn of_text(text: &str) -> usize {
    match text.len() {
        0 => 0,
        bytes => bytes + 16,
    }
}

/// Returns the memory of a JSON value.
pub(crate) fn of_json(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => of_text(text),
            // A vector that grew can have as much unused capacity as elements.
            Value::Array(elements) => {
                let room = elements.capacity() - elements.len();
                elements.iter().map(of_json).sum::<usize>() + room * size_of::<Value>() + 16
            }
            Value::Object(members) => of_members(members),
        }
}

fn of_members(members: &Map<String, Value>) -> usize {
    // The smallest hash table has room for three members.
    let room = match members.len() {
        0 => 0,
        some => some.max(3) - some,
    };
    let each = size_of::<(u64, String, Value)>() + 16;
    let named = |(name, value): (&String, &Value)| {
        of_text(name) + of_json(value) + each - size_of::<Value>()
    };
    members.iter().map(named).sum::<usize>() + room * each + 64
}
