//! Ownership of the files and folders that are created in a store.
//!
//! Root may work in stores of other users, for example by `sudo`. What root creates there belongs
//! to the owner of the surrounding folder, who could not use it otherwise. For all other users, and
//! in root's own stores, ownership is not changed.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::durable::flush_directory;
use crate::fs::io_error::path_error;
use crate::storage::StorageResult;

/// The user and group that a new file is given to; `None` leaves it to the process's user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner(Option<(u32, u32)>);

impl Owner {
    /// Returns the owner of the first of these paths that exists.
    #[cfg(unix)]
    pub(crate) fn of(paths: &[&Path]) -> Self {
        use std::os::unix::fs::MetadataExt;
        if !rustix::process::geteuid().is_root() {
            return Self(None);
        }
        let found = paths.iter().find_map(|path| fs::metadata(path).ok());
        let owner = found.map(|found| (found.uid(), found.gid()));
        Self(owner.filter(|(user, _)| *user != 0))
    }

    /// Files belong to the users who create them.
    #[cfg(not(unix))]
    pub(crate) fn of(_paths: &[&Path]) -> Self {
        Self(None)
    }

    /// Changes the owner of a file that this process has just created.
    ///
    /// It uses the descriptor, so a file that has taken the name meanwhile is not affected.
    #[cfg(unix)]
    pub(crate) fn chown(self, file: &File) -> io::Result<()> {
        match self.0 {
            Some((user, group)) => std::os::unix::fs::fchown(file, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn chown(self, _file: &File) -> io::Result<()> {
        Ok(())
    }

    /// Changes the owner of a directory that this process has just created.
    ///
    /// The directory has no descriptor yet, and a user who may write to its parent could have
    /// replaced it. So the owner is changed only if the directory is empty and belongs to this
    /// process's user.
    #[cfg(unix)]
    fn chown_directory(self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        if self.0.is_none() {
            return Ok(());
        }
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::DIRECTORY;
        let directory = File::options()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        self.chown_opened(&directory)
    }

    #[cfg(not(unix))]
    fn chown_directory(self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Changes the owner of an open directory, if it is empty and belongs to this process's user.
    #[cfg(unix)]
    pub(crate) fn chown_opened(self, directory: &File) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt;
        if self.0.is_none() {
            return Ok(());
        }
        let is_own = directory.metadata()?.uid() == rustix::process::geteuid().as_raw();
        let is_empty = rustix::fs::Dir::read_from(directory)?.all(|entry| {
            entry.is_ok_and(|entry| matches!(entry.file_name().to_bytes(), b"." | b".."))
        });
        if is_own && is_empty {
            self.chown(directory)
        } else {
            Ok(())
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn chown_opened(self, _directory: &File) -> io::Result<()> {
        Ok(())
    }
}

/// Creates a directory in a folder of a store.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    match path.parent() {
        Some(folder) => Owner::of(&[folder]).chown_directory(path),
        None => Ok(()),
    }
}

/// Creates a directory in a folder of a store durably, if it is missing.
pub(crate) fn prepare_within(path: &Path) -> StorageResult<()> {
    match create_dir(path) {
        Ok(()) => path.parent().map_or(Ok(()), flush_directory),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(path_error("creating", path)(error)),
    }
}

/// Creates an empty index with the permissions that SQLite gives it, unless a file exists.
///
/// SQLite would create a file that belongs to root.
pub(crate) fn prepare_index(path: &Path) -> StorageResult<()> {
    let owner = Owner::of(&[path.parent().unwrap_or(Path::new("."))]);
    if owner.0.is_none() {
        return Ok(());
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    match options.open(path).and_then(|file| owner.chown(&file)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(path_error("creating", path)(error))
        }
        _ => Ok(()),
    }
}
