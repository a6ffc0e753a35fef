//! The connections of a handle, and how each of them begins.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::Connection;
use super::error::PostgresContext;
use super::runtime;
use super::url::{CONNECT_TIMEOUT, PostgresUrl};
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// The maximum number of idle connections.
const MAX_IDLE: usize = 16;

/// The settings of every connection. A commit is acknowledged after its flush.
const SESSION: &str = "SET synchronous_commit = on; SET statement_timeout = '10min';
    SET idle_in_transaction_session_timeout = '10min'; SET client_min_messages = warning;
    SET default_transaction_isolation = 'read committed'; SET bytea_output = 'hex'";

/// The connections of a handle.
#[derive(Debug)]
pub(super) struct ConnectionPool {
    url: PostgresUrl,
    idle: Mutex<Vec<Connection>>,
}

impl ConnectionPool {
    pub(super) fn new(url: PostgresUrl) -> Self {
        Self {
            url,
            idle: Mutex::default(),
        }
    }

    /// Returns an idle connection, or a new one.
    pub(super) fn take(&self) -> StorageResult<Connection> {
        loop {
            let idle = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            match idle {
                Some(connection) if connection.is_closed() => {}
                Some(connection) => return Ok(connection),
                None => return self.connect(),
            }
        }
    }

    /// Keeps a connection without an open transaction for later calls.
    pub(super) fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE && !connection.is_closed() {
            idle.push(connection);
        }
    }

    /// Opens a connection.
    pub(super) fn connect(&self) -> StorageResult<Connection> {
        let connection = Connection::new(open(&self.url)?);
        let schema = &self.url.schema;
        let begin = format!("{SESSION}; SET search_path = \"{schema}\"");
        connection.batch("setting up a connection", &begin)?;
        Ok(connection)
    }
}

fn open(url: &PostgresUrl) -> StorageResult<Client> {
    let config = url.config.clone();
    let doing = format!("connecting to {url}");
    let needs_tls = config.get_ssl_mode() != tokio_postgres::config::SslMode::Disable;
    // A Unix socket is never encrypted.
    let has_tcp = config
        .get_hosts()
        .iter()
        .any(|host| matches!(host, tokio_postgres::config::Host::Tcp(_)));
    let tls = if needs_tls && has_tcp {
        Some(tls()?)
    } else {
        None
    };
    let connect = async move {
        if let Some(tls) = tls {
            let (client, connection) = config.connect(tls).await?;
            tokio::spawn(connection);
            Ok(client)
        } else {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        }
    };
    runtime::run(&doing, CONNECT_TIMEOUT * 2, connect)?.context(&doing)
}

/// Returns TLS that verifies the server by the system's certificates.
fn tls() -> StorageResult<MakeRustlsConnect> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            StorageError::new(StorageErrorKind::Other, "postgres: setting up TLS").because(error)
        })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
