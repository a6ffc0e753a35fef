//! Opening of connections, encrypted and verified as the URL says.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::PostgresContext;
use super::runtime;
use super::url::{CONNECT_TIMEOUT, PostgresUrl};
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// What a connection receives besides answers. Polling it drives the connection.
pub(super) struct Messages(Box<dyn PollMessages>);

trait PollMessages: Send {
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>>;
}

impl<S, T> PollMessages for tokio_postgres::Connection<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    T: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>> {
        self.poll_message(context)
    }
}

impl Messages {
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>> {
        self.0.poll_next(context)
    }
}

impl Future for Messages {
    type Output = ();

    /// Drives the connection until it ends. Notices of the server are dropped.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.poll_next(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Opens the connections to the server of a URL.
pub(super) struct Connector {
    pub(super) url: PostgresUrl,
    /// Loading the certificates takes longer than a connection does.
    tls: OnceLock<MakeRustlsConnect>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Connector {
    pub(super) fn new(url: PostgresUrl) -> Self {
        Self {
            url,
            tls: OnceLock::new(),
        }
    }

    /// Opens a connection that the background thread drives, and waits until it is open.
    pub(super) fn open_in_background(self: &Arc<Self>) -> StorageResult<Client> {
        let doing = format!("connecting to {}", self.url);
        let tls = self.tls()?;
        let this = Arc::clone(self);
        let connect = async move {
            let (client, messages) = this.open(tls).await?;
            tokio::spawn(messages);
            Ok::<_, tokio_postgres::Error>(client)
        };
        runtime::run(&doing, CONNECT_TIMEOUT * 2, connect)?.context(&doing)
    }

    /// Opens a connection. The caller must poll the messages.
    pub(super) async fn open(
        &self,
        tls: Option<MakeRustlsConnect>,
    ) -> Result<(Client, Messages), tokio_postgres::Error> {
        let config = &self.url.config;
        if let Some(tls) = tls {
            let (client, connection) = config.connect(tls).await?;
            Ok((client, Messages(Box::new(connection))))
        } else {
            let (client, connection) = config.connect(NoTls).await?;
            Ok((client, Messages(Box::new(connection))))
        }
    }

    /// Returns what verifies the server, unless connections are not encrypted.
    pub(super) fn tls(&self) -> StorageResult<Option<MakeRustlsConnect>> {
        let config = &self.url.config;
        // A Unix socket is never encrypted.
        let is_tcp = |host: &Host| matches!(host, Host::Tcp(_));
        let has_tcp = config.get_hosts().iter().any(is_tcp);
        if config.get_ssl_mode() == SslMode::Disable || !has_tcp {
            return Ok(None);
        }
        if let Some(tls) = self.tls.get() {
            return Ok(Some(tls.clone()));
        }
        let tls = MakeRustlsConnect::new(verifying(self.url.root_certificates.as_deref())?);
        Ok(Some(self.tls.get_or_init(|| tls).clone()))
    }
}

/// Returns TLS that verifies the server by the certificates in a file, or else by the system's.
pub(super) fn verifying(file: Option<&Path>) -> StorageResult<ClientConfig> {
    let failed = |reason: String| StorageError::new(StorageErrorKind::Other, reason);
    let mut roots = RootCertStore::empty();
    let found = match file {
        Some(file) => rustls_native_certs::load_certs_from_paths(Some(file), None),
        None => rustls_native_certs::load_native_certs(),
    };
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if let Some(file) = file.filter(|_| added == 0) {
        let file = file.display();
        let error = failed(format!(
            "postgres: sslrootcert: {file} contains no certificate"
        ));
        return Err(match found.errors.into_iter().next() {
            Some(cause) => error.because(cause),
            None => error,
        });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed("postgres: setting up TLS".into()).because(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
