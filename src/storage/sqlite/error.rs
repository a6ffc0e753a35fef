//! Translation of SQLite's error codes to the kinds that a caller can act on.

use rusqlite::ErrorCode;

use crate::model::invalid_argument::InvalidArgument;
use crate::storage::{StorageError, StorageErrorKind};

pub(super) type SqliteResult<T> = crate::storage::StorageResult<T>;

/// Adds to an error what was being done when SQLite failed.
pub(super) trait SqliteContext<T> {
    fn context(self, doing: &str) -> SqliteResult<T>;
}

/// Returns the error for a `COMMIT` that certainly did not take effect.
pub(super) fn not_committed(error: rusqlite::Error) -> StorageError {
    StorageError::new(kind_of(&error), "the commit was not made").because(error)
}

impl<T> SqliteContext<T> for rusqlite::Result<T> {
    fn context(self, doing: &str) -> SqliteResult<T> {
        self.map_err(|error| {
            let kind = kind_of(&error);
            StorageError::new(kind, format!("index: {doing}")).because(error)
        })
    }
}

/// Stored text that does not parse was not written by this crate.
impl<T> SqliteContext<T> for std::result::Result<T, InvalidArgument> {
    fn context(self, doing: &str) -> SqliteResult<T> {
        self.map_err(|error| corrupt(doing, error))
    }
}

impl<T> SqliteContext<T> for serde_json::Result<T> {
    fn context(self, doing: &str) -> SqliteResult<T> {
        self.map_err(|error| corrupt(doing, error))
    }
}

fn corrupt(doing: &str, source: impl std::error::Error + Send + Sync + 'static) -> StorageError {
    StorageError::new(StorageErrorKind::Corrupt, format!("index: {doing}")).because(source)
}

/// Checks whether a failed `COMMIT` may still take effect.
///
/// The log may contain the commit, and then it takes effect when the log is read again.
pub(super) fn may_be_committed(error: &rusqlite::Error) -> bool {
    is_shm_size(error) || kind_of(error) == StorageErrorKind::Io
}

/// Checks whether `-shm` could not be enlarged.
///
/// The disk is full then, although SQLite reports an I/O error.
fn is_shm_size(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

fn kind_of(error: &rusqlite::Error) -> StorageErrorKind {
    if is_shm_size(error) {
        return StorageErrorKind::Full;
    }
    match error.sqlite_error_code() {
        // Every table and column in a statement is one that a release creates.
        Some(ErrorCode::Unknown) if error.to_string().contains("no such ") => {
            StorageErrorKind::Corrupt
        }
        Some(ErrorCode::DiskFull) => StorageErrorKind::Full,
        Some(ErrorCode::ReadOnly) => StorageErrorKind::ReadOnly,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StorageErrorKind::Busy,
        Some(
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation,
        ) => StorageErrorKind::Corrupt,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StorageErrorKind::Io
        }
        Some(_) => StorageErrorKind::Other,
        // A column of an unexpected type, or NULL in a column that must have a value.
        None => StorageErrorKind::Corrupt,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn a_full_disk_is_named() {
        let error = not_committed(failure(ffi::SQLITE_FULL));
        let text = "no space left on the device: the commit was not made";
        assert_eq!(error.to_string(), text);
        assert_eq!(crate::Error::from(error).to_string(), text);
        let busy = Err::<(), _>(failure(ffi::SQLITE_BUSY)).context("counting prompts");
        assert_eq!(
            busy.unwrap_err().to_string(),
            "index: counting prompts: Error code 5: database is locked"
        );
    }

    #[test]
    fn no_room_for_the_shared_memory_is_a_full_disk() {
        for (code, kind, unknown) in [
            (ffi::SQLITE_FULL, StorageErrorKind::Full, false),
            // The log may already contain the commit.
            (ffi::SQLITE_IOERR_SHMSIZE, StorageErrorKind::Full, true),
            (ffi::SQLITE_IOERR_SHMMAP, StorageErrorKind::Io, true),
            (ffi::SQLITE_IOERR_WRITE, StorageErrorKind::Io, true),
            (ffi::SQLITE_BUSY, StorageErrorKind::Busy, false),
        ] {
            assert_eq!(kind_of(&failure(code)), kind, "{code}");
            assert_eq!(may_be_committed(&failure(code)), unknown, "{code}");
        }
    }
}
