//! Filling of a text or a section as the reference client does it, oddities included.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::answer::ValidationError;
use crate::template::budget::{FillBudget, TooLarge};
use crate::template::javascript::{is_numeric, is_truthy, text};
use crate::template::tag::{TagPiece, VariableTag, pieces, variables};
use crate::template::variable::{VariableType, is_boolean};

/// Fills texts and sections, and collects the inputs that were not accepted.
pub(super) struct HeliconeFiller<'a> {
    inputs: &'a Map<String, Value>,
    partial_texts: &'a Map<String, Value>,
    /// Whether the inputs of number variables are numeric. Cached, because an input may be long and
    /// used often.
    numeric: HashMap<&'a str, bool>,
    budget: FillBudget,
    pub(super) errors: Vec<ValidationError>,
}

impl<'a> HeliconeFiller<'a> {
    pub(super) fn new(
        inputs: &'a Map<String, Value>,
        partial_texts: &'a Map<String, Value>,
    ) -> Self {
        Self {
            inputs,
            partial_texts,
            numeric: HashMap::new(),
            budget: FillBudget::new(),
            errors: Vec::new(),
        }
    }

    /// Fills a message's text. With an error in it, the text stays unchanged.
    ///
    /// Falsy inputs count as missing, and the tag of a missing input stays. Partials are inserted
    /// first. Variables in them are then filled too, unchecked, and may begin in one partial and
    /// end outside.
    pub(super) fn text(&mut self, text: &mut String) -> Result<(), TooLarge> {
        let before = self.errors.len();
        let mut checked = HashSet::new();
        for tag in variables(text).filter(|tag| checked.insert(tag.name)) {
            if self.accepts(tag) == Some(false) {
                self.refuse(tag.name, tag.kind.into())?;
            }
        }
        if self.errors.len() > before {
            return Ok(());
        }
        let (inputs, partial_texts) = (self.inputs, self.partial_texts);
        let expanded = replace(text, &mut self.budget, |piece| match piece {
            TagPiece::Partial(tag) => partial_texts.get(tag.raw).filter(|value| !value.is_null()),
            TagPiece::Variable(_) | TagPiece::Text(_) => None,
        })?;
        *text = replace(&expanded, &mut self.budget, |piece| match piece {
            TagPiece::Variable(tag) => inputs.get(tag.name).filter(|value| is_truthy(value)),
            TagPiece::Partial(_) | TagPiece::Text(_) => None,
        })?;
        Ok(())
    }

    /// Fills a section's JSON. With an error anywhere in it, the section stays unchanged.
    pub(super) fn section(&mut self, json: &Value) -> Result<Value, TooLarge> {
        let before = self.errors.len();
        self.check(json, &mut HashSet::new())?;
        if self.errors.len() > before {
            return Ok(json.clone());
        }
        let filled = self.json(json)?;
        let refused = self.errors.len() > before;
        Ok(if refused { json.clone() } else { filled })
    }

