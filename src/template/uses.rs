//! The variables and partials that a body uses, each with its place.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::place::{LocationPath, LocationStep};
use super::tag::{PartialTag, TagPiece, VariableTag, cut_at_tags, has_brace, pieces};
use super::variable::{VariableSite, VariableUse};
use crate::model::id::{EnvironmentName, PromptId};
use crate::model::text_location::TextLocation;

/// The sections of a body that are filled as JSON, in strings and in member names, in the order in
/// which they are visited.
pub(super) const SECTIONS: [&str; 2] = ["response_format", "tools"];

/// A partial tag in a message's text, which refers to a message of another prompt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartialUse {
    /// The tag, exactly as written.
    pub tag: String,
    /// The prompt whose message is inserted.
    pub prompt: PromptId,
    /// The message's index, from 0. An index beyond `usize` is `usize::MAX`.
    pub message: usize,
    /// The environment that selects the version; `production` if the tag names none.
    pub environment: EnvironmentName,
    /// The place of the tag.
    pub place: TextLocation,
}

impl PartialTag<'_> {
    /// Returns the tag's environment, or `None` if its name is not a valid one; such a tag is text.
    pub(super) fn environment_name(&self) -> Option<EnvironmentName> {
        match self.environment {
            Some(name) => name.parse().ok(),
            None => Some(EnvironmentName::production()),
        }
    }
}

/// The variables and partials of a body, in this order: messages, `response_format`, `tools`.
///
/// A variable is listed once for each place, name and type; a partial once for each place and tag.
///
/// ```
/// use promptbook::template::{VariableSite, Uses};
///
/// let body = serde_json::json!({
///     "messages": [{ "role": "user", "content": "{{hcp:abc123:0}} I am {{hc:name:string}}" }],
///     "tools": [{ "strict": "{{hc:strict:boolean}}" }],
/// });
/// let uses = Uses::of(&body);
/// assert_eq!(uses.partials[0].prompt.as_str(), "abc123");
/// assert_eq!(uses.variables[0].place.as_str(), "messages[0].content");
/// assert_eq!(uses.variables[1].site, VariableSite::Value);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Every use of a variable.
    pub variables: Vec<VariableUse>,
    /// Every use of a partial.
    pub partials: Vec<PartialUse>,
}

impl Uses {
    /// Returns what this body itself uses, without what its partials use.
    ///
    /// Tags count in the texts of messages. Variables also count in every string and member name of
    /// `tools` and `response_format`. Parts of the body that do not have the expected shape contain
    /// no tags.
    #[must_use]
    pub fn of(body: &Value) -> Self {
        let mut uses = Self::default();
        let messages = body.get("messages").and_then(Value::as_array);
        for (index, message) in messages.into_iter().flatten().enumerate() {
            // Most messages contain no tags; they are skipped before a path is built for them.
            if !texts(message).any(|(_, text)| has_brace(text)) {
                continue;
            }
            let mut path = LocationPath::new("messages");
            path.within(LocationStep::Index(index), |path| {
                uses.add_message(message, path)
            });
        }
        for section in SECTIONS {
            if let Some(json) = body.get(section) {
                uses.add_json(json, &mut LocationPath::new(section));
            }
        }
        uses
    }

    /// Adds the uses in the texts of a message.
    pub(super) fn add_message(&mut self, message: &Value, path: &mut LocationPath) {
        path.within(LocationStep::Member("content"), |path| {
            for (part, text) in texts(message) {
                match part {
                    None => self.add_text(text, path),
                    Some(part) => path.within(LocationStep::Index(part), |path| {
                        path.within(LocationStep::Member("text"), |path| {
                            self.add_text(text, path)
                        });
                    }),
                }
            }
        });
    }

    fn add_text(&mut self, text: &str, path: &LocationPath) {
        let mut seen = HashSet::new();
        for piece in pieces(text) {
            match piece {
                TagPiece::Text(_) => {}
                TagPiece::Variable(tag) if seen.insert((tag.name, tag.kind)) => {
                    self.variables
                        .push(variable_use(tag, VariableSite::Text, path));
                }
                // The empty name marks partials, because no variable has it.
                TagPiece::Partial(tag) if seen.insert(("", tag.raw)) => self.add_partial(tag, path),
                TagPiece::Variable(_) | TagPiece::Partial(_) => {}
            }
        }
    }

