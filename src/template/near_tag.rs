//! Texts that look like tags and are none, and tags whose type is not checked.

use super::javascript::is_space;
use super::tag::{TagPiece, pieces};
use super::variable::VariableType;

/// The number of characters of a near-tag that are shown.
const MAX_SHOWN_CHARACTERS: usize = 60;

/// A part of a text that its author may have meant as a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NearTag<'a> {
    /// A text that begins like a tag. Rendering leaves it.
    Malformed(&'a str),
    /// A tag with a type that is not checked.
    UnknownType(&'a str, &'a str),
}

/// Returns the near-tags of a text, in order.
pub(crate) fn near_tags(text: &str) -> Vec<NearTag<'_>> {
    let mut found = Vec::new();
    for piece in pieces(text) {
        match piece {
            TagPiece::Text(text) => found.extend(malformed(text).map(NearTag::Malformed)),
            TagPiece::Variable(tag) => {
                if let VariableType::Other(_) = VariableType::from(tag.kind) {
                    found.push(NearTag::UnknownType(tag.raw, tag.kind));
                }
            }
            TagPiece::Partial(tag) if tag.environment_name().is_none() => {
                found.push(NearTag::Malformed(tag.raw));
            }
            TagPiece::Partial(_) => {}
        }
    }
    found
}

/// Finds the places of a text that begin like a tag: braces, `hc` or `hcp` in any case, a colon.
fn malformed(text: &str) -> impl Iterator<Item = &str> {
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some(at) = text[from..].find('{').map(|at| from + at) {
            let inner = text[at..].trim_start_matches('{');
            from = text.len() - inner.len();
            if begins_like_a_tag(inner) {
                return Some(excerpt(&text[at..]));
            }
        }
        None
    })
}

fn begins_like_a_tag(inner: &str) -> bool {
    let inner = inner.trim_start_matches(is_space);
    let end = inner
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(inner.len());
    let (word, rest) = inner.split_at(end);
    let is_tag_word = word.eq_ignore_ascii_case("hc") || word.eq_ignore_ascii_case("hcp");
    is_tag_word && rest.trim_start_matches(is_space).starts_with(':')
}

/// Returns the text of a near-tag up to its closing braces, or its beginning.
fn excerpt(text: &str) -> &str {
    let limit = text
        .char_indices()
        .nth(MAX_SHOWN_CHARACTERS)
        .map_or(text.len(), |(at, _)| at);
    let shown = &text[..limit];
    let Some(end) = shown.find('}') else {
        return shown.split('\n').next().unwrap_or(shown);
    };
    let closing = shown[end..].len() - shown[end..].trim_start_matches('}').len();
    &shown[..end + closing]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_tag_is_found() {
        for (text, expected) in [
            ("a {{hc:name}} b", vec![NearTag::Malformed("{{hc:name}}")]),
            (
                "{{ hc : name : }}",
                vec![NearTag::Malformed("{{ hc : name : }}")],
            ),
            (
                "{hc:name:string}",
                vec![NearTag::Malformed("{hc:name:string}")],
            ),
            (
                "{{HC:name:string}}",
                vec![NearTag::Malformed("{{HC:name:string}}")],
            ),
            (
                "{{hc:1st:string}}",
                vec![NearTag::Malformed("{{hc:1st:string}}")],
            ),
            (
                "{{hc:name:string}",
                vec![NearTag::Malformed("{{hc:name:string}")],
            ),
            ("{{hcp:abc}}", vec![NearTag::Malformed("{{hcp:abc}}")]),
            (
                "{{hc:a:strng}} {{hc:b:string}}",
                vec![NearTag::UnknownType("{{hc:a:strng}}", "strng")],
            ),
            ("{{hc:a\nb", vec![NearTag::Malformed("{{hc:a")]),
        ] {
            assert_eq!(near_tags(text), expected, "{text}");
        }
    }

    #[test]
    fn other_templates_and_tags_are_not_found() {
        for text in [
            "{{name}} {% if hc:x %} ${hc} {{{x}}}",
            "{{hc:a:string}} {{hc:b:number}} {{ hc : c : boolean }} {{hcp:abc123:0:staging}}",
            "{\"hc\": 1} {{hcard:x}}",
        ] {
            assert_eq!(near_tags(text), [], "{text}");
        }
    }
}
