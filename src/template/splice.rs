//! A body's text with other text in the place of its tags: all else stays byte for byte.
//!
//! Tags are in strings only. Their places are found in what a string says, and replaced where it is written.

use std::ops::Range;

use super::place::{Path, Place};
use crate::json::{Places, Text, Tree, escape};

/// What takes the place of pieces of a text.
pub(super) struct Splices<'a> {
    text: &'a str,
    list: Vec<(Range<usize>, String)>,
}

impl<'a> Splices<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let list = Vec::new();
        Self { text, list }
    }

    /// Puts a text in the place of a piece of a string. `places` are the string's, and the pieces come in order.
    pub(super) fn piece(
        &mut self,
        string: &Text<'a>,
        places: &mut Places<'a>,
        piece: Range<usize>,
        with: &str,
    ) {
        let place = places.of(piece);
        let start = self.start_of(string);
        let mut escaped = String::with_capacity(with.len());
        escape(with, &mut escaped);
        self.list
            .push((start + place.start..start + place.end, escaped));
    }

    /// Puts JSON in the place of a string, its quotes included.
    pub(super) fn whole(&mut self, string: &Text<'a>, with: String) {
        let start = self.start_of(string);
        let length = string.raw().map_or(0, str::len);
        self.list
            .push((start.saturating_sub(1)..start + length + 1, with));
    }

    /// Where in the text a string's first character is. The string borrows from the text.
    fn start_of(&self, string: &Text<'a>) -> usize {
        let start = string.raw().unwrap_or_default().as_ptr().addr();
        start.saturating_sub(self.text.as_ptr().addr())
    }

    /// The text with all of it in its place.
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

/// A text that counts in a body's messages.
pub(super) struct MessageText<'t, 'a> {
    pub(super) text: &'t Text<'a>,
    message: usize,
    part: Option<usize>,
}

impl MessageText<'_, '_> {
    /// Where in the body it is.
    pub(super) fn place(&self) -> Place {
        let message = self.message;
        let path = match self.part {
            None => format!("messages[{message}].content"),
            Some(part) => format!("messages[{message}].content[{part}].text"),
        };
        Path::new(path).place()
    }
}

/// The texts that count in a body's messages, as [`texts`](super::uses::texts) finds them in each.
pub(super) fn message_texts<'t, 'a>(
    body: &'t Tree<'a>,
) -> impl Iterator<Item = MessageText<'t, 'a>> {
    let messages = body.get("messages").and_then(Tree::as_array);
    let messages = messages.into_iter().flatten().enumerate();
    messages.flat_map(|(message, json)| {
        let content = json.get("content");
        let whole = content.and_then(string).map(|text| (None, text));
        let parts = content.and_then(Tree::as_array);
        let parts = parts.into_iter().flatten().enumerate();
        let parts = parts.filter_map(|(index, part)| {
            let is_text = part.get("type").and_then(Tree::as_str) == Some("text");
            Some((
                Some(index),
                part.get("text").and_then(string).filter(|_| is_text)?,
            ))
        });
        let texts = whole.into_iter().chain(parts);
        texts.map(move |(part, text)| MessageText {
            text,
            message,
            part,
        })
    })
}

fn string<'t, 'a>(value: &'t Tree<'a>) -> Option<&'t Text<'a>> {
    match value {
        Tree::String(text) => Some(text),
        _ => None,
    }
}
