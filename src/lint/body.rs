//! Examination of a body.

use serde_json::Value;

use super::finding::{Finding, FindingKind};
use crate::model::hidden;
use crate::template::{NearTag, each_text, misplaced_tags, near_tags};

/// The number of hidden characters of a text that a finding shows.
const MAX_SHOWN_CHARACTERS: usize = 12;

/// Returns the faults of a body that are easily overlooked: first misplaced tags, then the others
/// in the order of the body.
///
/// ```
/// use promptbook::lint::{FindingKind, lint};
/// use serde_json::json;
///
/// let body = json!({ "messages": [{ "role": "user", "content": "Greet {{hc:name}}.\u{200b}" }] });
/// let found = lint(&body);
/// assert_eq!(found[0].kind, FindingKind::NearTag);
/// assert_eq!(found[1].to_string(), r"messages[0].content: hidden characters: \u{200b}");
/// ```
#[must_use]
pub fn lint(body: &Value) -> Vec<Finding> {
    let misplaced = misplaced_tags(body).into_iter().map(|tag| Finding {
        kind: FindingKind::MisplacedTag,
        message: format!(
            "{} is not filled here; tags are filled in the texts of messages, and variables in \
             tools and response_format",
            tag.tag
        ),
        place: tag.place,
    });
    let mut found: Vec<Finding> = misplaced.collect();
    each_text(body, &mut |text, _, path| {
        let mut add = |kind, message| {
            let place = path.place();
            found.push(Finding {
                kind,
                message,
                place,
            });
        };
        for near in near_tags(text) {
            match near {
                NearTag::Malformed(near) => add(
                    FindingKind::NearTag,
                    format!("{near} is no tag: write {{{{hc:NAME:TYPE}}}} or {{{{hcp:ID:INDEX}}}}"),
                ),
                NearTag::UnknownType(tag, kind) => add(
                    FindingKind::UnknownType,
                    format!("{tag} takes any value: {kind} is none of string, number and boolean"),
                ),
            }
        }
        if let Some(shown) = hidden_characters(text) {
            add(
                FindingKind::HiddenCharacters,
                format!("hidden characters: {shown}"),
            );
        }
    });
    found
}

/// Returns the hidden characters of a text, escaped, except for line breaks and tabs.
fn hidden_characters(text: &str) -> Option<String> {
    let is_layout = |c: char| matches!(c, '\n' | '\r' | '\t');
    let hidden = hidden::characters(text).filter(|(c, is_hidden)| *is_hidden && !is_layout(*c));
    shown(hidden.map(|(c, _)| c))
}

/// Returns characters escaped, the first of many, or `None` if there are none.
pub(super) fn shown(characters: impl Iterator<Item = char>) -> Option<String> {
    let (mut text, mut count) = (String::new(), 0);
    for c in characters {
        count += 1;
        if count <= MAX_SHOWN_CHARACTERS {
            text.extend(c.escape_default());
        }
    }
    if count > MAX_SHOWN_CHARACTERS {
        text.push_str(&format!(" and {} more", count - MAX_SHOWN_CHARACTERS));
    }
    (count > 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(body: &Value) -> Vec<String> {
        lint(body).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn each_fault_is_found_at_its_place() {
        let text = include_str!("../../tests/cases/hidden-2.json");
        let hidden: Value = serde_json::from_str(text).unwrap();
        let found = words(&hidden);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with(r"messages[0].content: hidden characters: \u{e0069}\u{e0067}"),
            "{found:?}"
        );
        let body = json!({
            "messages": [{ "role": "user", "content": "{{hc:name}}\n\t{{hc:x:strng}}" }],
            "metadata": { "user": "{{hc:user:string}}" },
        });
        assert_eq!(
            words(&body),
            [
                "metadata.user: {{hc:user:string}} is not filled here; tags are filled in the texts of \
                 messages, and variables in tools and response_format",
                "messages[0].content: {{hc:name}} is no tag: write {{hc:NAME:TYPE}} or {{hcp:ID:INDEX}}",
                "messages[0].content: {{hc:x:strng}} takes any value: strng is none of string, \
                 number and boolean",
            ]
        );
    }

    #[test]
    fn a_plain_body_has_no_faults() {
        let text = include_str!("../../tests/cases/hidden-1.json");
        assert_eq!(words(&serde_json::from_str(text).unwrap()), [""; 0]);
        assert_eq!(words(&json!(null)), [""; 0]);
    }
}
