//! Folders that are accessed by path, on systems without `openat`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::entry::{FolderEntry, is_a_link};

/// A folder that was not a link when it was opened.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens a folder that the caller named. Links in the path are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            Ok(Self { path: path.into() })
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    /// Opens the child folder of this name.
    ///
    /// # Errors
    ///
    /// Refuses a link.
    pub(crate) fn child(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let name = name.as_ref();
        let path = self.path_of(name);
        match self.entry(name)? {
            FolderEntry::Folder => Ok(Self { path }),
            FolderEntry::Link => Err(is_a_link(&path)),
            FolderEntry::File => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the kind of the entry of this name. A link is not followed.
    pub(crate) fn entry(&self, name: impl AsRef<OsStr>) -> io::Result<FolderEntry> {
        let found = fs::symlink_metadata(self.path_of(name))?.file_type();
        Ok(if found.is_symlink() {
            FolderEntry::Link
        } else if found.is_dir() {
            FolderEntry::Folder
        } else {
            FolderEntry::File
        })
    }

    /// Creates a folder with default permissions.
    pub(crate) fn make_folder(&self, name: impl AsRef<OsStr>, _mode: u32) -> io::Result<()> {
        fs::create_dir(self.path_of(name))
    }

    /// Creates a file for reading and writing. Fails if the name exists.
    pub(crate) fn create_new(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let mut options = File::options();
        let options = options.read(true).write(true).create_new(true);
        options.open(self.path_of(name))
    }

    /// Creates a file as [`create_new`](Self::create_new) does, with default permissions.
    pub(crate) fn create_private(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.create_new(name)
    }

    /// Opens a file for writing and truncates it. Refuses a link.
    pub(crate) fn open_to_replace(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        match self.entry(name)? {
            FolderEntry::Link => Err(is_a_link(&self.path_of(name))),
            _ => File::options()
                .write(true)
                .truncate(true)
                .open(self.path_of(name)),
        }
    }

    /// Opens a file to inspect and lock it. Refuses a link.
    pub(crate) fn open_entry(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        match self.entry(name)? {
            FolderEntry::Link => Err(is_a_link(&self.path_of(name))),
            _ => File::open(self.path_of(name)),
        }
    }

    /// Moves a file to the name `to` in `folder`, replacing a file of that name.
    pub(crate) fn rename(
        &self,
        name: impl AsRef<OsStr>,
        folder: &Self,
        to: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        fs::rename(self.path_of(name), folder.path_of(to))
    }

    pub(crate) fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        fs::remove_file(self.path_of(name))
    }

    /// Removes an empty folder.
    pub(crate) fn remove_folder(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        fs::remove_dir(self.path_of(name))
    }

    /// Returns the names in the folder, in no particular order.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let entries = fs::read_dir(&self.path)?;
        entries.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// Does nothing: the file system makes names durable without a flush.
    pub(crate) fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
