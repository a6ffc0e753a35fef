//! Formatting of text from the store for terminals.

use std::fmt::Write as _;

use chrono::{DateTime, Local, Utc};
use serde::Serialize;

use crate::json::pretty;

use crate::model::hidden;
use crate::model::shown::{Escaped, Quoted};

/// Returns a text in one line, with hidden characters escaped.
pub(crate) fn line(text: &str) -> String {
    hidden::escaped(text)
}

/// Returns a text with its line breaks, and with all other hidden characters escaped.
pub(crate) fn lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(line).collect();
    lines.join("\n")
}

/// Returns a name or tag, cut if it is long, and quoted if it could be misread otherwise.
pub(crate) fn name(text: &str) -> String {
    Escaped(text).to_string()
}

/// Returns a name or tag in quotation marks, cut if it is long.
pub(crate) fn quoted(text: &str) -> String {
    Quoted(text).to_string()
}

/// The maximum length of a message's summary, in characters.
const MAX_SUMMARY_CHARS: usize = 200;

/// Returns the first line of a message, with an ellipsis if text is left out.
pub(crate) fn summary(message: &str) -> String {
    let message = message.trim();
    let (first, rest) = message.split_once(['\n', '\r']).unwrap_or((message, ""));
    let end = first.char_indices().nth(MAX_SUMMARY_CHARS);
    let shown = end.map_or(first, |(at, _)| &first[..at]).trim_end();
    if rest.is_empty() && end.is_none() {
        line(shown)
    } else {
        format!("{} …", line(shown))
    }
}

/// Quotes a text for a shell, if it needs that.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./@:^~+=,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Returns a time in the user's time zone.
pub(crate) fn moment(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local)
        .format("%Y-%m-%d %H:%M")
        .to_string()
}

/// Returns a number and its noun, in the singular or plural.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Returns indented JSON for people and programs.
///
/// Hidden characters are escaped as JSON escapes them. Numbers keep their original text.
pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> String {
    // Cannot fail: the shown values have string keys only.
    let text = pretty(&serde_json::to_string(value).unwrap_or_default());
    let mut shown = String::with_capacity(text.len() + 1);
    for (c, is_hidden) in hidden::characters(&text) {
        // Line breaks separate members. Those inside strings are already escaped.
        if c != '\n' && is_hidden {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown.push('\n');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(line("a\u{1b}[31mb\u{9b}c\td"), r"a\u{1b}[31mb\u{9b}c\td");
        assert_eq!(line("safe \u{202e}txt.exe"), r"safe \u{202e}txt.exe");
        assert_eq!(line("日本 é 🎭"), "日本 é 🎭");
        assert_eq!(lines("a\u{7}\nb"), "a\\u{7}\nb");
    }

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        for (text, expected) in [
            ("greeting@^2", "greeting@^2"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("-x", "'-x'"),
            ("größe", "größe"),
        ] {
            assert_eq!(shell_word(text), expected);
        }
    }

    #[test]
    fn messages_are_cut_at_their_first_line() {
        assert_eq!(summary("one"), "one");
        assert_eq!(summary("\none \r\ntwo\n"), "one …");
        assert_eq!(summary(""), "");
        let long = "x".repeat(MAX_SUMMARY_CHARS);
        assert_eq!(summary(&long), long);
        assert_eq!(summary(&format!("{long}x")), format!("{long} …"));
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let value = serde_json::json!({"a": "\u{7f}\u{9b}31m\u{202e}\n\"é\u{e0041}", "b": [1, {}]});
        let text = json(&value);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
        assert!(text.contains(r"\u007f\u009b31m\u202e\n"), "{text}");
    }
}
