//! Display of foreign text, such as names, in messages for people: on one line, escaped and cut.

use std::fmt::{self, Display, Formatter, Write};

use super::hidden;

/// The number of characters that are shown of a text.
const MAX_SHOWN: usize = 100;

/// Displays a text unchanged if it is distinguishable from the text around it, else as [`Quoted`].
///
/// The following texts are quoted: an empty text, one that begins or ends with white space, one
/// that begins with a quotation mark or a combining character, and one that contains characters
/// that a terminal interprets or does not show.
///
/// Two different texts are displayed differently, unless they differ only after the cut.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

/// Displays a text in quotation marks, with escapes as in a Rust literal.
///
/// A text of more than 100 characters is cut, and `…` follows the closing quotation mark.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (shown, rest) = cut(self.0);
        if !is_plain(self.0, shown) {
            return Quoted(self.0).fmt(f);
        }
        f.write_str(shown)?;
        mark(rest, f)
    }
}

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (shown, rest) = cut(self.0);
        f.write_char('"')?;
        for (at, (c, is_hidden)) in hidden::characters(shown).enumerate() {
            if is_hidden || matches!(c, '"' | '\\') || at == 0 && needs_a_base(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        f.write_char('"')?;
        mark(rest, f)
    }
}

fn mark(rest: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(if rest.is_empty() { "" } else { "…" })
}

/// Returns the beginning of a text that is shown, and the rest.
fn cut(text: &str) -> (&str, &str) {
    let end = text.char_indices().nth(MAX_SHOWN);
    text.split_at(end.map_or(text.len(), |(at, _)| at))
}

fn is_plain(text: &str, shown: &str) -> bool {
    let outer = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
    outer(text.chars().next())
        && outer(text.chars().next_back())
        && !text.starts_with('"')
        && !text.starts_with(needs_a_base)
        && !hidden::has_hidden(shown)
}

/// Returns whether a character has no width of its own and is invisible at the start of a text.
fn needs_a_base(c: char) -> bool {
    // The standard library exposes this property only in the way it escapes a character.
    !c.is_ascii() && c.escape_debug().len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Escaped(text).to_string()
    }

    #[test]
    fn plain_text_is_shown_as_it_is() {
        for text in [
            "a",
            "two words",
            "say \"hi\"",
            "c:\\x",
            "日本 é 🎭",
            "👨\u{200d}👩",
            "'",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn text_that_could_be_overlooked_or_obeyed_is_quoted() {
        for (text, expected) in [
            ("", r#""""#),
            (" ", r#"" ""#),
            ("a\u{a0}", "\"a\u{a0}\""),
            ("\"a\"", r#""\"a\"""#),
            ("a\u{1b}[31m\\", r#""a\u{1b}[31m\\""#),
            ("a\n\0", r#""a\n\u{0}""#),
            ("\u{202e}a\u{61c}", r#""\u{202e}a\u{61c}""#),
            ("\u{301}a\u{301}", "\"\\u{301}a\u{301}\""),
            ("\u{200b}", r#""\u{200b}""#),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut() {
        let long = "é".repeat(MAX_SHOWN);
        assert_eq!(shown(&long), long);
        assert_eq!(shown(&format!("{long}x")), format!("{long}…"));
        assert_eq!(shown(&format!("{long} ")), format!("\"{long}\"…"));
        assert_eq!(shown(&format!("{long}\n.")), format!("{long}…"));
        let marks = format!("a{}", "\u{301}".repeat(64 * 1024));
        assert_eq!(shown(&marks).chars().count(), MAX_SHOWN + 1);
    }
}
