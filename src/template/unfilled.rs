//! Tags that rendering leaves in a body.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::problem::Problem;
use super::tag::{TagPiece, has_brace, pieces};
use super::walk::{FilledTags, each_text, walk};
use crate::model::text_location::TextLocation;

/// A well-formed tag that rendering leaves in a body. As text: its place and the tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnfilledTag {
    /// The tag, exactly as written.
    pub tag: String,
    /// The place of the text that contains it.
    pub place: TextLocation,
}

impl From<UnfilledTag> for Problem {
    fn from(UnfilledTag { tag, place }: UnfilledTag) -> Self {
        Self::MisplacedTag { tag, place }
    }
}

impl fmt::Display for UnfilledTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.tag)
    }
}

/// Returns the well-formed tags of a body that no rendering fills, because of where they are.
///
/// Variables are filled in the texts of messages (string content, and parts of type `text`), and in
/// `tools` and `response_format`. Partials are filled in the texts of messages.
///
/// ```
/// use promptbook::template::misplaced_tags;
///
/// let body = serde_json::json!({ "messages": [], "temperature": "{{hc:temperature:number}}" });
/// assert_eq!(misplaced_tags(&body)[0].to_string(), "temperature: {{hc:temperature:number}}");
/// ```
#[must_use]
pub fn misplaced_tags(body: &Value) -> Vec<UnfilledTag> {
    // Most bodies have none. They are recognised without building a path.
    if !has_misplaced_braces(body) {
        return Vec::new();
    }
    found(body, |piece, filled| match piece {
        TagPiece::Text(_) => false,
        TagPiece::Variable(_) => filled == FilledTags::None,
        TagPiece::Partial(tag) => filled != FilledTags::All && tag.environment_name().is_some(),
    })
}

/// Returns all well-formed tags of a body, each once for its text.
///
/// Those of a filled body are the tags that filling left in it.
#[must_use]
pub fn all_tags(body: &Value) -> Vec<UnfilledTag> {
    found(body, |piece, _| match piece {
        TagPiece::Text(_) => false,
        TagPiece::Variable(_) => true,
        TagPiece::Partial(tag) => tag.environment_name().is_some(),
    })
}

/// Returns the tags of a body that `is_found` selects, each once for its text.
fn found(body: &Value, is_found: fn(TagPiece<'_>, FilledTags) -> bool) -> Vec<UnfilledTag> {
    let mut found: Vec<UnfilledTag> = Vec::new();
    each_text(body, &mut |text, filled, path| {
        if !has_brace(text) {
            return;
        }
        let mut seen = HashSet::new();
        for piece in pieces(text).filter(|piece| is_found(*piece, filled)) {
            let tag = piece.raw();
            if seen.insert(tag) {
                let (tag, place) = (tag.to_owned(), path.place());
                found.push(UnfilledTag { tag, place });
            }
        }
    });
    found
}

/// Returns whether a text in which not all tags are filled has a brace.
fn has_misplaced_braces(body: &Value) -> bool {
    let mut is_found = false;
    walk(body, &mut |text, filled, (): &()| {
        is_found |= filled != FilledTags::All && has_brace(text);
    });
    is_found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(tags: &[UnfilledTag]) -> Vec<String> {
        tags.iter().map(UnfilledTag::to_string).collect()
    }

    #[test]
    fn tags_are_found_wherever_nothing_fills_them() {
        let text = include_str!("../../tests/cases/tags-not-filled.json");
        let body: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            words(&misplaced_tags(&body)),
            [
                "temperature: {{hc:temp:number}}",
                "messages[0].content[1].image_url.url: {{hc:image:string}}",
                "messages[0].content[2].text: {{hc:question:string}}",
                "messages[1].tool_calls[0].function.arguments: {{hc:question:string}}",
            ]
        );
    }

    #[test]
    fn tags_that_are_filled_are_not_found() {
        let body = json!({
            "messages": [
                { "role": "user", "content": "{{hc:a:string}} {{hcp:abc123:0}}" },
                { "content": [{ "type": "text", "text": "{{hc:a:string}}" }] },
            ],
            "tools": [{ "{{hc:k:string}}": "{{hc:v:number}}" }],
            "response_format": "{{hc:f:object}}",
            "metadata": { "braces": "{{name}} {", "not a tag": "{{hcp:abc123:0:\u{ad}}}" },
        });
        assert_eq!(misplaced_tags(&body), []);
        assert_eq!(all_tags(&body).len(), 6);
    }

    #[test]
    fn partials_are_filled_in_messages_only() {
        let body = json!({ "tools": ["{{hcp:abc123:0}} {{hcp:abc123:0}}"], "{{hc:x:y}}": 1 });
        assert_eq!(
            words(&misplaced_tags(&body)),
            ["tools[0]: {{hcp:abc123:0}}", "[\"{{hc:x:y}}\"]: {{hc:x:y}}"]
        );
        assert_eq!(misplaced_tags(&json!("{{hc:x:y}}")).len(), 1);
    }
}
