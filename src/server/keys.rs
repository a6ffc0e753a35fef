//! API keys: a request is accepted if it carries one of them.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};

use super::api_error::ApiError;

/// The header for the key that Helicone's proxies use, because the provider's key is in
/// `Authorization`.
pub(super) const HELICONE_AUTH: HeaderName = HeaderName::from_static("helicone-auth");

/// The accepted keys as hashes, which are compared in constant time.
pub(super) struct ApiKeys(Vec<blake3::Hash>);

impl ApiKeys {
    pub(super) fn new(keys: &[String]) -> Self {
        Self(
            keys.iter()
                .map(|key| blake3::hash(key.as_bytes()))
                .collect(),
        )
    }

    /// Accepts a request that carries one of the keys.
    ///
    /// A request with the header `Helicone-Auth` carries its key there.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let name = if headers.contains_key(HELICONE_AUTH) {
            HELICONE_AUTH
        } else {
            AUTHORIZATION
        };
        let mut values = headers.get_all(&name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(ApiError::Key(
                "No API key: expected one header Authorization: Bearer KEY",
            ));
        };
        let Some((scheme, key)) = split(value.as_bytes()) else {
            return Err(ApiError::Key(
                "The header with the API key is malformed: expected Bearer KEY",
            ));
        };
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Err(ApiError::Key(
                "The header with the API key does not have the scheme Bearer",
            ));
        }
        let given = blake3::hash(key);
        match self.0.iter().filter(|known| **known == given).count() {
            0 => Err(ApiError::Key("The API key is not known")),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKeys({})", self.0.len())
    }
}

fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = value.iter().position(|&byte| byte == b' ')?;
    let (scheme, key) = value.split_at(space);
    Some((scheme, key.trim_ascii()))
}

/// Generates a key from the system's random source.
pub(super) fn generate_key() -> String {
    format!("sk-promptbook-{}", generate_secret())
}

/// Returns 122 bits from the system's random source as hex digits.
pub(super) fn generate_secret() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Returns a random UUID.
pub(super) fn generate_uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(values: &[&str]) -> Result<(), ApiError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        ApiKeys::new(&["one".into(), "two".into()]).admit(&headers)
    }

    #[test]
    fn each_key_is_accepted() {
        for values in [
            ["Bearer one"],
            ["Bearer two"],
            ["bearer one"],
            ["Bearer  one "],
        ] {
            assert!(admit(&values).is_ok(), "{values:?}");
        }
    }

    #[test]
    fn a_key_may_be_in_the_header_of_helicones_proxies() {
        let admit = |helicone: &str, other: &str| {
            let mut headers = HeaderMap::new();
            headers.append(HELICONE_AUTH, helicone.parse().unwrap());
            headers.append(AUTHORIZATION, other.parse().unwrap());
            ApiKeys::new(&["one".into()]).admit(&headers).is_ok()
        };
        assert!(admit("Bearer one", "Bearer of the provider"));
        assert!(!admit("Bearer other", "Bearer one"));
    }

    #[test]
    fn other_headers_are_refused() {
        for values in [
            &[][..],
            &[""],
            &["one"],
            &["Bearer"],
            &["Bearer "],
            &["Bearer one two"],
            &["Bearer ONE"],
            &["Basic one"],
            &["Bearer one", "Bearer one"],
        ] {
            assert!(matches!(admit(values), Err(ApiError::Key(_))), "{values:?}");
        }
    }
}
