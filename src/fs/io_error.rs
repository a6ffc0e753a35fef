//! Errors of file operations, with the path that they concern.

use std::path::Path;

use crate::storage::StorageError;

/// Returns a function that turns an I/O error into one that names the action and the path.
pub(crate) fn path_error<'a>(
    doing: &'a str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> StorageError + 'a {
    move |error| StorageError::io(format!("{doing} {}", path.display()), error)
}
