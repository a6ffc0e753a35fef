//! Folders below the directory of a store, opened one from another.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::Folder;
use super::entry::FolderEntry;
use crate::fs::io_error::path_error;
use crate::fs::owner::Owner;
use crate::storage::StorageResult;

/// The directory of a store, from which the store's folders are opened.
///
/// The directory itself may be reached through links; they were resolved when the store was opened.
#[derive(Clone, Debug)]
pub(crate) struct Root(PathBuf);

impl Root {
    pub(crate) fn new(store: &Path) -> Self {
        Self(store.to_owned())
    }

    #[cfg(test)]
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the directory.
    pub(crate) fn open(&self) -> StorageResult<StoreFolder> {
        let opened = Folder::open(&self.0);
        opened
            .map(StoreFolder)
            .map_err(path_error("opening", &self.0))
    }
}

/// The open directory of a store.
#[derive(Debug)]
pub(crate) struct StoreFolder(pub(crate) Folder);

impl StoreFolder {
    /// Opens `tmp/`.
    pub(crate) fn tmp(&self) -> StorageResult<Folder> {
        child(&self.0, "tmp")
    }

    /// Opens `blobs/`.
    pub(crate) fn blobs(&self) -> StorageResult<Folder> {
        child(&self.0, "blobs")
    }

    /// Opens `blobs/packs/`.
    pub(crate) fn packs(&self) -> StorageResult<Folder> {
        child(&self.blobs()?, "packs")
    }

    /// Opens `blobs/packs/`, and creates it if it is missing.
    pub(crate) fn make_packs(&self) -> StorageResult<Folder> {
        let blobs = self.blobs()?;
        let packs = blobs.make_child("packs", true);
        packs.map_err(path_error("creating", &blobs.path_of("packs")))
    }
}

fn child(folder: &Folder, name: &str) -> StorageResult<Folder> {
    let child = folder.child(name);
    child.map_err(path_error("opening", &folder.path_of(name)))
}

impl Folder {
    /// Opens the child folder of this name, and creates it if it is missing.
    ///
    /// A new folder's name is made durable only if `flushed` is true.
    pub(crate) fn make_child(&self, name: impl AsRef<OsStr>, flushed: bool) -> io::Result<Self> {
        let name = name.as_ref();
        match self.child(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match self.make_folder(name, 0o777) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    Err(_) => {}
                    Ok(()) => {
                        let made = self.open_entry(name)?;
                        Owner::of(&[self.path()]).chown_opened(&made)?;
                    }
                }
                if flushed {
                    self.flush()?;
                }
                self.child(name)
            }
            other => other,
        }
    }

    /// Removes the entry of this name, with everything in it. Links are removed, not followed.
    pub(crate) fn remove_all(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let name = name.as_ref();
        if self.entry(name)? != FolderEntry::Folder {
            return self.remove_file(name);
        }
        let folder = self.child(name)?;
        for name in folder.names()? {
            match folder.remove_all(&name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.remove_folder(name)
    }

    /// Returns the path of the entry of this name.
    pub(crate) fn path_of(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.path().join(name.as_ref())
    }
}
