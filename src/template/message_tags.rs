//! The variables of one message, from its JSON text.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::tag::{TagPiece, pieces};
use crate::json;

/// The search for the opening of a tag. Preparing it takes as long as searching a message.
static OPENING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("{{"));
/// The search for the escape of a brace.
static ESCAPED_BRACE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u007"));

/// Calls `act` with the name and the type of each variable in the texts of a message.
///
/// Returns the number of [openings] in these texts, or `None` if they contain a partial.
pub(crate) fn each_variable(message: &str, act: &mut dyn FnMut(&str, &str)) -> Option<usize> {
    let mut count = 0;
    for text in texts(message) {
        count += openings(text.as_bytes());
        for piece in pieces(&text) {
            match piece {
                TagPiece::Text(_) => {}
                TagPiece::Variable(tag) => act(tag.name, tag.kind),
                TagPiece::Partial(_) => return None,
            }
        }
    }
    Some(count)
}

/// Returns the texts of a message: its content, or its parts of type `text`.
fn texts(message: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let content = json::member(message, "content").unwrap_or_default();
    let whole = json::string(content);
    whole
        .into_iter()
        .chain(json::items(content).filter_map(part_text))
}

/// Returns the text of a content part if the part is of type `text`.
fn part_text(part: &str) -> Option<Cow<'_, str>> {
    let is_text = json::string(json::member(part, "type")?)? == "text";
    json::string(json::member(part, "text")?).filter(|_| is_text)
}

/// Returns the number of places where a tag may begin.
pub(crate) fn openings(text: &[u8]) -> usize {
    OPENING.find_iter(text).count()
}

/// Returns the number of escapes of braces, and of the few characters after them.
pub(crate) fn escaped_braces(text: &[u8]) -> usize {
    ESCAPED_BRACE.find_iter(text).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::uses;

    /// The texts must be those that rendering fills.
    #[test]
    fn the_texts_of_a_message_are_those_of_its_tree() {
        for message in [
            r#"{"content": "a {{hc:x:string}}"}"#,
            r#"{"content": "a", "role": "user", "content": "b\n\"{{"}"#,
            r#"{"con\u0074ent": "a\u00fc"}"#,
            r#"{"content": ["a", {"type": "text", "text": "b"}, {"text": "c"}, {"type": "image", "text": "d"}]}"#,
            r#"{"content": [{"type": "image", "type": "t\u0065xt", "text": "a", "text": "b"}, [], 1, null]}"#,
            r#"{"content": [{"type": "text", "text": ["a"]}, {"type": ["text"], "text": "b"}]}"#,
            r#"{"content": {"type": "text", "text": "a"}}"#,
            r#"{"content": "a", "content": null}"#,
            r#"{"role": "user"}"#,
            r#""content""#,
            "[]",
            "1",
        ] {
            let tree = json::parse(message);
            let expected: Vec<_> = uses::texts(&tree)
                .map(|(_, text)| text.to_owned())
                .collect();
            assert_eq!(texts(message).collect::<Vec<_>>(), expected, "{message}");
        }
    }
}
