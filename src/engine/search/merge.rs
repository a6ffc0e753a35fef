//! Merging of similar texts for the search index.
//!
//! The current versions of a prompt differ by a few edits. The index receives the whole first text,
//! and from the others only the runs of three words that it does not contain yet. Every run of up
//! to three words of every version is therefore indexed, and a longer phrase is looked up by its
//! runs. The index can return false positives: no version may contain the whole phrase, or
//! different versions may contain different phrases of a query. For this reason the texts
//! themselves are searched after the index.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::storage::{Phrase, SearchQuery, WordQuery};

/// The number of words in a run.
///
/// A smaller number causes more false positives. A larger one adds more words around each edit.
const RUN_WORDS: usize = 3;

/// Returns the words to index for these texts.
pub(crate) fn merge_texts(texts: &[WordQuery]) -> WordQuery {
    let [first, others @ ..] = texts else {
        return WordQuery::default();
    };
    let mut all = first.clone();
    if others.is_empty() {
        return all;
    }
    let mut runs = SortedRuns::default();
    runs.new_in(first, |_, _| {});
    for text in others {
        let words: Vec<&str> = text.iter().collect();
        let mut merged_to = None;
        runs.new_in(text, |from, to| {
            let next = match merged_to {
                Some(merged_to) if from < merged_to => merged_to,
                _ => {
                    all.gap();
                    from
                }
            };
            words[next..to].iter().for_each(|word| all.push(word));
            merged_to = Some(to);
        });
    }
    all
}

/// The runs that occurred so far.
#[derive(Default)]
struct SortedRuns<'a> {
    words: HashMap<&'a str, usize, RandomState>,
    runs: HashSet<[usize; RUN_WORDS], RandomState>,
}

impl<'a> SortedRuns<'a> {
    /// Passes the positions of a text's new runs to `show`. A text shorter than a run is one run.
    fn new_in(&mut self, text: &'a WordQuery, mut show: impl FnMut(usize, usize)) {
        let mut numbers = Vec::new();
        for word in text.iter() {
            let next = self.words.len() + 1;
            numbers.push(*self.words.entry(word).or_insert(next));
        }
        let length = numbers.len().min(RUN_WORDS);
        if length == 0 {
            return;
        }
        for (at, run) in numbers.windows(length).enumerate() {
            let mut whole = [0; RUN_WORDS];
            whole[..length].copy_from_slice(run);
            if self.runs.insert(whole) {
                show(at, at + length);
            }
        }
    }
}

/// Returns the query for the index, with each longer phrase replaced by its runs.
pub(crate) fn to_run_query(query: &SearchQuery) -> SearchQuery {
    let mut phrases = Vec::new();
    for phrase in &query.phrases {
        let words: Vec<&str> = phrase.words.iter().collect();
        let last = words.len().saturating_sub(RUN_WORDS);
        phrases.extend((0..=last).map(|at| Phrase {
            words: words.iter().skip(at).take(RUN_WORDS).copied().collect(),
            open: phrase.open && at == last,
        }));
    }
    SearchQuery { phrases }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::search::query::read;
    use crate::engine::search::words::words_of;

    fn merged(texts: &[&str]) -> String {
        let texts: Vec<WordQuery> = texts.iter().map(|text| words_of(text)).collect();
        let merged = merge_texts(&texts);
        merged.as_str().replace('\u{fdd0}', "|").trim().to_owned()
    }

    #[test]
    fn known_runs_are_not_indexed_again() {
        let first = "a b c d e f g h";
        assert_eq!(merged(&[first]), first);
        assert_eq!(merged(&[first, first]), first);
        assert_eq!(merged(&[first, "b c d e"]), first);
        assert_eq!(
            merged(&[first, "a b c d x f g h"]),
            format!("{first} | c d x f g")
        );
        let three = merged(&[first, "x b c d e f g y", "b c x f g y"]);
        assert_eq!(three, format!("{first} | x b c | f g y | b c x f g"));
        assert_eq!(
            merged(&[first, "b c", "b c", "z"]),
            format!("{first} | b c | z")
        );
        assert_eq!(merged(&["", "a", ""]), "| a");
        assert_eq!(merged(&[]), "");
    }

    #[test]
    fn long_phrases_are_replaced_by_their_runs() {
        let asked = to_run_query(&read("a-b-cd \"d e f g\" h-i-j-k-lm nop").unwrap());
        let asked = asked.phrases.iter().map(|phrase| {
            let open = if phrase.open { "*" } else { "" };
            format!("{}{open}", phrase.words.as_str().trim())
        });
        let expected = [
            "a b cd*", "d e f", "e f g", "h i j", "i j k", "j k lm*", "nop*",
        ];
        assert_eq!(asked.collect::<Vec<_>>(), expected);
    }

    /// Every phrase of every text must be found. The texts overlap, because they use only 3 words.
    #[test]
    fn each_phrase_of_each_text_is_found() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..300 {
            let mut text = || -> WordQuery {
                let length = random.usize(0..12);
                (0..length)
                    .map(|_| ["a", "b", "cd"][random.usize(0..3)])
                    .collect()
            };
            let texts = [text(), text(), text()];
            let merged = merge_texts(&texts);
            for words in texts.iter().map(|text| text.iter().collect::<Vec<_>>()) {
                for from in 0..words.len() {
                    for to in from + 1..=words.len() {
                        for open in [false, true] {
                            let words = words[from..to].iter().copied().collect();
                            let phrases = vec![Phrase { words, open }];
                            let query = SearchQuery { phrases };
                            assert!(
                                to_run_query(&query).is_in(&[&merged]),
                                "{query:?} of {texts:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}
