//! Filling of a body's partials, with its variables left in place: the first half of strict mode.
//!
//! Everything outside the tags of partials is preserved byte for byte.
//!
//! Filled text must mean what it meant before. A tag contains no braces except its own, so the tags
//! of a piece remain tags wherever the piece is inserted. But text of two pieces that was not a tag
//! may become one at the point where the pieces meet. There is no other way to write such text, so
//! it is a problem.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;

use super::budget::{FillBudget, MAX_ADDED_BYTES, TooLarge};
use super::expand::{PartialSource, expand};
use super::partials::{Partials, message, nonempty_texts};
use super::problem::Problem;
use super::splice::{MessageText, Replacements, message_texts};
use super::tag::{PartialTag, TagPiece, pieces};
use crate::json::{Json, JsonTree};

/// Fills the partials of a body, nested ones included, and preserves everything else byte for byte.
///
/// Strict rendering of the result, without any partials, yields what the original body yields with
/// these partials: the variables of the partials have become variables of the result.
///
/// ```
/// use promptbook::EnvironmentName;
/// use promptbook::template::{Partials, fill_partials};
/// use serde_json::json;
///
/// let tone = json!({ "messages": [{ "role": "system", "content": "Be {{hc:mood:string}}." }] });
/// let mut partials = Partials::new();
/// partials.insert("abc123".parse()?, EnvironmentName::production(), tone.into());
///
/// let body = r#"{"messages": [{"content": "{{hcp:abc123:0}} {{hc:ask:string}}"}], "top_p": 1.50}"#.parse()?;
/// let filled = fill_partials(&body, &partials).unwrap();
/// let text = r#"{"messages": [{"content": "Be {{hc:mood:string}}. {{hc:ask:string}}"}], "top_p": 1.50}"#;
/// assert_eq!(filled.text(), text);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// All problems of the partials together. If there are none: text that would become a tag
/// ([`Problem::FormedTag`]), and a filled body beyond the limit of 64 MiB of added text
/// ([`Problem::TooLarge`]).
pub fn fill_partials(body: &Json, partials: &Partials) -> Result<Json, Vec<Problem>> {
    fill_text(body.text(), body.json(), partials).map(Json::new)
}

/// Fills the partials of a body's text; `json` is the same body, parsed.
pub(crate) fn fill_text(
    text: &str,
    json: &Value,
    partials: &Partials,
) -> Result<String, Vec<Problem>> {
    let expanded = expand(json, partials);
    if !expanded.problems.is_empty() {
        return Err(expanded.problems);
    }
    if expanded.partials.is_empty() {
        return Ok(text.to_owned());
    }
    let mut filler = PartialFiller {
        partials,
        filled: HashMap::new(),
        budget: FillBudget::new(),
        problems: Vec::new(),
    };
    let tree = JsonTree::of(text);
    let mut replacements = Replacements::new(text);
    let mut texts = message_texts(&tree);
    if let Err(TooLarge) = texts.try_for_each(|one| filler.fill_in_place(&one, &mut replacements)) {
        filler.problems.push(Problem::TooLarge {
            limit: MAX_ADDED_BYTES,
        });
    }
    if filler.problems.is_empty() {
        Ok(replacements.apply())
    } else {
        Err(filler.problems)
    }
}

struct PartialFiller<'a> {
    partials: &'a Partials,
    /// The messages that partials name, each filled once.
    filled: HashMap<PartialSource, Rc<FilledText>>,
    budget: FillBudget,
    problems: Vec<Problem>,
}

/// A text with its partials filled in.
#[derive(Default)]
struct FilledText {
    text: String,
    /// The byte offsets at which the tags of variables begin, in order.
    variables: Vec<usize>,
}

impl FilledText {
    fn push(&mut self, other: &Self) {
        let start = self.text.len();
        let variables = other.variables.iter().map(|at| start + at);
        self.variables.extend(variables);
        self.text.push_str(&other.text);
    }
}

