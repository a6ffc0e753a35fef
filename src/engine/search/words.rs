//! What a word is, and which spellings are one.
//!
//! A word is a run of letters and digits, of whatever script. Letter case, accents and compatible forms don't count:
//! "Ａbendbrot", "abendbrot" and "äbendbrot" are one. Of scripts that put no space between words each character is
//! a word, so that a search for several finds them in a row.

use std::ops::Range;

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;

use crate::storage::Words;

/// Of a longer word its beginning counts.
const MOST_CHARS: usize = 64;

/// Shows each word of a text: where it stands, and how it is folded.
pub(super) fn each_word(text: &str, mut show: impl FnMut(Range<usize>, &str)) {
    let mut folded = String::new();
    let mut emit = |range: Range<usize>| {
        fold(&text[range.clone()], &mut folded);
        if !folded.is_empty() {
            show(range, &folded);
        }
    };
    // The beginning of the word at hand, and whether it is one character that stands alone.
    let mut word: Option<(usize, bool)> = None;
    for (at, c) in text.char_indices() {
        let alone = stands_alone(c);
        match word {
            Some(_) if is_mark(c) => continue,
            Some((_, false)) if !alone && c.is_alphanumeric() => continue,
            Some((start, _)) => emit(start..at),
            None => {}
        }
        word = (alone || c.is_alphanumeric()).then_some((at, alone));
    }
    if let Some((start, _)) = word {
        emit(start..text.len());
    }
}

/// The words of a text.
pub(super) fn words_of(text: &str) -> Words {
    let mut words = Words::default();
    each_word(text, |_, word| words.push(word));
    words
}

/// A word without its case and accents; nothing of what an index would take for a space.
fn fold(word: &str, folded: &mut String) {
    folded.clear();
    if word.is_ascii() {
        let lower = word.chars().map(|c| c.to_ascii_lowercase());
        folded.extend(lower.take(MOST_CHARS));
        return;
    }
    let plain: String = word.nfkd().filter(|c| !is_accent(*c)).collect();
    let one_case = UniCase::unicode(plain).to_folded_case();
    let kept = one_case
        .chars()
        .filter(|c| !c.is_ascii() || c.is_ascii_digit() || c.is_ascii_lowercase());
    folded.extend(kept.take(MOST_CHARS));
}

/// Marks that are written above and below letters.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Accents, and the marks that make another kana of one.
fn is_mark(c: char) -> bool {
    is_accent(c) || matches!(c, '\u{3099}' | '\u{309a}')
}

/// Characters of scripts without spaces: Thai, Lao, Burmese, Khmer, Japanese and Chinese.
fn stands_alone(c: char) -> bool {
    let is_of_them = matches!(c,
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9d}'
        | '\u{20000}'..='\u{3ffff}'
    );
    is_of_them && c.is_alphanumeric()
}

/// The last place between two characters up to `at`.
pub(super) fn floor(text: &str, at: usize) -> usize {
    let mut places = (0..=at.min(text.len())).rev();
    places.find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The first place between two characters from `at` on.
pub(super) fn ceil(text: &str, at: usize) -> usize {
    let mut places = at..text.len();
    places
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listed(text: &str) -> Vec<String> {
        words_of(text).iter().map(str::to_owned).collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let text = "Be  kind, {{hc:user_name:string}} — gpt-4o's 2nd!";
        let words = [
            "be", "kind", "hc", "user", "name", "string", "gpt", "4o", "s", "2nd",
        ];
        assert_eq!(listed(text), words);
        assert!(listed(" .,;!? \u{301}\n—").is_empty());
    }

    #[test]
    fn spellings_of_a_word_are_one() {
        for (one, other) in [
            ("GREETING", "greeting"),
            ("Grüße", "grusse"),
            ("STRASSE", "straße"),
            ("cafe\u{301}", "café"),
            ("Ångström", "angstrom"),
            ("Ｆｕｌｌ", "full"),
            ("ﬁne", "fine"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("İstanbul", "istanbul"),
            ("が", "か\u{3099}"),
        ] {
            assert_eq!(listed(one), listed(other), "{one} {other}");
        }
        assert_ne!(listed("か"), listed("が"));
    }

    #[test]
    fn characters_of_scripts_without_spaces_are_words() {
        assert_eq!(
            listed("丁寧に答えるbot"),
            ["丁", "寧", "に", "答", "え", "る", "bot"]
        );
        assert_eq!(listed("สวัสดี").first().map(String::as_str), Some("ส"));
        assert_eq!(listed("한국어 대답").len(), 2, "Korean has spaces");
    }

    #[test]
    fn words_tell_where_they_stand() {
        let text = "Grüße, 日本 e\u{301}a";
        let mut found = Vec::new();
        each_word(text, |range, _| found.push(&text[range]));
        assert_eq!(found, ["Grüße", "日", "本", "e\u{301}a"]);
    }

    #[test]
    fn a_long_word_counts_by_its_beginning() {
        let words = listed(&"ab".repeat(1000));
        assert_eq!(words, ["ab".repeat(MOST_CHARS / 2)]);
    }

    proptest! {
        /// Else the index would split them otherwise.
        #[test]
        fn every_word_is_one(text in "\\PC{0,40}") {
            let mut shown = 0;
            each_word(&text, |range, word| {
                shown += 1;
                assert!(text.get(range).is_some());
                assert!(word.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric()));
            });
            prop_assert_eq!(listed(&text).len(), shown);
        }
    }
}
