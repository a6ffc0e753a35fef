//! JSON over as few lines as can be read: what is short stands in one.

use serde_json::Value;

use crate::cli::text;

/// No list and no object in one line is longer.
const LINE: usize = 72;

/// A value over lines, what is unprintable escaped.
pub(super) fn lines(value: &Value) -> String {
    let mut told = String::new();
    lay(value, 0, &mut told);
    told
}

fn lay(value: &Value, depth: usize, told: &mut String) {
    if is_short(value) {
        told.push_str(&in_line(value));
        return;
    }
    let next = |told: &mut String, depth| {
        told.push('\n');
        told.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        Value::Array(items) => {
            told.push('[');
            for (position, item) in items.iter().enumerate() {
                told.push_str(if position > 0 { "," } else { "" });
                next(told, depth + 1);
                lay(item, depth + 1, told);
            }
            next(told, depth);
            told.push(']');
        }
        Value::Object(members) => {
            told.push('{');
            for (position, (name, value)) in members.iter().enumerate() {
                told.push_str(if position > 0 { "," } else { "" });
                next(told, depth + 1);
                told.push_str(&format!("{}: ", in_line(&Value::from(name.as_str()))));
                lay(value, depth + 1, told);
            }
            next(told, depth);
            told.push('}');
        }
        scalar => told.push_str(&in_line(scalar)),
    }
}

/// A value in one line, with spaces after commas and colons.
pub(super) fn in_line(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::Array(items) => format!("[{}]", list(items.iter().map(in_line).collect())),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| {
                format!(
                    "{}: {}",
                    in_line(&Value::from(name.as_str())),
                    in_line(value)
                )
            });
            format!("{{{}}}", list(members.collect()))
        }
        scalar => text::line(&scalar.to_string()),
    }
}

/// Whether a value fits into a line. No more of it is looked at than fits.
pub(super) fn is_short(value: &Value) -> bool {
    fn left(value: &Value, room: usize) -> Option<usize> {
        match value {
            Value::String(text) => room.checked_sub(text.len() + 2),
            Value::Array(items) => items.iter().try_fold(room.checked_sub(2)?, |room, item| {
                left(item, room.checked_sub(2)?)
            }),
            Value::Object(members) => {
                let room = room.checked_sub(2)?;
                members.iter().try_fold(room, |room, (name, value)| {
                    left(value, room.checked_sub(name.len() + 6)?)
                })
            }
            _ => room.checked_sub(value.to_string().len()),
        }
    }
    left(value, LINE).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_short_stands_in_one_line() {
        let value = json!({"a": [1, "x\u{1b}"], "b": {"c": "y".repeat(60), "d": {}}});
        let expected = format!(
            "{{\n  \"a\": [1, \"x\\u001b\"],\n  \"b\": {{\n    \"c\": \"{}\",\n    \"d\": {{}}\n  }}\n}}",
            "y".repeat(60)
        );
        assert_eq!(lines(&value), expected);
        assert_eq!(in_line(&json!({"a": [1, null]})), "{\"a\": [1, null]}");
    }
}
