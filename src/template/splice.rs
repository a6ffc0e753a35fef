//! Replacement of tags in a body's text; everything else is preserved byte for byte.
//!
//! Tags occur in strings only. They are found in the decoded string, and replaced in its JSON
//! notation.

use std::ops::Range;

use super::place::LocationPath;
use crate::json::{JsonString, JsonTree, Locator, escape};
use crate::model::text_location::TextLocation;

/// The replacements for pieces of a text.
pub(super) struct Replacements<'a> {
    text: &'a str,
    list: Vec<(Range<usize>, String)>,
}

impl<'a> Replacements<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let list = Vec::new();
        Self { text, list }
    }

    /// Replaces a piece of a string. `locator` must be that of the string, and the pieces must
    /// come in order.
    pub(super) fn replace_piece(
        &mut self,
        string: &JsonString<'a>,
        locator: &mut Locator<'a>,
        piece: Range<usize>,
        with: &str,
    ) {
        let place = locator.locate(piece);
        let start = self.start_of(string);
        let mut escaped = String::with_capacity(with.len());
        escape(with, &mut escaped);
        self.list
            .push((start + place.start..start + place.end, escaped));
    }

    /// Replaces a whole string, quotes included, with JSON.
    pub(super) fn replace_string(&mut self, string: &JsonString<'a>, with: String) {
        let start = self.start_of(string);
        let length = string.raw().map_or(0, str::len);
        self.list
            .push((start.saturating_sub(1)..start + length + 1, with));
    }

    /// Returns the offset of a string's first character within the text. The string borrows from
    /// the text.
    fn start_of(&self, string: &JsonString<'a>) -> usize {
        let start = string.raw().unwrap_or_default().as_ptr().addr();
        start.saturating_sub(self.text.as_ptr().addr())
    }

    /// Returns the text with all replacements applied.
    pub(super) fn apply(mut self) -> String {
        self.list.sort_unstable_by_key(|(place, _)| place.start);
        let added: usize = self.list.iter().map(|(_, with)| with.len()).sum();
        let mut out = String::with_capacity(self.text.len() + added);
        let mut at = 0;
        for (place, with) in &self.list {
            out.push_str(self.text.get(at..place.start).unwrap_or_default());
            out.push_str(with);
            at = place.end;
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        out
    }
}

/// A text of a body's messages in which tags count.
pub(super) struct MessageText<'t, 'a> {
    pub(super) text: &'t JsonString<'a>,
    message: usize,
    part: Option<usize>,
}

impl MessageText<'_, '_> {
    /// Returns its place in the body.
    pub(super) fn place(&self) -> TextLocation {
        let message = self.message;
        let path = match self.part {
            None => format!("messages[{message}].content"),
            Some(part) => format!("messages[{message}].content[{part}].text"),
        };
        LocationPath::new(path).place()
    }
}

/// Returns the texts of a body's messages in which tags count; see [`texts`](super::uses::texts).
pub(super) fn message_texts<'t, 'a>(
    body: &'t JsonTree<'a>,
) -> impl Iterator<Item = MessageText<'t, 'a>> {
    let messages = body.get("messages").and_then(JsonTree::as_array);
    let numbered = messages.into_iter().flatten().enumerate();
    numbered.flat_map(|(message, json)| {
        let content = json.get("content");
        let whole = content.and_then(string).map(|text| (None, text));
        let parts = content.and_then(JsonTree::as_array);
        let numbered = parts.into_iter().flatten().enumerate();
        let text_parts = numbered.filter_map(|(index, part)| {
            let is_text = part.get("type").and_then(JsonTree::as_str) == Some("text");
            Some((
                Some(index),
                part.get("text").and_then(string).filter(|_| is_text)?,
            ))
        });
        let texts = whole.into_iter().chain(text_parts);
        texts.map(move |(part, text)| MessageText {
            text,
            message,
            part,
        })
    })
}

fn string<'t, 'a>(value: &'t JsonTree<'a>) -> Option<&'t JsonString<'a>> {
    match value {
        JsonTree::String(text) => Some(text),
        _ => None,
    }
}
