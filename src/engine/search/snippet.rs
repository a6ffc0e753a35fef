//! Snippets: the parts of texts that show why they were found.

use std::collections::HashSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::words::{ceil, each_word, floor};
use crate::storage::SearchQuery;

/// A part of a text on one line, with the matches marked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snippet {
    /// The part of the text, with `…` at an end that was cut.
    pub text: String,
    /// The byte ranges of the matches in `text`, in order and disjoint.
    pub marks: Vec<Range<usize>>,
}

/// The approximate length of a snippet in bytes.
const SNIPPET_BYTES: usize = 120;
/// The number of those bytes before the first match.
const BYTES_BEFORE_MATCH: usize = 30;

/// Returns the part of a text that contains the most phrases of a query.
///
/// If the text contains none of them, this is its beginning.
pub(super) fn snippet(text: &str, query: &SearchQuery) -> Snippet {
    let found = occurrences(text, query);
    let best = (0..found.len()).max_by_key(|first| {
        let start = found[*first].0.start;
        let near = found[*first..]
            .iter()
            .take_while(|(range, _)| range.end <= start + SNIPPET_BYTES - BYTES_BEFORE_MATCH);
        let phrases: HashSet<usize> = near.map(|(_, phrase)| *phrase).collect();
        // Of equally good positions, the first one is used.
        (phrases.len(), usize::MAX - first)
    });
    let start = best.map_or(0, |first| found[first].0.start);
    let window = window(text, start);
    let mut written = OneLine::default();
    if window.start > 0 {
        written.text.push('…');
    }
    for (at, c) in text[window.clone()].char_indices() {
        written.push(window.start + at, c);
    }
    written.end(window.end);
    let matches = merged(found.into_iter().map(|(range, _)| range));
    let marks = matches
        // A match that extends beyond the snippet is clipped.
        .map(|mark| mark.start.max(window.start)..mark.end.min(window.end))
        .filter(|mark| mark.start < mark.end)
        .filter_map(|mark| written.shown(&mark))
        .collect();
    if window.end < text.len() {
        written.text.push('…');
    }
    Snippet {
        text: written.text,
        marks,
    }
}

/// Returns the positions of phrases in a text, each with its index in the query, sorted.
fn occurrences(text: &str, query: &SearchQuery) -> Vec<(Range<usize>, usize)> {
    let phrases: Vec<Vec<&str>> = query
        .phrases
        .iter()
        .map(|phrase| phrase.words.iter().collect())
        .collect();
    let longest = phrases.iter().map(Vec::len).max().unwrap_or(0);
    // The most recent words, with which a phrase may end.
    let mut recent: Vec<(Range<usize>, String)> = Vec::new();
    let mut found = Vec::new();
    each_word(text, |range, word| {
        recent.push((range, word.to_owned()));
        if recent.len() > longest {
            recent.remove(0);
        }
        for (position, words) in phrases.iter().enumerate() {
            let Some(from) = recent.len().checked_sub(words.len()) else {
                continue;
            };
            let run = &recent[from..];
            let last = words.len().saturating_sub(1);
            let open = query.phrases[position].open;
            let is_match = run.iter().zip(words).enumerate().all(|(at, (have, want))| {
                have.1 == *want || open && at == last && have.1.starts_with(want)
            });
            if let (true, Some(first), Some(end)) = (is_match, run.first(), run.last()) {
                found.push((first.0.start..end.0.end, position));
            }
        }
    });
    found.sort_by_key(|(range, _)| (range.start, range.end));
    found
}

