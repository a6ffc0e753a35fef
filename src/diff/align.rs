//! Matching of the items of two lists.
//!
//! Unchanged items are matched first, then items of the same name, then similar items, and finally
//! items that replaced each other.

use std::collections::{HashMap, VecDeque};

use super::likeness::{IDENTICAL, Likeness, WordCounts, WordDictionary, best_in_order};
use super::list::ListKind;
use super::script::{Stretch, stretches};
use crate::json::{ByValue, JsonTree};

/// Two items that count as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) old: usize,
    pub(super) new: usize,
    /// Whether the item's order relative to other matched items changed.
    pub(super) moved: bool,
}

/// Maximum number of items in both lists together that are aligned by the shortest script.
const MAX_ITEMS: usize = 50_000;

/// Maximum number of steps of the search for similar items. Comparing two items takes as many steps
/// as they have words. Beyond the limit, items that are not equal are matched by their position
/// only.
const MAX_STEPS: usize = 10_000_000;

/// Maximum number of compared pairs of items: once in all gaps together, and once over the whole
/// lists.
const MAX_PAIRS: usize = 100_000;

/// Minimum likeness of items of the same sort between the same neighbours.
const MIN_LIKENESS: Likeness = IDENTICAL * 2 / 5;

/// Minimum likeness if either the position or the sort differs.
const MIN_LIKENESS_ONE_DIFFERS: Likeness = IDENTICAL * 3 / 5;

/// Minimum likeness if both the position and the sort differ.
const MIN_LIKENESS_BOTH_DIFFER: Likeness = IDENTICAL * 3 / 4;

/// Returns the matched items, in the order of the new list.
pub(super) fn align(list: ListKind, old: &[JsonTree<'_>], new: &[JsonTree<'_>]) -> Vec<Match> {
    let mut pairs = Pairs::of_equal(list, old, new);
    pairs.by_key(|item| Some(ByValue(item)));
    pairs.by_key(|item| list.name(item));
    let words = pairs.words();
    pairs.similar_in_gaps(&words);
    pairs.similar_anywhere(&words);
    pairs.in_place_of_each_other();
    pairs.matches()
}

/// Returns the equal items, with equally written numbers, in the order of the new list.
pub(super) fn equal(list: ListKind, old: &[JsonTree<'_>], new: &[JsonTree<'_>]) -> Vec<Match> {
    Pairs::of_equal(list, old, new).matches()
}

/// The items that have been matched so far.
struct Pairs<'a> {
    list: ListKind,
    old: &'a [JsonTree<'a>],
    new: &'a [JsonTree<'a>],
    of_old: Vec<Option<usize>>,
    of_new: Vec<Option<usize>>,
}

/// The words of items that have no match yet.
struct AllWords {
    old: HashMap<usize, WordCounts>,
    new: HashMap<usize, WordCounts>,
}

impl AllWords {
    fn likeness(&self, old: usize, new: usize) -> Likeness {
        match (self.old.get(&old), self.new.get(&new)) {
            (Some(old), Some(new)) => old.likeness(new),
            _ => 0,
        }
    }

    /// Returns the number of steps of comparing each of the old items with each of the new ones.
    fn steps(&self, old: &[usize], new: &[usize]) -> usize {
        let length = |words: &HashMap<usize, WordCounts>, items: &[usize]| {
            let lengths = items
                .iter()
                .filter_map(|item| words.get(item))
                .map(WordCounts::len);
            lengths.fold(items.len(), usize::saturating_add)
        };
        let olds = length(&self.old, old).saturating_mul(new.len());
        olds.saturating_add(length(&self.new, new).saturating_mul(old.len()))
    }
}

