//! What a user types, as phrases.

use super::words::words_of;
use crate::backend::{Phrase, SearchQuery};

/// So many words count; those behind them don't.
const MOST: usize = 32;

/// Reads a query: each word may be the beginning of one, what stands in double quotes is to stand so in the text.
///
/// What reads as several words, such as `follow-up`, is to stand in a row. No character has another meaning: a quote
/// that is not closed goes on to the end.
pub(super) fn read(text: &str) -> SearchQuery {
    let mut phrases = Vec::new();
    for (position, part) in text.split('"').enumerate() {
        if position % 2 == 1 {
            phrases.extend(phrase(part, false));
        } else {
            phrases.extend(
                part.split_whitespace()
                    .filter_map(|word| phrase(word, true)),
            );
        }
    }
    phrases.truncate(MOST);
    SearchQuery { phrases }
}

/// The beginning of one character is no beginning: half of all words have it.
fn phrase(text: &str, open: bool) -> Option<Phrase> {
    let mut words = words_of(text);
    if words.iter().count() > MOST {
        words = words.iter().take(MOST).collect();
    }
    let is_longer = words.iter().next_back()?.chars().nth(1).is_some();
    let open = open && is_longer;
    Some(Phrase { words, open })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<(String, bool)> {
        let phrases = read(text).phrases.into_iter();
        phrases
            .map(|one| (one.words.as_str().trim().to_owned(), one.open))
            .collect()
    }

    fn row(words: &str, open: bool) -> (String, bool) {
        (words.into(), open)
    }

    #[test]
    fn words_are_open_and_phrases_are_not() {
        assert_eq!(
            listed(r#"Be "very kind" a follow-up"#),
            [
                row("be", true),
                row("very kind", false),
                row("a", false),
                row("follow up", true),
            ]
        );
        assert_eq!(listed(r#"a"b c"#), [row("a", false), row("b c", false)]);
        assert_eq!(listed("丁寧"), [row("丁 寧", false)]);
    }

    #[test]
    fn nothing_means_anything_else() {
        let expected = [row("name", true), row("or", true), row("near", true)];
        assert_eq!(listed("name:* OR (NEAR^-"), expected);
        for empty in ["", " ", "\"", "\"\"", "--", "*"] {
            assert!(listed(empty).is_empty(), "{empty}");
        }
    }

    #[test]
    fn a_long_query_is_cut() {
        assert_eq!(listed(&"word ".repeat(1000)).len(), MOST);
        let words = listed(&"a-".repeat(1000)).remove(0).0;
        assert_eq!(words.split(' ').count(), MOST);
    }
}
