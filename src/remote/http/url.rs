//! URLs of remotes, the hosts that may be reached by them, and the key of a remote.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

use crate::remote::error::RemoteError;

/// The key of a remote.
///
/// It is never stored, and its debug output does not contain it.
#[derive(Clone)]
pub struct RemoteKey(String);

impl RemoteKey {
    /// Returns the key with this text, without white space around it; none if nothing is left.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Returns the value of a header `Authorization`.
    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Returns whether a header can carry the key.
    pub(in crate::remote) fn is_sendable(&self) -> bool {
        self.0.bytes().all(|byte| (0x21..0x7f).contains(&byte))
    }
}

impl fmt::Debug for RemoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteKey")
    }
}

/// The base URL of a remote: a scheme, a host, and optionally a port and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::remote) struct RemoteUrl {
    /// Without a slash at the end.
    text: String,
    origin: Origin,
}

/// What decides whether two URLs are of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    is_tls: bool,
    host: String,
    port: u16,
}

impl RemoteUrl {
    /// Parses a base URL. Plain HTTP is accepted for other machines only if it is allowed.
    ///
    /// # Errors
    ///
    /// [`RemoteError::Url`].
    pub(in crate::remote) fn parse(text: &str, allow_plain: bool) -> Result<Self, RemoteError> {
        let refuse = |reason: String| RemoteError::Url {
            // A password must not appear in an error.
            url: match text.rsplit_once('@') {
                Some((_, host)) => format!("…@{host}"),
                None => text.to_owned(),
            },
            reason,
        };
        if text.contains(['@', '?', '#']) {
            let reason = "it contains a user, a query or a fragment; a key is given by --key-file, \
                          HELICONE_API_KEY or standard input";
            return Err(refuse(reason.into()));
        }
        let uri: Uri = text
            .trim()
            .parse()
            .map_err(|_| refuse("expected a URL such as https://api.helicone.ai".into()))?;
        let origin = Origin::of(&uri)
            .ok_or_else(|| refuse("expected a URL such as https://api.helicone.ai".into()))?;
        if !origin.may_have_the_key() && !allow_plain {
            let reason = "plain HTTP would show the key and the prompts to the network; use https, \
                          or allow it with --allow-http";
            return Err(refuse(reason.into()));
        }
        Ok(Self {
            text: text.trim().trim_end_matches('/').to_owned(),
            origin,
        })
    }

    /// Returns the URL as text, without a slash at the end.
    pub(in crate::remote) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the host, with the port if it is not the scheme's.
    pub(in crate::remote) fn host(&self) -> String {
        let Origin { is_tls, host, port } = &self.origin;
        if *port == default_port(*is_tls) {
            host.clone()
        } else {
            format!("{host}:{port}")
        }
    }

    /// Returns whether all requests stay on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.origin.is_loopback()
    }

    pub(super) fn is_tls(&self) -> bool {
        self.origin.is_tls
    }

    /// Returns whether a URL is of the same server, so that it may be sent the key.
    pub(super) fn is_same_server(&self, uri: &Uri) -> bool {
        Origin::of(uri).as_ref() == Some(&self.origin)
    }
}

/// Returns whether a URL may be fetched: by TLS, or on this machine.
pub(super) fn is_protected(uri: &Uri) -> bool {
    Origin::of(uri).is_some_and(|origin| origin.may_have_the_key())
}

impl Origin {
    fn of(uri: &Uri) -> Option<Self> {
        let is_tls = match uri.scheme_str()?.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host()?.to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(default_port(is_tls));
        (!host.is_empty()).then_some(Self { is_tls, host, port })
    }

    fn may_have_the_key(&self) -> bool {
        self.is_tls || self.is_loopback()
    }

    fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    }
}

fn default_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_of_one_server() {
        let url = RemoteUrl::parse("https://EU.api.helicone.ai/", false).unwrap();
        assert_eq!(url.as_str(), "https://EU.api.helicone.ai");
        assert_eq!(url.host(), "eu.api.helicone.ai");
        let is_same = |text: &str| url.is_same_server(&text.parse().unwrap());
        assert!(is_same("https://eu.api.helicone.ai:443/v1?a"));
        for other in [
            "http://eu.api.helicone.ai/v1",
            "https://api.helicone.ai/v1",
            "https://eu.api.helicone.ai:444/",
            "/v1",
        ] {
            assert!(!is_same(other), "{other}");
        }
        let url = RemoteUrl::parse("http://[::1]:8585/base", false).unwrap();
        assert_eq!((url.host().as_str(), url.is_local()), ("[::1]:8585", true));
    }

    #[test]
    fn plain_http_stays_on_the_machine_unless_it_is_allowed() {
        for text in [
            "http://127.0.0.1:1",
            "http://localhost",
            "http://a.localhost:2",
        ] {
            assert!(RemoteUrl::parse(text, false).is_ok(), "{text}");
        }
        for text in [
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://api.helicone.ai",
        ] {
            let refused = RemoteUrl::parse(text, false).unwrap_err().to_string();
            assert!(refused.contains("plain HTTP"), "{refused}");
            assert!(RemoteUrl::parse(text, true).is_ok(), "{text}");
        }
    }

    #[test]
    fn no_key_is_in_a_url_or_in_an_error() {
        for text in [
            "https://user:secret@api.helicone.ai",
            "https://a/?key=secret",
        ] {
            let refused = RemoteUrl::parse(text, true).unwrap_err().to_string();
            assert!(refused.contains("--key-file"), "{refused}");
        }
        let refused = RemoteUrl::parse("https://user:secret@host", true).unwrap_err();
        assert!(!refused.to_string().contains("secret"));
        let key = RemoteKey::new(" sk-secret\n").unwrap();
        assert!(key.is_sendable() && !format!("{key:?}").contains("secret"));
        assert!(!RemoteKey::new("a\nb").unwrap().is_sendable());
        assert!(RemoteKey::new(" \n").is_none());
    }

    #[test]
    fn other_texts_are_no_urls() {
        for text in [
            "",
            "helicone",
            "ftp://a",
            "https://",
            "api.helicone.ai",
            "/v1",
            "C:\\x",
        ] {
            assert!(RemoteUrl::parse(text, true).is_err(), "{text}");
        }
    }
}
