//! Flushing of files: all with one system call if the system supports it, otherwise one by one.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::durable::flush_directory;
use crate::fs::io_error::path_error;
use crate::storage::StorageResult;

/// A flusher of the files of one directory tree.
///
/// It keeps the directory open from the start, because `syncfs` reports only the errors since *its*
/// descriptor was opened. Those include errors of background writes.
#[derive(Debug)]
pub(crate) struct Flusher {
    #[cfg(target_os = "linux")]
    directory: File,
}

impl Flusher {
    pub(crate) fn open(directory: &Path) -> StorageResult<Self> {
        Ok(Self {
            #[cfg(target_os = "linux")]
            directory: File::open(directory).map_err(path_error("opening", directory))?,
        })
    }

    /// Makes the files at `paths`, which are below `root`, and their names durable.
    pub(crate) fn flush(
        &self,
        root: &Path,
        paths: impl Iterator<Item = PathBuf>,
    ) -> StorageResult<()> {
        if let Some(flushed) = self.flush_file_system() {
            return flushed.map_err(path_error("flushing the file system of", root));
        }
        let mut folders = Vec::new();
        for path in paths {
            let file = File::open(&path).map_err(path_error("opening", &path))?;
            file.sync_all().map_err(path_error("flushing", &path))?;
            folders.extend(path.parent().map(Path::to_owned));
        }
        folders.sort();
        folders.dedup();
        folders
            .iter()
            .try_for_each(|folder| flush_directory(folder))?;
        flush_directory(root)
    }

    /// Flushes the whole file system; `None` if the kernel may hide errors of the flush.
    ///
    /// Linux reports them since 5.8 (commit 735e4ae5ba28).
    #[cfg(target_os = "linux")]
    fn flush_file_system(&self) -> Option<std::io::Result<()>> {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
        let mut parts = release.split(['.', '-']).map(str::parse::<u32>);
        let release = (parts.next()?.ok()?, parts.next()?.ok()?);
        (release >= (5, 8)).then(|| Ok(rustix::fs::syncfs(&self.directory)?))
    }

    #[cfg(not(target_os = "linux"))]
    fn flush_file_system(&self) -> Option<std::io::Result<()>> {
        None
    }
}
