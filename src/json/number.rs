//! JSON numbers, compared by value without expanding them.
//!
//! A number is represented by its sign, its significant digits and an exponent. The time of a
//! comparison is proportional to the length of the texts, whatever the exponents are.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// A number as it is written. Equality compares the text: `1` and `1.0` differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ExactNumber<'a>(&'a str);

/// The maximum number of digits of an exponent. An `i128` holds it plus the length of any text.
const MAX_EXPONENT_DIGITS: usize = 30;

impl<'a> ExactNumber<'a> {
    /// Returns the number with this text, which is a number of valid JSON.
    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }

    pub(crate) fn text(self) -> &'a str {
        self.0
    }

    /// Returns whether both numbers have the same value, however they are written.
    ///
    /// Numbers whose exponents have more than 30 digits are equal only if they are written alike.
    pub(crate) fn is_same(self, other: Self) -> bool {
        self == other || self.decimal().compare(&other.decimal()) == Some(Ordering::Equal)
    }

    /// Returns whether this number is certainly less than another.
    ///
    /// Exponents with more than 30 digits are not compared.
    pub(crate) fn is_less(self, other: Self) -> bool {
        self.decimal().compare(&other.decimal()) == Some(Ordering::Less)
    }

    /// Hashes the value: numbers with the same value have the same hash.
    pub(crate) fn hash_value<H: Hasher>(self, state: &mut H) {
        let decimal = self.decimal();
        match decimal.exponent {
            None => self.0.hash(state),
            exponent => {
                (decimal.negative, exponent).hash(state);
                decimal.digits().for_each(|digit| state.write_u8(digit));
            }
        }
    }

    fn decimal(self) -> Decimal<'a> {
        let (negative, unsigned) = match self.0.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, self.0),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], &unsigned[at + 1..]),
            None => (unsigned, ""),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('0');
        let (digits, shift) = match whole.len() {
            0 => {
                let digits = fraction.trim_start_matches('0');
                let zeros = fraction.len() - digits.len();
                (("", digits.trim_end_matches('0')), -as_i128(zeros))
            }
            length => match fraction.trim_end_matches('0') {
                "" => ((whole.trim_end_matches('0'), ""), as_i128(length)),
                fraction => ((whole, fraction), as_i128(length)),
            },
        };
        if digits == ("", "") {
            return Decimal {
                negative: false,
                digits,
                exponent: Some(0),
            };
        }
        Decimal {
            negative,
            digits,
            exponent: read_exponent(exponent).map(|exponent| exponent + shift),
        }
    }
}

fn as_i128(length: usize) -> i128 {
    i128::try_from(length).unwrap_or(i128::MAX)
}

/// Parses an exponent; `None` if it has too many digits.
fn read_exponent(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    if digits.len() > MAX_EXPONENT_DIGITS {
        return None;
    }
    let exponent: i128 = digits.parse().ok()?;
    Some(if negative { -exponent } else { exponent })
}

/// A number as `0.DIGITS × 10^exponent`.
///
/// Neither the first nor the last digit is 0. Zero has no digits.
struct Decimal<'a> {
    negative: bool,
    /// The digits before and after the decimal point.
    digits: (&'a str, &'a str),
    /// The exponent; `None` if its text has too many digits.
    exponent: Option<i128>,
}

