//! Two texts, compared by line, and by word where lines differ.

use serde::Serialize;
use similar::DiffableStr;

use super::script::{Stretch, stretches};
use crate::template;

/// A piece of a text that was changed. Those that are equal or removed make the old text, those that are equal or added
/// the new one.
///
/// As JSON: `{kind, text}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Segment {
    /// Whose it is.
    pub kind: SegmentKind,
    /// The piece. It is not empty, and may be of several lines.
    pub text: String,
}

/// Whose a piece of a changed text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    /// It is in both texts.
    Equal,
    /// It is in the old text only.
    Removed,
    /// It is in the new text only.
    Added,
}

/// So many lines of both texts together are aligned; more are one change, but for what the texts begin and end with
/// alike.
const MOST_LINES: usize = 200_000;

/// So many words of both sides of a change are aligned. The search may be quadratic.
const MOST_WORDS: usize = 40_000;

/// The segments of two texts. A removed one stands before the added one that takes its place.
pub(super) fn compare(old: &str, new: &str) -> Vec<Segment> {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let mut found = Vec::new();
    for stretch in stretches(&old, &new, MOST_LINES) {
        match stretch {
            Stretch::Equal(lines, _) => found.push(Piece::Equal(old[lines].concat())),
            Stretch::Replaced(removed, added) => {
                by_word(&old[removed].concat(), &new[added].concat(), &mut found);
            }
        }
    }
    segments(found)
}

/// A piece of both texts, or what of one is in place of what of the other.
#[derive(Debug)]
enum Piece {
    Equal(String),
    Replaced(String, String),
}

fn by_word(old: &str, new: &str, found: &mut Vec<Piece>) {
    if old.is_empty() || new.is_empty() {
        found.push(Piece::Replaced(old.to_owned(), new.to_owned()));
        return;
    }
    let (old_words, new_words) = (words(old), words(new));
    let mut pieces = Vec::new();
    for stretch in stretches(&old_words, &new_words, MOST_WORDS) {
        pieces.push(match stretch {
            Stretch::Equal(words, _) => Piece::Equal(old_words[words].concat()),
            Stretch::Replaced(removed, added) => {
                Piece::Replaced(old_words[removed].concat(), new_words[added].concat())
            }
        });
    }
    if is_rewritten(old, new, &pieces) {
        rewritten(old, new, found);
    } else {
        join(&mut pieces);
        found.append(&mut pieces);
    }
}

/// The words of a text, the white space and punctuation between them, and the tags of templates as words.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for (piece, is_tag) in template::cut_at_tags(text) {
        if is_tag {
            words.push(piece);
        } else {
            words.extend(piece.tokenize_unicode_words());
        }
    }
    words
}

/// Whether so little is kept that it is by chance.
fn is_rewritten(old: &str, new: &str, pieces: &[Piece]) -> bool {
    let kept: usize = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Equal(text) => weight(text),
            Piece::Replaced(..) => 0,
        })
        .sum();
    // Of the shorter one, so that a text that only grew is not taken for another.
    kept * 3 < weight(old).min(weight(new))
}

/// How many words a text has: white space and punctuation are in every text.
fn weight(text: &str) -> usize {
    words(text).into_iter().filter(|word| says(word)).count()
}

