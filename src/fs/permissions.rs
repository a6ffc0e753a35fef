//! The permission to write to a file or directory.

#[cfg(not(unix))]
use std::fs;
use std::path::Path;

/// Fails unless this process may write to a file or directory.
///
/// The file is not opened, because closing a database's file would drop SQLite's locks on it.
#[cfg(unix)]
pub(crate) fn check_writable(path: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?)
}

/// Fails if a file or directory is marked as read-only.
#[cfg(not(unix))]
pub(crate) fn check_writable(path: &Path) -> std::io::Result<()> {
    if fs::metadata(path)?.permissions().readonly() {
        Err(std::io::ErrorKind::PermissionDenied.into())
    } else {
        Ok(())
    }
}