impl Decimal<'_> {
    fn digits(&self) -> impl Iterator<Item = u8> {
        self.digits.0.bytes().chain(self.digits.1.bytes())
    }

    fn is_zero(&self) -> bool {
        self.digits == ("", "")
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        let (exponent, of_other) = (self.exponent?, other.exponent?);
        let sign = |one: &Self| match (one.is_zero(), one.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let signs = sign(self).cmp(&sign(other));
        if signs.is_ne() || self.is_zero() {
            return Some(signs);
        }
        let magnitudes = exponent
            .cmp(&of_other)
            .then_with(|| self.digits().cmp(other.digits()));
        Some(if self.negative {
            magnitudes.reverse()
        } else {
            magnitudes
        })
    }
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn compare(one: &str, other: &str) -> Option<Ordering> {
        let (one, other) = (ExactNumber::new(one), ExactNumber::new(other));
        match (one.is_same(other), one.is_less(other), other.is_less(one)) {
            (true, false, false) => Some(Ordering::Equal),
            (false, true, false) => Some(Ordering::Less),
            (false, false, true) => Some(Ordering::Greater),
            (false, false, false) => None,
            told => panic!("{one:?} and {other:?}: {told:?}"),
        }
    }

    fn hash(text: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        ExactNumber::new(text).hash_value(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn a_value_may_be_written_in_many_ways() {
        for same in [
            &[
                "0",
                "-0",
                "0.0",
                "-0.00",
                "0e5",
                "0E-99999999999999999999999999999999999999999",
            ][..],
            &["1", "1.0", "1e0", "10e-1", "0.1e1", "0.001E+3", "1.000"],
            &["-1.50", "-1.5", "-15e-1", "-0.0150e2", "-150E-2"],
            &[
                "100000",
                "1E5",
                "1e+5",
                "1e0000000000000000000000000000000000000000005",
                "10.0e4",
            ],
            &[
                "123456789012345678901",
                "1.23456789012345678901e20",
                "12345678901234567890100e-2",
            ],
            &["1e-400", "0.1e-399", "10E-401"],
            &["1e1000000000", "10e999999999", "0.01e1000000002"],
        ] {
            for one in same {
                for other in same {
                    assert_eq!(compare(one, other), Some(Ordering::Equal), "{one} {other}");
                    assert_eq!(hash(one), hash(other), "{one} {other}");
                }
            }
        }
    }

    #[test]
    fn numbers_beyond_doubles_are_distinguished() {
        let rising = [
            "-1e1000000000",
            "-123456789012345678902",
            "-123456789012345678901",
            "-1.5",
            "-1e-400",
            "0",
            "1e-1000000000",
            "1e-401",
            "1e-400",
            "9007199254740992",
            "9007199254740992.5",
            "9007199254740993",
            "123456789012345678901",
            "123456789012345678901.0000000000000000000000001",
            "123456789012345678902",
            "1e999999999",
            "1e1000000000",
        ];
        for (place, one) in rising.iter().enumerate() {
            for (other_place, other) in rising.iter().enumerate() {
                assert_eq!(
                    compare(one, other),
                    Some(place.cmp(&other_place)),
                    "{one} {other}"
                );
            }
        }
    }

    #[test]
    fn incomparable_numbers_are_neither_less_nor_equal() {
        let wild = format!("1e-{}", "9".repeat(40));
        let wilder = format!("1e-{}8", "9".repeat(40));
        assert_eq!(compare(&wild, &wild), Some(Ordering::Equal));
        assert_eq!(compare(&wild, &wilder), None);
        assert_eq!(compare(&wild, "1"), None);
    }

    #[test]
    fn exponents_cost_nothing() {
        let begun = Instant::now();
        for _ in 0..100 {
            assert_eq!(
                compare("1e1000000000", "1e-1000000000"),
                Some(Ordering::Greater)
            );
            assert_eq!(
                compare("-7e-1000000000", "-70e-1000000001"),
                Some(Ordering::Equal)
            );
        }
        let each = begun.elapsed() / 200;
        assert!(each < Duration::from_millis(1), "{each:?}");
    }

    /// A number of few digits, and its value in units of `10^-12`.
    fn small() -> impl Strategy<Value = (String, i128)> {
        (any::<bool>(), 0..10_000_i128, 0..4_usize, -6..6_i32).prop_map(
            |(negative, digits, places, exponent)| {
                let sign = if negative { "-" } else { "" };
                let width = places + 1;
                let mut text = format!("{digits:0width$}");
                if places > 0 {
                    text.insert(text.len() - places, '.');
                }
                let power = 12 + exponent - i32::try_from(places).unwrap();
                let factor = if negative { -1 } else { 1 };
                let units = factor * digits * 10_i128.pow(u32::try_from(power).unwrap());
                (format!("{sign}{text}e{exponent}"), units)
            },
        )
    }

    proptest! {
        #[test]
        fn numbers_compare_as_their_values_do((one, value) in small(), (other, other_value) in small()) {
            prop_assert_eq!(compare(&one, &other), Some(value.cmp(&other_value)), "{} {}", one, other);
            prop_assert_eq!(hash(&one) == hash(&other), value == other_value);
        }
    }
}
