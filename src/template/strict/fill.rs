//! Filling of the text of a body that has been checked.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::json::{JsonString, JsonTree};
use crate::template::budget::{FillBudget, MAX_ADDED_BYTES, TooLarge};
use crate::template::expand::PartialSource;
use crate::template::javascript;
use crate::template::partials::{Partials, message, nonempty_texts};
use crate::template::place::{LocationPath, LocationStep};
use crate::template::problem::{Problem, excerpt};
use crate::template::splice::{Replacements, message_texts};
use crate::template::tag::{PartialTag, TagPiece, VariableTag, pieces, variables};
use crate::template::uses::SECTIONS;

/// Fills the text of a body whose inputs exist, and whose partials exist and contain no cycle.
///
/// Some problems appear only during filling: members that would get the same name, and the size.
pub(super) fn fill(
    body: &str,
    inputs: &Map<String, Value>,
    partials: &Partials,
) -> Result<String, Vec<Problem>> {
    let mut filler = StrictFiller {
        inputs,
        partials,
        filled: HashMap::new(),
        budget: FillBudget::new(),
        problems: Vec::new(),
        replacements: Replacements::new(body),
    };
    match filler.body(&JsonTree::of(body)) {
        Ok(()) if filler.problems.is_empty() => Ok(filler.replacements.apply()),
        Ok(()) => Err(filler.problems),
        Err(TooLarge) => {
            filler.problems.push(Problem::TooLarge {
                limit: MAX_ADDED_BYTES,
            });
            Err(filler.problems)
        }
    }
}

struct StrictFiller<'a> {
    inputs: &'a Map<String, Value>,
    partials: &'a Partials,
    /// The messages that partials name, each filled once.
    filled: HashMap<PartialSource, Rc<str>>,
    budget: FillBudget,
    problems: Vec<Problem>,
    replacements: Replacements<'a>,
}

/// The kinds of tags that count in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tags {
    All,
    /// The tags of partials do not count in sections.
    Variables,
}

impl<'a> StrictFiller<'a> {
    fn body(&mut self, body: &JsonTree<'a>) -> Result<(), TooLarge> {
        for one in message_texts(body) {
            self.fill_in_place(one.text, Tags::All)?;
        }
        for section in SECTIONS {
            if let Some(json) = body.get(section) {
                self.json(json, &mut LocationPath::new(section))?;
            }
        }
        Ok(())
    }

    /// Fills a text and records the replacements in the body. Returns the filled text if it has
    /// tags.
    fn fill_in_place(
        &mut self,
        text: &JsonString<'a>,
        tags: Tags,
    ) -> Result<Option<String>, TooLarge> {
        let decoded = text.as_str();
        let mut locator = text.locator();
        let (mut out, mut from, mut at) = (None, 0, 0);
        for piece in pieces(decoded) {
            let range = at..at + piece.raw().len();
            at = range.end;
            let with = match piece {
                TagPiece::Variable(tag) => self.value_text(tag)?,
                TagPiece::Partial(tag) if tags == Tags::All => self.partial_text(tag)?,
                TagPiece::Text(_) | TagPiece::Partial(_) => None,
            };
            if let Some(with) = with {
                let out: &mut String = out.get_or_insert_default();
                out.push_str(&decoded[from..range.start]);
                out.push_str(&with);
                from = range.end;
                self.replacements
                    .replace_piece(text, &mut locator, range, &with);
            }
        }
        if let Some(out) = &mut out {
            out.push_str(&decoded[from..]);
        }
        Ok(out)
    }

    /// Returns the text that replaces a variable's tag.
    fn value_text(&mut self, tag: VariableTag<'_>) -> Result<Option<Rc<str>>, TooLarge> {
        let Some(value) = self.inputs.get(tag.name) else {
            return Ok(None);
        };
        let text = javascript::exact_text(value);
        self.budget.spend(text.len())?;
        Ok(Some(text.into()))
    }

    /// Returns the text that replaces a partial's tag, or `None` if the tag is text.
    fn partial_text(&mut self, tag: PartialTag<'_>) -> Result<Option<Rc<str>>, TooLarge> {
        let Some(environment) = tag.environment_name() else {
            return Ok(None);
        };
        let source = PartialSource {
            prompt: tag.prompt,
            environment,
            message: tag.message(),
        };
        let text = match self.filled.get(&source) {
            Some(text) => Rc::clone(text),
            None => self.partial(source)?,
        };
        self.budget.spend(text.len())?;
        Ok(Some(text))
    }

    /// Fills the message that a partial names.
    fn partial(&mut self, source: PartialSource) -> Result<Rc<str>, TooLarge> {
        let partials = self.partials;
        let body = partials.get(&source.prompt, &source.environment);
        let message = body.and_then(|body| message(body, source.message));
        let texts = message.map(nonempty_texts).unwrap_or_default();
        let filled = texts.into_iter().map(|text| self.text(text));
        let text: Rc<str> = filled.collect::<Result<Vec<_>, _>>()?.join(" ").into();
        self.filled.insert(source, Rc::clone(&text));
        Ok(text)
    }

    /// Fills a text of a partial.
    fn text(&mut self, text: &str) -> Result<String, TooLarge> {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            let with = match piece {
                TagPiece::Text(_) => None,
                TagPiece::Variable(tag) => self.value_text(tag)?,
                TagPiece::Partial(tag) => self.partial_text(tag)?,
            };
            out.push_str(with.as_deref().unwrap_or(piece.raw()));
        }
        Ok(out)
    }

    /// Fills a section's JSON, including member names. If several members have the same name, only
    /// the last one counts and is filled.
    fn json(&mut self, json: &JsonTree<'a>, path: &mut LocationPath) -> Result<(), TooLarge> {
        match json {
            JsonTree::String(text) => match VariableTag::whole(text.as_str()) {
                Some(tag) => self.value(tag, text),
                None => self.fill_in_place(text, Tags::Variables).map(drop),
            },
            JsonTree::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
                path.within(LocationStep::Index(index), |path| self.json(item, path))
            }),
            JsonTree::Object(members) => {
                let has_tags = |(name, _): (&str, _)| variables(name).next().is_some();
                let may_clash = members.iter().any(has_tags);
                let mut taken = HashSet::new();
                for (name, value) in members.entries() {
                    path.within(LocationStep::Member(name.as_str()), |path| {
                        self.json(value, path)?;
                        let filled = self.fill_in_place(name, Tags::Variables)?;
                        let name = filled.map_or(Cow::Borrowed(name.as_str()), Cow::Owned);
                        if may_clash && !taken.insert(name.clone()) {
                            let place = path.place();
                            let name = excerpt(&Value::String(name.into_owned()));
                            self.problems.push(Problem::DuplicateKey { name, place });
                        }
                        Ok(())
                    })?;
                }
                Ok(())
            }
            JsonTree::Null | JsonTree::Bool(_) | JsonTree::Number(_) => Ok(()),
        }
    }

    /// Replaces a string that is exactly one tag with the value of the tag.
    fn value(&mut self, tag: VariableTag<'_>, text: &JsonString<'a>) -> Result<(), TooLarge> {
        let value = self.inputs.get(tag.name).unwrap_or(&Value::Null);
        self.budget.spend_value(value)?;
        self.replacements.replace_string(text, value.to_string());
        Ok(())
    }
}
