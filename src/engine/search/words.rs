//! Splitting of texts into words, and normalization of their spelling.
//!
//! A word is a run of letters and digits of any script. Letter case, accents, the vowel marks of
//! Hebrew and Arabic, characters that are not visible, and compatibility forms are ignored: "Ａbendbrot", "abendbrot" and "äbendbrot" are the same word. In scripts that
//! put no space between words each character is a word, and a search for several characters finds
//! them in a row.

use std::ops::Range;

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;

use crate::model::hidden::is_invisible_in_word;
use crate::storage::WordQuery;

/// The number of characters of a word that count. The rest of a longer word is ignored.
const MAX_WORD_CHARS: usize = 64;

/// Passes each word of a text to `show`, with its position and its normalized form.
pub(super) fn each_word(text: &str, mut show: impl FnMut(Range<usize>, &str)) {
    let mut folded = String::new();
    let mut emit = |range: Range<usize>| {
        fold(&text[range.clone()], &mut folded);
        if !folded.is_empty() {
            show(range, &folded);
        }
    };
    // The start of the current word, and whether the word is a single character by rule.
    let mut word: Option<(usize, bool)> = None;
    for (at, c) in text.char_indices() {
        if c.is_ascii() {
            let is_part = c.is_ascii_alphanumeric();
            match word {
                Some((_, false)) if is_part => continue,
                Some((start, _)) => emit(start..at),
                None => {}
            }
            word = is_part.then_some((at, false));
            continue;
        }
        let is_single = is_single_word(c);
        match word {
            Some(_) if is_mark(c) => continue,
            Some((_, false)) if !is_single && c.is_alphanumeric() => continue,
            Some((start, _)) => emit(start..at),
            None => {}
        }
        let begins = is_single || (c.is_alphanumeric() && !is_mark(c));
        word = begins.then_some((at, is_single));
    }
    if let Some((start, _)) = word {
        emit(start..text.len());
    }
}

/// Returns the words of a text.
pub(super) fn words_of(text: &str) -> WordQuery {
    let mut words = WordQuery::default();
    each_word(text, |_, word| words.push(word));
    words
}

/// Writes a word without case, accents and vowel marks to `folded`.
///
/// Characters that an index would treat as separators are left out.
fn fold(word: &str, folded: &mut String) {
    folded.clear();
    if word.is_ascii() {
        folded.push_str(&word[..word.len().min(MAX_WORD_CHARS)]);
        folded.make_ascii_lowercase();
        return;
    }
    let plain: String = word.nfkd().filter(|c| !is_accent(*c)).collect();
    let one_case = UniCase::unicode(plain).to_folded_case();
    let indexable = one_case
        .chars()
        .filter(|c| !c.is_ascii() || c.is_ascii_digit() || c.is_ascii_lowercase());
    folded.extend(indexable.take(MAX_WORD_CHARS));
}

/// Returns whether a character does not count in a word: an accent, a vowel mark, or a character
/// that is not visible.
fn is_accent(c: char) -> bool {
    is_invisible_in_word(c)
        || matches!(c,
            '\u{300}'..='\u{36f}'
            // Points and accents of Hebrew.
            | '\u{591}'..='\u{5bd}'
            | '\u{5bf}'
            | '\u{5c1}'..='\u{5c2}'
            | '\u{5c4}'..='\u{5c5}'
            | '\u{5c7}'
            // Vowel marks of Arabic, and the stroke that lengthens a word.
            | '\u{610}'..='\u{61a}'
            | '\u{640}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
            | '\u{6d6}'..='\u{6dc}'
            | '\u{6df}'..='\u{6e4}'
            | '\u{6e7}'..='\u{6e8}'
            | '\u{6ea}'..='\u{6ed}'
            | '\u{8ca}'..='\u{8e1}'
            | '\u{8e3}'..='\u{8ff}'
        )
}

/// Returns whether a character continues a word without being one of its letters.
fn is_mark(c: char) -> bool {
    is_accent(c) || matches!(c, '\u{3099}' | '\u{309a}')
}

/// Returns whether a character is a word by itself, as in scripts without spaces.
///
/// These are Thai, Lao, Burmese, Khmer, Japanese and Chinese.
fn is_single_word(c: char) -> bool {
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

/// Returns the last character boundary that is not after `at`.
pub(super) fn floor(text: &str, at: usize) -> usize {
    let mut places = (0..=at.min(text.len())).rev();
    places.find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Returns the first character boundary that is not before `at`.
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
            ("תִּקּוּן", "תקון"),
            ("כָּתַב", "כתב"),
            ("كَتَبَ", "كتب"),
            ("كـتـب", "كتب"),
            ("co\u{ad}operate", "cooperate"),
            ("pass\u{200b}word", "password"),
            ("\u{feff}wo\u{2060}rd\u{200d}", "word"),
            ("می\u{200c}خواهم", "میخواهم"),
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
    fn words_are_passed_with_their_positions() {
        let text = "Grüße, 日本 e\u{301}a";
        let mut found = Vec::new();
        each_word(text, |range, _| found.push(&text[range]));
        assert_eq!(found, ["Grüße", "日", "本", "e\u{301}a"]);
    }

    #[test]
    fn a_long_word_is_cut() {
        let words = listed(&"ab".repeat(1000));
        assert_eq!(words, ["ab".repeat(MAX_WORD_CHARS / 2)]);
    }

    proptest! {
        /// Otherwise the index would split the words differently.
        #[test]
        fn no_word_contains_a_separator(text in "\\PC{0,40}") {
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
