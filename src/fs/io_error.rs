//! Errors of file operations, with the path that they concern.

use std::path::Path;

use crate::storage::Error;

pub(crate) fn failed<'a>(
    doing: &'a str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |error| Error::io(format!("{doing} {}", path.display()), error)
}
