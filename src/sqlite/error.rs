//! SQLite's error codes as the kinds that a caller can act on.

use rusqlite::ErrorCode;

use crate::backend::{Error, ErrorKind};
use crate::invalid::Invalid;

pub(super) type Result<T> = crate::backend::Result<T>;

/// Says what was being done when SQLite failed.
pub(super) trait Context<T> {
    fn context(self, doing: &str) -> Result<T>;
}

impl<T> Context<T> for rusqlite::Result<T> {
    fn context(self, doing: &str) -> Result<T> {
        self.map_err(|error| {
            let kind = kind_of(&error);
            Error::new(kind, format!("index: {doing}")).because(error)
        })
    }
}

/// What is stored as text and does not parse was not written by this crate.
impl<T> Context<T> for std::result::Result<T, Invalid> {
    fn context(self, doing: &str) -> Result<T> {
        self.map_err(|error| corrupt(doing, error))
    }
}

impl<T> Context<T> for serde_json::Result<T> {
    fn context(self, doing: &str) -> Result<T> {
        self.map_err(|error| corrupt(doing, error))
    }
}

fn corrupt(doing: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Corrupt, format!("index: {doing}")).because(source)
}

fn kind_of(error: &rusqlite::Error) -> ErrorKind {
    match error.sqlite_error_code() {
        // No statement names a table or a column that a release does not make.
        Some(ErrorCode::Unknown) if error.to_string().contains("no such ") => ErrorKind::Corrupt,
        Some(ErrorCode::DiskFull) => ErrorKind::Full,
        Some(ErrorCode::ReadOnly) => ErrorKind::ReadOnly,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Busy,
        Some(
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation,
        ) => ErrorKind::Corrupt,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            ErrorKind::Io
        }
        Some(_) => ErrorKind::Other,
        // A column of another type, or none where one must be.
        None => ErrorKind::Corrupt,
    }
}
