//! The shortest edit script between two sequences, with a limited search.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// The maximum number of lines of two texts together whose matches are searched for.
const MAX_LINES: usize = 50_000;

/// A stretch of two sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    /// The stretch is the same in both sequences.
    Equal(Range<usize>, Range<usize>),
    /// The stretch is replaced; one of the two ranges may be empty.
    Replaced(Range<usize>, Range<usize>),
}

/// Returns the stretches of two sequences, in order; equal and replaced ones alternate.
///
/// The search excludes the common beginning and end. If the rest has more than `most` items in
/// total, it is a single replaced stretch.
pub(super) fn stretches<T: Eq + Hash>(old: &[T], new: &[T], most: usize) -> Vec<Stretch> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let backwards = old_rest.iter().rev().zip(new_rest.iter().rev());
    let tail = backwards.take_while(|(a, b)| a == b).count();
    let old_rest = &old_rest[..old_rest.len() - tail];
    let new_rest = &new_rest[..new_rest.len() - tail];

    let mut found = Stretches::default();
    found.equal(head);
    if old_rest.is_empty() || new_rest.is_empty() || old_rest.len() + new_rest.len() > most {
        found.replaced(old_rest.len(), new_rest.len());
    } else {
        let (old_ids, new_ids) = numbered(old_rest, new_rest);
        for op in capture_diff_slices(Algorithm::Myers, &old_ids, &new_ids) {
            match op {
                DiffOp::Equal { len, .. } => found.equal(len),
                DiffOp::Delete { old_len, .. } => found.replaced(old_len, 0),
                DiffOp::Insert { new_len, .. } => found.replaced(0, new_len),
                DiffOp::Replace {
                    old_len, new_len, ..
                } => found.replaced(old_len, new_len),
            }
        }
    }
    found.equal(tail);
    found.list
}

/// Returns the lines of a new text that an old one has too: the index of each, and its old index.
pub(crate) fn line_matches(old: &[&str], new: &[&str]) -> HashMap<usize, usize> {
    let stretches = stretches(old, new, MAX_LINES).into_iter();
    let equal = stretches.filter_map(|stretch| match stretch {
        Stretch::Equal(old, new) => Some(new.zip(old)),
        Stretch::Replaced(..) => None,
    });
    equal.flatten().collect()
}

/// Maps equal items to equal numbers, so that the cost of a comparison does not depend on the
/// items.
fn numbered<'a, T: Eq + Hash>(old: &'a [T], new: &'a [T]) -> (Vec<usize>, Vec<usize>) {
    let mut numbers: HashMap<&T, usize> = HashMap::new();
    let mut number = |item: &'a T| {
        let next = numbers.len();
        *numbers.entry(item).or_insert(next)
    };
    let old = old.iter().map(&mut number).collect();
    (old, new.iter().map(number).collect())
}

#[derive(Default)]
struct Stretches {
    list: Vec<Stretch>,
    /// The ends of the stretches so far.
    old: usize,
    new: usize,
}

impl Stretches {
    fn equal(&mut self, length: usize) {
        if length == 0 {
            return;
        }
        let (old, new) = (self.old + length, self.new + length);
        match self.list.last_mut() {
            Some(Stretch::Equal(last_old, last_new)) => (last_old.end, last_new.end) = (old, new),
            _ => self.list.push(Stretch::Equal(self.old..old, self.new..new)),
        }
        (self.old, self.new) = (old, new);
    }

    fn replaced(&mut self, old: usize, new: usize) {
        if old + new == 0 {
            return;
        }
        let (old, new) = (self.old + old, self.new + new);
        match self.list.last_mut() {
            Some(Stretch::Replaced(last_old, last_new)) => {
                (last_old.end, last_new.end) = (old, new);
            }
            _ => self
                .list
                .push(Stretch::Replaced(self.old..old, self.new..new)),
        }
        (self.old, self.new) = (old, new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &str, new: &str, most: usize) -> String {
        let (old, new): (Vec<_>, Vec<_>) = (old.chars().collect(), new.chars().collect());
        let text = |items: &[char]| items.iter().collect::<String>();
        let stretches = stretches(&old, &new, most);
        let told = stretches.iter().map(|stretch| match stretch {
            Stretch::Equal(a, _) => text(&old[a.clone()]),
            Stretch::Replaced(a, b) => {
                format!("[{}|{}]", text(&old[a.clone()]), text(&new[b.clone()]))
            }
        });
        told.collect()
    }

    #[test]
    fn common_items_are_equal_stretches() {
        assert_eq!(told("abcde", "abXde", 99), "ab[c|X]de");
        assert_eq!(told("abcde", "acdfe", 99), "a[b|]cd[|f]e");
        assert_eq!(told("abc", "abc", 99), "abc");
        assert_eq!(told("", "abc", 99), "[|abc]");
        assert_eq!(told("", "", 99), "");
        // An item of the common beginning is not counted again in the common end.
        assert_eq!(told("aa", "aaa", 99), "aa[|a]");
    }

    #[test]
    fn beyond_the_bound_the_middle_is_replaced() {
        assert_eq!(told("abcde", "acdfe", 5), "a[bcd|cdf]e");
    }
}
