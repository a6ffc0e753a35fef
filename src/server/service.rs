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
use crate::store::secrets::{Kept, Secrets};

/// A store on an address: bound, and not served before it [runs](Server::run) or is [started](Server::start).
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
    /// Listens on an address; port 0 is any free one. Connections wait until the server runs.
    ///
    /// # Errors
    ///
    /// [`Listen`](ServerError::Listen) where the address can't be had; [`KeyNeeded`](ServerError::KeyNeeded) where other
    /// machines reach it and no key was given; [`SecretsWithheld`](ServerError::SecretsWithheld) if no key was given and the
    /// store's own can't be had; [`Option`](ServerError::Option) for an option that is malformed;
    /// [`Store`](ServerError::Store) if the store's own key can't be made, or is damaged.
    pub fn bind(
        store: Store,
        options: &ServerOptions,
        address: impl ToSocketAddrs + fmt::Debug,
    ) -> Result<Self, ServerError> {
        let (listener, address) = listen_on(&address)?;
        let uses_own_key = options.uses_own_key(address)?;
        let kept = store.secrets(|| Secrets {
            key: keys::draw(),
            signing: keys::secret(),
        })?;
        let makes_secrets = matches!(kept, Kept::Made(_));
        let (own, signing) = match kept {
            Kept::Found(secrets) | Kept::Made(secrets) => (Ok(secrets.key), secrets.signing),
            // Its URLs are good for this server, and until it ends.
            Kept::Withheld(source) => (Err(source), keys::secret()),
        };
        let keys = match uses_own_key {
            true => vec![own.map_err(|source| ServerError::SecretsWithheld { source })?],
            false => options.keys.clone(),
        };
        let signer = Signer::new(&signing);
        let app = Arc::new(options::app(store, options, &keys, signer)?);
        let (router, _) = routes::all();
        let router = options::wired(router, &app, options)?;
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

    /// Whether the store had no secrets, as if it is new or made of a backup: then its key, and what signs the URLs of
    /// bodies, were made by this server. Earlier ones of a store that it is a copy of don't work here.
    #[must_use]
    pub fn makes_secrets(&self) -> bool {
        self.makes_secrets
    }

    /// Serves until `stop` is done, and then until the requests under way are answered. Needs a tokio runtime with time
    /// and I/O.
    ///
    /// # Errors
    ///
    /// Where the listening socket can't be given to the runtime.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        if self.makes_secrets {
            tracing::info!(
                "new secrets were made: keys and URLs of an earlier copy of this store don't work here"
            );
        }
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
            process: std::process::id(),
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
    /// Whose threads they are.
    process: u32,
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
        let (stop, thread) = (self.stop.take(), self.thread.take());
        if self.process != std::process::id() {
            // A fork does not have the threads: they can't be stopped here, and would never end.
            std::mem::forget((stop, thread));
            return;
        }
        drop(stop);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// Listens on the first of the addresses that can be had.
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
