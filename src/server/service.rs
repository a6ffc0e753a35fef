//! A server: a store on an address.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderValue, Method, header};
use tokio::runtime;
use tokio::sync::oneshot;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::app::{App, Limits};
use super::hosts::Hosts;
use super::keys::{self, Keys};
use super::refusal::Status;
use super::signature::Signer;
use super::{listen, routes};
use crate::Store;

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is in use, or not this machine's.
    #[error("{address} can't be listened on")]
    Listen {
        /// The address as asked for.
        address: String,
        /// What the system answered.
        source: io::Error,
    },
    /// Other machines can reach the address, so its keys must be given on purpose.
    #[error("{address} can be reached by other machines, so a key must be given for it")]
    KeyNeeded {
        /// The address.
        address: SocketAddr,
    },
    /// An option is malformed.
    #[error("{option} {value:?}: {reason}")]
    Option {
        /// Which.
        option: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The threads of the server could not be started.
    #[error("the server's threads can't be started")]
    Threads(#[source] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::Error),
}

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

    /// Lets in who has this key; may be given several times. Without any, a key is made and kept in the store.
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

    /// What clients can use of the server.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// A store on an address: bound, and not served before it [runs](Server::run) or is [started](Server::start).
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    url: String,
    key: String,
    app: Arc<App>,
    router: axum::Router,
}

impl Server {
    /// Listens on an address; port 0 is any free one. Connections wait until the server runs.
    ///
    /// # Errors
    ///
    /// [`Listen`](ServerError::Listen) where the address can't be had; [`KeyNeeded`](ServerError::KeyNeeded) where other
    /// machines reach it and no key was given; [`Option`](ServerError::Option) for an option that is malformed;
    /// [`Store`](ServerError::Store) where the store's own keys can't be read or made.
    pub fn bind(
        store: Store,
        options: &ServerOptions,
        address: impl ToSocketAddrs + fmt::Debug,
    ) -> Result<Self, ServerError> {
        let (listener, address) = listen_on(&address)?;
        if options.keys.is_empty() && !address.ip().is_loopback() {
            return Err(ServerError::KeyNeeded { address });
        }
        let signer = Signer::new(&store.secret("server.signing", keys::secret)?);
        let keys = match options.keys.is_empty() {
            true => vec![store.secret("server.key", keys::draw)?],
            false => options.keys.clone(),
        };
        let app = Arc::new(app(store, options, &keys, signer)?);
        let (router, _) = routes::all();
        let router = wired(router, &app, options)?;
        let key = keys.into_iter().next().unwrap_or_default();
        Ok(Self::new(listener, address, app, router, key))
    }

    pub(super) fn new(
        listener: TcpListener,
        address: SocketAddr,
        app: Arc<App>,
        router: axum::Router,
        key: String,
    ) -> Self {
        let url = app.public_url.clone();
        Self {
            listener,
            address,
            url: url.unwrap_or_else(|| format!("http://{}", reachable(address))),
            key,
            app,
            router,
        }
    }

    /// The address, with the port that was free.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients are given as the base URL: `http://127.0.0.1:8585`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key, or the first of several.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Serves until `stop` is done, and then until the requests under way are answered. Needs a tokio runtime with time
    /// and I/O.
    ///
    /// # Errors
    ///
    /// Where the listening socket can't be given to the runtime.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let listener = self.listener.set_nonblocking(true);
        let listener = listener.and_then(|()| tokio::net::TcpListener::from_std(self.listener));
        let listener = listener.map_err(ServerError::Threads)?;
        listen::serve(listener, self.app, self.router, stop).await;
        Ok(())
    }

    /// Serves on threads of its own, until the answer is dropped.
    ///
    /// # Errors
    ///
    /// [`Threads`](ServerError::Threads).
    pub fn start(self) -> Result<Running, ServerError> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("promptbook-server")
            .enable_all()
            .build()
            .map_err(ServerError::Threads)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (url, key) = (self.url.clone(), self.key.clone());
        let thread = std::thread::Builder::new().name("promptbook-server".into());
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                // That it is dropped says stop as well.
                let stop = async { drop(stopped.await) };
                self.run(stop).await
            })
        });
        Ok(Running {
            url,
            key,
            stop: Some(stop),
            thread: Some(thread.map_err(ServerError::Threads)?),
        })
    }
}

/// A server on threads of its own. It stops when this is dropped; requests under way are answered first.
#[derive(Debug)]
pub struct Running {
    url: String,
    key: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
}

impl Running {
    /// The base URL: `http://127.0.0.1:8585`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key, or the first of several.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Listens on the first of the addresses that can be had.
pub(super) fn listen_on(
    address: &(impl ToSocketAddrs + fmt::Debug),
) -> Result<(TcpListener, SocketAddr), ServerError> {
    let listener = TcpListener::bind(address);
    listener
        .and_then(|listener| Ok((listener.local_addr()?, listener)))
        .map(|(address, listener)| (listener, address))
        .map_err(|source| ServerError::Listen {
            address: format!("{address:?}").replace('"', ""),
            source,
        })
}

/// The address that clients on this machine reach a listening one by.
fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback = match address {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    match address.ip().is_unspecified() {
        true => SocketAddr::new(loopback, address.port()),
        false => address,
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
    let mut hosts = options.hosts.clone();
    let is_name = |host: &&String| {
        let parsed = host.parse::<Authority>();
        parsed.is_ok_and(|authority| authority.host() == host.as_str())
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
            http && uri.path() == "/" && uri.query().is_none()
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
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]))
}
