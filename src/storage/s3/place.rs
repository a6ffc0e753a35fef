//! The place of objects, as a URL names it: a bucket, a prefix, and how the server is reached.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::time_limits::TimeLimits;

/// A bucket, and the beginning of the names of a store's objects in it.
///
/// Its text and its debug form contain no credentials.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ObjectPlace {
    pub(super) bucket: String,
    /// Without slashes at its ends; empty if the objects are at the top.
    pub(super) prefix: String,
    /// The access key id and the secret key, if the URL contains them.
    pub(super) keys: Option<(String, String)>,
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    /// Whether a server beyond this machine may be called without TLS.
    pub(super) allows_http: bool,
    pub(crate) limits: TimeLimits,
}

/// The parameters of a store's URL that describe the place of objects, decoded.
#[derive(Default)]
pub(crate) struct ObjectParameters {
    pub(crate) blobs: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) allows_http: bool,
}

impl ObjectPlace {
    /// Parses the parameters of a URL. The error is a reason, without credentials.
    pub(crate) fn parse(parameters: ObjectParameters) -> Result<Self, String> {
        let rest = parameters
            .blobs
            .strip_prefix("s3://")
            .ok_or("blobs names an object store as s3://bucket/prefix")?;
        let (keys, rest) = match rest.rsplit_once('@') {
            Some((keys, rest)) => (Some(keys_of(keys)?), rest),
            None => (None, rest),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
        if bucket.is_empty() || !bucket.chars().all(is_name) {
            return Err("blobs names no valid bucket; write s3://bucket/prefix".into());
        }
        let prefix = prefix.trim_matches('/');
        let is_part = |part: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-=".contains(c);
            !part.is_empty() && part != "." && part != ".." && part.chars().all(is_plain)
        };
        if !prefix.is_empty() && !prefix.split('/').all(is_part) {
            return Err(
                "the prefix in blobs consists of parts of a-z, A-Z, 0-9 and ._-= with slashes between them"
                    .into(),
            );
        }
        let place = Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            keys,
            endpoint: parameters.endpoint,
            region: parameters.region,
            allows_http: parameters.allows_http,
            limits: TimeLimits::default(),
        };
        if let Some(endpoint) = &place.endpoint {
            place.check_endpoint(endpoint)?;
        }
        Ok(place)
    }

    /// Fails if an endpoint may not be called: a plain one beyond this machine.
    pub(super) fn check_endpoint(&self, endpoint: &str) -> Result<(), String> {
        let Some((scheme, rest)) = endpoint.split_once("://") else {
            return Err("the endpoint is a URL such as https://s3.example.com".into());
        };
        if rest.contains(['@', '?', '#']) {
            return Err("the endpoint contains only a host, a port and a path".into());
        }
        if scheme == "https" || scheme == "http" && (self.allows_http || is_loopback(rest)) {
            return Ok(());
        }
        Err(format!(
            "the endpoint {endpoint} is not encrypted and beyond this machine; use https, or add allow_http=1"
        ))
    }
}

/// Returns the credentials before the bucket of a URL: `ID:SECRET`, percent-encoded.
fn keys_of(text: &str) -> Result<(String, String), String> {
    let (id, secret) = text
        .split_once(':')
        .ok_or("the credentials in blobs are an access key id and a secret key, as ID:SECRET")?;
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(|text| text.into_owned())
            .map_err(|_| "the credentials in blobs are not UTF-8".to_owned())
    };
    Ok((decoded(id)?, decoded(secret)?))
}

/// Returns whether the host at the beginning of the rest of a URL is this machine.
fn is_loopback(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_address = |host: &str| {
        let address = host.parse::<std::net::IpAddr>();
        address.is_ok_and(|address| address.is_loopback())
    };
    host == "localhost" || is_address(host)
}

impl fmt::Display for ObjectPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() {
            return Ok(());
        }
        write!(f, "/{}", self.prefix)
    }
}

impl fmt::Debug for ObjectPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectPlace")
            .field(&self.to_string())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(blobs: &str, endpoint: Option<&str>) -> Result<ObjectPlace, String> {
        ObjectPlace::parse(ObjectParameters {
            blobs: blobs.into(),
            endpoint: endpoint.map(Into::into),
            ..ObjectParameters::default()
        })
    }

    #[test]
    fn a_place_is_shown_without_credentials() {
        let place = parse("s3://id:se%2Fcret@bucket/a/b/", None).unwrap();
        assert_eq!(place.to_string(), "s3://bucket/a/b");
        assert_eq!(place.keys, Some(("id".into(), "se/cret".into())));
        assert!(!format!("{place:?}").contains("cret"));
        assert_eq!(
            parse("s3://bucket", None).unwrap().to_string(),
            "s3://bucket"
        );
        for wrong in [
            "bucket",
            "s3://",
            "s3://B",
            "s3://a/../b",
            "s3://a/b//c",
            "s3://id@a",
        ] {
            let error = parse(wrong, None).unwrap_err();
            assert!(!error.contains("id@"), "{error}");
        }
    }

    #[test]
    fn a_plain_endpoint_is_for_this_machine_only() {
        for endpoint in [
            "http://127.0.0.1:9000",
            "http://[::1]:9000/x",
            "http://localhost",
            "https://h",
        ] {
            parse("s3://a", Some(endpoint)).unwrap();
        }
        for endpoint in [
            "http://h:9000",
            "http://localhost.h",
            "h:9000",
            "ftp://h",
            "https://u:p@h",
        ] {
            let error = parse("s3://a", Some(endpoint)).unwrap_err();
            assert!(!error.contains("u:p"), "{error}");
        }
    }
}
