//! The location of a store: its directory and its index, as absolute paths without links.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::fs::io_error::path_error;
use crate::storage::StorageResult;

/// The name of the index file in a store's directory.
pub(super) const INDEX: &str = "index.db";

/// The name of the index that the last rebase of the history replaced, in the index's directory.
pub(super) const PREVIOUS_INDEX: &str = "index.previous.db";

/// The paths of a store.
///
/// They are resolved only once, so a later change of the working directory or of a link does not
/// lead to another store.
///
/// The index may be a link. Its write-ahead log and the write lock are beside the file that the
/// link leads to, as SQLite's own files are.
#[derive(Clone, Debug)]
pub(super) struct Location {
    directory: PathBuf,
    index: PathBuf,
}

impl Location {
    /// Returns the location of the store in a directory, which need not exist.
    pub(super) fn of(path: &Path) -> StorageResult<Self> {
        let resolved = resolve(path).map_err(path_error("resolving", path))?;
        let index = resolved.join(INDEX);
        // The directory's path contains no links, so mostly there is nothing to resolve.
        let index = match fs::symlink_metadata(&index) {
            Ok(found) if found.is_file() => index,
            _ => resolve(&index).map_err(path_error("resolving", &index))?,
        };
        Ok(Self {
            index,
            directory: resolved,
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn index(&self) -> &Path {
        &self.index
    }

    /// Returns the directory of the store, and that of the index if it is another one.
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        let of_index = self.index.parent();
        let other = of_index.filter(|other| *other != self.directory);
        std::iter::once(&*self.directory).chain(other)
    }
}

/// Returns the absolute path without links.
///
/// If the file does not exist and the path is a link, the result is the path at which the link
/// would create it.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match canonical(path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) => {}
        resolved => return resolved,
    }
    let path = match fs::read_link(path) {
        Ok(target) => path.parent().unwrap_or(Path::new("")).join(target),
        Err(_) => path.to_owned(),
    };
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent != OsStr::new("") && parent.exists() => {
            Ok(canonical(parent)?.join(name))
        }
        _ => std::path::absolute(path),
    }
}

#[cfg(unix)]
fn canonical(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// Returns the absolute path. On these systems links are rare.
///
/// A canonical path has a form there that not every program understands.
#[cfg(not(unix))]
fn canonical(path: &Path) -> io::Result<PathBuf> {
    path.try_exists().and_then(|exists| {
        if exists {
            std::path::absolute(path)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    })
}
