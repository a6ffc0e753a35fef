//! The host names that a server answers to.
//!
//! A web page can make its own name resolve to this machine's address, and then call a server here
//! as if the server belonged to the page's own origin (DNS rebinding). Its requests carry the
//! page's name in `Host`, so the server answers only requests for the names that it serves. An IP
//! address cannot be rebound.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::Request;
use axum::http::Version;
use axum::http::header::{HOST, HeaderMap};
use axum::http::uri::{Authority, Uri};

use super::api_error::ApiError;

/// The path of the server's health.
pub(super) const HEALTH: &str = "/healthz";

/// The served names, in lower case.
#[derive(Debug)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(str::to_ascii_lowercase);
        Self(names.chain(["localhost".into()]).collect())
    }

    /// Accepts a request that is for an IP address or for a served name.
    ///
    /// A load balancer may check `/healthz` by HTTP/1.0, which has no `Host`. The response contains
    /// nothing that a web page could misuse.
    pub(super) fn admit(&self, request: &Request) -> Result<(), ApiError> {
        let (uri, headers) = (request.uri(), request.headers());
        let is_old = request.version() == Version::HTTP_10 && !headers.contains_key(HOST);
        if is_old && uri.authority().is_none() && uri.path() == HEALTH {
            return Ok(());
        }
        if uri.authority().is_none() && self.serves_plainly(headers) {
            return Ok(());
        }
        let authority = requested(uri, headers)?;
        let name = authority.host();
        let address = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        if address.unwrap_or(name).parse::<IpAddr>().is_ok() || self.serves(name) {
            return Ok(());
        }
        Err(ApiError::Host(format!(
            "{name:?} is not a host name of this server"
        )))
    }

    /// Returns whether the header has the usual form `NAME:PORT` or `NAME` and names a served host.
    ///
    /// This form is checked without parsing an authority.
    fn serves_plainly(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(HOST).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        let host = value.to_str().unwrap_or_default();
        let (name, port) = host.split_once(':').unwrap_or((host, "80"));
        let is_port = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
        is_port && (name.parse::<Ipv4Addr>().is_ok() || self.serves(name))
    }

    fn serves(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|served| name.eq_ignore_ascii_case(served))
    }
}

/// Returns the host and port that a request is for.
///
/// They come from the request's target if it is a complete URL, otherwise from the `Host` header.
fn requested(uri: &Uri, headers: &HeaderMap) -> Result<Authority, ApiError> {
    if let Some(authority) = uri.authority() {
        return Ok(authority.clone());
    }
    let mut values = headers.get_all(HOST).iter();
    match (values.next(), values.next()) {
        // Browsers send no user name in `Host`, and none may get into a URL.
        (Some(value), None) => Authority::try_from(value.as_bytes())
            .ok()
            .filter(|authority| !authority.as_str().contains('@'))
            .ok_or_else(|| ApiError::Host("The header Host names no host".into())),
        _ => Err(ApiError::Host("Expected one header Host".into())),
    }
}
