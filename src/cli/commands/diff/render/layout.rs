//! Layout of JSON with short values in one line.

use serde_json::Value;

use crate::cli::text;
use crate::json::JsonTree;

/// The maximum length of a list or object in one line, in bytes.
const MAX_LINE_WIDTH: usize = 72;

/// Renders a value over several lines, with unprintable characters escaped.
pub(super) fn lines(value: &JsonTree<'_>) -> String {
    let mut text = String::new();
    write_value(value, 0, &mut text);
    text
}

fn write_value(value: &JsonTree<'_>, depth: usize, text: &mut String) {
    if is_short(value) {
        text.push_str(&in_line(value));
        return;
    }
    let next = |text: &mut String, depth| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        JsonTree::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                text.push_str(if position > 0 { "," } else { "" });
                next(text, depth + 1);
                write_value(item, depth + 1, text);
            }
            next(text, depth);
            text.push(']');
        }
        JsonTree::Object(members) => {
            text.push('{');
            for (position, (name, value)) in members.iter().enumerate() {
                text.push_str(if position > 0 { "," } else { "" });
                next(text, depth + 1);
                text.push_str(&format!("{}: ", quoted(name)));
                write_value(value, depth + 1, text);
            }
            next(text, depth);
            text.push('}');
        }
        scalar => text.push_str(&in_line(scalar)),
    }
}

/// Renders a value in one line, with spaces after commas and colons.
pub(super) fn in_line(value: &JsonTree<'_>) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        JsonTree::String(text) => quoted(text.as_str()),
        JsonTree::Array(items) => format!("[{}]", list(items.iter().map(in_line).collect())),
        JsonTree::Object(members) => {
            let members = members.iter();
            let members =
                members.map(|(name, value)| format!("{}: {}", quoted(name), in_line(value)));
            format!("{{{}}}", list(members.collect()))
        }
        scalar => text::line(&scalar.to_text()),
    }
}

/// Renders a string in quotes, with unprintable characters escaped.
pub(super) fn quoted(words: &str) -> String {
    text::line(&Value::from(words).to_string())
}

/// Returns whether a value fits into one line. Reads no more of it than fits.
pub(super) fn is_short(value: &JsonTree<'_>) -> bool {
    fn left(value: &JsonTree<'_>, room: usize) -> Option<usize> {
        match value {
            JsonTree::String(text) => room.checked_sub(text.as_str().len() + 2),
            JsonTree::Array(items) => items.iter().try_fold(room.checked_sub(2)?, |room, item| {
                left(item, room.checked_sub(2)?)
            }),
            JsonTree::Object(members) => {
                let room = room.checked_sub(2)?;
                members.iter().try_fold(room, |room, (name, value)| {
                    left(value, room.checked_sub(name.len() + 6)?)
                })
            }
            _ => room.checked_sub(value.to_text().len()),
        }
    }
    left(value, MAX_LINE_WIDTH).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_values_take_one_line() {
        let value = json!({"a": [1, "x\u{1b}"], "b": {"c": "y".repeat(60), "d": {}}});
        let expected = format!(
            "{{\n  \"a\": [1, \"x\\u001b\"],\n  \"b\": {{\n    \"c\": \"{}\",\n    \"d\": {{}}\n  }}\n}}",
            "y".repeat(60)
        );
        let text = value.to_string();
        assert_eq!(lines(&JsonTree::of(&text)), expected);
        let text = r#"{"a":[1E5,null]}"#;
        assert_eq!(in_line(&JsonTree::of(text)), "{\"a\": [1E5, null]}");
    }
}
