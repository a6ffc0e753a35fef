//! How a store is served, and what becomes of it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::api_error::Status;
use super::app::{App, Limits};
use super::error::ServerError;
use super::hosts::Hosts;
use super::keys::Keys;
use super::signature::Signer;
use crate::Store;

/// How a store is served.
///
/// The bump rules are the store's: open it with [`Policy::Free`](crate::Policy::Free) to let callers choose between major
/// and minor, as the live service does.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ServerOptions {
    pub(super) status: Status,
    pub(super) keys: Vec<String>,
    pub(super) hosts: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) public_url: Option<String>,
    pub(super) limits: Limits,
}

impl ServerOptions {
    /// Plain statuses, a key kept in the store, no other names than `localhost`, no other origins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which statuses tell of what is wrong.
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Lets in who has this key; may be given several times. Without any, a key is made and kept in the store's directory, in
    /// the file `secrets` that only its owner can read.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Answers also to requests for this host name. Addresses and `localhost` are answered anyway.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// Lets pages of this origin (`https://app.example`) read the answers, which browsers forbid them otherwise.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// The URL that clients know the server by (`https://prompts.example`), where something stands in front of it. URLs
    /// of bodies begin with it, and its host is answered. The default is what each request is for.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Whether a key of the server's own lets in: none was given, and only this machine reaches the address.
    pub(super) fn uses_own_key(&self, address: SocketAddr) -> Result<bool, ServerError> {
        match (self.keys.is_empty(), address.ip().is_loopback()) {
            (true, false) => Err(ServerError::KeyNeeded { address }),
            (is_empty, _) => Ok(is_empty),
        }
    }

    /// What clients can use of the server.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// What all requests of a server share.
pub(super) fn app(
    store: Store,
    options: &ServerOptions,
    keys: &[String],
    signer: Signer,
) -> Result<App, ServerError> {
    let malformed = |option, value: &str, reason: &str| ServerError::Option {
        option,
        value: value.into(),
        reason: reason.into(),
    };
    // The value itself is not for a log.
    if keys.iter().any(|key| key.trim().is_empty()) {
        return Err(malformed("key", "", "it is empty"));
    }
    let sent = |key: &String| key.trim() == key && HeaderValue::from_bytes(key.as_bytes()).is_ok();
    if !keys.iter().all(sent) {
        let reason = "it has white space around it, or a character that no header can have";
        return Err(malformed("key", "", reason));
    }
    let mut hosts = options.hosts.clone();
    let is_name = |host: &&String| {
        let parsed = host.parse::<Authority>();
        let of_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        parsed.is_ok_and(|authority| authority.host() == host.as_str()) && host.chars().all(of_name)
    };
    if let Some(host) = hosts.iter().find(|host| !is_name(host)) {
        return Err(malformed(
            "host",
            host,
            "expected a name such as prompts.example",
        ));
    }
    let mut public_url = None;
    if let Some(url) = &options.public_url {
        let parsed = url.parse::<Uri>().ok().filter(|uri| {
            let http = matches!(uri.scheme_str(), Some("http" | "https"));
            http && uri.path() == "/" && uri.query().is_none() && !url.contains(['#', '@'])
        });
        let host = parsed.as_ref().and_then(Uri::host);
        let host = host.ok_or_else(|| {
            malformed(
                "public URL",
                url,
                "expected a URL such as https://prompts.example",
            )
        })?;
        hosts.push(host.into());
        public_url = Some(url.trim_end_matches('/').to_owned());
    }
    let mut app = App::new(
        store,
        options.status,
        options.limits.clone(),
        Keys::new(keys),
        Hosts::new(hosts.iter().map(String::as_str)),
        signer,
    );
    app.public_url = public_url;
    Ok(app)
}

/// Gives the routes what they share, and lets browsers read the answers from the origins that may.
pub(super) fn wired(
    router: axum::Router<Arc<App>>,
    app: &Arc<App>,
    options: &ServerOptions,
) -> Result<axum::Router, ServerError> {
    let router = match options.origins.is_empty() {
        true => router,
        false => router.layer(cross_origin(&options.origins)?),
    };
    Ok(router.with_state(Arc::clone(app)))
}

fn cross_origin(origins: &[String]) -> Result<CorsLayer, ServerError> {
    let origins = origins.iter().map(|origin| {
        let value = origin.parse::<HeaderValue>().ok();
        let parsed = origin
            .parse::<Uri>()
            .ok()
            .filter(|uri| uri.scheme().is_some() && uri.path() == "/" && !origin.ends_with('/'));
        value
            .filter(|_| parsed.is_some())
            .ok_or_else(|| ServerError::Option {
                option: "origin",
                value: origin.clone(),
                reason: "expected an origin such as https://app.example".into(),
            })
    });
    let origins = origins.collect::<Result<Vec<_>, _>>()?;
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
            // Only a fake's control surface has it.
            Method::PUT,
        ])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
        ])
        .expose_headers([header::ETAG]))
}