/// Whether a text is more than white space and punctuation.
fn says(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

/// One text in place of another, but for the line break that both end with.
fn rewritten(old: &str, new: &str, found: &mut Vec<Piece>) {
    match (old.strip_suffix('\n'), new.strip_suffix('\n')) {
        (Some(old), Some(new)) => {
            found.push(Piece::Replaced(old.to_owned(), new.to_owned()));
            found.push(Piece::Equal("\n".to_owned()));
        }
        _ => found.push(Piece::Replaced(old.to_owned(), new.to_owned())),
    }
}

/// Takes what is equal between two changes into them where it only tears them apart: "of the" between two sentences
/// that have nothing else in common. Lines stay apart.
fn join(pieces: &mut Vec<Piece>) {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut rest = std::mem::take(pieces).into_iter().peekable();
    while let Some(piece) = rest.next() {
        match (joined.last_mut(), piece, rest.peek()) {
            (
                Some(Piece::Replaced(old, new)),
                Piece::Equal(between),
                Some(Piece::Replaced(next_old, next_new)),
            ) if tears(&between, (old, new), (next_old, next_new)) => {
                for side in [&mut *old, &mut *new] {
                    side.push_str(&between);
                }
                old.push_str(next_old);
                new.push_str(next_new);
                rest.next();
            }
            (_, piece, _) => joined.push(piece),
        }
    }
    *pieces = joined;
}

/// Whether what is between two changes is less than either of them.
fn tears(between: &str, before: (&str, &str), after: (&str, &str)) -> bool {
    if between.contains('\n') {
        return false;
    }
    // White space alone holds nothing together where words stand on both sides.
    let length = between.len();
    let change = |(old, new): (&str, &str)| old.len().max(new.len());
    let least = change(before).min(change(after));
    if !says(between) {
        let has_both = |(old, new): (&str, &str)| !old.is_empty() && !new.is_empty();
        length <= least && has_both(before) && has_both(after)
    } else {
        length * 3 <= least
    }
}

fn segments(pieces: Vec<Piece>) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut push = |kind, text: String| match segments.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.kind == kind => last.text.push_str(&text),
        _ => segments.push(Segment { kind, text }),
    };
    for piece in pieces {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &str, new: &str) -> String {
        let segments = compare(old, new);
        let side = |kind| {
            let of = |one: &&Segment| one.kind == SegmentKind::Equal || one.kind == kind;
            let side = segments.iter().filter(of);
            side.map(|one| one.text.as_str()).collect::<String>()
        };
        assert_eq!(side(SegmentKind::Removed), old);
        assert_eq!(side(SegmentKind::Added), new);
        assert!(segments.iter().all(|one| !one.text.is_empty()));
        let told = segments.iter().map(|one| match one.kind {
            SegmentKind::Equal => one.text.clone(),
            SegmentKind::Removed => format!("[-{}-]", one.text),
            SegmentKind::Added => format!("{{+{}+}}", one.text),
        });
        told.collect()
    }

    #[test]
    fn words_that_changed_are_marked() {
        for (old, new, expected) in [
            ("a b c", "a x c", "a [-b-]{+x+} c"),
            ("Be brief.", "Be brief!", "Be brief[-.-]{+!+}"),
            ("Be brief.", "Be very brief.", "Be {+very +}brief."),
            (
                "one\ntwo\nthree\n",
                "one\n2\nthree\n",
                "one\n[-two-]{+2+}\nthree\n",
            ),
            ("one\ntwo\n", "one\n", "one\n[-two\n-]"),
            ("a b", "a  b", "a[- -]{+  +}b"),
            ("a", "a\n", "a{+\n+}"),
            ("", "a", "{+a+}"),
            ("a", "", "[-a-]"),
            ("日本語の要約", "日本語の翻訳", "日本語の[-要約-]{+翻訳+}"),
            ("👩‍👩‍👧 hi", "👩‍👩‍👦 hi", "[-👩‍👩‍👧-]{+👩‍👩‍👦+} hi"),
            (
                "Age: {{hc:age:string}}.",
                "Age: {{hc:age:number}}.",
                "Age: [-{{hc:age:string}}-]{+{{hc:age:number}}+}.",
            ),
        ] {
            assert_eq!(told(old, new), expected);
        }
    }

    #[test]
    fn what_has_nothing_in_common_is_not_torn_apart() {
        assert_eq!(
            told(
                "Translate the text of the customer into French.\n",
                "You are a poet and write about the sea.\n"
            ),
            "[-Translate the text of the customer into French.-]{+You are a poet and write about the sea.+}\n"
        );
    }

    #[test]
    fn large_texts_are_compared_in_bounded_time() {
        // Nothing but words that both have, in orders that have nothing to do with each other.
        let words = |factor: usize| {
            let words = (0..300_000usize).map(|n| format!("w{} ", n * factor % 1009));
            words.collect::<String>()
        };
        let (old, new) = (words(7), words(31));
        let begun = std::time::Instant::now();
        compare(&old, &new);
        compare(&old.replace(' ', "\n"), &new.replace(' ', "\n"));
        let changed = old.replacen("w5 ", "x5 ", 1);
        let segments = compare(&old, &changed);
        assert_eq!(segments.len(), 4);
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    }
}