    fn add_partial(&mut self, tag: PartialTag<'_>, path: &LocationPath) {
        if let Some(environment) = tag.environment_name() {
            self.partials.push(PartialUse {
                tag: tag.raw.to_owned(),
                prompt: tag.prompt,
                message: tag.message(),
                environment,
                place: path.place(),
            });
        }
    }

    fn add_json(&mut self, json: &Value, path: &mut LocationPath) {
        match json {
            Value::String(text) => self.add_string(text, VariableSite::Value, path),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.within(LocationStep::Index(index), |path| self.add_json(item, path));
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    path.within(LocationStep::Member(name), |path| {
                        self.add_string(name, VariableSite::Key, path);
                        self.add_json(value, path);
                    });
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Adds the uses in a string of JSON; `whole` is the site of a tag that fills the whole string.
    fn add_string(&mut self, text: &str, whole: VariableSite, path: &LocationPath) {
        // Most strings have no tags.
        if !has_brace(text) {
            return;
        }
        match VariableTag::whole(text) {
            Some(tag) => self.variables.push(variable_use(tag, whole, path)),
            None => self.add_variables(text, path),
        }
    }

    fn add_variables(&mut self, text: &str, path: &LocationPath) {
        let mut seen = HashSet::new();
        for piece in pieces(text) {
            if let TagPiece::Variable(tag) = piece
                && seen.insert((tag.name, tag.kind))
            {
                self.variables
                    .push(variable_use(tag, VariableSite::Text, path));
            }
        }
    }
}

fn variable_use(tag: VariableTag<'_>, site: VariableSite, path: &LocationPath) -> VariableUse {
    VariableUse {
        name: tag.name.to_owned(),
        kind: tag.kind.into(),
        site,
        place: path.place(),
    }
}

/// Checks whether a body has more than `most` tags. A tag counts as often as it occurs in a place
/// where tags count.
pub(crate) fn has_more_tags(body: &Value, most: usize) -> bool {
    let messages = body.get("messages").and_then(Value::as_array);
    let in_messages = messages.into_iter().flatten().flat_map(texts);
    let mut left = most;
    let fit = in_messages
        .map(|(_, text)| text)
        .all(|text| deduct_tags(text, &mut left))
        && SECTIONS
            .iter()
            .filter_map(|section| body.get(section))
            .all(|json| deduct_tags_of_json(json, &mut left));
    !fit
}

/// Deducts the tags of a text from those that are left; returns false if there are more.
fn deduct_tags(text: &str, left: &mut usize) -> bool {
    let tags = cut_at_tags(text).filter(|(_, is_tag)| *is_tag);
    match left.checked_sub(tags.take(*left + 1).count()) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}

/// Deducts tags as [`deduct_tags`] does, for all strings and member names in JSON.
fn deduct_tags_of_json(json: &Value, left: &mut usize) -> bool {
    match json {
        Value::String(text) => deduct_tags(text, left),
        Value::Array(items) => items.iter().all(|item| deduct_tags_of_json(item, left)),
        Value::Object(members) => members
            .iter()
            .all(|(name, value)| deduct_tags(name, left) && deduct_tags_of_json(value, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Returns the texts of a message: its content, or its parts of type `text` with their indexes.
pub(super) fn texts(message: &Value) -> impl Iterator<Item = (Option<usize>, &str)> {
    let content = message.get("content");
    let whole = content.and_then(Value::as_str).map(|text| (None, text));
    let parts = content.and_then(Value::as_array);
    let numbered = parts.into_iter().flatten().enumerate();
    let text_parts = numbered.filter_map(|(index, part)| Some((Some(index), part_text(part)?)));
    whole.into_iter().chain(text_parts)
}

/// Returns the text of a content part if the part is of type `text`.
pub(super) fn part_text(part: &Value) -> Option<&str> {
    let is_text = part.get("type").and_then(Value::as_str) == Some("text");
    part.get("text").and_then(Value::as_str).filter(|_| is_text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(body: &Value) -> Vec<(String, String, VariableSite, String)> {
        Uses::of(body)
            .variables
            .into_iter()
            .map(|one| {
                (
                    one.name,
                    one.kind.to_string(),
                    one.site,
                    one.place.to_string(),
                )
            })
            .collect()
    }

    fn row(
        name: &str,
        kind: &str,
        site: VariableSite,
        place: &str,
    ) -> (String, String, VariableSite, String) {
        (name.into(), kind.into(), site, place.into())
    }

    #[test]
    fn variables_are_found_with_their_places_in_order() {
        let body = json!({
            "model": "{{hc:no:string}}",
            "tools": [{ "{{hc:k:string}}": "{{hc:v:number}}", "a b": [{ "p-{{hc:t:x}}": "<{{hc:t:y}}>" }] }],
            "response_format": { "title": "{{ hc:v:date\n}}" },
            "messages": [
                { "role": "{{hc:no:string}}", "content": "{{hc:a:string}} {{hc:a:string}} {{hc:a:number}}" },
                { "content": [
                    { "type": "image_url", "text": "{{hc:no:string}}" },
                    { "type": "text", "text": "{{hc:b:boolean}}" },
                ] },
            ],
        });
        assert_eq!(
            listed(&body),
            [
                row("a", "string", VariableSite::Text, "messages[0].content"),
                row("a", "number", VariableSite::Text, "messages[0].content"),
                row(
                    "b",
                    "boolean",
                    VariableSite::Text,
                    "messages[1].content[1].text"
                ),
                row("v", "date", VariableSite::Value, "response_format.title"),
                row(
                    "k",
                    "string",
                    VariableSite::Key,
                    r#"tools[0]["{{hc:k:string}}"]"#
                ),
                row(
                    "v",
                    "number",
                    VariableSite::Value,
                    r#"tools[0]["{{hc:k:string}}"]"#
                ),
                row(
                    "t",
                    "x",
                    VariableSite::Text,
                    r#"tools[0]["a b"][0]["p-{{hc:t:x}}"]"#
                ),
                row(
                    "t",
                    "y",
                    VariableSite::Text,
                    r#"tools[0]["a b"][0]["p-{{hc:t:x}}"]"#
                ),
            ]
        );
    }

    #[test]
    fn partials_are_found_in_messages_only() {
        let body = json!({
            "messages": [{ "content": "{{hcp:abc123:1}} {{ hcp:abc123:1:staging }} {{hcp:abc123:1}}" }],
            "tools": ["{{hcp:abc123:1}}"],
        });
        let partials = Uses::of(&body).partials;
        let listed: Vec<_> = partials
            .iter()
            .map(|one| {
                (
                    one.tag.as_str(),
                    one.message,
                    one.environment.as_str(),
                    one.place.as_str(),
                )
            })
            .collect();
        assert_eq!(
            listed,
            [
                ("{{hcp:abc123:1}}", 1, "production", "messages[0].content"),
                (
                    "{{ hcp:abc123:1:staging }}",
                    1,
                    "staging",
                    "messages[0].content"
                ),
            ]
        );
    }

    #[test]
    fn a_partial_of_an_impossible_environment_is_text() {
        let tag = format!("{{{{hcp:abc123:1:{}}}}}", "e".repeat(1025));
        let body = json!({ "messages": [{ "content": tag }] });
        assert_eq!(Uses::of(&body), Uses::default());
    }

    #[test]
    fn bodies_of_other_shapes_use_nothing() {
        for body in [
            json!(null),
            json!("{{hc:a:string}}"),
            json!({ "messages": "{{hc:a:string}}" }),
            json!({ "messages": [null, 5, "{{hc:a:string}}", { "content": null }, { "content": [null, { "type": "text" }] }] }),
            json!({ "tools": null, "response_format": 5 }),
        ] {
            assert_eq!(Uses::of(&body), Uses::default(), "{body}");
        }
    }

    #[test]
    fn a_deep_body_of_many_tags_stays_small() {
        let mut json = Value::from(vec!["{{hc:a:b}}"; 1000]);
        for _ in 0..120 {
            json = json!({ "k".repeat(10_000): json });
        }
        let uses = Uses::of(&json!({ "tools": json }));
        assert_eq!(uses.variables.len(), 1000);
        assert!(
            uses.variables
                .iter()
                .all(|one| one.place.as_str().len() < 410)
        );
    }
}
