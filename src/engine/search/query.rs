//! Parsing of search queries into phrases.

use super::words::words_of;
use crate::model::error::Result;
use crate::model::invalid_argument::InvalidArgument;
use crate::storage::{Phrase, SearchQuery};

/// The maximum number of words in a query.
const MAX_WORDS: usize = 32;

/// Parses a query. A query of more than 32 words is an error.
///
/// An unquoted word matches every word that begins with it, except for a single character that
/// other words follow. Text in double quotes matches the same
/// words in the same order.
///
/// Text that consists of several words, such as `follow-up`, matches only these words in a row. No
/// other character has a special meaning. A quote that is not closed ends at the end of the query.
pub(super) fn read(text: &str) -> Result<SearchQuery> {
    let mut phrases: Vec<Phrase> = Vec::new();
    let mut ends_in_quotes = false;
    for (position, part) in text.split('"').enumerate() {
        let known = phrases.len();
        let is_quoted = position % 2 == 1;
        if is_quoted {
            phrases.extend(phrase(part, false));
        } else {
            phrases.extend(
                part.split_whitespace()
                    .filter_map(|word| phrase(word, true)),
            );
        }
        if phrases.len() > known {
            ends_in_quotes = is_quoted;
        }
    }
    // The last word may be unfinished: as a beginning it finds what the finished word will find.
    if let Some(last) = phrases.last_mut().filter(|_| !ends_in_quotes) {
        last.open = true;
    }
    let all = phrases.iter().flat_map(|phrase| phrase.words.iter());
    if all.take(MAX_WORDS + 1).count() > MAX_WORDS {
        let reason = format!("it has more than {MAX_WORDS} words");
        return Err(InvalidArgument::new("search", text, reason).into());
    }
    Ok(SearchQuery { phrases })
}

/// Returns whether a query has a word. A query without one finds nothing.
///
/// A word consists of letters and digits.
///
/// ```
/// assert!(promptbook::search::has_word("gpt-4"));
/// assert!(!promptbook::search::has_word("--"));
/// ```
#[must_use]
pub fn has_word(query: &str) -> bool {
    !words_of(query).is_empty()
}

/// Returns the phrase of a text, or `None` if the text contains no word.
///
/// A single character is no prefix, because half of all words would match it. Only the last word
/// of a query is, see [`read`].
fn phrase(text: &str, open: bool) -> Option<Phrase> {
    let words = words_of(text);
    let last = words.iter().next_back()?;
    let is_narrow = words.iter().nth(1).is_some() || last.chars().nth(1).is_some();
    Some(Phrase {
        open: open && is_narrow,
        words,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<(String, bool)> {
        let phrases = read(text).unwrap().phrases.into_iter();
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
        assert_eq!(listed("丁寧 丁"), [row("丁 寧", true), row("丁", true)]);
        assert_eq!(listed("gpt-4 4"), [row("gpt 4", true), row("4", true)]);
        assert_eq!(listed("4 gpt"), [row("4", false), row("gpt", true)]);
        assert_eq!(listed("refund h "), [row("refund", true), row("h", true)]);
        assert_eq!(listed("\"a h\""), [row("a h", false)]);
        assert_eq!(listed("h --"), [row("h", true)]);
    }

    #[test]
    fn no_character_has_a_special_meaning() {
        let expected = [row("name", true), row("or", true), row("near", true)];
        assert_eq!(listed("name:* OR (NEAR^-"), expected);
        for empty in ["", " ", "\"", "\"\"", "--", "*"] {
            assert!(listed(empty).is_empty(), "{empty}");
        }
    }

    #[test]
    fn a_long_query_is_refused() {
        assert_eq!(listed(&"word ".repeat(MAX_WORDS)).len(), MAX_WORDS);
        for one in ["word ", "a-"] {
            let refused = read(&one.repeat(MAX_WORDS + 1)).unwrap_err().to_string();
            assert!(refused.ends_with("it has more than 32 words"), "{refused}");
        }
    }
}
