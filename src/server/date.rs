//! The `Date` header of responses.

use std::cell::RefCell;

use axum::http::HeaderValue;
use chrono::{DateTime, Utc};

use crate::model::clock;

/// Returns the header's value for now, or `None` if the clock is certainly wrong.
///
/// A server that does not know the time sends no `Date` (RFC 9110, section 6.6.1).
pub(super) fn now() -> Option<HeaderValue> {
    thread_local! {
        /// The value for the second in which the last response was sent.
        static LAST: RefCell<(i64, Option<HeaderValue>)> = const { RefCell::new((i64::MIN, None)) };
    }
    let now = clock::system();
    LAST.with_borrow_mut(|(second, value)| {
        if *second != now.timestamp() {
            (*second, *value) = (now.timestamp(), value_at(now));
        }
        value.clone()
    })
}

fn value_at(at: DateTime<Utc>) -> Option<HeaderValue> {
    /// The first second of the year 10000, which the header's format cannot express.
    const END: i64 = 253_402_300_800;
    if !(0..END).contains(&at.timestamp()) {
        return None;
    }
    let text = at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_has_the_format_of_http() {
        let value = |text: &str| {
            let value = value_at(text.parse().unwrap())?;
            Some(value.to_str().unwrap().to_owned())
        };
        let example = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(value("1994-11-06T08:49:37.5Z").unwrap(), example);
        assert_eq!(
            value("1970-01-01T00:00:00Z").unwrap(),
            "Thu, 01 Jan 1970 00:00:00 GMT"
        );
        assert_eq!(value("1969-12-31T23:59:59Z"), None);
        assert_eq!(
            value("9999-12-31T23:59:59Z").unwrap(),
            "Fri, 31 Dec 9999 23:59:59 GMT"
        );
        assert_eq!(value("+10000-01-01T00:00:00Z"), None);
    }

    #[test]
    fn the_value_is_the_current_time() {
        let before = clock::system().timestamp();
        let value = now().unwrap();
        let text = value.to_str().unwrap().replace("GMT", "+0000");
        let at = DateTime::parse_from_rfc2822(&text).unwrap().timestamp();
        assert!(before <= at && at <= clock::system().timestamp());
    }
}
