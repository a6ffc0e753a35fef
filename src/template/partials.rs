//! The bodies that partials refer to, and the text that replaces a partial.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::uses::texts;
use crate::model::id::{EnvironmentName, PromptId};

/// The bodies that partials refer to, by prompt and environment.
///
/// The caller of a rendering function must insert all of them, including those that other partials
/// name. An absent body counts as a prompt without a version in that environment.
#[derive(Clone, Debug, Default)]
pub struct Partials(HashMap<PromptId, HashMap<EnvironmentName, Arc<Value>>>);

impl Partials {
    /// Creates an empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the body that an environment of a prompt points to, and replaces a previous one.
    pub fn insert(&mut self, prompt: PromptId, environment: EnvironmentName, body: Arc<Value>) {
        self.0.entry(prompt).or_default().insert(environment, body);
    }

    /// Returns the body that an environment of a prompt points to.
    #[must_use]
    pub fn get(&self, prompt: &PromptId, environment: &EnvironmentName) -> Option<&Arc<Value>> {
        self.0.get(prompt)?.get(environment)
    }
}

/// Returns the text that a partial inserts for the message with this index.
///
/// This is the message's content, or the nonempty texts of its parts of type `text`, joined by
/// spaces. A message without text, or an index beyond the last message, yields the empty text.
///
/// ```
/// use promptbook::template::message_text;
///
/// let body = serde_json::json!({ "messages": [
///     { "content": [{ "type": "text", "text": "Be" }, { "type": "text", "text": "brief." }] },
/// ] });
/// assert_eq!(message_text(&body, 0), "Be brief.");
/// assert_eq!(message_text(&body, 1), "");
/// ```
#[must_use]
pub fn message_text(body: &Value, index: usize) -> String {
    message(body, index).map_or_else(String::new, |message| nonempty_texts(message).join(" "))
}

/// Returns the message with this index, if it exists and is not null.
pub(super) fn message(body: &Value, index: usize) -> Option<&Value> {
    body.get("messages")?
        .get(index)
        .filter(|message| !message.is_null())
}

/// Returns the texts of a message that a partial joins. Empty ones are omitted: each would add a
/// space.
pub(super) fn nonempty_texts(message: &Value) -> Vec<&str> {
    texts(message)
        .map(|(_, text)| text)
        .filter(|text| !text.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_its_text() {
        let body = json!({ "messages": [
            { "content": "whole" },
            { "content": [
                { "type": "text", "text": "a" },
                { "type": "image_url", "text": "no" },
                { "type": "text", "text": "" },
                { "type": "text", "text": 5 },
                { "type": "text" },
                null,
                { "type": "text", "text": "b" },
            ] },
            { "content": null },
            null,
            "text",
        ] });
        let texts: Vec<_> = (0..6).map(|index| message_text(&body, index)).collect();
        assert_eq!(texts, ["whole", "a b", "", "", "", ""]);
        assert_eq!(message_text(&json!({}), 0), "");
        assert_eq!(message_text(&json!({ "messages": "text" }), usize::MAX), "");
    }

    #[test]
    fn bodies_are_found_by_prompt_and_environment() {
        let prompt = "abc123".parse().unwrap();
        let mut partials = Partials::new();
        partials.insert(prompt, EnvironmentName::production(), Arc::new(json!(1)));
        partials.insert(prompt, EnvironmentName::production(), Arc::new(json!(2)));
        assert_eq!(
            partials.get(&prompt, &EnvironmentName::production()),
            Some(&Arc::new(json!(2)))
        );
        assert_eq!(partials.get(&prompt, &"staging".parse().unwrap()), None);
    }
}
