//! Errors of file operations, with the path that they concern.

use std::path::Path;

use crate::storage::StorageError;

pub(crate) fn failed<'a>(
    doing: &'a str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> StorageError + 'a {
    move |error| StorageError::io(format!("{doing} {}", path.display()), error)
}
