//! The words of comments.
//!
//! The limits are the highest figures, for 10,000 words, of six crates whose prose is a model: redb, object_store, jj, jiff,
//! lsm-tree and mini-redis. The words are symptoms of prose that has to be translated while it is read.

use crate::source::texts;

/// What is counted, and the most of it in 10,000 words.
const LIMITS: [(&str, Count, f64); 7] = [
    (
        "told, tell",
        |words| any(words, &["told", "tell", "tells", "telling"]),
        1.5,
    ),
    (
        "where for if",
        |words| {
            pair(
                words,
                "where",
                &[
                    "there", "it", "a", "an", "none", "nothing", "nobody", "no", "one", "that",
                    "they",
                ],
            )
        },
        4.4,
    ),
    (
        "stand for be",
        |words| any(words, &["stand", "stands"]),
        2.7,
    ),
    (
        "nobody, somebody",
        |words| any(words, &["nobody", "somebody"]),
        0.2,
    ),
    ("anew", |words| any(words, &["anew"]), 0.3),
    (
        "so many, so much",
        |words| pair(words, "so", &["many", "much"]),
        1.0,
    ),
    (
        "as far as, in sum, hang on, at will",
        |words| {
            pair(words, "in", &["sum"])
                + pair(words, "at", &["will"])
                + pair(words, "hang", &["on"])
                + pair(words, "hangs", &["on"])
                + words
                    .windows(3)
                    .filter(|three| three == &["as", "far", "as"])
                    .count()
        },
        0.3,
    ),
];

type Count = fn(&[String]) -> usize;

#[test]
fn comments_are_plain() {
    let words = words_of(texts().iter().map(|(_, text)| text.as_str()));
    assert!(words.len() > 10_000, "{} words of comments", words.len());
    let found = excesses(&words);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Shows that each figure is counted.
#[test]
fn every_word_is_counted() {
    let text = "/// It tells, where it stands, nobody anew so many at will.\nlet told = 1;";
    let words = words_of([text]);
    assert_eq!(words.len(), 11, "code is not counted");
    assert_eq!(excesses(&words).len(), LIMITS.len());
}

fn excesses(words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, count, limit) in LIMITS {
        #[expect(clippy::cast_precision_loss, reason = "the counts are small")]
        let rate = count(words) as f64 * 10_000.0 / words.len() as f64;
        if rate > limit {
            found.push(format!("{name}: {rate:.1} in 10,000 words, limit {limit}"));
        }
    }
    found
}

/// The words of the comment lines, in lower case.
fn words_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let lines = texts.into_iter().flat_map(str::lines);
    let comments = lines.filter_map(|line| line.trim_start().strip_prefix("//"));
    let words = comments.flat_map(|comment| {
        comment.split(|character: char| !character.is_alphanumeric() && character != '\'')
    });
    words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn any(words: &[String], wanted: &[&str]) -> usize {
    words
        .iter()
        .filter(|word| wanted.contains(&word.as_str()))
        .count()
}

fn pair(words: &[String], first: &str, second: &[&str]) -> usize {
    let pairs = words.windows(2);
    pairs
        .filter(|pair| pair[0] == first && second.contains(&pair[1].as_str()))
        .count()
}
