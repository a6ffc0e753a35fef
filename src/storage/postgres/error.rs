//! Translation of Postgres' error codes to the kinds that a caller can act on.

use std::io;

use tokio_postgres::error::SqlState;

use crate::model::invalid_argument::InvalidArgument;
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// Adds to an error what was being done when Postgres failed.
pub(super) trait PostgresContext<T> {
    fn context(self, doing: &str) -> StorageResult<T>;
}

impl<T> PostgresContext<T> for Result<T, tokio_postgres::Error> {
    fn context(self, doing: &str) -> StorageResult<T> {
        self.map_err(|error| failed(error, doing))
    }
}

/// Returns an error that says what was being done when Postgres failed.
pub(super) fn failed(error: tokio_postgres::Error, doing: &str) -> StorageError {
    if error.code() == Some(&WRONG_COUNT) {
        return corrupt(&format!("{doing}: another number of rows changed"));
    }
    let context = format!("postgres: {doing}");
    StorageError::new(kind_of(&error), context).because(error)
}

/// The error by which a [guarded](super::transaction) write fails.
const WRONG_COUNT: SqlState = SqlState::DIVISION_BY_ZERO;

/// Stored text that does not parse was not written by this crate.
impl<T> PostgresContext<T> for Result<T, InvalidArgument> {
    fn context(self, doing: &str) -> StorageResult<T> {
        self.map_err(|error| corrupt(doing).because(error))
    }
}

impl<T> PostgresContext<T> for serde_json::Result<T> {
    fn context(self, doing: &str) -> StorageResult<T> {
        self.map_err(|error| corrupt(doing).because(error))
    }
}

/// Returns an error for stored data that contradicts itself.
pub(super) fn corrupt(doing: &str) -> StorageError {
    StorageError::new(StorageErrorKind::Corrupt, format!("postgres: {doing}"))
}

/// Returns whether a failure ended the connection, so that its statement has no answer.
pub(super) fn is_broken(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else {
        // Not an answer of the server.
        return true;
    };
    matches!(
        *state,
        SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::DATABASE_DROPPED
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
    )
}

/// Returns whether a failure of the backend is one that ended the connection.
pub(super) fn has_broken_connection(error: &StorageError) -> bool {
    let source = std::error::Error::source(error);
    source
        .and_then(|source| source.downcast_ref())
        .is_some_and(is_broken)
}

fn kind_of(error: &tokio_postgres::Error) -> StorageErrorKind {
    if error.code().is_none() {
        let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
        return match cause.map(io::Error::kind) {
            // A wrong host or certificate does not become right.
            Some(
                io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::NotFound
                | io::ErrorKind::TimedOut,
            ) => StorageErrorKind::Busy,
            None if error.is_closed() => StorageErrorKind::Busy,
            _ => StorageErrorKind::Io,
        };
    }
    if is_broken(error) {
        // The server is being restarted, mostly.
        return StorageErrorKind::Busy;
    }
    let Some(state) = error.code() else {
        return StorageErrorKind::Io;
    };
    match *state {
        SqlState::LOCK_NOT_AVAILABLE
        | SqlState::QUERY_CANCELED
        | SqlState::TOO_MANY_CONNECTIONS => StorageErrorKind::Busy,
        SqlState::DISK_FULL => StorageErrorKind::Full,
        SqlState::READ_ONLY_SQL_TRANSACTION => StorageErrorKind::ReadOnly,
        SqlState::UNIQUE_VIOLATION
        | SqlState::FOREIGN_KEY_VIOLATION
        | SqlState::CHECK_VIOLATION
        | SqlState::NOT_NULL_VIOLATION
        | SqlState::DATA_CORRUPTED
        | SqlState::INDEX_CORRUPTED => StorageErrorKind::Corrupt,
        SqlState::IO_ERROR => StorageErrorKind::Io,
        _ => StorageErrorKind::Other,
    }
}
