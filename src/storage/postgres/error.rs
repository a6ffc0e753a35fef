//! Translation of Postgres' error codes to the kinds that a caller can act on.

use tokio_postgres::error::SqlState;

use crate::model::invalid_argument::InvalidArgument;
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// Adds to an error what was being done when Postgres failed.
pub(super) trait PostgresContext<T> {
    fn context(self, doing: &str) -> StorageResult<T>;
}

impl<T> PostgresContext<T> for Result<T, tokio_postgres::Error> {
    fn context(self, doing: &str) -> StorageResult<T> {
        self.map_err(|error| {
            let context = format!("postgres: {doing}");
            StorageError::new(kind_of(&error), context).because(error)
        })
    }
}

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

fn kind_of(error: &tokio_postgres::Error) -> StorageErrorKind {
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
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::IO_ERROR => StorageErrorKind::Io,
        _ => StorageErrorKind::Other,
    }
}
