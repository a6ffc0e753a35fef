//! Entity tags: a response that the client has already is not sent again.
//!
//! The client names the responses that it has in `If-None-Match` (RFC 9110, section 13.1.2) and
//! gets a 304 if the response is unchanged.
//!
//! The API also reads by POST, where RFC 9110 makes a false condition fail with 412. A client that
//! sends the condition with a read wants a 304, so such requests are answered as GET is.

use std::convert::Infallible;
use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use axum::http::request::Parts;

use super::api_error::ApiError;

/// A strong tag: it differs whenever the bytes of the responses to one URL differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntityTag(HeaderValue);

impl EntityTag {
    /// Creates a tag from text that needs no quoting, such as hex digits.
    pub(super) fn new(text: impl fmt::Display) -> Result<Self, ApiError> {
        let value = HeaderValue::try_from(format!("\"{text}\""));
        value
            .map(Self)
            .map_err(|error| ApiError::Internal(error.to_string().into()))
    }

    /// Returns the tag of a response that consists of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, ApiError> {
        Self::new(blake3::hash(bytes).to_hex())
    }

    pub(super) fn into_value(self) -> HeaderValue {
        self.0
    }
}

/// The values of `If-None-Match`: the tags of the responses that the client has.
#[derive(Debug, Default)]
pub(super) struct IfNoneMatch(Vec<HeaderValue>);

impl IfNoneMatch {
    /// Returns whether the client named any tag.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Returns whether the client has the response with this tag.
    ///
    /// A weak tag matches too: the client's bytes then have the same meaning.
    pub(super) fn has(&self, tag: &EntityTag) -> bool {
        let named = |value: &HeaderValue| names(value.as_bytes(), tag.0.as_bytes());
        self.0.iter().any(named)
    }
}

impl From<&HeaderMap> for IfNoneMatch {
    fn from(headers: &HeaderMap) -> Self {
        Self(headers.get_all(IF_NONE_MATCH).iter().cloned().collect())
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from(&parts.headers))
    }
}

/// Returns whether a list contains this tag, reading it up to the first malformed element.
fn names(list: &[u8], tag: &[u8]) -> bool {
    if list.trim_ascii() == b"*" {
        return true;
    }
    let mut rest = list;
    loop {
        rest = rest.trim_ascii_start();
        if let Some(next) = rest.strip_prefix(b",") {
            rest = next;
            continue;
        }
        let quoted = rest.strip_prefix(b"W/").unwrap_or(rest);
        // A tag may contain a comma, but no quotation mark.
        let end = match quoted.split_first() {
            Some((b'"', text)) => text.iter().position(|&byte| byte == b'"'),
            _ => None,
        };
        let Some(end) = end else {
            return false;
        };
        let (found, next) = quoted.split_at(end + 2);
        if found == tag {
            return true;
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(values: &[&str], tag: &str) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_NONE_MATCH, value.parse().unwrap());
        }
        IfNoneMatch::from(&headers).has(&EntityTag::new(tag).unwrap())
    }

    #[test]
    fn a_tag_is_found_in_every_form_of_list() {
        for values in [
            &[r#""a""#][..],
            &["*"],
            &[" * "],
            &[r#"W/"a""#],
            &[r#""b", "a""#],
            &[r#""b","a","c""#],
            &[r#","b" ,, W/"a""#],
            &[r#""b, ""#, r#""a""#],
            &[r#""x,y", "a""#],
            &[r#""", "a""#],
        ] {
            assert!(has(values, "a"), "{values:?}");
        }
    }

    #[test]
    fn other_lists_do_not_contain_the_tag() {
        for values in [
            &[][..],
            &[""],
            &["a"],
            &["'a'"],
            &[r#""A""#],
            &[r#""ab""#],
            &[r#""a"#],
            &[r#"w/"a""#],
            &[r#"W/ "a""#],
            &[r#"b, "a""#],
            &[r#""b" *"#],
            &["*, *"],
            &[r#""b,"a""#],
            &[r#"W/"#],
            &[r#"""#],
        ] {
            assert!(!has(values, "a"), "{values:?}");
        }
    }
}
