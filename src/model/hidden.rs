//! Characters that a reader cannot see: controls, and characters without a width or a shape.
//!
//! Some of them are needed, and are then not hidden: joiners and selectors in an emoji, and joiners,
//! marks and fillers in the scripts that use them.

/// Returns the characters of a text, and whether each of them is hidden.
pub(crate) fn characters(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = None;
    let mut letter = None;
    // The end of the flag that a sequence of tag characters encodes.
    let mut flag_end = 0;
    text.char_indices().map(move |(at, c)| {
        let mut is_hidden = false;
        if !c.is_ascii() || c.is_control() {
            let after = &text[at + c.len_utf8()..];
            if c == BLACK_FLAG {
                flag_end = at + c.len_utf8() + flag_length(after);
            }
            let is_in_flag = at < flag_end && is_tag(c);
            let is_needed = || match c {
                '\u{200e}' | '\u{200f}' | '\u{61c}' => is_direction_needed(letter, after),
                _ => is_needed(c, before, after),
            };
            is_hidden = is_invisible(c) && !is_in_flag && !is_needed();
        }
        before = Some(c);
        if c.is_alphabetic() {
            letter = Some(c);
        }
        (c, is_hidden)
    })
}

/// Returns whether a text has hidden characters.
pub(crate) fn has_hidden(text: &str) -> bool {
    characters(text).any(|(_, is_hidden)| is_hidden)
}

/// Returns a text with its hidden characters escaped as in a Rust literal.
#[cfg(any(feature = "cli", test))]
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (c, is_hidden) in characters(text) {
        if is_hidden {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The flag that tag characters turn into that of a region, such as Scotland.
const BLACK_FLAG: char = '\u{1f3f4}';

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// Returns the length in bytes of the tag characters that follow a flag and name a region.
fn flag_length(after: &str) -> usize {
    let region = |c: char| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let end = after.find(|c| !region(c)).unwrap_or(after.len());
    let is_region = (3..=6).contains(&after[..end].chars().count());
    match after[end..].strip_prefix('\u{e007f}') {
        Some(rest) if is_region => after.len() - rest.len(),
        _ => 0,
    }
}

/// Returns whether a character shows nothing, or makes a terminal do more than show it.
///
/// These are control characters, and Unicode's `Default_Ignorable_Code_Point`, with the separators
/// of lines and the annotations of interlinear text.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Returns whether a character is invisible, and does not separate the words beside it.
pub(crate) fn is_invisible_in_word(c: char) -> bool {
    is_invisible(c) && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// Returns whether an invisible character is part of an emoji or of a script that uses it.
fn is_needed(c: char, before: Option<char>, after: &str) -> bool {
    let Some(before) = before else {
        return false;
    };
    match c {
        '\u{200d}' => {
            let joins_emoji = is_emoji(before) && after.starts_with(is_emoji);
            joins_emoji || joins(before)
        }
        '\u{200c}' => joins(before) && after.starts_with(joins),
        // In these scripts it marks where a line can be broken.
        '\u{200b}' => has_no_spaces(before) && after.starts_with(has_no_spaces),
        '\u{34f}' => is_right_to_left(before),
        '\u{fe0e}' | '\u{fe0f}' => {
            let is_keycap = matches!(before, '0'..='9' | '#' | '*');
            is_emoji(before) || (is_keycap && after.starts_with('\u{20e3}'))
        }
        '\u{fe00}'..='\u{fe0d}' => is_ideograph(before) || is_symbol(before),
        '\u{e0100}'..='\u{e01ef}' => is_ideograph(before),
        '\u{180b}'..='\u{180f}' => matches!(before, '\u{1820}'..='\u{18aa}'),
        '\u{115f}'..='\u{1160}' => {
            let is_jamo = |c: char| matches!(c, '\u{1100}'..='\u{11ff}');
            is_jamo(before) || after.starts_with(is_jamo)
        }
        _ => false,
    }
}

/// Returns whether a mark of direction is beside text that is written from right to left.
///
/// The letters nearest to it decide, because such marks are put beside punctuation.
fn is_direction_needed(letter_before: Option<char>, after: &str) -> bool {
    const MAX_DISTANCE: usize = 16;
    let mut letters_after = after
        .chars()
        .take(MAX_DISTANCE)
        .filter(|c| c.is_alphabetic());
    [letter_before, letters_after.next()]
        .into_iter()
        .flatten()
        .any(is_right_to_left)
}

/// Returns whether a character belongs to a script that is written from right to left.
fn is_right_to_left(c: char) -> bool {
    let is_script = matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}');
    is_script && c != '\u{61c}'
}

/// Returns whether a character belongs to a script in which joiners change the shape of letters.
fn joins(c: char) -> bool {
    is_right_to_left(c)
        || matches!(
            c,
            '\u{900}'..='\u{109f}'
                | '\u{1780}'..='\u{17b3}'
                | '\u{17b6}'..='\u{180a}'
                | '\u{1810}'..='\u{18af}'
                | '\u{1900}'..='\u{1c4f}'
                | '\u{a800}'..='\u{abff}'
                | '\u{11000}'..='\u{11fff}'
        )
}

/// Returns whether a character belongs to a script that is written without spaces between words.
fn has_no_spaces(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1950}'..='\u{1aad}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3ffff}')
}