impl PartialFiller<'_> {
    /// Fills a text and records the replacements in the body.
    fn fill_in_place<'a>(
        &mut self,
        one: &MessageText<'_, 'a>,
        replacements: &mut Replacements<'a>,
    ) -> Result<(), TooLarge> {
        let mut filled = FilledText::default();
        let mut locator = one.text.locator();
        let mut at = 0;
        for piece in pieces(one.text.as_str()) {
            let (range, start) = (at..at + piece.raw().len(), filled.text.len());
            at = range.end;
            self.push(piece, &mut filled)?;
            if matches!(piece, TagPiece::Partial(tag) if tag.environment_name().is_some()) {
                replacements.replace_piece(one.text, &mut locator, range, &filled.text[start..]);
            }
        }
        self.look_for_formed_tags(&filled, one);
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<FilledText, TooLarge> {
        let mut out = FilledText::default();
        for piece in pieces(text) {
            self.push(piece, &mut out)?;
        }
        Ok(out)
    }

    fn push(&mut self, piece: TagPiece<'_>, out: &mut FilledText) -> Result<(), TooLarge> {
        match piece {
            TagPiece::Text(text) => out.text.push_str(text),
            TagPiece::Variable(tag) => {
                out.variables.push(out.text.len());
                out.text.push_str(tag.raw);
            }
            TagPiece::Partial(tag) => self.push_partial(tag, out)?,
        }
        Ok(())
    }

    fn push_partial(&mut self, tag: PartialTag<'_>, out: &mut FilledText) -> Result<(), TooLarge> {
        let Some(environment) = tag.environment_name() else {
            out.text.push_str(tag.raw);
            return Ok(());
        };
        let source = PartialSource {
            prompt: tag.prompt,
            environment,
            message: tag.message(),
        };
        let filled = match self.filled.get(&source) {
            Some(filled) => Rc::clone(filled),
            None => self.fill(source)?,
        };
        self.budget.spend(filled.text.len())?;
        out.push(&filled);
        Ok(())
    }

    /// Fills the message that a partial names.
    fn fill(&mut self, source: PartialSource) -> Result<Rc<FilledText>, TooLarge> {
        let partials = self.partials;
        let body = partials.get(&source.prompt, &source.environment);
        let message = body.and_then(|body| message(body, source.message));
        let texts = message.map(nonempty_texts).unwrap_or_default();
        let mut filled = FilledText::default();
        for (position, text) in texts.into_iter().enumerate() {
            if position > 0 {
                filled.text.push(' ');
            }
            filled.push(&self.text(text)?);
        }
        let filled = Rc::new(filled);
        self.filled.insert(source, Rc::clone(&filled));
        Ok(filled)
    }

    /// Reports the tags of a filled text that none of its pieces had.
    fn look_for_formed_tags(&mut self, filled: &FilledText, one: &MessageText<'_, '_>) {
        let mut known = filled.variables.iter().peekable();
        let mut at = 0;
        for piece in pieces(&filled.text) {
            let formed = match piece {
                TagPiece::Text(_) => false,
                TagPiece::Variable(_) => known.next_if(|known| **known == at).is_none(),
                // Every partial has been filled, except those whose environment name is invalid.
                TagPiece::Partial(tag) => tag.environment_name().is_some(),
            };
            if formed {
                self.problems.push(Problem::FormedTag {
                    tag: piece.raw().to_owned(),
                    place: one.place(),
                });
            }
            at += piece.raw().len();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::model::id::EnvironmentName;
    use crate::template::render_strict;

    fn fill_partials(body: &Value, partials: &Partials) -> Result<Value, Vec<Problem>> {
        super::fill_partials(&body.into(), partials).map(|filled| filled.json().clone())
    }

    fn message(text: &str) -> Value {
        json!({ "messages": [{ "role": "user", "content": text }] })
    }

    /// Bodies of production. Each has a message of one text, and a message with that text and
    /// another as parts.
    fn partials(texts: &[impl AsRef<str>]) -> Partials {
        let mut partials = Partials::new();
        for (id, text) in ["aaaaaa", "bbbbbb", "cccccc"].into_iter().zip(texts) {
            let text = text.as_ref();
            let parts = [text, "", ":x}}"].map(|text| json!({ "type": "text", "text": text }));
            let body = json!({ "messages": [{ "content": text }, { "content": parts }] });
            let id = id.parse().unwrap();
            partials.insert(id, EnvironmentName::production(), Arc::new(body));
        }
        partials
    }

    fn problems(body: &Value, partials: &Partials) -> Vec<String> {
        let problems = fill_partials(body, partials).unwrap_err();
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn partials_are_filled_and_all_else_is_preserved() {
        let partials = partials(&["<{{hcp:bbbbbb:0}}>", "{{ hc:x : string }}{{"]);
        let impossible = format!("{{{{hcp:aaaaaa:0:{}}}}}", "e".repeat(1025));
        let body = json!({
            "model": "{{hcp:aaaaaa:0}}",
            "messages": [
                { "content": "{{{hcp:aaaaaa:0}}} {{\n hcp : bbbbbb:00: production }}" },
                { "content": [{ "type": "text", "text": "{{hcp:aaaaaa:1}}" }, { "type": "x", "text": "{{hcp:aaaaaa:0}}" }] },
                null,
                { "content": impossible },
            ],
            "tools": ["{{hcp:aaaaaa:0}}", 1.50, "{{hc:a:b}}"],
        });
        let mut expected = body.clone();
        let x = "{{ hc:x : string }}{{";
        expected["messages"][0]["content"] = format!("{{<{x}>}} {x}").into();
        expected["messages"][1]["content"][0]["text"] = format!("<{x}> :x}}}}").into();
        assert_eq!(fill_partials(&body, &partials), Ok(expected));
    }

    #[test]
    fn all_problems_of_partials_are_reported_together() {
        let partials = partials(&["{{hcp:aaaaaa:0}}"]);
        assert_eq!(
            problems(
                &message("{{hcp:bbbbbb:0}} {{hcp:aaaaaa:7}} {{hcp:aaaaaa:0}}"),
                &partials
            ),
            [
                "messages[0].content: prompt bbbbbb has no version in environment \"production\"",
                "messages[0].content: prompt aaaaaa (production) has no message 7",
                "messages[0].content > partial aaaaaa:0 (production) messages[0].content: \
                 partial aaaaaa:0 (production) contains itself",
            ]
        );
        let mut endless = Partials::new();
        for n in 0..40 {
            let next = format!("{{{{hcp:{:06}:0}}}}", n + 1).repeat(if n < 39 { 10 } else { 0 });
            let text = if n < 39 { next } else { "ha".into() };
            let id = format!("{n:06}").parse().unwrap();
            endless.insert(id, EnvironmentName::production(), Arc::new(message(&text)));
        }
        let laughs = problems(&message("{{hcp:000000:0}}"), &endless);
        assert_eq!(
            laughs,
            ["filling the body would add more than 67108864 bytes"]
        );
    }

    /// Strict mode treats these as text, and does not look for tags in filled text.
    #[test]
    fn text_that_would_become_a_tag_is_refused() {
        let place = "messages[0].content: with partials filled in, the text";
        for (texts, text, tag) in [
            // The tag forms from: the body and a partial; two partials; the parts of one message;
            // two levels.
            (
                &["a"][..],
                "{{hc:{{hcp:aaaaaa:0}}:string}}",
                "{{hc:a:string}}",
            ),
            (
                &["{{hc:a", ":x}}"],
                "{{hcp:aaaaaa:0}}{{hcp:bbbbbb:0}}",
                "{{hc:a:x}}",
            ),
            (&["{{hc:a"], "{{hcp:aaaaaa:1}}", "{{hc:a :x}}"),
            (
                &["{{hcp:bbbbbb:0}}:x}}", "{{hc:a"],
                "{{hcp:aaaaaa:0}}",
                "{{hc:a:x}}",
            ),
            // The tag of a partial must not form either.
            (
                &["0"],
                "{{hcp:aaaaaa:{{hcp:aaaaaa:0}}}}",
                "{{hcp:aaaaaa:0}}",
            ),
        ] {
            let (body, partials) = (message(text), partials(texts));
            let refused = format!("{place} {tag:?} would become a tag");
            assert_eq!(problems(&body, &partials), [refused], "{text}");
            let live = render_strict(&body.clone().into(), &Map::new(), &partials).unwrap();
            assert_eq!(live["messages"][0]["content"], *tag);
        }
    }

    /// Generates text from tags, halves of tags, and partials from this index on.
    fn text(first_partial: usize) -> impl Strategy<Value = String> {
        let halves = ["{{hc:", "{{", "hc:", "a", ":string}}", "}}", " ", "é\""];
        let tags = ["{{hc:a:string}}", "{{ hc:b:number }}"];
        let partials = [
            "{{hcp:aaaaaa:0}}",
            "{{ hcp:aaaaaa:1 }}",
            "{{hcp:bbbbbb:0}}",
            "{{hcp:bbbbbb:1:production}}",
            "{{hcp:cccccc:0}}",
            "{{hcp:cccccc:1}}",
        ];
        let allowed = partials[2 * first_partial..].iter();
        let pieces: Vec<_> = halves.iter().chain(&tags).chain(allowed).copied().collect();
        prop::collection::vec(prop::sample::select(pieces), 0..7).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn a_filled_body_renders_as_the_body_does(
            texts in [text(1), text(2), text(3)],
            own in [text(0), text(0)],
            missing in prop::option::weighted(0.1, prop::sample::select(vec!["a", "b"])),
        ) {
            let partials = partials(&texts);
            let body = json!({
                "messages": [{ "content": own[0] }, { "content": [{ "type": "text", "text": own[1] }] }],
                "tools": ["{{hc:b:number}}", own[1]],
            });
            let uses = expand(&body, &partials).variables.into_iter();
            let used = uses.map(|one| one.name).filter(|name| Some(name.as_str()) != missing);
            let inputs: Map<String, Value> = used.map(|name| match name.as_str() {
                "a" => (name, json!("{{hc:b:number}}")),
                _ => (name, json!(5)),
            }).collect();
            let live = render_strict(&body.clone().into(), &inputs, &partials);
            match fill_partials(&body, &partials) {
                Ok(filled) => {
                    let frozen = render_strict(&filled.into(), &inputs, &Partials::new());
                    prop_assert_eq!(frozen.is_ok(), live.is_ok());
                    if let (Ok(frozen), Ok(live)) = (frozen, live) {
                        prop_assert_eq!(frozen, live);
                    }
                }
                Err(problems) => {
                    let formed = |problem: &Problem| matches!(problem, Problem::FormedTag { .. });
                    prop_assert!(problems.iter().all(formed), "{:?}", problems);
                }
            }
        }
    }
}
