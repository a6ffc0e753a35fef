//! The memory that values take, in bytes, for what keeps a bounded amount of them: rather too much than too little.

use serde_json::{Map, Value};

/// What a map needs for an entry, and the allocator for what is of no fixed size.
pub(crate) const ENTRY: usize = 128;

/// The memory behind text, without that of its place.
pub(crate) fn of_text(text: &str) -> usize {
    match text.len() {
        0 => 0,
        bytes => bytes + 16,
    }
}

/// The memory of a JSON value.
pub(crate) fn of_json(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => of_text(text),
            // A list has room to grow by as much again.
            Value::Array(elements) => {
                let room = elements.capacity() - elements.len();
                elements.iter().map(of_json).sum::<usize>() + room * size_of::<Value>() + 16
            }
            Value::Object(members) => of_members(members),
        }
}

fn of_members(members: &Map<String, Value>) -> usize {
    // The least table is for three.
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
