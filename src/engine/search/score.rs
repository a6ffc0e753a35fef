//! Ranking of texts for which the search index has no comparable score.

use crate::storage::{Phrase, SearchQuery, WordQuery};

/// The inputs for a text's rank.
///
/// The rank is BM25 without the inverse document frequency, which requires an index of all texts.
#[derive(Debug)]
pub(super) struct Score {
    /// The number of occurrences of each phrase in the text and the name.
    counts: Vec<usize>,
    /// The number of words in the text.
    length: usize,
}

impl Score {
    pub(super) fn of(query: &SearchQuery, name: &WordQuery, text: &WordQuery) -> Self {
        let phrases = query.phrases.iter();
        Self {
            counts: phrases
                .map(|phrase| count(name, phrase) + count(text, phrase))
                .collect(),
            length: text.iter().count(),
        }
    }

    /// Sorts by rank, best first. Entries of equal rank keep their order.
    pub(super) fn best_first<T>(scored: Vec<(T, Self)>) -> Vec<T> {
        let sum: usize = scored.iter().map(|(_, score)| score.length).sum();
        let average = sum.max(1) as f64 / scored.len().max(1) as f64;
        let mut ranked: Vec<(T, f64)> = scored
            .into_iter()
            .map(|(one, score)| (one, score.rank(average)))
            .collect();
        ranked.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        ranked.into_iter().map(|(one, _)| one).collect()
    }

    fn rank(&self, average: f64) -> f64 {
        let weight = 1.2 * (0.25 + 0.75 * self.length as f64 / average);
        let counts = self.counts.iter().map(|count| *count as f64);
        counts.map(|count| count / (count + weight)).sum()
    }
}

fn count(words: &WordQuery, phrase: &Phrase) -> usize {
    // The trailing space is not part of the match, because the next occurrence begins with it.
    let wanted = phrase.words.as_str().trim_end_matches(' ');
    let text = words.as_str();
    text.match_indices(wanted)
        .filter(|(at, _)| phrase.open || text[at + wanted.len()..].starts_with(' '))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::search::query::read;
    use crate::engine::search::words::words_of;

    #[test]
    fn often_and_short_is_better() {
        let query = read("zebra").unwrap();
        let score = |text: &str| Score::of(&query, &words_of("name"), &words_of(text));
        assert_eq!(score("zebra zebra zebras not").counts, [3]);
        let filler = "word ".repeat(40);
        let texts = [
            format!("{filler} zebra"),
            "a zebra".into(),
            "zebra zebra".into(),
        ];
        let scored = texts.iter().enumerate().map(|(at, text)| (at, score(text)));
        assert_eq!(Score::best_first(scored.collect()), [2, 1, 0]);
    }

    #[test]
    fn closed_phrases_count_whole_words() {
        let query = read("\"to be\"").unwrap();
        let text = words_of("to be or to bee, to be to be");
        assert_eq!(Score::of(&query, &words_of("be"), &text).counts, [3]);
    }
}
