//! The files beside an index, by the name of the index.

use std::path::{Path, PathBuf};

use crate::fs::lock::file_lock::FileLock;
use crate::fs::lock::policy::LockPolicy;

/// Checks whether a write-ahead log has contents although the file that it belongs to is empty.
pub(super) fn log_without_index(path: &Path) -> bool {
    file_size(path) == 0 && file_size(&beside(path, "-wal")) > 0
}

/// Checks whether the write-ahead log exists.
pub(super) fn log_exists(path: &Path) -> bool {
    beside(path, "-wal").exists()
}

/// Returns the path of a file that SQLite keeps beside the index, by the end of its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns the size of a file, or 0 if it cannot be inspected.
pub(super) fn file_size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Returns the lock on which threads and processes queue to write.
pub(super) fn write_lock_file(index: &Path, policy: &LockPolicy) -> FileLock {
    FileLock::new(write_lock_path(index), index.to_owned(), policy.clone())
}

/// Returns the path of that lock's file.
pub(super) fn write_lock_path(index: &Path) -> PathBuf {
    index.with_file_name("write.lock")
}
