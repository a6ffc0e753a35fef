//! The difference of two bodies, line by line, with the words that changed.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::cli::output::{ADDED, DIM, PLAIN, REMOVED, paint};
use crate::cli::text;

/// How many lines are shown around a change.
const AROUND: usize = 2;

/// The lines that differ, of two bodies written out alike.
pub(super) fn difference(old: &Value, new: &Value) -> String {
    let (old, new) = (text::json(old), text::json(new));
    let diff = TextDiff::from_lines(&old, &new);
    let mut told = String::new();
    for (position, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if position > 0 {
            told.push_str(&paint(DIM, "  …\n"));
        }
        for change in group.iter().flat_map(|op| diff.iter_inline_changes(op)) {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ("-", REMOVED),
                ChangeTag::Insert => ("+", ADDED),
                ChangeTag::Equal => (" ", PLAIN),
            };
            told.push_str(&paint(style, format_args!("{sign} ")));
            for (changed, words) in change.iter_strings_lossy() {
                // The style ends before the line does, so that it can't run on.
                let words = words.trim_end_matches('\n');
                let style = if changed {
                    style.bold().underline()
                } else {
                    style
                };
                told.push_str(&paint(style, words));
            }
            told.push('\n');
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_that_differ_are_marked() {
        let told = difference(
            &json!({"a": 1, "b": "x y", "c": 1}),
            &json!({"a": 1, "b": "x z", "c": 1}),
        );
        let plain = anstream::adapter::strip_str(&told).to_string();
        assert_eq!(
            plain,
            "  {\n    \"a\": 1,\n-   \"b\": \"x y\",\n+   \"b\": \"x z\",\n    \"c\": 1\n  }\n"
        );
    }

    #[test]
    fn equal_bodies_have_none() {
        assert_eq!(difference(&json!({"a": 1}), &json!({"a": 1})), "");
    }
}
