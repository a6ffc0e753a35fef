//! Fills a body that has been checked.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::template::budget::{Budget, LIMIT, TooLarge};
use crate::template::expand::Source;
use crate::template::javascript;
use crate::template::partials::{Partials, message, nonempty_texts};
use crate::template::place::{Path, Step};
use crate::template::problem::{Problem, excerpt};
use crate::template::tag::{PartialTag, Piece, VariableTag, pieces};
use crate::template::uses::{SECTIONS, change_texts};

/// Fills a body whose inputs are there, and whose partials are there and end.
///
/// What shows only while filling is still a problem: members that would get one name, and the size.
pub(super) fn fill(
    body: &Value,
    inputs: &Map<String, Value>,
    partials: &Partials,
) -> Result<Value, Vec<Problem>> {
    let mut filler = Filler {
        inputs,
        partials,
        filled: HashMap::new(),
        budget: Budget::new(),
        problems: Vec::new(),
    };
    match filler.body(body) {
        Ok(body) if filler.problems.is_empty() => Ok(body),
        Ok(_) => Err(filler.problems),
        Err(TooLarge) => {
            filler.problems.push(Problem::TooLarge { limit: LIMIT });
            Err(filler.problems)
        }
    }
}

struct Filler<'a> {
    inputs: &'a Map<String, Value>,
    partials: &'a Partials,
    /// The messages that partials name, each filled once.
    filled: HashMap<Source, Rc<str>>,
    budget: Budget,
    problems: Vec<Problem>,
}

impl Filler<'_> {
    fn body(&mut self, body: &Value) -> Result<Value, TooLarge> {
        let mut body = body.clone();
        change_texts(&mut body, |text, _| self.text(text))?;
        for section in SECTIONS {
            if let Some(json) = body.get_mut(section) {
                *json = self.json(json, &mut Path::new(section))?;
            }
        }
        Ok(body)
    }

    /// Fills a message's text.
    fn text(&mut self, text: &str) -> Result<String, TooLarge> {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable(tag) => self.push_value(tag, &mut out)?,
                Piece::Partial(tag) => {
                    let text = self.partial(tag)?;
                    self.budget.spend(text.len())?;
                    out.push_str(&text);
                }
            }
        }
        Ok(out)
    }

    /// What goes in for a partial tag.
    fn partial(&mut self, tag: PartialTag<'_>) -> Result<Rc<str>, TooLarge> {
        let Some(environment) = tag.environment_name() else {
            return Ok(tag.raw.into());
        };
        let source = Source {
            prompt: tag.prompt,
            environment,
            message: tag.message(),
        };
        if let Some(text) = self.filled.get(&source) {
            return Ok(Rc::clone(text));
        }
        let partials = self.partials;
        let body = partials.get(&source.prompt, &source.environment);
        let message = body.and_then(|body| message(body, source.message));
        let texts = message.map(nonempty_texts).unwrap_or_default();
        let texts = texts.into_iter().map(|text| self.text(text));
        let text: Rc<str> = texts.collect::<Result<Vec<_>, _>>()?.join(" ").into();
        self.filled.insert(source, Rc::clone(&text));
        Ok(text)
    }

    fn push_value(&mut self, tag: VariableTag<'_>, out: &mut String) -> Result<(), TooLarge> {
        if let Some(value) = self.inputs.get(tag.name) {
            let text = javascript::text(value);
            self.budget.spend(text.len())?;
            out.push_str(&text);
        }
        Ok(())
    }

    /// Fills a section's JSON, member names too.
    fn json(&mut self, json: &Value, path: &mut Path) -> Result<Value, TooLarge> {
        match json {
            Value::String(text) => match VariableTag::whole(text) {
                Some(tag) => self.value(tag),
                None => self.section_text(text).map(Value::String),
            },
            Value::Array(items) => {
                let fill =
                    |(index, item)| path.within(Step::Index(index), |path| self.json(item, path));
                items.iter().enumerate().map(fill).collect()
            }
            Value::Object(members) => {
                let mut filled = Map::with_capacity(members.len());
                for (name, value) in members {
                    path.within(Step::Member(name), |path| {
                        let value = self.json(value, path)?;
                        let name = self.section_text(name)?;
                        if filled.contains_key(&name) {
                            let place = path.place();
                            let name = excerpt(&Value::String(name));
                            self.problems.push(Problem::DuplicateKey { name, place });
                        } else {
                            filled.insert(name, value);
                        }
                        Ok(())
                    })?;
                }
                Ok(Value::Object(filled))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(json.clone()),
        }
    }

    fn value(&mut self, tag: VariableTag<'_>) -> Result<Value, TooLarge> {
        let value = self.inputs.get(tag.name).unwrap_or(&Value::Null);
        self.budget.spend_value(value)?;
        Ok(value.clone())
    }

    /// Fills a text in which partial tags mean nothing.
    fn section_text(&mut self, text: &str) -> Result<String, TooLarge> {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable(tag) => self.push_value(tag, &mut out)?,
                Piece::Partial(tag) => out.push_str(tag.raw),
            }
        }
        Ok(out)
    }
}
