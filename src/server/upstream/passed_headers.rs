//! The headers of an upstream's response that clients get.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderName};

/// Returns the headers that clients use: those of the content, and those that limit rates.
///
/// Any other header, such as a cookie, is between this server and the upstream.
pub(super) fn passed_headers(found: &HeaderMap) -> HeaderMap {
    let pairs = found.iter().filter(|(name, _)| is_passed(name));
    let mut passed = HeaderMap::new();
    for (name, value) in pairs {
        passed.append(name.clone(), value.clone());
    }
    passed
}

fn is_passed(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 5] = [
        CACHE_CONTROL,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_TYPE,
        RETRY_AFTER,
    ];
    let text = name.as_str();
    NAMES.contains(name)
        || ["retry-after-ms", "x-should-retry"].contains(&text)
        || ["x-ratelimit-", "openai-"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
}