impl<'a> Pairs<'a> {
    fn of_equal(list: ListKind, old: &'a [JsonTree<'a>], new: &'a [JsonTree<'a>]) -> Self {
        let mut pairs = Pairs {
            list,
            old,
            new,
            of_old: vec![None; old.len()],
            of_new: vec![None; new.len()],
        };
        pairs.equal_in_order();
        pairs.by_key(Some);
        pairs
    }

    fn pair(&mut self, old: usize, new: usize) {
        self.of_old[old] = Some(new);
        self.of_new[new] = Some(old);
    }

    /// Pairs the longest run of equal items in the same order.
    fn equal_in_order(&mut self) {
        for stretch in stretches(self.old, self.new, MAX_ITEMS) {
            if let Stretch::Equal(old, new) = stretch {
                for (old, new) in old.zip(new) {
                    self.pair(old, new);
                }
            }
        }
    }

    /// Pairs the items of the same key: the first with the first, and so on.
    fn by_key<K: Eq + std::hash::Hash>(&mut self, key: impl Fn(&'a JsonTree<'a>) -> Option<K>) {
        let mut waiting: HashMap<K, VecDeque<usize>> = HashMap::new();
        for position in unpaired(&self.of_old) {
            if let Some(key) = key(&self.old[position]) {
                waiting.entry(key).or_default().push_back(position);
            }
        }
        for position in unpaired(&self.of_new) {
            let waiting = key(&self.new[position]).and_then(|key| waiting.get_mut(&key));
            if let Some(old) = waiting.and_then(VecDeque::pop_front) {
                self.pair(old, position);
            }
        }
    }

    fn words(&self) -> AllWords {
        let mut dictionary = WordDictionary::default();
        let mut words = |items: &'a [JsonTree<'a>], paired: &[Option<usize>]| {
            let open = unpaired(paired).into_iter();
            open.map(|position| (position, dictionary.words(&items[position], self.list)))
                .collect()
        };
        AllWords {
            old: words(self.old, &self.of_old),
            new: words(self.new, &self.of_new),
        }
    }

    /// Pairs similar items between the same neighbours, in order.
    fn similar_in_gaps(&mut self, words: &AllWords) {
        let (mut pairs, mut steps) = (0_usize, 0_usize);
        for (old, new) in self.gaps() {
            pairs = pairs.saturating_add(old.len().saturating_mul(new.len()));
            steps = steps.saturating_add(words.steps(&old, &new));
            if pairs > MAX_PAIRS || steps > MAX_STEPS {
                return;
            }
            let best = best_in_order(old.len(), new.len(), |a, b| {
                let same_sort = self.list.same_sort(&self.old[old[a]], &self.new[new[b]]);
                let least = if same_sort {
                    MIN_LIKENESS
                } else {
                    MIN_LIKENESS_ONE_DIFFERS
                };
                let likeness = words.likeness(old[a], new[b]);
                // If two items are equally similar, the one of the same sort is preferred.
                (likeness >= least).then_some(likeness + u64::from(same_sort))
            });
            for (a, b) in best {
                self.pair(old[a], new[b]);
            }
        }
    }

    /// Pairs very similar items at any positions: they were moved and changed.
    fn similar_anywhere(&mut self, words: &AllWords) {
        let (old, new) = (unpaired(&self.of_old), unpaired(&self.of_new));
        if old.len().saturating_mul(new.len()) > MAX_PAIRS || words.steps(&old, &new) > MAX_STEPS {
            return;
        }
        let mut found = Vec::new();
        for &a in &old {
            for &b in &new {
                let likeness = words.likeness(a, b);
                let same_sort = self.list.same_sort(&self.old[a], &self.new[b]);
                let least = if same_sort {
                    MIN_LIKENESS_ONE_DIFFERS
                } else {
                    MIN_LIKENESS_BOTH_DIFFER
                };
                if likeness >= least {
                    found.push((std::cmp::Reverse(likeness), a, b));
                }
            }
        }
        found.sort_unstable();
        for (_, a, b) in found {
            if self.of_old[a].is_none() && self.of_new[b].is_none() {
                self.pair(a, b);
            }
        }
    }

    /// Pairs items that replaced each other between two neighbours.
    ///
    /// This requires that equally many items were removed and added there, of the same sorts in the
    /// same order.
    fn in_place_of_each_other(&mut self) {
        // A tool of another name is another tool.
        if self.list == ListKind::Tools {
            return;
        }
        for (old, new) in self.gaps() {
            let same_sort =
                |(a, b): (&usize, &usize)| self.list.same_sort(&self.old[*a], &self.new[*b]);
            if old.len() == new.len() && old.iter().zip(&new).all(same_sort) {
                for (old, new) in old.into_iter().zip(new) {
                    self.pair(old, new);
                }
            }
        }
    }

    /// Returns the unpaired items of both lists between neighbours that are paired and were not
    /// moved.
    fn gaps(&self) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut gaps = Vec::new();
        let (mut from_old, mut from_new) = (0, 0);
        let kept = self.matches().into_iter().filter(|one| !one.moved);
        let ends = kept.map(|one| (one.old, one.new));
        for (old_end, new_end) in ends.chain([(self.old.len(), self.new.len())]) {
            let open = |paired: &[Option<usize>], from: usize, to: usize| {
                let positions = (from..to).filter(|position| paired[*position].is_none());
                positions.collect::<Vec<_>>()
            };
            let old = open(&self.of_old, from_old, old_end);
            let new = open(&self.of_new, from_new, new_end);
            if !old.is_empty() && !new.is_empty() {
                gaps.push((old, new));
            }
            (from_old, from_new) = (old_end + 1, new_end + 1);
        }
        gaps
    }

    /// Returns the matches, with the fewest possible moves.
    ///
    /// All items count as moved except the longest run that has the same order in both lists.
    fn matches(&self) -> Vec<Match> {
        let pairs: Vec<(usize, usize)> = self
            .of_new
            .iter()
            .enumerate()
            .filter_map(|(new, old)| old.map(|old| (old, new)))
            .collect();
        let olds: Vec<usize> = pairs.iter().map(|(old, _)| *old).collect();
        let mut kept = longest_rising(&olds).into_iter().peekable();
        let mut matches = Vec::with_capacity(pairs.len());
        for (position, (old, new)) in pairs.into_iter().enumerate() {
            let moved = kept.next_if_eq(&position).is_none();
            matches.push(Match { old, new, moved });
        }
        matches
    }
}

fn unpaired(paired: &[Option<usize>]) -> Vec<usize> {
    let positions = (0..paired.len()).filter(|position| paired[*position].is_none());
    positions.collect()
}

/// Returns the positions of a longest increasing subsequence of distinct numbers.
fn longest_rising(numbers: &[usize]) -> Vec<usize> {
    // For each length minus one: the position of the smallest last number of a run of that length.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (position, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = position,
            None => ends.push(position),
        }
    }
    let mut run: Vec<usize> =
        std::iter::successors(ends.last().copied(), |position| before[*position]).collect();
    run.reverse();
    run
}