/// Returns a range of about [`SNIPPET_BYTES`] bytes around `start`, cut at white space if possible.
fn window(text: &str, start: usize) -> Range<usize> {
    let from = match start.saturating_sub(BYTES_BEFORE_MATCH) {
        0 => 0,
        from => {
            let from = ceil(text, from);
            let space = text[from..start].find(char::is_whitespace);
            space.map_or(from, |space| ceil(text, from + space + 1))
        }
    };
    let to = floor(text, from + SNIPPET_BYTES);
    if to == text.len() {
        return from..to;
    }
    let least = floor(text, to - BYTES_BEFORE_MATCH).max(from);
    let space = text[least..to].rfind(char::is_whitespace);
    from..space.map_or(to, |space| least + space)
}

/// Merges ranges that overlap or touch. They must be sorted.
fn merged(ranges: impl Iterator<Item = Range<usize>>) -> impl Iterator<Item = Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match all.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => all.push(range),
        }
    }
    all.into_iter()
}

/// A text written on one line, with the origin of its characters.
#[derive(Default)]
struct OneLine {
    text: String,
    /// For each character that was read, its offset in the original text and the offset written to.
    places: Vec<(usize, usize)>,
}

impl OneLine {
    fn push(&mut self, at: usize, c: char) {
        self.places.push((at, self.text.len()));
        if !c.is_whitespace() {
            self.text.push(c);
        } else if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }

    fn end(&mut self, at: usize) {
        self.places.push((at, self.text.len()));
    }

    /// Returns the written range for a range of the original text that is entirely in the snippet.
    fn shown(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let place = |at: usize| {
            let found = self.places.binary_search_by_key(&at, |place| place.0);
            found.ok().map(|found| self.places[found].1)
        };
        Some(place(range.start)?..place(range.end)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::search::query::read;

    /// Returns the snippet with its marks in brackets.
    fn shown(text: &str, query: &str) -> String {
        let found = snippet(text, &read(query).unwrap());
        let mut shown = found.text.clone();
        for mark in found.marks.iter().rev() {
            shown.insert(mark.end, ']');
            shown.insert(mark.start, '[');
        }
        shown
    }

    #[test]
    fn matches_are_marked_on_one_line() {
        assert_eq!(shown("Be\n\n kind.", "kin"), "Be [kind].");
        assert_eq!(shown("Grüße an alle", "GRUSS alle"), "[Grüße] an [alle]");
        assert_eq!(shown("丁寧に答える", "答え"), "丁寧に[答え]る");
        assert_eq!(shown("to be or to be", "\"to be\""), "[to be] or [to be]");
        assert_eq!(shown("plain", "other"), "plain");
        assert_eq!(shown("", "other"), "");
    }

    #[test]
    fn a_long_text_is_cut_around_what_was_found() {
        let text = format!("{}needle {}", "hay ".repeat(100), "straw ".repeat(100));
        let found = shown(&text, "needle");
        assert!(found.starts_with("…hay hay"), "{found}");
        assert!(found.contains(" [needle] straw"), "{found}");
        assert!(found.ends_with("straw…") && found.len() < 140, "{found}");
    }

    #[test]
    fn a_mark_that_is_too_long_is_clipped() {
        let long = "word".repeat(100);
        let found = shown(&format!("a {long} b"), &long);
        assert!(
            found.starts_with("a [wordword") && found.ends_with("]…"),
            "{found}"
        );
        let row = "very ".repeat(30);
        let found = shown(&format!("{row} b"), &format!("\"{row}\""));
        assert!(
            found.starts_with("[very very") && found.ends_with("very]…"),
            "{found}"
        );
    }

    #[test]
    fn the_part_with_the_most_phrases_is_shown() {
        let text = format!("alpha {} beta alpha", "x ".repeat(200));
        assert!(shown(&text, "alpha beta").ends_with("[beta] [alpha]"));
    }

    proptest! {
        #[test]
        fn no_character_is_cut(text in "\\PC{0,200}", query in "\\PC{0,10}") {
            let found = snippet(&text, &read(&query).unwrap());
            let mut end = 0;
            for mark in found.marks {
                prop_assert!(mark.start >= end && found.text.get(mark.clone()).is_some());
                end = mark.end;
            }
        }
    }
}
