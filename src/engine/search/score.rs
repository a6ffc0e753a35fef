//! The order of search results: one formula, whatever index found them.

use std::cmp::Ordering;

use crate::storage::SearchMatch;

/// The weight of an occurrence in the name, relative to one in the text.
const NAME_WEIGHT: u64 = 10;

/// The parameters of BM25: how soon further occurrences stop to count, and how much the length of a
/// text does.
const SATURATION: f64 = 1.2;
const LENGTH_SHARE: f64 = 0.75;

/// Sorts matches by rank, best first.
///
/// Matches in names come first; among them, those whose names consist most of the query. The rank of
/// matches that are alike is BM25 without the inverse document frequency, which an index would have
/// to count in all texts. At last, the newest prompt comes first.
pub(super) fn best_first(matches: Vec<SearchMatch>) -> Vec<SearchMatch> {
    let words: u64 = matches.iter().map(length).sum();
    let average = words.max(1) as f64 / matches.len().max(1) as f64;
    let mut ranked: Vec<(f64, f64, SearchMatch)> = matches
        .into_iter()
        .map(|one| (share_of_name(&one), rank(&one, average), one))
        .collect();
    ranked.sort_by(|(share, rank, one), (other_share, other_rank, other)| {
        let by_rank = other_share
            .total_cmp(share)
            .then(other_rank.total_cmp(rank));
        by_rank.then_with(|| newest_first(one, other))
    });
    ranked.into_iter().map(|(.., one)| one).collect()
}

fn newest_first(one: &SearchMatch, other: &SearchMatch) -> Ordering {
    let by_age = other.created_at.cmp(&one.created_at);
    by_age.then(one.prompt.cmp(&other.prompt))
}

fn length(one: &SearchMatch) -> u64 {
    one.words.name + one.words.text
}

/// Returns the share of the name that the query is; 0 if the name does not contain all of it.
fn share_of_name(one: &SearchMatch) -> f64 {
    if !one.in_name {
        return 0.0;
    }
    let found: u64 = one.occurrences.iter().map(|count| count.name).sum();
    found as f64 / one.words.name.max(1) as f64
}

fn rank(one: &SearchMatch, average: f64) -> f64 {
    let relative = length(one) as f64 / average;
    let weight = SATURATION * (1.0 - LENGTH_SHARE + LENGTH_SHARE * relative);
    let counts = one.occurrences.iter();
    let counts = counts.map(|count| (NAME_WEIGHT * count.name + count.text) as f64);
    counts.map(|count| count / (count + weight)).sum()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::engine::search::query::read;
    use crate::engine::search::words::words_of;

    /// Returns the order of prompts, given by their names and texts, oldest first.
    fn order(query: &str, prompts: &[(&str, &str)]) -> Vec<String> {
        let query = read(query).unwrap();
        let matches = prompts.iter().enumerate().map(|(number, (name, text))| {
            let id = format!("p{number:05}").parse().unwrap();
            let created_at = DateTime::<Utc>::from_timestamp(number as i64, 0).unwrap();
            SearchMatch::of(&query, id, created_at, &words_of(name), &words_of(text)).unwrap()
        });
        let ranked = best_first(matches.collect());
        ranked.iter().map(|one| one.prompt.to_string()).collect()
    }

    #[test]
    fn often_and_short_is_better() {
        let filler = "word ".repeat(40) + "zebra";
        let prompts = [
            ("a", filler.as_str()),
            ("b", "a zebra"),
            ("c", "zebra zebra"),
        ];
        assert_eq!(order("zebra", &prompts), ["p00002", "p00001", "p00000"]);
    }

    #[test]
    fn names_come_first_and_exact_names_before_longer_ones() {
        let prompts = [
            ("x", "refund refund refund"),
            ("refund policy of the shop", "refund refund"),
            ("refund", "x"),
            ("refund policy", "x"),
        ];
        assert_eq!(
            order("refund", &prompts),
            ["p00002", "p00003", "p00001", "p00000"]
        );
    }

    #[test]
    fn the_newest_of_equal_prompts_comes_first() {
        let prompts = [("a", "zebra"), ("b", "zebra"), ("c", "zebra")];
        assert_eq!(order("zebra", &prompts), ["p00002", "p00001", "p00000"]);
    }
}
