//! The format `json`: a body as it is stored, byte for byte, or a list of messages.

use super::content::PromptContent;
use super::finding::FormatFinding;
use crate::json::JsonTree;
use crate::model::body::Body;

/// Reads a body, or a list of messages, which becomes a body with only that list.
pub(super) fn read(text: &str) -> Result<PromptContent, FormatFinding> {
    let refused = |error: crate::error::InvalidBody| FormatFinding::new(None, error.to_string());
    match list_of_messages(text) {
        Some(list) => {
            let body = Body::try_from(format!("{{\"messages\": {list}}}")).map_err(refused)?;
            Ok(PromptContent::of_body(body, false))
        }
        None => {
            let body = Body::try_from(text.to_owned()).map_err(refused)?;
            Ok(PromptContent::of_body(body, true))
        }
    }
}

/// Returns the text of a list of messages, if the file is one.
fn list_of_messages(text: &str) -> Option<&str> {
    let list = text.trim();
    if !list.starts_with('[') || serde_json::from_str::<serde::de::IgnoredAny>(list).is_err() {
        return None;
    }
    let tree = JsonTree::of(list);
    let messages = tree.as_array()?;
    let is_message = |one: &JsonTree<'_>| one.get("role").is_some();
    (!messages.is_empty() && messages.iter().all(is_message)).then_some(list)
}

/// Writes a body as it is stored.
pub(super) fn write(body: &Body) -> String {
    body.text().to_owned()
}
