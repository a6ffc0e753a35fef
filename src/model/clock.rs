//! The clock: moments as the system reports them, and as records store them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

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
