//! Folders that are accessed by descriptors.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::entry::{FolderEntry, is_a_link};

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
    /// Opens a folder that the caller named. Links in the path are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            descriptor: rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?,
            path: path.to_owned(),
        })
    }

    /// Opens the child folder of this name.
    ///
    /// # Errors
    ///
    /// Refuses a link.
    pub(crate) fn child(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let name = name.as_ref();
        let path = self.path_of(name);
        let flags = FOLDER.union(OFlags::NOFOLLOW);
        match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => Ok(Self { descriptor, path }),
            // Linux and macOS report a link by either of these errors.
            Err(Errno::NOTDIR | Errno::LOOP) if self.entry(name)? == FolderEntry::Link => {
                Err(is_a_link(&path))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the kind of the entry of this name. A link is not followed.
    pub(crate) fn entry(&self, name: impl AsRef<OsStr>) -> io::Result<FolderEntry> {
        let found = rustix::fs::statat(&self.descriptor, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => FolderEntry::Folder,
            FileType::Symlink => FolderEntry::Link,
            _ => FolderEntry::File,
        })
    }

    /// Creates a folder with these permissions, reduced by the process's umask.
    pub(crate) fn make_folder(&self, name: impl AsRef<OsStr>, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(
            &self.descriptor,
            name.as_ref(),
            Mode::from(mode),
        )?)
    }

    /// Creates a file for reading and writing. Fails if the name exists, even as a link.
    ///
    /// The process's umask determines its permissions.
    pub(crate) fn create_new(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.create(name.as_ref(), 0o666)
    }

    /// Creates a file as [`create_new`](Self::create_new) does, which no other user may read.
    pub(crate) fn create_private(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.create(name.as_ref(), 0o600)
    }

    fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let flags = flags | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.descriptor, name, flags, Mode::from(mode))?;
        Ok(file.into())
    }

    /// Opens a file for writing and truncates it. Refuses a link.
    pub(crate) fn open_to_replace(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(file) => Ok(file.into()),
            Err(Errno::LOOP) => Err(is_a_link(&self.path_of(name))),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file, or a folder as a file, to inspect and lock it.
    ///
    /// Refuses a link, and does not wait for the writer of a pipe.
    pub(crate) fn open_entry(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.descriptor, name.as_ref(), flags, Mode::empty())?;
        Ok(file.into())
    }

    /// Moves a file to the name `to` in `folder`, replacing a file of that name.
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

    /// Removes an empty folder.
    pub(crate) fn remove_folder(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.descriptor,
            name.as_ref(),
            AtFlags::REMOVEDIR,
        )?)
    }

    /// Returns the names in the folder, in no particular order.
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
