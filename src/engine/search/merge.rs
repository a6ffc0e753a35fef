//! Texts that are much alike, told as one.
//!
//! The current versions of a prompt are a few edits apart. The index is told all of the first, and of the others each run of
//! three words that was not told yet. So each run of up to three words of each version is in what it is told, and a longer
//! phrase is asked for by its runs. What is found may be too much: the phrase in no version as a whole, or one phrase in
//! this version and another in that. The texts themselves decide.

use std::collections::{HashMap, HashSet};

use crate::storage::{Phrase, SearchQuery, Words};

/// Words of a run. Of fewer, more is found that is nothing; of more, more is told around each edit.
const RUN: usize = 3;

/// What the index is told of these texts.
pub(crate) fn together(texts: &[Words]) -> Words {
    let [first, others @ ..] = texts else {
        return Words::default();
    };
    let mut all = first.clone();
    if others.is_empty() {
        return all;
    }
    let mut runs = Runs::default();
    runs.new_in(first, |_, _| {});
    for text in others {
        let words: Vec<&str> = text.iter().collect();
        let mut told_to = None;
        runs.new_in(text, |from, to| {
            let next = match told_to {
                Some(told_to) if from < told_to => told_to,
                _ => {
                    all.gap();
                    from
                }
            };
            words[next..to].iter().for_each(|word| all.push(word));
            told_to = Some(to);
        });
    }
    all
}

/// The runs that were there.
#[derive(Default)]
struct Runs<'a> {
    words: HashMap<&'a str, usize>,
    runs: HashSet<[usize; RUN]>,
}

impl<'a> Runs<'a> {
    /// Shows where the runs of a text stand that were not there before. A text of fewer words is one run.
    fn new_in(&mut self, text: &'a Words, mut show: impl FnMut(usize, usize)) {
        let mut numbers = Vec::new();
        for word in text.iter() {
            let next = self.words.len() + 1;
            numbers.push(*self.words.entry(word).or_insert(next));
        }
        let length = numbers.len().min(RUN);
        if length == 0 {
            return;
        }
        for (at, run) in numbers.windows(length).enumerate() {
            let mut whole = [0; RUN];
            whole[..length].copy_from_slice(run);
            if self.runs.insert(whole) {
                show(at, at + length);
            }
        }
    }
}

/// What the index is asked: a longer phrase by each of its runs.
pub(crate) fn in_runs(query: &SearchQuery) -> SearchQuery {
    let mut phrases = Vec::new();
    for phrase in &query.phrases {
        let words: Vec<&str> = phrase.words.iter().collect();
        let last = words.len().saturating_sub(RUN);
        phrases.extend((0..=last).map(|at| Phrase {
            words: words.iter().skip(at).take(RUN).copied().collect(),
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

    fn told(texts: &[&str]) -> String {
        let texts: Vec<Words> = texts.iter().map(|text| words_of(text)).collect();
        let told = together(&texts);
        told.as_str().replace('\u{fdd0}', "|").trim().to_owned()
    }

    #[test]
    fn what_is_told_already_is_not_told_again() {
        let first = "a b c d e f g h";
        assert_eq!(told(&[first]), first);
        assert_eq!(told(&[first, first]), first);
        assert_eq!(told(&[first, "b c d e"]), first);
        assert_eq!(
            told(&[first, "a b c d x f g h"]),
            format!("{first} | c d x f g")
        );
        let three = told(&[first, "x b c d e f g y", "b c x f g y"]);
        assert_eq!(three, format!("{first} | x b c | f g y | b c x f g"));
        assert_eq!(
            told(&[first, "b c", "b c", "z"]),
            format!("{first} | b c | z")
        );
        assert_eq!(told(&["", "a", ""]), "| a");
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn long_phrases_are_asked_for_by_their_runs() {
        let asked = in_runs(&read("a-b-cd \"d e f g\" h-i-j-k-lm nop").unwrap());
        let asked = asked.phrases.iter().map(|phrase| {
            let open = if phrase.open { "*" } else { "" };
            format!("{}{open}", phrase.words.as_str().trim())
        });
        let expected = [
            "a b cd*", "d e f", "e f g", "h i j", "i j k", "j k lm*", "nop*",
        ];
        assert_eq!(asked.collect::<Vec<_>>(), expected);
    }

    /// Whatever stands in one of the texts is found, with few words to have much in common.
    #[test]
    fn each_phrase_of_each_text_is_found() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..300 {
            let mut text = || -> Words {
                let length = random.usize(0..12);
                (0..length)
                    .map(|_| ["a", "b", "cd"][random.usize(0..3)])
                    .collect()
            };
            let texts = [text(), text(), text()];
            let told = together(&texts);
            for words in texts.iter().map(|text| text.iter().collect::<Vec<_>>()) {
                for from in 0..words.len() {
                    for to in from + 1..=words.len() {
                        for open in [false, true] {
                            let words = words[from..to].iter().copied().collect();
                            let phrases = vec![Phrase { words, open }];
                            let query = SearchQuery { phrases };
                            assert!(in_runs(&query).is_in(&[&told]), "{query:?} of {texts:?}");
                        }
                    }
                }
            }
        }
    }
}
