//! Identity of files and directories, which distinguishes one from another at its path.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fs::io_error::path_error;
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// A directory that must not be replaced while a store in it is open.
///
/// Another process may move it away and put another directory in its place. The open index would
/// move along, but files that are written by name would not.
#[derive(Clone, Debug)]
pub(crate) struct DirectoryIdentity {
    path: PathBuf,
    was: Option<(u64, u64)>,
}

impl DirectoryIdentity {
    pub(crate) fn of(path: &Path) -> StorageResult<Self> {
        let found = fs::metadata(path).map_err(path_error("inspecting", path))?;
        let was = identity(&found);
        let path = path.to_owned();
        Ok(Self { path, was })
    }

    /// Fails if the path leads to another directory, or to none.
    pub(crate) fn holds(&self) -> StorageResult<()> {
        match fs::metadata(&self.path) {
            Ok(found) if identity(&found) == self.was => Ok(()),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(path_error("inspecting", &self.path)(error))
            }
            _ => {
                let path = self.path.display();
                let reason = format!("{path} was moved or replaced while the store in it was open");
                Err(StorageError::new(StorageErrorKind::Replaced, reason))
            }
        }
    }
}

/// Returns what distinguishes a file from another that takes its place, if the system has it.
#[cfg(unix)]
pub(crate) fn identity(found: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

/// Returns `None`: on these systems, open files cannot be moved.
#[cfg(not(unix))]
pub(crate) fn identity(_found: &fs::Metadata) -> Option<(u64, u64)> {
    None
}