fn is_symbol(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{22ff}' | '\u{2a00}'..='\u{2aff}' | '\u{1000}'..='\u{109f}' | '\u{a840}'..='\u{a87f}')
}

/// Returns whether a character is part of an emoji: a pictograph, or what modifies one.
fn is_emoji(c: char) -> bool {
    matches!(
        c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{20e3}' | '\u{2122}' | '\u{2139}'
            | '\u{2194}'..='\u{21aa}'
            | '\u{231a}'..='\u{23ff}'
            | '\u{24c2}'
            | '\u{25aa}'..='\u{25fe}'
            | '\u{2600}'..='\u{27bf}'
            | '\u{2934}'..='\u{2935}'
            | '\u{2b05}'..='\u{2b55}'
            | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
            | '\u{fe0f}'
            | '\u{1f000}'..='\u{1faff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_show_nothing_are_escaped() {
        for (text, expected) in [
            ("a\u{1b}[31m\u{9b}\t", r"a\u{1b}[31m\u{9b}\t"),
            ("safe \u{202e}txt.exe", r"safe \u{202e}txt.exe"),
            ("helpful.\u{e0069}\u{e0067}", r"helpful.\u{e0069}\u{e0067}"),
            ("pass\u{200b}word", r"pass\u{200b}word"),
            ("co\u{ad}operate", r"co\u{ad}operate"),
            ("\u{feff}a\u{2060}b\u{61c}", r"\u{feff}a\u{2060}b\u{61c}"),
            (
                "a\u{3164}b\u{ffa0}c\u{115f}d\u{1160}",
                r"a\u{3164}b\u{ffa0}c\u{115f}d\u{1160}",
            ),
            (
                "a\u{200d}b\u{200c}c\u{fe0f}",
                r"a\u{200d}b\u{200c}c\u{fe0f}",
            ),
            ("a\u{fffa}b\u{180e}", r"a\u{fffa}b\u{180e}"),
            // More than a flag needs.
            (
                "\u{1f3f4}\u{e0069}\u{e0067}",
                "\u{1f3f4}\\u{e0069}\\u{e0067}",
            ),
            ("👍\u{e0100}", "👍\\u{e0100}"),
        ] {
            assert_eq!(escaped(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_an_emoji_or_a_script_needs_is_not_hidden() {
        for text in [
            "日本 é 🎭 ℹ\u{fe0f} 1\u{fe0f}\u{20e3}",
            "👨\u{200d}👩\u{200d}👧 👩🏽\u{200d}💻 ❤\u{fe0f}\u{200d}🔥",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "می\u{200c}خواهم",
            "क\u{94d}\u{200d}ष ක\u{dca}\u{200d}ර",
            "ไทย\u{200b}ภาษา",
            "\u{200f}שלום (1)\u{200f} ש",
            "ᠠ\u{180b}",
            "葛\u{e0100}",
        ] {
            let hidden: Vec<_> = characters(text)
                .filter(|(_, is_hidden)| *is_hidden)
                .collect();
            assert_eq!(hidden, [], "{text:?}");
        }
    }
}
