//! Comparison of two texts by line, and by word in lines that differ.

use super::likeness::{IDENTICAL, Likeness, WordCounts, WordDictionary, best_in_order};
use super::script::{Stretch, stretches};
use super::segment::Segment;
use super::words::{Pieces, by_word};

/// Maximum number of lines of both texts together that are aligned. Beyond it, everything between
/// the common beginning and end is one change.
const MAX_LINES: usize = 50_000;

/// Maximum numbers of compared pairs of lines, and of words, in the search for similar lines of a
/// changed passage.
const MAX_PAIRS: usize = 10_000;
const MAX_STEPS: usize = 1_000_000;

/// Minimum likeness of lines that count as the same.
const MIN_LIKENESS: Likeness = IDENTICAL / 2;

/// Returns the segments of two texts. A removed segment precedes the added one that replaces it.
pub(super) fn compare(old: &str, new: &str) -> Vec<Segment> {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let mut found = Pieces::default();
    for stretch in stretches(&old, &new, MAX_LINES) {
        match stretch {
            Stretch::Equal(lines, _) => found.equal(&old[lines].concat()),
            Stretch::Replaced(removed, added) => found.append(passage(&old[removed], &new[added])),
        }
    }
    found.segments()
}

/// Compares a changed passage by word.
///
/// Similar lines are compared separately, so that an inserted line does not take words from its
/// neighbours. But if line breaks were moved, only a comparison of the whole passage finds all
/// common words.
fn passage(old: &[&str], new: &[&str]) -> Pieces {
    let whole = by_word(&old.concat(), &new.concat());
    let pairs = similar_lines(old, new);
    if pairs.is_empty() {
        return whole;
    }
    let mut found = Pieces::default();
    let (mut from_old, mut from_new) = (0, 0);
    for (old_line, new_line) in pairs {
        let between = (&old[from_old..old_line], &new[from_new..new_line]);
        found.append(by_word(&between.0.concat(), &between.1.concat()));
        found.append(by_word(old[old_line], new[new_line]));
        (from_old, from_new) = (old_line + 1, new_line + 1);
    }
    found.append(by_word(
        &old[from_old..].concat(),
        &new[from_new..].concat(),
    ));
    // Up to a quarter more changed words are acceptable, because people read by line.
    if found.changed_words() * 4 <= whole.changed_words() * 5 {
        found
    } else {
        whole
    }
}

/// Returns the similar lines, in order. Returns none if there is only one pair, or too many.
fn similar_lines(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let pairs = old.len().saturating_mul(new.len());
    if pairs <= 1 || pairs > MAX_PAIRS {
        return Vec::new();
    }
    let mut dictionary = WordDictionary::default();
    let old: Vec<_> = old.iter().map(|line| dictionary.of_text(line)).collect();
    let new: Vec<_> = new.iter().map(|line| dictionary.of_text(line)).collect();
    let length = |lines: &[WordCounts]| lines.iter().map(WordCounts::len).sum::<usize>();
    let steps = length(&old).saturating_mul(new.len());
    if steps.saturating_add(length(&new).saturating_mul(old.len())) > MAX_STEPS {
        return Vec::new();
    }
    best_in_order(old.len(), new.len(), |a, b| {
        let likeness = old[a].likeness(&new[b]);
        (likeness >= MIN_LIKENESS).then_some(likeness)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::SegmentKind;

    fn told(old: &str, new: &str) -> String {
        let segments = compare(old, new);
        let side = |kind| {
            let of = |one: &&Segment| one.kind == SegmentKind::Equal || one.kind == kind;
            let texts = segments.iter().filter(of).map(|one| one.text.as_str());
            texts.collect::<String>()
        };
        assert_eq!(side(SegmentKind::Removed), old);
        assert_eq!(side(SegmentKind::Added), new);
        assert!(segments.iter().all(|one| !one.text.is_empty()));
        let told = segments.iter().map(|one| match one.kind {
            SegmentKind::Equal => one.text.clone(),
            SegmentKind::Removed => format!("[-{}-]", one.text),
            SegmentKind::Added => format!("{{+{}+}}", one.text),
        });
        told.collect()
    }

    #[test]
    fn words_that_changed_are_marked() {
        for (old, new, expected) in [
            ("a b c", "a x c", "a [-b-]{+x+} c"),
            ("Be brief.", "Be brief!", "Be brief[-.-]{+!+}"),
            ("Be brief.", "Be very brief.", "Be {+very +}brief."),
            (
                "one\ntwo\nthree\n",
                "one\n2\nthree\n",
                "one\n[-two-]{+2+}\nthree\n",
            ),
            ("one\ntwo\n", "one\n", "one\n[-two\n-]"),
            ("a b", "a  b", "a {+ +}b"),
            ("a", "a\n", "a{+\n+}"),
            (
                "Be kind.\n- Never lie.\n- Never shout.\n",
                "Be kind.\n- Never laugh at them.\n- Never lie.\n- Do not shout.\n",
                "Be kind.\n{+- Never laugh at them.\n+}- Never lie.\n- [-Never-]{+Do not+} shout.\n",
            ),
            (
                "Answer what the customer\nasks and be brief.\n",
                "Answer what the\ncustomer asks and be\nbrief.\n",
                "Answer what the[- -]{+\n+}customer[-\n-]{+ +}asks and be[- -]{+\n+}brief.\n",
            ),
            (
                "Notes:\n{{hc:notes:string}}",
                "Notes:\r\n\t{{hc:notes:string}}\n",
                "Notes:{+\r+}\n{+\t+}{{hc:notes:string}}{+\n+}",
            ),
            (
                "apologise once and stay factual.",
                "apologise once, stay factual and offer a call.",
                "apologise once[- and-]{+,+} stay factual{+ and offer a call+}.",
            ),
            ("", "a", "{+a+}"),
            ("a", "", "[-a-]"),
            ("日本語の要約", "日本語の翻訳", "日本語の[-要約-]{+翻訳+}"),
            ("👩‍👩‍👧 hi", "👩‍👩‍👦 hi", "[-👩‍👩‍👧-]{+👩‍👩‍👦+} hi"),
            (
                "Age: {{hc:age:string}}.",
                "Age: {{hc:age:number}}.",
                "Age: [-{{hc:age:string}}-]{+{{hc:age:number}}+}.",
            ),
        ] {
            assert_eq!(told(old, new), expected);
        }
    }

    #[test]
    fn unrelated_texts_are_replaced_as_a_whole() {
        assert_eq!(
            told(
                "Translate the text of the customer into French.\n",
                "You are a poet and write about the sea.\n"
            ),
            "[-Translate the text of the customer into French.-]{+You are a poet and write about the sea.+}\n"
        );
    }

    #[test]
    fn large_texts_are_compared_in_bounded_time() {
        // Both texts consist of the same words, in unrelated orders.
        let words = |factor: usize| {
            let words = (0..300_000usize).map(|n| format!("w{} ", n * factor % 1009));
            words.collect::<String>()
        };
        let (old, new) = (words(7), words(31));
        let begun = std::time::Instant::now();
        compare(&old, &new);
        compare(&old.replace(' ', "\n"), &new.replace(' ', "\n"));
        let changed = old.replacen("w5 ", "x5 ", 1);
        let segments = compare(&old, &changed);
        assert_eq!(segments.len(), 4);
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    }
}