    /// Checks each variable of a section once, by the type of its first tag. In sections, a missing
    /// or falsy input is an error.
    fn check<'j>(
        &mut self,
        json: &'j Value,
        checked: &mut HashSet<&'j str>,
    ) -> Result<(), TooLarge> {
        match json {
            Value::String(text) => self.check_text(text, checked),
            Value::Array(items) => items.iter().try_for_each(|item| self.check(item, checked)),
            Value::Object(members) => members.iter().try_for_each(|(name, value)| {
                self.check_text(name, checked)?;
                self.check(value, checked)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn check_text<'j>(
        &mut self,
        text: &'j str,
        checked: &mut HashSet<&'j str>,
    ) -> Result<(), TooLarge> {
        // The client looks for tags in serialised JSON. Control characters are escapes there and
        // not white space, so a tag that contains one is filled but not checked.
        let plain = |tag: &VariableTag<'_>| !tag.raw.contains(|c: char| c < ' ');
        for tag in variables(text).filter(plain) {
            if checked.insert(tag.name) && self.accepts(tag) != Some(true) {
                self.refuse(tag.name, tag.kind.into())?;
            }
        }
        Ok(())
    }

    fn json(&mut self, json: &Value) -> Result<Value, TooLarge> {
        match json {
            Value::String(text) => {
                match VariableTag::whole(text).and_then(|tag| self.inputs.get(tag.name)) {
                    Some(value) => {
                        self.budget.spend_value(value)?;
                        Ok(value.clone())
                    }
                    None => self.section_text(text).map(Value::String),
                }
            }
            Value::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Object(members) => {
                let mut filled = Map::with_capacity(members.len());
                for (name, value) in members {
                    if let Some(name) = self.key(name)? {
                        // If two members get the same name, the place of the first gets the value
                        // of the later one.
                        filled.insert(name, self.json(value)?);
                    }
                }
                Ok(Value::Object(filled))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(json.clone()),
        }
    }

    /// Fills a member's name. Returns `None`, after recording an error, if the name is a tag whose
    /// input is not a string.
    fn key(&mut self, name: &str) -> Result<Option<String>, TooLarge> {
        let Some(tag) = VariableTag::whole(name) else {
            return self.section_text(name).map(Some);
        };
        match self.inputs.get(tag.name).filter(|value| is_truthy(value)) {
            Some(Value::String(text)) => {
                self.budget.spend(text.len())?;
                Ok(Some(text.clone()))
            }
            Some(_) => {
                self.refuse(tag.name, VariableType::String)?;
                Ok(None)
            }
            None => Ok(Some(name.to_owned())),
        }
    }

    /// Fills the variables of a text in a section. This includes falsy inputs that passed the
    /// check.
    fn section_text(&mut self, text: &str) -> Result<String, TooLarge> {
        let inputs = self.inputs;
        replace(text, &mut self.budget, |piece| match piece {
            TagPiece::Variable(tag) => inputs.get(tag.name).filter(|value| !value.is_null()),
            TagPiece::Partial(_) | TagPiece::Text(_) => None,
        })
    }

    /// Checks whether the input of a tag has its type; returns `None` if it is missing or falsy.
    fn accepts(&mut self, tag: VariableTag<'_>) -> Option<bool> {
        let (name, value) = self.inputs.get_key_value(tag.name)?;
        is_truthy(value).then(|| match VariableType::from(tag.kind) {
            VariableType::Number => *self
                .numeric
                .entry(name)
                .or_insert_with(|| is_numeric(value)),
            VariableType::Boolean => is_boolean(value),
            VariableType::String | VariableType::Other(_) => true,
        })
    }

    /// Records that an input is not accepted.
    fn refuse(&mut self, name: &str, expected: VariableType) -> Result<(), TooLarge> {
        let value = self.inputs.get(name);
        value.map_or(Ok(()), |value| self.budget.spend_value(value))?;
        self.errors.push(ValidationError {
            variable: name.to_owned(),
            expected,
            value: value.cloned(),
        });
        Ok(())
    }
}

/// Replaces the tags of a text by values; a tag without a value stays.
fn replace<'v>(
    template: &str,
    budget: &mut FillBudget,
    value_of: impl Fn(TagPiece<'_>) -> Option<&'v Value>,
) -> Result<String, TooLarge> {
    let mut out = String::with_capacity(template.len());
    for piece in pieces(template) {
        match value_of(piece) {
            Some(value) => {
                let value = text(value);
                budget.spend(value.len())?;
                out.push_str(&value);
            }
            None => out.push_str(piece.raw()),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inputs() -> Map<String, Value> {
        let inputs =
            json!({ "s": "text", "n": 5, "zero": 0, "null": null, "tag": "{{hc:s:string}}" });
        inputs.as_object().cloned().unwrap()
    }

    /// Returns the filled text, and the names of the inputs that were not accepted.
    fn text_of(text: &str) -> (String, Vec<String>) {
        let inputs = inputs();
        let partial = |tag: &str, text: &str| (tag.to_owned(), json!(text));
        let partials = Map::from_iter([
            partial("{{hcp:abc123:0}}", "[{{hc:s:number}}]"),
            partial("{{hcp:abc123:1}}", "{{hc:s"),
        ]);
        let mut filler = HeliconeFiller::new(&inputs, &partials);
        let mut text = text.to_owned();
        filler.text(&mut text).unwrap();
        (
            text,
            filler
                .errors
                .into_iter()
                .map(|error| error.variable)
                .collect(),
        )
    }

    fn section_of(json: Value) -> (Value, Vec<(String, String)>) {
        let (inputs, partials) = (inputs(), Map::new());
        let mut filler = HeliconeFiller::new(&inputs, &partials);
        let filled = filler.section(&json).unwrap();
        let errors = filler.errors.into_iter();
        (
            filled,
            errors
                .map(|error| (error.variable, error.expected.to_string()))
                .collect(),
        )
    }

    fn error(name: &str, expected: &str) -> (String, String) {
        (name.into(), expected.into())
    }

    #[test]
    fn texts_keep_the_tags_of_falsy_inputs_and_stop_at_errors() {
        assert_eq!(
            text_of("{{hc:n:number}} {{hc:zero:number}}"),
            ("5 {{hc:zero:number}}".into(), vec![])
        );
        let wrong = "{{hc:n:number}} {{hc:s:number}}";
        assert_eq!(text_of(wrong), (wrong.into(), vec!["s".into()]));
        assert_eq!(
            text_of("{{hc:s:string}} {{hc:s:number}}"),
            ("text text".into(), vec![])
        );
    }

    #[test]
    fn partials_go_in_unchecked_and_may_complete_tags() {
        assert_eq!(text_of("{{hcp:abc123:0}}"), ("[text]".into(), vec![]));
        assert_eq!(
            text_of("{{hcp:abc123:1}}:string}}"),
            ("text".into(), vec![])
        );
        assert_eq!(
            text_of("{{hc:tag:string}}"),
            ("{{hc:s:string}}".into(), vec![])
        );
    }

    #[test]
    fn sections_take_values_with_their_types() {
        let (filled, errors) =
            section_of(json!({ "v": ["{{hc:n:string}}", " {{hc:n:string}}"], "{{hc:s:x}}": null }));
        assert_eq!(
            (filled, errors),
            (json!({ "v": [5, " 5"], "text": null }), vec![])
        );
    }

    #[test]
    fn sections_stop_at_missing_or_falsy_inputs_and_invalid_keys() {
        let section = json!({ "a": "{{hc:gone:date}}", "b-{{hc:zero:number}}": "{{hc:s:boolean}} {{hc:gone:x}}" });
        let errors = vec![
            error("gone", "date"),
            error("zero", "number"),
            error("s", "boolean"),
        ];
        assert_eq!(section_of(section.clone()), (section, errors));
        let section = json!({ "{{hc:n:number}}": 1 });
        assert_eq!(
            section_of(section.clone()),
            (section, vec![error("n", "string")])
        );
    }

    #[test]
    fn a_control_character_in_a_tag_keeps_it_from_the_check() {
        let section = json!([
            "{{\nhc:gone:x}}",
            "{{\thc:null:x}}",
            "-{{\nhc:null:x}}",
            "-{{\nhc:zero:x}}"
        ]);
        let filled = json!(["{{\nhc:gone:x}}", null, "-{{\nhc:null:x}}", "-0"]);
        assert_eq!(section_of(section), (filled, vec![]));
    }

    #[test]
    fn on_equal_keys_the_later_wins() {
        let (filled, _) = section_of(json!({ "{{hc:s:string}}": 1, "k": 2, "text": 3 }));
        assert_eq!(filled.to_string(), r#"{"text":3,"k":2}"#);
    }
}
