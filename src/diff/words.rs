//! Comparison of two passages of text by word.

use similar::DiffableStr;

use super::script::{Stretch, stretches};
use super::segment::{Segment, SegmentKind};
use crate::template;

/// Maximum number of words of both passages together that are aligned, because the search may be
/// quadratic.
const MAX_PASSAGE_WORDS: usize = 40_000;

/// Maximum number of bytes of both passages together that are cut into words, which is the slowest
/// step.
const MAX_PASSAGE_BYTES: usize = 1024 * 1024;

/// Two texts as alternating pieces: equal in both, or replaced.
#[derive(Debug, Default)]
pub(super) struct Pieces(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Equal(String),
    Replaced(String, String),
}

impl Pieces {
    pub(super) fn equal(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Equal(last)) => last.push_str(text),
            _ => self.0.push(Piece::Equal(text.to_owned())),
        }
    }

    fn replaced(&mut self, old: &str, new: &str) {
        match self.0.last_mut() {
            _ if old.is_empty() && new.is_empty() => {}
            Some(Piece::Replaced(last_old, last_new)) => {
                last_old.push_str(old);
                last_new.push_str(new);
            }
            _ => self.0.push(Piece::Replaced(old.to_owned(), new.to_owned())),
        }
    }

    /// Moves white space that both sides of a change begin or end with out of the change.
    fn trimmed(self) -> Self {
        let mut trimmed = Self::default();
        for piece in self.0 {
            let (old, new) = match &piece {
                Piece::Equal(text) => {
                    trimmed.equal(text);
                    continue;
                }
                Piece::Replaced(old, new) => (old.as_str(), new.as_str()),
            };
            let spaces = |(a, b): &(char, char)| a == b && a.is_whitespace();
            let head = old.chars().zip(new.chars()).take_while(spaces);
            let (head, old) = old.split_at(head.map(|(c, _)| c.len_utf8()).sum());
            let new = &new[head.len()..];
            let tail = old.chars().rev().zip(new.chars().rev()).take_while(spaces);
            let tail_bytes: usize = tail.map(|(c, _)| c.len_utf8()).sum();
            let (old, tail) = old.split_at(old.len() - tail_bytes);
            let new = &new[..new.len() - tail.len()];
            trimmed.equal(head);
            trimmed.replaced(old, new);
            trimmed.equal(tail);
        }
        trimmed
    }

    pub(super) fn append(&mut self, other: Self) {
        for piece in other.0 {
            match piece {
                Piece::Equal(text) => self.equal(&text),
                Piece::Replaced(old, new) => self.replaced(&old, &new),
            }
        }
    }

    /// Returns the number of words that were removed or added.
    pub(super) fn changed_words(&self) -> usize {
        let changed = self.0.iter().map(|piece| match piece {
            Piece::Equal(_) => 0,
            Piece::Replaced(old, new) => count(old) + count(new),
        });
        changed.sum()
    }

    /// Merges an equal piece into the changes around it if it only splits them.
    ///
    /// An example is "of" between two clauses that have nothing else in common. Lines are not
    /// merged.
    fn merge_splinters(self) -> Self {
        let mut merged = Self::default();
        let mut rest = self.0.into_iter().peekable();
        while let Some(piece) = rest.next() {
            match (merged.0.last(), piece, rest.peek()) {
                (
                    Some(Piece::Replaced(old, new)),
                    Piece::Equal(between),
                    Some(Piece::Replaced(next_old, next_new)),
                ) if is_splinter(&between, (old, new), (next_old, next_new)) => {
                    merged.replaced(&between, &between);
                }
                (_, Piece::Equal(text), _) => merged.equal(&text),
                (_, Piece::Replaced(old, new), _) => merged.replaced(&old, &new),
            }
        }
        merged
    }

    pub(super) fn segments(self) -> Vec<Segment> {
        let mut segments = Vec::with_capacity(self.0.len());
        let mut push = |kind, text: String| {
            if !text.is_empty() {
                segments.push(Segment { kind, text });
            }
        };
        for piece in self.0 {
            match piece {
                Piece::Equal(text) => push(SegmentKind::Equal, text),
                Piece::Replaced(old, new) => {
                    push(SegmentKind::Removed, old);
                    push(SegmentKind::Added, new);
                }
            }
        }
        segments
    }
}

/// Compares two passages by word.
pub(super) fn by_word(old: &str, new: &str) -> Pieces {
    if old.is_empty() || new.is_empty() {
        let mut pieces = Pieces::default();
        pieces.replaced(old, new);
        return pieces;
    }
    if old.len() + new.len() <= MAX_PASSAGE_BYTES {
        return words_of_all(old, new);
    }
    let (head, old, new, tail) = split_common_ends(old, new);
    let mut pieces = Pieces::default();
    pieces.equal(head);
    if old.len() + new.len() <= MAX_PASSAGE_BYTES {
        pieces.append(words_of_all(old, new));
    } else {
        pieces.replaced(old, new);
    }
    pieces.equal(tail);
    pieces
}

