//! The first difference between the JSON of a call and the expected JSON.

use serde_json::Value;

/// Returns where a value differs from the expected one first, or `None` if it contains that one.
///
/// An object may have further members, at any depth. `place` is the place of the value itself.
pub(super) fn first_difference(place: &str, value: &Value, expected: &Value) -> Option<String> {
    match (value, expected) {
        (Value::Object(value), Value::Object(expected)) => {
            expected.iter().find_map(|(name, expected)| {
                let place = if place.is_empty() {
                    name.clone()
                } else {
                    format!("{place}.{name}")
                };
                match value.get(name) {
                    Some(value) => first_difference(&place, value, expected),
                    None => Some(difference(&place, expected, "no such member")),
                }
            })
        }
        (Value::Array(value), Value::Array(expected)) if value.len() == expected.len() => {
            let mut pairs = value.iter().zip(expected).enumerate();
            pairs.find_map(|(at, (value, expected))| {
                first_difference(&format!("{place}[{at}]"), value, expected)
            })
        }
        (value, expected) if value == expected => None,
        (Value::Array(value), Value::Array(_)) => {
            let found = format!("{} elements", value.len());
            Some(difference(place, expected, &found))
        }
        (value, expected) => Some(difference(place, expected, &value.to_string())),
    }
}

fn difference(place: &str, expected: &Value, found: &str) -> String {
    let place = if place.is_empty() { "the body" } else { place };
    let (expected, found) = (shortened(&expected.to_string()), shortened(found));
    format!("{place}: expected {expected}, found {found}")
}

/// Returns a text that is cut if it is long.
pub(super) fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 500;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_found_at_any_depth() {
        let value = json!({"a": {"b": [1, {"c": 2, "d": 3}], "e": null}, "f": 1.0});
        for part in [
            json!({}),
            json!({"a": {"e": null}}),
            json!({"a": {"b": [1, {"c": 2}]}}),
        ] {
            assert_eq!(first_difference("", &value, &part), None, "{part}");
        }
        for (part, expected) in [
            (json!([]), "the body: expected [], found {"),
            (json!({"g": null}), "g: expected null, found no such member"),
            (
                json!({"a": {"b": [1]}}),
                "a.b: expected [1], found 2 elements",
            ),
            (
                json!({"a": {"b": [1, {"c": 3}]}}),
                "a.b[1].c: expected 3, found 2",
            ),
        ] {
            let found = first_difference("", &value, &part).unwrap();
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
