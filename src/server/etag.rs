//! Entity tags: a client that tells which answer it has is told so, and not sent it again, while it would be the same
//! (RFC 9110, section 13.1.2).
//!
//! The API reads by POST too, where the RFC has a condition fail with 412. Only who wants a 304 sends one on a read, so
//! these are answered as GET is.

use std::convert::Infallible;
use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use axum::http::request::Parts;

use super::api_error::Refusal;

/// A strong tag: another one whenever the answer's bytes are others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag(HeaderValue);

impl Tag {
    /// A tag of text that needs no quoting: hex digits.
    pub(super) fn new(text: impl fmt::Display) -> Result<Self, Refusal> {
        let value = HeaderValue::try_from(format!("\"{text}\""));
        value
            .map(Self)
            .map_err(|error| Refusal::Internal(error.to_string().into()))
    }

    /// The tag of an answer of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::new(blake3::hash(bytes).to_hex())
    }

    pub(super) fn into_value(self) -> HeaderValue {
        self.0
    }
}

/// The values of `If-None-Match`: the tags of what the client has.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<HeaderValue>);

impl Known {
    /// Whether the client tells of anything at all.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether the client has the answer of this tag. A weak tag is as good: whoever has bytes that mean the same
    /// need not be sent these.
    pub(super) fn has(&self, tag: &Tag) -> bool {
        let named = |value: &HeaderValue| names(value.as_bytes(), tag.0.as_bytes());
        self.0.iter().any(named)
    }
}

impl From<&HeaderMap> for Known {
    fn from(headers: &HeaderMap) -> Self {
        Self(headers.get_all(IF_NONE_MATCH).iter().cloned().collect())
    }
}

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from(&parts.headers))
    }
}

/// Whether a list of tags has this one, up to where it is malformed.
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
        // A tag may have a comma in it, but no quotation mark.
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
        Known::from(&headers).has(&Tag::new(tag).unwrap())
    }

    #[test]
    fn a_tag_is_found_in_every_list() {
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
    fn no_other_is() {
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
