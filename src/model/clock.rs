//! The clock: moments as the system reports them, and as records store them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, Utc};

/// The source of a store's time.
pub(crate) type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Returns the system's time. Unlike [`Utc::now`], it does not panic if that is before 1970.
pub(crate) fn system() -> DateTime<Utc> {
    from_system(SystemTime::now())
}

/// Converts a system time to a moment. A time out of range becomes the nearest moment in range.
pub(crate) fn from_system(time: SystemTime) -> DateTime<Utc> {
    let since = |duration: Duration| chrono::Duration::from_std(duration).ok();
    let (moment, nearest) = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (
            since(after).and_then(|after| DateTime::UNIX_EPOCH.checked_add_signed(after)),
            DateTime::<Utc>::MAX_UTC,
        ),
        Err(before) => (
            since(before.duration())
                .and_then(|before| DateTime::UNIX_EPOCH.checked_sub_signed(before)),
            DateTime::<Utc>::MIN_UTC,
        ),
    };
    moment.unwrap_or(nearest)
}

/// Converts a moment to the form that records store: whole microseconds, no leap seconds.
///
/// A leap second is not in any count of seconds since 1970. It becomes the last microsecond before
/// it, which preserves the order of moments.
pub(crate) fn recorded(at: DateTime<Utc>) -> DateTime<Utc> {
    let micros = at.timestamp_subsec_micros().min(999_999);
    DateTime::from_timestamp(at.timestamp(), micros * 1000).unwrap_or(at)
}

/// Parses a moment in the notation in which records contain it, such as
/// `2026-01-02T03:04:05.678901Z`.
///
/// Returns `None` for any other text, which may be a moment in another notation.
pub(crate) fn usual_moment(text: &str) -> Option<DateTime<Utc>> {
    let (whole, rest) = text.as_bytes().split_first_chunk::<19>()?;
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let marks = [whole[4], whole[7], whole[10], whole[13], whole[16]];
    if marks != *b"--T::" {
        return None;
    }
    let fraction = rest.strip_suffix(b"Z")?;
    let nanos = match fraction.split_first() {
        None => 0,
        Some((b'.', digits @ ([_, _, _] | [_, _, _, _, _, _]))) => {
            number(digits)? * if digits.len() == 3 { 1_000_000 } else { 1000 }
        }
        Some(_) => return None,
    };
    let year = number(&whole[..4])?.try_into().ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(&whole[5..7])?, number(&whole[8..10])?)?;
    let (hour, minute) = (number(&whole[11..13])?, number(&whole[14..16])?);
    let at = date.and_hms_nano_opt(hour, minute, number(&whole[17..])?, nanos)?;
    Some(at.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_of_the_system_is_a_moment() {
        let at = |seconds: i64, nanos: u32| {
            let whole = match u64::try_from(seconds) {
                Ok(after) => UNIX_EPOCH + Duration::from_secs(after),
                Err(_) => UNIX_EPOCH - Duration::from_secs(seconds.unsigned_abs()),
            };
            from_system(whole + Duration::from_nanos(nanos.into())).to_rfc3339()
        };
        assert_eq!(at(0, 0), "1970-01-01T00:00:00+00:00");
        assert_eq!(at(-1, 500_000_000), "1969-12-31T23:59:59.500+00:00");
        assert_eq!(at(-315_619_200, 0), "1960-01-01T00:00:00+00:00");
        assert_eq!(at(2_082_758_400, 7_000), "2036-01-01T00:00:00.000007+00:00");
        if let Some(end) = UNIX_EPOCH.checked_add(Duration::from_secs(i64::MAX as u64)) {
            assert_eq!(from_system(end), DateTime::<Utc>::MAX_UTC);
        }
        if let Some(start) = UNIX_EPOCH.checked_sub(Duration::from_secs(i64::MAX as u64)) {
            assert_eq!(from_system(start), DateTime::<Utc>::MIN_UTC);
        }
    }

    #[test]
    fn the_usual_notation_means_the_same_to_both_parsers() {
        for text in [
            "2026-11-26T20:34:45.123456Z",
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59.001Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            let expected: DateTime<Utc> = text.parse().unwrap();
            assert_eq!(usual_moment(text), Some(expected), "{text}");
            assert_eq!(serde_json::json!(expected), text);
        }
        for text in [
            "",
            "2026-11-26T20:34:45",
            "2026-11-26T20:34:45+00:00",
            "2026-11-26 20:34:45Z",
            "2026-11-26T20:34:60Z",
            "2026-02-29T20:34:45Z",
            "2026-11-26T20:34:45.12Z",
            "2026-11-26T20:34:45.Z",
            "+026-11-26T20:34:45Z",
            "2026-11-26T20:34:45.12345éZ",
        ] {
            assert_eq!(usual_moment(text), None, "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_the_end_of_the_one_before() {
        let leap: DateTime<Utc> = "2016-12-31T23:59:60.5Z".parse().unwrap();
        let recorded = |at| recorded(at).to_rfc3339();
        assert_eq!(recorded(leap), "2016-12-31T23:59:59.999999+00:00");
        let fine: DateTime<Utc> = "1960-01-01T00:00:00.1234567Z".parse().unwrap();
        assert_eq!(recorded(fine), "1960-01-01T00:00:00.123456+00:00");
        for end in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
            assert_eq!(super::recorded(end).timestamp(), end.timestamp());
        }
    }
}
