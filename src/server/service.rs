//! A server: a store on an address.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime;
use tokio::sync::oneshot;

use super::app::App;
use super::error::ServerError;
use super::options;
use super::options::ServerOptions;
use super::signature::Signer;
use super::{keys, listen, routes};
use crate::Store;
use crate::store::secrets::{Secrets, SecretsResult};

/// A store on an address that is bound, but not served yet.
///
/// [`run`](Server::run) and [`start`](Server::start) serve it.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    url: String,
    key: String,
    makes_secrets: bool,
    app: Arc<App>,
    router: axum::Router,
}

impl Server {
    /// Listens on an address; port 0 selects a free port. Connections wait until the server runs.
    ///
    /// # Errors
    ///
    /// [`Listen`](ServerError::Listen) if the address cannot be bound;
    /// [`KeyNeeded`](ServerError::KeyNeeded) if other machines can reach it and no key was given;
    /// [`SecretsWithheld`](ServerError::SecretsWithheld) if no key was given and the store's own
    /// key is not available; [`Option`](ServerError::Option) if an option is malformed;
    /// [`Store`](ServerError::Store) if the store's own key cannot be created or is damaged. After
    /// an error, the address is free again and the store handle is dropped. Secrets that were
    /// created remain in the store.
    pub fn bind(
        store: Store,
        options: &ServerOptions,
        address: impl ToSocketAddrs + fmt::Debug,
    ) -> Result<Self, ServerError> {
        let (listener, address) = listen_on(&address)?;
        let uses_own_key = options.uses_own_key(address)?;
        let kept = store.secrets(|| Secrets {
            key: keys::generate_key(),
            signing: keys::generate_secret(),
        })?;
        let makes_secrets = matches!(kept, SecretsResult::Made(_));
        let (own, signing) = match kept {
            SecretsResult::Found(secrets) | SecretsResult::Made(secrets) => {
                (Ok(secrets.key), secrets.signing)
            }
            // Its URLs work only on this server, and only until it stops.
            SecretsResult::Withheld(source) => (Err(source), keys::generate_secret()),
        };
        let keys = match uses_own_key {
            true => vec![own.map_err(|source| ServerError::SecretsWithheld { source })?],
            false => options.keys.clone(),
        };
        let signer = Signer::new(&signing);
        let app = Arc::new(options::app(store, options, &keys, signer)?);
        let (router, _) = routes::all();
        let router = options::with_state(router, &app, options)?;
        let key = keys.into_iter().next().unwrap_or_default();
        let mut server = Self::new(listener, address, app, router, key);
        server.makes_secrets = makes_secrets;
        Ok(server)
    }

    pub(crate) fn new(
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
            makes_secrets: false,
            app,
            router,
        }
    }

    /// Returns the address, with the port that was selected.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the base URL for clients: `http://127.0.0.1:8585`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the key, or the first of several.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns whether this server created the store's secrets.
    ///
    /// The secrets are the store's own key and the key that signs the URLs of bodies. A store has
    /// none if it is new or was restored from a backup. Keys and URLs of the store that it is a
    /// copy of do not work here.
    #[must_use]
    pub fn makes_secrets(&self) -> bool {
        self.makes_secrets
    }

    /// Serves until `stop` completes, and then until the requests in progress are answered.
    ///
    /// It needs a tokio runtime with time and I/O enabled.
    ///
    /// # Errors
    ///
    /// [`Threads`](ServerError::Threads) if the listening socket cannot be registered with the
    /// runtime. No request has been served then.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        if self.makes_secrets {
            tracing::info!(
                "created new secrets: if this store is a copy, keys and URLs of the original do not work here"
            );
        }
        let listener = self.listener.set_nonblocking(true);
        let listener = listener.and_then(|()| tokio::net::TcpListener::from_std(self.listener));
        let listener = listener.map_err(ServerError::Threads)?;
        listen::serve(listener, self.app, self.router, stop).await;
        Ok(())
    }

    /// Serves on background threads until the returned handle is dropped.
    ///
    /// # Errors
    ///
    /// [`Threads`](ServerError::Threads) if the threads cannot be started. No request has been
    /// served then.
    pub fn start(self) -> Result<ServerHandle, ServerError> {
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
                // A dropped sender also means stop.
                let stop = async { drop(stopped.await) };
                self.run(stop).await
            })
        });
        Ok(ServerHandle {
            url,
            key,
            stop: Some(stop),
            thread: Some(thread.map_err(ServerError::Threads)?),
            process: std::process::id(),
        })
    }
}

/// A server on background threads.
///
/// Dropping this answers the requests in progress and then stops the server.
#[derive(Debug)]
pub struct ServerHandle {
    url: String,
    key: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
    /// The process that the threads belong to.
    process: u32,
}

impl ServerHandle {
    /// Returns the base URL: `http://127.0.0.1:8585`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the key, or the first of several.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        let (stop, thread) = (self.stop.take(), self.thread.take());
        if self.process != std::process::id() {
            // A forked process does not have the threads: stopping them here is impossible, and
            // joining never ends.
            std::mem::forget((stop, thread));
            return;
        }
        drop(stop);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// Listens on the first of the addresses that can be bound.
pub(crate) fn listen_on(
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

/// Returns the address at which clients on this machine reach a listening address.
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
