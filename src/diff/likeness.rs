//! How alike two items of a list are, by the words they are made of.

use std::collections::HashMap;

use serde_json::Value;
use similar::DiffableStr;

use super::align::List;
use crate::template;

/// How alike two items are: 0 for no word in common, [`ALIKE`] for the same words.
pub(super) type Likeness = u64;

/// The same words.
pub(super) const ALIKE: Likeness = 1000;

/// The words of an item, as sorted numbers.
#[derive(Debug, Default)]
pub(super) struct Words(Vec<usize>);

impl Words {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How alike the words of two items are: twice what both have, by what they have in sum.
    pub(super) fn likeness(&self, other: &Self) -> Likeness {
        let all = self.len() + other.len();
        if all == 0 {
            return 0;
        }
        let (mut mine, mut theirs) = (&self.0[..], &other.0[..]);
        let mut both = 0_usize;
        while let ([first, my_rest @ ..], [second, their_rest @ ..]) = (mine, theirs) {
            if first == second {
                both += 1;
            }
            (mine, theirs) = match first.cmp(second) {
                std::cmp::Ordering::Less => (my_rest, theirs),
                std::cmp::Ordering::Greater => (mine, their_rest),
                std::cmp::Ordering::Equal => (my_rest, their_rest),
            };
        }
        // A share of what fits into memory: neither loses anything.
        (2 * both as u64 * ALIKE) / all as u64
    }
}

/// Names of members that say nothing about the item they are in, as all have them.
const COMMON: [&str; 18] = [
    "additionalProperties",
    "arguments",
    "content",
    "description",
    "enum",
    "function",
    "image_url",
    "items",
    "name",
    "parameters",
    "properties",
    "required",
    "role",
    "schema",
    "strict",
    "text",
    "type",
    "url",
];

/// Numbers the words of items: each word has the same number wherever it stands.
#[derive(Debug, Default)]
pub(super) struct Dictionary<'a>(HashMap<&'a str, usize>);

impl<'a> Dictionary<'a> {
    /// The words of an item. What sort of item it is, such as a message's role, is no word of it.
    pub(super) fn words(&mut self, item: &'a Value, list: List) -> Words {
        let mut words = Vec::new();
        self.gather(item, list.sort_member(), &mut words);
        words.sort_unstable();
        Words(words)
    }

    fn gather(&mut self, value: &'a Value, without: Option<&str>, words: &mut Vec<usize>) {
        match value {
            Value::String(text) => self.text(text, words),
            Value::Array(items) => {
                for item in items {
                    self.gather(item, None, words);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    if without == Some(name) {
                        continue;
                    }
                    if !COMMON.contains(&name.as_str()) {
                        self.text(name, words);
                    }
                    // `object`, `string` and the like are in every schema.
                    if name != "type" {
                        self.gather(value, None, words);
                    }
                }
            }
            // Numbers and the like are what an item has rather than what it is.
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &'a str, words: &mut Vec<usize>) {
        for (piece, is_tag) in template::cut_at_tags(text) {
            if is_tag {
                words.push(self.number(piece));
                continue;
            }
            for word in piece.tokenize_unicode_words() {
                if word.contains(char::is_alphanumeric) {
                    words.push(self.number(word));
                }
            }
        }
    }

    fn number(&mut self, word: &'a str) -> usize {
        let next = self.0.len();
        *self.0.entry(word).or_insert(next)
    }
}
