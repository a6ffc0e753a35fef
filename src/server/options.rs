//! Options of a server, and the shared state that they produce.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::api_error::StatusMode;
use super::app::{App, Limits};
use super::error::ServerError;
use super::gateway::GatewayGeneration;
use super::hosts::Hosts;
use super::keys::{ApiKeys, HELICONE_AUTH};
use super::signature::Signer;
use super::upstream::{Upstream, UpstreamOptions};
use crate::Store;

/// Options of a server.
///
/// The bump policy is the store's. Open the store with [`Policy::Free`](crate::BumpPolicy::Free) to let
/// callers choose between major and minor versions, as the live service does.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ServerOptions {
    pub(super) status: StatusMode,
    pub(super) keys: Vec<String>,
    pub(super) hosts: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) headers: Vec<String>,
    pub(super) public_url: Option<String>,
    pub(super) limits: Limits,
    pub(super) gateway: GatewayGeneration,
    pub(super) upstream: Option<UpstreamOptions>,
    pub(super) records_inputs: bool,
}

impl ServerOptions {
    /// Returns the default options.
    ///
    /// They are plain statuses, a key that is kept in the store, no host name except `localhost`,
    /// and no allowed origins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets which statuses report errors.
    pub fn status(mut self, status: StatusMode) -> Self {
        self.status = status;
        self
    }

    /// Accepts requests that carry this key; can be called several times.
    ///
    /// If no key is given, the server creates one and keeps it in the file `secrets` in the store's
    /// directory, which only its owner can read.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Also answers requests for this host name. IP addresses and `localhost` are always answered.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// Lets pages of this origin (`https://app.example`) read responses.
    ///
    /// Otherwise browsers forbid it.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Lets pages of the allowed origins send this header; can be called several times.
    ///
    /// The headers that the API reads are allowed without it. An example is `traceparent`, which
    /// tracing in a page adds to its requests.
    pub fn allow_header(mut self, name: impl Into<String>) -> Self {
        self.headers.push(name.into());
        self
    }

    /// Sets the URL by which clients know the server, such as `https://prompts.example`.
    ///
    /// It is needed behind a proxy. The URLs of bodies begin with it, and requests for its host are
    /// answered. By default, URLs begin with the host that the request was for.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Forwards requests for models to this OpenAI-compatible server, with stored prompts merged in.
    ///
    /// It is the base URL that OpenAI's clients take, such as `http://127.0.0.1:11434/v1`; a URL
    /// without a path gets `/v1`. Only this server is called, and redirects are not followed. Without
    /// an upstream, such requests are answered with 501.
    pub fn upstream(mut self, url: impl Into<String>) -> Self {
        let key = self.upstream.and_then(|upstream| upstream.key);
        let url = url.into();
        self.upstream = Some(UpstreamOptions { url, key });
        self
    }

    /// Sets the key for the [`upstream`](Self::upstream), which must be set before it.
    ///
    /// The key is sent to the upstream only. The upstream never gets the keys of clients.
    pub fn upstream_key(mut self, key: impl Into<String>) -> Self {
        if let Some(upstream) = &mut self.upstream {
            upstream.key = Some(key.into());
        }
        self
    }

    /// Sets the generation of Helicone's AI Gateway whose behavior the server has.
    pub fn gateway(mut self, generation: GatewayGeneration) -> Self {
        self.gateway = generation;
        self
    }

    /// Records the inputs of requests for models in the store, as the live service does.
    ///
    /// `GET /v1/prompt-2025/id/{promptId}/{versionId}/inputs` returns them by the id in the answer's
    /// header `helicone-id`. Each request is then a write to the store, which grows with the inputs.
    pub fn record_inputs(mut self, records: bool) -> Self {
        self.records_inputs = records;
        self
    }

    /// Returns whether the server uses its own key, because none was given.
    ///
    /// That is allowed only on an address that only this machine can reach; otherwise this fails
    /// with [`KeyNeeded`](ServerError::KeyNeeded).
    pub(super) fn uses_own_key(&self, address: SocketAddr) -> Result<bool, ServerError> {
        match (self.keys.is_empty(), address.ip().is_loopback()) {
            (true, false) => Err(ServerError::KeyNeeded { address }),
            (is_empty, _) => Ok(is_empty),
        }
    }

    /// Sets the limits on what clients can use of the server.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Creates the state that all requests of a server share.
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
    // The value is secret and must not appear in a log.
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
        let host = parsed.as_ref().and_then(Uri::host).ok_or_else(|| {
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
        ApiKeys::new(keys),
        Hosts::new(hosts.iter().map(String::as_str)),
        signer,
    );
    app.public_url = public_url;
    app.gateway.generation = options.gateway;
    if let Some(upstream) = &options.upstream {
        app.gateway.model = Some(Arc::new(Upstream::new(upstream)?));
    }
    app.gateway.records_inputs = options.records_inputs;
    Ok(app)
}

/// Attaches the shared state to the routes, and lets the allowed origins read responses.
pub(super) fn with_state(
    router: axum::Router<Arc<App>>,
    app: &Arc<App>,
    options: &ServerOptions,
) -> Result<axum::Router, ServerError> {
    let router = if options.origins.is_empty() {
        if let Some(header) = options.headers.first() {
            return Err(ServerError::Option {
                option: "header",
                value: header.clone(),
                reason: "no origin is allowed, so no page can send it".into(),
            });
        }
        router
    } else {
        router.layer(cross_origin(options)?)
    };
    Ok(router.with_state(Arc::clone(app)))
}

/// The headers of responses that pages of the allowed origins can read.
const EXPOSED_HEADERS: [HeaderName; 6] = [
    header::ETAG,
    HeaderName::from_static("helicone-id"),
    HeaderName::from_static("promptbook-prompt"),
    HeaderName::from_static("promptbook-version"),
    HeaderName::from_static("promptbook-number"),
    HeaderName::from_static("promptbook-environment"),
];

fn cross_origin(options: &ServerOptions) -> Result<CorsLayer, ServerError> {
    let origins = options.origins.iter().map(|origin| {
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
    let more = options.headers.iter().map(|name| {
        name.parse::<HeaderName>().map_err(|_| ServerError::Option {
            option: "header",
            value: name.clone(),
            reason: "expected the name of a header such as traceparent".into(),
        })
    });
    let mut headers = vec![
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_NONE_MATCH,
        HELICONE_AUTH,
    ];
    headers.extend(more.collect::<Result<Vec<_>, _>>()?);
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
            // Only the fake's control routes use it.
            Method::PUT,
        ])
        .allow_headers(headers)
        .expose_headers(EXPOSED_HEADERS))
}
