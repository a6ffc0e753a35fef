//! Whole numbers in the command line.

use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

/// Parses a whole number.
///
/// The error says what is expected. That of the standard library describes a digit.
pub(crate) fn whole_number<T>(text: &str) -> Result<T, &'static str>
where
    T: FromStr<Err = ParseIntError>,
{
    text.parse().map_err(|error: ParseIntError| {
        if *error.kind() == IntErrorKind::PosOverflow {
            "the number is too large"
        } else {
            "expected a whole number, such as 20"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_is_expected() {
        assert_eq!(whole_number("20"), Ok(20_u32));
        for text in ["", "-1", "1h", "2.5", "many"] {
            let error = whole_number::<u32>(text).unwrap_err();
            assert!(error.starts_with("expected a whole number"), "{text}");
        }
        assert!(
            whole_number::<u32>("4294967296")
                .unwrap_err()
                .contains("too large")
        );
    }
}
