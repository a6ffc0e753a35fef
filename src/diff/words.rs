//! Comparison of two passages of text by word.

use similar::DiffableStr;

use super::script::{Stretch, stretches};
use super::text::{Segment, SegmentKind};
use crate::template;

/// Maximum number of words of both passages together that are aligned, because the search may be
/// quadratic.
const MOST_WORDS: usize = 40_000;

/// Maximum number of bytes of both passages together that are cut into words, which is the slowest
/// step.
const MOST_BYTES: usize = 1024 * 1024;

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
            let tail: usize = tail.map(|(c, _)| c.len_utf8()).sum();
            let (old, tail) = old.split_at(old.len() - tail);
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
    fn joined(self) -> Self {
        let mut joined = Self::default();
        let mut rest = self.0.into_iter().peekable();
        while let Some(piece) = rest.next() {
            match (joined.0.last(), piece, rest.peek()) {
                (
                    Some(Piece::Replaced(old, new)),
                    Piece::Equal(between),
                    Some(Piece::Replaced(next_old, next_new)),
                ) if tears(&between, (old, new), (next_old, next_new)) => {
                    joined.replaced(&between, &between);
                }
                (_, Piece::Equal(text), _) => joined.equal(&text),
                (_, Piece::Replaced(old, new), _) => joined.replaced(&old, &new),
            }
        }
        joined
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
    if old.len() + new.len() <= MOST_BYTES {
        return words_of_all(old, new);
    }
    let (head, old, new, tail) = without_ends(old, new);
    let mut pieces = Pieces::default();
    pieces.equal(head);
    if old.len() + new.len() <= MOST_BYTES {
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
fn without_ends<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str, &'a str, &'a str) {
    let same = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b);
    let head = &old.as_bytes()[..same.count()];
    // The position after a space is a character boundary, and so is the start.
    let head = head.iter().rposition(u8::is_ascii_whitespace);
    let (head, old) = old.split_at(head.map_or(0, |last| last + 1));
    let new = &new[head.len()..];
    let backwards = old.bytes().rev().zip(new.bytes().rev());
    let same = backwards.take_while(|(a, b)| a == b).count();
    let tail = &old.as_bytes()[old.len() - same..];
    let tail = tail.iter().position(u8::is_ascii_whitespace);
    let (old, tail) = old.split_at(tail.map_or(old.len(), |first| old.len() - same + first));
    (head, old, &new[..new.len() - tail.len()], tail)
}

fn words_of_all(old: &str, new: &str) -> Pieces {
    let mut pieces = Pieces::default();
    let (old_words, new_words) = (Spaced::cut(old), Spaced::cut(new));
    let (old_names, new_names) = (names(&old_words), names(&new_words));
    let mut kept = 0;
    for stretch in stretches(&old_names, &new_names, MOST_WORDS) {
        match stretch {
            Stretch::Equal(before, after) => {
                for (before, after) in old_words[before].iter().zip(&new_words[after]) {
                    pieces.equal(before.word);
                    kept += usize::from(says(before.word));
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
    let said = |names: &[&str]| names.iter().filter(|name| says(name)).count();
    if kept * 3 < said(&old_names).min(said(&new_names)) {
        pieces = Pieces::default();
        pieces.replaced(old, new);
    }
    pieces.trimmed().joined()
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
pub(super) fn saying(text: &str) -> impl Iterator<Item = &str> {
    tokens(text).filter(|token| says(token))
}

fn says(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

fn count(text: &str) -> usize {
    saying(text).count()
}

/// Checks whether the text between two changes is short compared with both of them.
fn tears(between: &str, before: (&str, &str), after: (&str, &str)) -> bool {
    if between.contains('\n') {
        return false;
    }
    let length = between.len();
    let change = |(old, new): (&str, &str)| old.len().max(new.len());
    let least = change(before).min(change(after));
    if says(between) {
        length * 3 <= least
    } else {
        // Punctuation alone does not connect two changes that have words on both sides.
        let has_both = |(old, new): (&str, &str)| !old.is_empty() && !new.is_empty();
        length <= least && has_both(before) && has_both(after)
    }
}