/// Splits two texts into their common beginning, the rest of each, and their common end.
///
/// Words are not cut if there is any white space between them.
fn split_common_ends<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str, &'a str, &'a str) {
    let forwards = old.bytes().zip(new.bytes());
    let same_head = forwards.take_while(|(a, b)| a == b).count();
    let last_space = old.as_bytes()[..same_head]
        .iter()
        .rposition(u8::is_ascii_whitespace);
    // The position after a space is a character boundary, and so is the start.
    let (head, old_rest) = old.split_at(last_space.map_or(0, |last| last + 1));
    let new_rest = &new[head.len()..];
    let backwards = old_rest.bytes().rev().zip(new_rest.bytes().rev());
    let same_tail = backwards.take_while(|(a, b)| a == b).count();
    let tail_start = old_rest.len() - same_tail;
    let first_space = old_rest.as_bytes()[tail_start..]
        .iter()
        .position(u8::is_ascii_whitespace);
    let (old_middle, tail) =
        old_rest.split_at(first_space.map_or(old_rest.len(), |first| tail_start + first));
    let new_middle = &new_rest[..new_rest.len() - tail.len()];
    (head, old_middle, new_middle, tail)
}

fn words_of_all(old: &str, new: &str) -> Pieces {
    let mut pieces = Pieces::default();
    let (old_words, new_words) = (Spaced::cut(old), Spaced::cut(new));
    let (old_names, new_names) = (names(&old_words), names(&new_words));
    let mut kept = 0;
    for stretch in stretches(&old_names, &new_names, MAX_PASSAGE_WORDS) {
        match stretch {
            Stretch::Equal(before, after) => {
                for (before, after) in old_words[before].iter().zip(&new_words[after]) {
                    pieces.equal(before.word);
                    kept += usize::from(has_letters(before.word));
                    match (before.space, after.space) {
                        (before, after) if before == after => pieces.equal(before),
                        (before, after) => pieces.replaced(before, after),
                    }
                }
            }
            Stretch::Replaced(before, after) => {
                for gone in &old_words[before] {
                    pieces.replaced(gone.word, "");
                    pieces.replaced(gone.space, "");
                }
                for fresh in &new_words[after] {
                    pieces.replaced("", fresh.word);
                    pieces.replaced("", fresh.space);
                }
            }
        }
    }
    // So few common words are a coincidence. The shorter text is the measure, so that a text that
    // only grew does not count as replaced.
    let contentful = |names: &[&str]| names.iter().filter(|name| has_letters(name)).count();
    if kept * 3 < contentful(&old_names).min(contentful(&new_names)) {
        pieces = Pieces::default();
        pieces.replaced(old, new);
    }
    pieces.trimmed().merge_splinters()
}

/// A word and the white space after it.
///
/// Words are matched without white space, which is similar everywhere and would be matched before
/// the words around it.
#[derive(Clone, Copy, Debug)]
struct Spaced<'a> {
    word: &'a str,
    space: &'a str,
}

impl<'a> Spaced<'a> {
    /// Returns the words of a text. The first word is empty, because the text may begin with white
    /// space.
    fn cut(text: &'a str) -> Vec<Self> {
        let mut words = vec![Self {
            word: "",
            space: "",
        }];
        let mut at = 0;
        for token in tokens(text) {
            let end = at + token.len();
            match words.last_mut() {
                // This white space continues the one before it.
                Some(last) if token.trim().is_empty() => {
                    last.space = &text[at - last.space.len()..end];
                }
                _ => words.push(Self {
                    word: token,
                    space: "",
                }),
            }
            at = end;
        }
        words
    }
}

fn names<'a>(words: &[Spaced<'a>]) -> Vec<&'a str> {
    words.iter().map(|one| one.word).collect()
}

/// Returns the tokens of a text: words, punctuation, white space, and tags of templates as one
/// token each.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    template::cut_at_tags(text).flat_map(|(piece, is_tag)| {
        if is_tag {
            vec![piece]
        } else {
            piece.tokenize_unicode_words()
        }
    })
}

/// Returns the tokens of a text that contain a letter or digit, including tags.
pub(super) fn content_words(text: &str) -> impl Iterator<Item = &str> {
    tokens(text).filter(|token| has_letters(token))
}

fn has_letters(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

fn count(text: &str) -> usize {
    content_words(text).count()
}

/// Checks whether the text between two changes is short compared with both of them.
fn is_splinter(between: &str, before: (&str, &str), after: (&str, &str)) -> bool {
    if between.contains('\n') {
        return false;
    }
    let length = between.len();
    let change = |(old, new): (&str, &str)| old.len().max(new.len());
    let least = change(before).min(change(after));
    if has_letters(between) {
        length * 3 <= least
    } else {
        // Punctuation alone does not connect two changes that have words on both sides.
        let has_both = |(old, new): (&str, &str)| !old.is_empty() && !new.is_empty();
        length <= least && has_both(before) && has_both(after)
    }
}
