//! JavaScript's conversions of values, as the reference client performs them.
//!
//! The client is written in JavaScript, and callers know the bodies that it fills.

use serde_json::Value;

/// Checks for white space as `\s` and `Number()` define it: U+FEFF is included, U+0085 is not.
pub(crate) fn is_space(c: char) -> bool {
    matches!(
        c,
        '\t'..='\r'
            | ' '
            | '\u{a0}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200a}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{3000}'
            | '\u{feff}'
    )
}

/// Checks whether a value counts as true in a condition.
pub(crate) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(bool) => *bool,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Checks whether `Number(value)` is a number other than NaN.
pub(super) fn is_numeric(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => is_numeric_text(text),
        Value::Array(_) => is_numeric_text(&text(value)),
        Value::Object(_) => false,
    }
}

/// Checks whether `Number(text)` is a number other than NaN. Blank text is numeric: it reads as 0.
pub(super) fn is_numeric_text(text: &str) -> bool {
    let text = text.trim_matches(is_space);
    if text.is_empty() {
        return true;
    }
    for (prefixes, radix) in [(["0x", "0X"], 16), (["0o", "0O"], 8), (["0b", "0B"], 2)] {
        if let Some(digits) = prefixes.iter().find_map(|p| text.strip_prefix(p)) {
            return !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned == "Infinity" || is_decimal(unsigned)
}

/// Checks for digits with an optional decimal point and an optional exponent.
fn is_decimal(text: &str) -> bool {
    let count_digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let whole = count_digits(text);
    let rest = &text[whole..];
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(count_digits(rest)),
        None => ("", rest),
    };
    let signed_exponent = rest.strip_prefix(['e', 'E']);
    let exponent = signed_exponent.map(|signed| signed.strip_prefix(['+', '-']).unwrap_or(signed));
    let ends = match exponent {
        Some(digits) => !digits.is_empty() && count_digits(digits) == digits.len(),
        None => rest.is_empty(),
    };
    whole + fraction.len() > 0 && ends
}

/// Returns `String(value)`.
pub(crate) fn text(value: &Value) -> String {
    let mut out = String::new();
    write_text(value, Integers::Doubles, &mut out);
    out
}

/// Returns `String(value)`, but with all digits of integers, which JavaScript rounds from 2^53 on.
pub(super) fn exact_text(value: &Value) -> String {
    let mut out = String::new();
    write_text(value, Integers::Exact, &mut out);
    out
}

/// The notation of integers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Integers {
    Doubles,
    Exact,
}

fn write_text(value: &Value, integers: Integers, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) if integers == Integers::Exact && !number.is_f64() => {
            out.push_str(&number.to_string());
        }
        Value::Number(number) => match number.as_f64() {
            Some(float) => out.push_str(ryu_js::Buffer::new().format(float)),
            // A number that is not a double exists only if serde_json is built with
            // `arbitrary_precision`.
            None => out.push_str(&number.to_string()),
        },
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                if !item.is_null() {
                    write_text(item, integers, out);
                }
            }
        }
        Value::Object(_) => out.push_str("[object Object]"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_text_that_string_gives() {
        for (value, expected) in [
            (json!(null), "null"),
            (json!(true), "true"),
            (json!(1.0), "1"),
            (json!(-0.0), "0"),
            (json!(0.1), "0.1"),
            (json!(1e21), "1e+21"),
            (
                json!(123_456_789_012_345_680_000_u128 as f64),
                "123456789012345680000",
            ),
            (json!(1e-7), "1e-7"),
            (json!(0.000_001), "0.000001"),
            (json!(9_007_199_254_740_993_u64), "9007199254740992"),
            (json!(u64::MAX), "18446744073709552000"),
            (json!([1, [2, null, "a"], {}]), "1,2,,a,[object Object]"),
            (json!([]), ""),
            (json!([null]), ""),
        ] {
            assert_eq!(text(&value), expected, "{value}");
        }
    }

    #[test]
    fn exact_texts_have_all_digits_of_integers() {
        for (value, expected) in [
            (json!(653_247_040_368_672_769_u64), "653247040368672769"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(i64::MIN), "-9223372036854775808"),
            (
                json!([9_007_199_254_740_993_u64, [1]]),
                "9007199254740993,1",
            ),
            (json!(1.0), "1"),
            (json!(-0.0), "0"),
            (json!(1e21), "1e+21"),
            (json!(0.1), "0.1"),
        ] {
            assert_eq!(exact_text(&value), expected, "{value}");
        }
    }

    #[test]
    fn texts_are_numeric_where_number_reads_them() {
        for numeric in [
            "",
            " ",
            "\u{feff}7\n",
            "0",
            "007",
            "5.",
            ".5",
            "-.5",
            "+5",
            "1e3",
            "1E-3",
            "1.e+3",
            "0x1F",
            "0B10",
            "0o17",
            "Infinity",
            "-Infinity",
            "1e999",
        ] {
            assert!(is_numeric_text(numeric), "{numeric:?}");
        }
        for other in [
            ".", "+", "e5", "1e", "1e+", "--5", "+-5", "-0x1F", "0x", "0b2", "0o8", "1_000", "1,5",
            "10n", "infinity", "NaN", "٣", "1 2", "\u{85}1", "1.2.3", "1e2.5", "0xé",
        ] {
            assert!(!is_numeric_text(other), "{other:?}");
        }
    }

    #[test]
    fn arrays_are_numeric_by_their_text() {
        assert!(is_numeric(&json!([])));
        assert!(is_numeric(&json!([["0x10"]])));
        assert!(!is_numeric(&json!([1, 2])));
        assert!(!is_numeric(&json!({})));
    }

    #[test]
    fn falsy_values_are_these() {
        for falsy in [json!(null), json!(false), json!(0), json!(-0.0), json!("")] {
            assert!(!is_truthy(&falsy), "{falsy}");
        }
        for truthy in [json!(true), json!(5e-324), json!("0"), json!([]), json!({})] {
            assert!(is_truthy(&truthy), "{truthy}");
        }
    }
}
