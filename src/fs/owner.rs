//! The owner of the files and folders that are made in a store.
//!
//! Root works in stores of other users, as by `sudo`. What it makes there belongs to the owner of the folder that it is
//! made in, who could not use it otherwise. For all other users, and in root's own stores, nothing is changed.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::place::flush_directory;
use crate::fs::io_error::failed;
use crate::storage::Result;

/// The user and group that a new file is given to; none if it stays with the process's user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner(Option<(u32, u32)>);

impl Owner {
    /// The owner of the first of these that is there.
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

    /// Files belong to those who make them.
    #[cfg(not(unix))]
    pub(crate) fn of(_paths: &[&Path]) -> Self {
        Self(None)
    }

    /// Gives away a file that this process has just made, by its descriptor: whatever has its name by now is left alone.
    #[cfg(unix)]
    pub(crate) fn give(self, file: &File) -> io::Result<()> {
        match self.0 {
            Some((user, group)) => std::os::unix::fs::fchown(file, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn give(self, _file: &File) -> io::Result<()> {
        Ok(())
    }

    /// Gives away a directory that this process has just made. It has no descriptor yet, and those who may write beside it
    /// could have put another one in its place: only an empty one of this process's user is given.
    #[cfg(unix)]
    fn give_directory(self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        if self.0.is_none() {
            return Ok(());
        }
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::DIRECTORY;
        let directory = File::options()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        self.give_opened(&directory)
    }

    #[cfg(not(unix))]
    fn give_directory(self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Gives away an open directory, if it is empty and of this process's user.
    #[cfg(unix)]
    pub(crate) fn give_opened(self, directory: &File) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt;
        if self.0.is_none() {
            return Ok(());
        }
        let is_own = directory.metadata()?.uid() == rustix::process::geteuid().as_raw();
        let is_empty = rustix::fs::Dir::read_from(directory)?.all(|entry| {
            entry.is_ok_and(|entry| matches!(entry.file_name().to_bytes(), b"." | b".."))
        });
        match is_own && is_empty {
            true => self.give(directory),
            false => Ok(()),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn give_opened(self, _directory: &File) -> io::Result<()> {
        Ok(())
    }
}

/// Makes a directory in a folder of a store.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    match path.parent() {
        Some(folder) => Owner::of(&[folder]).give_directory(path),
        None => Ok(()),
    }
}

/// Makes a directory in a folder of a store, durably, if it is missing.
pub(crate) fn prepare_within(path: &Path) -> Result<()> {
    match create_dir(path) {
        Ok(()) => path.parent().map_or(Ok(()), flush_directory),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(failed("making", path)(error)),
    }
}

/// Makes an empty index of the rights that SQLite gives to one, unless a file is there. SQLite would leave it to root.
pub(crate) fn prepare_index(path: &Path) -> Result<()> {
    let owner = Owner::of(&[path.parent().unwrap_or(Path::new("."))]);
    if owner.0.is_none() {
        return Ok(());
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    match options.open(path).and_then(|file| owner.give(&file)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(failed("making", path)(error))
        }
        _ => Ok(()),
    }
}
