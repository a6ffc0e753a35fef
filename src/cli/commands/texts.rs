//! The texts of a body, as `show --text` writes them: with real line breaks.

use serde_json::{Value, json};

use crate::cli::output::{DIM, NAME, paint};
use crate::cli::text;
use crate::json::Json;

/// A text of a body.
pub(super) struct BodyText {
    /// Where it is, as a JSON Pointer.
    pointer: String,
    role: Option<String>,
    /// The text; none if the content part has none, such as an image.
    text: Option<String>,
    /// The type of the content part, if it is not a text.
    kind: Option<String>,
}

/// Returns the texts of the messages of a body, in order.
pub(super) fn texts(body: &Json) -> Vec<BodyText> {
    let messages = body.json().get("messages").and_then(Value::as_array);
    let messages = messages.into_iter().flatten().enumerate();
    messages
        .flat_map(|(at, message)| of_message(at, message))
        .collect()
}

fn of_message(at: usize, message: &Value) -> Vec<BodyText> {
    let role = member(message, "role");
    let one = |pointer: String, text: Option<String>, kind: Option<String>| BodyText {
        pointer,
        role: role.clone(),
        text,
        kind,
    };
    let pointer = format!("/messages/{at}/content");
    match message.get("content") {
        Some(Value::String(text)) => vec![one(pointer, Some(text.clone()), None)],
        Some(Value::Array(parts)) => {
            let parts = parts.iter().enumerate();
            let texts = parts.map(|(at, part)| {
                let text = member(part, "text");
                let kind = if text.is_none() {
                    member(part, "type")
                } else {
                    None
                };
                one(format!("{pointer}/{at}"), text, kind)
            });
            texts.collect()
        }
        _ => vec![one(pointer, None, None)],
    }
}

fn member(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

pub(super) fn texts_json(texts: &[BodyText]) -> Value {
    texts
        .iter()
        .map(|one| json!({"pointer": one.pointer, "role": one.role, "text": one.text}))
        .collect()
}

/// Renders texts, each below its role.
pub(super) fn texts_text(texts: &[BodyText]) -> String {
    let blocks = texts.iter().map(|one| {
        let role = one.role.as_deref().map_or_else(
            || text::line(&one.pointer),
            |role| format!("[{}]", text::line(role)),
        );
        let content = match (&one.text, &one.kind) {
            (Some(text), _) => text::lines(text),
            (None, Some(kind)) => paint(DIM, format!("({})", text::line(kind))),
            (None, None) => paint(DIM, "(no text)"),
        };
        format!("{}\n{content}\n", paint(NAME, role))
    });
    blocks.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_real_line_breaks() {
        let body = json!({"messages": [
            {"role": "system", "content": "One.\nTwo.\u{1b}"},
            {"role": "user", "content": [
                {"type": "text", "text": "Look:"},
                {"type": "image_url", "image_url": {"url": "x"}},
            ]},
            {"role": "assistant", "tool_calls": []},
        ]});
        let texts = texts(&Json::from(body));
        let plain = anstream::adapter::strip_str(&texts_text(&texts)).to_string();
        assert_eq!(
            plain,
            "[system]\nOne.\nTwo.\\u{1b}\n\n[user]\nLook:\n\n[user]\n(image_url)\n\n[assistant]\n(no text)\n"
        );
        assert_eq!(texts_json(&texts)[1]["pointer"], "/messages/1/content/0");
    }
}
