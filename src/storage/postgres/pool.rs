//! The connections of a handle, and how each of them begins.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio_postgres::Row;

use super::connect::Connector;
use super::connection::{Connection, Params};
use super::error::has_broken_connection;
use super::planted_fault::PlantedFault;
use super::url::PostgresUrl;
use crate::storage::{Deadline, StorageErrorKind, StorageResult};

/// The maximum number of idle connections.
const MAX_IDLE: usize = 16;

/// The longest wait for a server that is being restarted.
const MAX_PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two attempts to connect.
const CONNECT_INTERVAL: Duration = Duration::from_millis(50);

/// The settings of every connection. A commit is acknowledged after its flush. The server notices
/// within a minute that a client is gone, and releases its locks.
///
/// A connection plans its statements while tables are small or before the server has statistics of
/// them, and keeps these plans. They would read whole tables. Each statement is a lookup by a key or
/// reads everything, so an index in its order is never far from the best, nor is a sort ever better.
/// For the same reason the values of parameters change no plan, and a statement is planned only
/// once. The compilation of expressions takes longer than any of them.
const SESSION: &str = "SET synchronous_commit = on; SET statement_timeout = '10min';
    SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
    SET idle_in_transaction_session_timeout = '10min'; SET client_min_messages = warning;
    SET default_transaction_isolation = 'read committed'; SET bytea_output = 'hex';
    SET enable_seqscan = off; SET random_page_cost = 1; SET plan_cache_mode = force_generic_plan;
    SET jit = off";

/// The connections of a handle.
#[derive(Debug)]
pub(super) struct ConnectionPool {
    pub(super) connector: Arc<Connector>,
    idle: Mutex<Vec<Connection>>,
    patience: Mutex<Duration>,
}

impl ConnectionPool {
    pub(super) fn new(url: PostgresUrl) -> Self {
        Self {
            connector: Arc::new(Connector::new(url)),
            idle: Mutex::default(),
            patience: Mutex::default(),
        }
    }

    /// Returns an idle connection, or a new one. An idle one may be broken.
    pub(super) fn take(&self) -> StorageResult<Connection> {
        match self.idle_connection() {
            Some(connection) => Ok(connection),
            None => self.connect(),
        }
    }

    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.is_closed());
        idle.pop()
    }

    /// Begins work on a connection. If an idle one is broken, the work begins again on another.
    ///
    /// The server may have been restarted since a connection was last used. Nothing of the work may
    /// last if its connection breaks.
    pub(super) fn begin<T>(
        &self,
        begin: impl Fn(&Connection) -> StorageResult<T>,
    ) -> StorageResult<(Connection, T)> {
        loop {
            let idle = self.idle_connection();
            let is_idle = idle.is_some();
            let connection = match idle {
                Some(connection) => connection,
                None => self.connect()?,
            };
            match begin(&connection) {
                Ok(begun) => return Ok((connection, begun)),
                Err(error) if is_idle && has_broken_connection(&error) => {}
                Err(error) => {
                    connection.send("ROLLBACK");
                    self.put_back(connection);
                    return Err(error);
                }
            }
        }
    }

    /// Returns the rows of one statement.
    pub(super) fn rows(
        &self,
        doing: &str,
        sql: &str,
        params: &Params<'_>,
    ) -> StorageResult<Vec<Row>> {
        let (connection, rows) = self.begin(|connection| connection.rows(doing, sql, params))?;
        self.put_back(connection);
        Ok(rows)
    }

    /// Keeps a connection without an open transaction for later calls.
    pub(super) fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE && !connection.is_closed() {
            idle.push(connection);
        }
    }

    /// Sets how long calls wait for a server that is being restarted.
    pub(super) fn set_patience(&self, patience: Duration) {
        let patience = patience.min(MAX_PATIENCE);
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner) = patience;
    }

    /// Opens a connection. While the server is being restarted, the call waits.
    pub(super) fn connect(&self) -> StorageResult<Connection> {
        let patience = *self.patience.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Deadline::after(patience);
        loop {
            match self.try_connect() {
                Err(error)
                    if error.kind() == StorageErrorKind::Busy
                        && !deadline.remaining().is_zero() =>
                {
                    thread::sleep(CONNECT_INTERVAL.min(deadline.remaining()));
                }
                connected => return connected,
            }
        }
    }

    fn try_connect(&self) -> StorageResult<Connection> {
        let connection = Connection::new(self.connector.open_in_background()?);
        let schema = &self.connector.url.schema;
        let begin = format!("{SESSION}; SET search_path = \"{schema}\"");
        connection.batch("setting up a connection", &begin)?;
        if self.connector.url.planted_fault == PlantedFault::AcknowledgesEarly {
            connection.batch("planting a fault", "SET synchronous_commit = off")?;
        }
        Ok(connection)
    }
}
