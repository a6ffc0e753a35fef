//! The likeness of two items of a list, measured by their words.

use std::collections::HashMap;

use super::list::ListKind;
use super::words::content_words;
use crate::json::JsonTree;

/// The likeness of two items: 0 if they have no word in common, [`IDENTICAL`] if they have the same
/// words.
pub(super) type Likeness = u64;

/// The likeness of items that consist of the same words.
pub(super) const IDENTICAL: Likeness = 1000;

/// Maximum number of bytes of each text of an item that are compared; the beginning is enough.
const MAX_TEXT_BYTES: usize = 100_000;

/// The words of an item, as sorted numbers.
#[derive(Debug, Default)]
pub(super) struct WordCounts(Vec<usize>);

impl WordCounts {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the likeness of two items: twice the number of common words, divided by the total
    /// number of words.
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
        // Both counts fit into memory, so neither the conversions nor the product can overflow.
        (2 * both as u64 * IDENTICAL) / all as u64
    }
}

/// Names of members that do not characterize an item, because all items have them.
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

/// Assigns numbers to the words of items: a word has the same number everywhere.
#[derive(Debug, Default)]
pub(super) struct WordDictionary<'a>(HashMap<&'a str, usize>);

impl<'a> WordDictionary<'a> {
    /// Returns the words of an item. Its sort, such as a message's role, is not one of them.
    pub(super) fn words(&mut self, item: &'a JsonTree<'_>, list: ListKind) -> WordCounts {
        let mut words = Vec::new();
        self.gather(item, list.sort_member(), &mut words);
        words.sort_unstable();
        WordCounts(words)
    }

    fn gather(&mut self, value: &'a JsonTree<'_>, without: Option<&str>, words: &mut Vec<usize>) {
        match value {
            JsonTree::String(text) => self.text(text.as_str(), words),
            JsonTree::Array(items) => {
                for item in items {
                    self.gather(item, None, words);
                }
            }
            JsonTree::Object(members) => {
                for (name, value) in members.iter() {
                    if without == Some(name) {
                        continue;
                    }
                    if !COMMON.contains(&name) {
                        self.text(name, words);
                    }
                    // `object`, `string` and the like occur in every schema.
                    if name != "type" {
                        self.gather(value, None, words);
                    }
                }
            }
            // Numbers and the like are attributes of an item, and do not identify it.
            JsonTree::Null | JsonTree::Bool(_) | JsonTree::Number(_) => {}
        }
    }

    /// Returns the words of a text.
    pub(super) fn of_text(&mut self, text: &'a str) -> WordCounts {
        let mut words = Vec::new();
        self.text(text, &mut words);
        words.sort_unstable();
        WordCounts(words)
    }

    fn text(&mut self, text: &'a str, words: &mut Vec<usize>) {
        let mut positions = (0..=text.len().min(MAX_TEXT_BYTES)).rev();
        let most = positions.find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        words.extend(content_words(&text[..most]).map(|word| self.number(word)));
    }

    fn number(&mut self, word: &'a str) -> usize {
        let next = self.0.len();
        *self.0.entry(word).or_insert(next)
    }
}

/// Returns the pairs of items of two lists, in order, whose likenesses have the largest sum of
/// squares.
///
/// One good pair therefore counts for more than two poor ones. `likeness` returns `None` for a pair
/// that is not allowed.
pub(super) fn best_in_order(
    old: usize,
    new: usize,
    likeness: impl Fn(usize, usize) -> Option<Likeness>,
) -> Vec<(usize, usize)> {
    let width = new + 1;
    // `value` is the weight of a pair; `best` is the largest sum from that pair on.
    let mut value = vec![0; (old + 1) * width];
    let mut best = vec![0; value.len()];
    for row in (0..old).rev() {
        for column in (0..new).rev() {
            let at = row * width + column;
            if let Some(likeness) = likeness(row, column) {
                value[at] = likeness * likeness;
            }
            let paired = value[at] + best[at + width + 1];
            best[at] = paired.max(best[at + width]).max(best[at + 1]);
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut pairs = Vec::new();
    while row < old && column < new {
        let at = row * width + column;
        if value[at] > 0 && best[at] == value[at] + best[at + width + 1] {
            pairs.push((row, column));
            (row, column) = (row + 1, column + 1);
        } else if best[at] == best[at + width] {
            row += 1;
        } else {
            column += 1;
        }
    }
    pairs
}
