//! Translation of an object store's errors to the kinds that a caller can act on.

use object_store::Error;

use crate::storage::{StorageError, StorageErrorKind};

/// Returns an error that says what was being done. The call was repeated as often as is sensible.
pub(super) fn failure(doing: String, error: Error) -> StorageError {
    StorageError::new(kind_of(&error), doing).because(error)
}

/// Returns whether an object is missing, and not its bucket.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && !error.to_string().contains("NoSuchBucket")
}

/// Returns whether the requested part of an object begins beyond its end.
pub(super) fn is_beyond_end(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("InvalidRange") || text.contains("416 Range Not Satisfiable")
}

/// A server that does not answer, or says that it is overloaded, counts as busy: a later attempt
/// may succeed.
fn kind_of(error: &Error) -> StorageErrorKind {
    match error {
        Error::Generic { .. } | Error::JoinError { .. } => StorageErrorKind::Busy,
        _ => StorageErrorKind::Other,
    }
}
