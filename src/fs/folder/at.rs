//! Folders by descriptors.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::root::{Entry, is_a_link};

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    descriptor: OwnedFd,
    path: PathBuf,
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

impl Folder {
    /// Opens a folder that the caller named, through links if there are any.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            descriptor: rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?,
            path: path.to_owned(),
        })
    }

    /// Opens the folder of this name.
    ///
    /// # Errors
    ///
    /// A link of this name is refused.
    pub(crate) fn child(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let name = name.as_ref();
        let path = self.path_of(name);
        let flags = FOLDER.union(OFlags::NOFOLLOW);
        match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => Ok(Self { descriptor, path }),
            // Linux and macOS say one or the other of a link.
            Err(Errno::NOTDIR | Errno::LOOP) if self.entry(name)? == Entry::Link => {
                Err(is_a_link(&path))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says what has this name.
    pub(crate) fn entry(&self, name: impl AsRef<OsStr>) -> io::Result<Entry> {
        let found = rustix::fs::statat(&self.descriptor, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => Entry::Folder,
            FileType::Symlink => Entry::Link,
            _ => Entry::File,
        })
    }

    /// Makes a folder with these rights, less what the process's mask takes.
    pub(crate) fn make_folder(&self, name: impl AsRef<OsStr>, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(
            &self.descriptor,
            name.as_ref(),
            Mode::from(mode),
        )?)
    }

    /// Makes a file that is not there, not even as a link, to read and write, as the process's mask allows.
    pub(crate) fn create_new(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let flags = flags | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.descriptor, name.as_ref(), flags, Mode::from(0o666))?;
        Ok(file.into())
    }

    /// Opens a file to replace its content. A link is refused.
    #[cfg(feature = "cli")]
    pub(crate) fn open_to_replace(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(file) => Ok(file.into()),
            Err(Errno::LOOP) => Err(is_a_link(&self.path_of(name))),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file, or a folder as a file, to look at and to lock; no link, and without waiting for who writes a pipe.
    pub(crate) fn open_entry(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.descriptor, name.as_ref(), flags, Mode::empty())?;
        Ok(file.into())
    }

    /// Gives a file another name in another folder, in the place of what has it.
    pub(crate) fn rename(
        &self,
        name: impl AsRef<OsStr>,
        folder: &Self,
        to: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let renamed = rustix::fs::renameat(
            &self.descriptor,
            name.as_ref(),
            &folder.descriptor,
            to.as_ref(),
        );
        Ok(renamed?)
    }

    pub(crate) fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.descriptor,
            name.as_ref(),
            AtFlags::empty(),
        )?)
    }

    /// Removes a folder that is empty.
    pub(crate) fn remove_folder(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.descriptor,
            name.as_ref(),
            AtFlags::REMOVEDIR,
        )?)
    }

    /// The names in the folder, in no order.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Makes the names in the folder durable.
    pub(crate) fn flush(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }
}
