//! The names that a server answers to.
//!
//! A web page can have its own name resolve to this machine's address and then talk to a server here as if it were
//! its own (DNS rebinding). Its requests carry that name in `Host`; only names that are served here are answered. An
//! address can't be rebound.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::header::{HOST, HeaderMap};
use axum::http::uri::{Authority, Uri};

use super::api_error::Refusal;

/// The names that are served, in lower case.
#[derive(Debug)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(str::to_ascii_lowercase);
        Self(names.chain(["localhost".into()]).collect())
    }

    /// Lets a request pass that is for an address or for a name that is served.
    pub(super) fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
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
        Err(Refusal::Host(format!(
            "{name:?} is no name that is served here"
        )))
    }

    /// Whether the header is as nearly all are, `NAME:PORT` or `NAME`: that is seen without taking it apart.
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

/// The host and port that a request is for: of its target where that is a whole URL, else of its header.
fn requested(uri: &Uri, headers: &HeaderMap) -> Result<Authority, Refusal> {
    if let Some(authority) = uri.authority() {
        return Ok(authority.clone());
    }
    let mut values = headers.get_all(HOST).iter();
    match (values.next(), values.next()) {
        // Browsers send no user in it, and none is to come into a URL.
        (Some(value), None) => Authority::try_from(value.as_bytes())
            .ok()
            .filter(|authority| !authority.as_str().contains('@'))
            .ok_or_else(|| Refusal::Host("The header Host names no host".into())),
        _ => Err(Refusal::Host("Expected one header Host".into())),
    }
}
