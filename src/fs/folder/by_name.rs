//! Folders by their paths, on systems without `openat`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::root::{Entry, is_a_link};

/// A folder that was no link when it was opened.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens a folder that the caller named, through links if there are any.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        match fs::metadata(path)?.is_dir() {
            true => Ok(Self { path: path.into() }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Opens the folder of this name.
    ///
    /// # Errors
    ///
    /// A link of this name is refused.
    pub(crate) fn child(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let name = name.as_ref();
        let path = self.path_of(name);
        match self.entry(name)? {
            Entry::Folder => Ok(Self { path }),
            Entry::Link => Err(is_a_link(&path)),
            Entry::File => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says what has this name.
    pub(crate) fn entry(&self, name: impl AsRef<OsStr>) -> io::Result<Entry> {
        let found = fs::symlink_metadata(self.path_of(name))?.file_type();
        Ok(if found.is_symlink() {
            Entry::Link
        } else if found.is_dir() {
            Entry::Folder
        } else {
            Entry::File
        })
    }

    /// Makes a folder with the rights that any folder gets.
    pub(crate) fn make_folder(&self, name: impl AsRef<OsStr>, _mode: u32) -> io::Result<()> {
        fs::create_dir(self.path_of(name))
    }

    /// Makes a file that is not there, to read and write.
    pub(crate) fn create_new(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let mut options = File::options();
        let options = options.read(true).write(true).create_new(true);
        options.open(self.path_of(name))
    }

    /// Opens a file to replace its content. A link is refused.
    #[cfg(feature = "cli")]
    pub(crate) fn open_to_replace(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        match self.entry(name)? {
            Entry::Link => Err(is_a_link(&self.path_of(name))),
            _ => File::options()
                .write(true)
                .truncate(true)
                .open(self.path_of(name)),
        }
    }

    /// Opens a file to look at and to lock; no link.
    pub(crate) fn open_entry(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        match self.entry(name)? {
            Entry::Link => Err(is_a_link(&self.path_of(name))),
            _ => File::open(self.path_of(name)),
        }
    }

    /// Gives a file another name in another folder, in the place of what has it.
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

    /// Removes a folder that is empty.
    pub(crate) fn remove_folder(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        fs::remove_dir(self.path_of(name))
    }

    /// The names in the folder, in no order.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let entries = fs::read_dir(&self.path)?;
        entries.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// The file system makes names durable by itself.
    pub(crate) fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
