//! A server: a store on an address.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime;
use tokio::sync::oneshot;

use super::app::App;
use super::error::ServerError;
use super::options::ServerOptions;
use super::signature::Signer;
use super::site::{RoutedApp, Site};
use super::{keys, listen, options, routes};
use crate::maintenance::{Secrets, SecretsResult};
use crate::{Error, Store};

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
    key_is_temporary: bool,
    site: Site,
}

impl Server {
    /// Listens on an address; port 0 selects a free port. Connections wait until the server runs.
    ///
    /// # Errors
    ///
    /// [`Listen`](ServerError::Listen) if the address cannot be bound;
    /// [`KeyNeeded`](ServerError::KeyNeeded) if other machines can reach it and no key was given;
    /// [`SecretsWithheld`](ServerError::SecretsWithheld) if no key was given and this process may
    /// not read the store's own key; [`Option`](ServerError::Option) if an option is malformed;
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
        let secrets = store.secrets(|| Secrets {
            key: keys::generate_key(),
            signing: keys::generate_secret(),
        })?;
        let mut key_is_temporary = false;
        let makes_secrets = matches!(secrets, SecretsResult::Made(_));
        let (own_key, signing) = match secrets {
            SecretsResult::Found(secrets) | SecretsResult::Made(secrets) => {
                (Ok(secrets.key), secrets.signing)
            }
            // A store that is opened read-only has none and gets none, such as a backup. Its key and
            // its URLs work only on this server, and only until it stops.
            SecretsResult::Withheld(Error::ReadOnly) => {
                key_is_temporary = uses_own_key;
                (Ok(keys::generate_key()), keys::generate_secret())
            }
            SecretsResult::Withheld(source) => (Err(source), keys::generate_secret()),
        };
        let keys = if uses_own_key {
            vec![own_key.map_err(|source| ServerError::SecretsWithheld { source })?]
        } else {
            options.keys.clone()
        };
        let signer = Signer::new(&signing);
        let mut app = options::app(store, options, &keys, signer)?;
        app.port = address.port();
        let app = Arc::new(app);
        let (router, _) = routes::of_server();
        let router = options::with_state(router, &app, options)?;
        let key = keys.into_iter().next().unwrap_or_default();
        let site = Site::of(RoutedApp { app, router });
        let mut server = Self::new(listener, address, site, key);
        server.makes_secrets = makes_secrets;
        server.key_is_temporary = key_is_temporary;
        Ok(server)
    }

    pub(crate) fn new(listener: TcpListener, address: SocketAddr, site: Site, key: String) -> Self {
        Self {
            listener,
            address,
            url: reachable_url(&site.main().app, address),
            key,
            makes_secrets: false,
            key_is_temporary: false,
            site,
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

    /// Returns whether the key works only until this server stops.
    ///
    /// That is the case if no key was given, the store was opened read-only, and it has no key of its
    /// own. A backup is such a store.
    #[must_use]
    pub fn key_is_temporary(&self) -> bool {
        self.key_is_temporary
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
        self.register()?.serve(stop).await;
        Ok(())
    }

    /// Registers the listening socket with the runtime that this is called in.
    fn register(self) -> Result<RegisteredServer, ServerError> {
        let listener = self.listener;
        let registered = listener
            .set_nonblocking(true)
            .and_then(|()| tokio::net::TcpListener::from_std(listener));
        Ok(RegisteredServer {
            listener: registered.map_err(ServerError::Threads)?,
            makes_secrets: self.makes_secrets,
            site: self.site,
        })
    }

    /// Serves on background threads until the returned handle is dropped.
    ///
    /// # Errors
    ///
    /// [`Threads`](ServerError::Threads) if the threads cannot be started, or if the listening
    /// socket cannot be registered with them. No request has been served then.
    pub fn start(self) -> Result<ServerHandle, ServerError> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("promptbook-server")
            .enable_all()
            .build()
            .map_err(ServerError::Threads)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (url, key) = (self.url.clone(), self.key.clone());
        // On this thread, because the caller could not see a failure on the other one.
        let server = {
            let _context = runtime.enter();
            self.register()?
        };
        let thread = std::thread::Builder::new()
            .name("promptbook-server".into())
            .spawn(move || {
                // A dropped sender also means stop.
                runtime.block_on(server.serve(async { drop(stopped.await) }));
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

/// A server whose listening socket is registered with a runtime.
struct RegisteredServer {
    listener: tokio::net::TcpListener,
    makes_secrets: bool,
    site: Site,
}

impl RegisteredServer {
    async fn serve(self, stop: impl Future<Output = ()>) {
        if self.makes_secrets {
            tracing::info!(
                "created new secrets: if this store is a copy, keys and URLs of the original do not work here"
            );
        }
        listen::serve(self.listener, Arc::new(self.site), stop).await;
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
    thread: Option<JoinHandle<()>>,
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
    TcpListener::bind(address)
        .and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        })
        .map_err(|source| ServerError::Listen {
            address: format!("{address:?}").replace('"', ""),
            source,
        })
}

/// Returns the URL by which clients reach an app on a listening address.
pub(crate) fn reachable_url(app: &App, address: SocketAddr) -> String {
    let url = app.public_url.clone();
    url.unwrap_or_else(|| format!("http://{}", reachable(address)))
}

/// Returns the address at which clients on this machine reach a listening address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback = match address {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    if address.ip().is_unspecified() {
        SocketAddr::new(loopback, address.port())
    } else {
        address
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_server_whose_socket_cannot_be_registered_does_not_start() {
        let store = Store::in_memory().unwrap();
        let mut server = Server::bind(store, &ServerOptions::new(), "127.0.0.1:0").unwrap();
        // No runtime can wait for a file.
        server.listener = OwnedFd::from(tempfile::tempfile().unwrap()).into();
        assert!(matches!(server.start(), Err(ServerError::Threads(_))));
    }
}
