//! Bodies in files of their own.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{ErrorKind as Io, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::fs::flush::Flusher;
use crate::fs::folder::Root;
use crate::fs::io_error::path_error;
use crate::fs::temporary::TemporaryFile;
use crate::model::clock;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::StorageResult;

/// The folder of loose bodies.
#[derive(Debug)]
pub(super) struct LooseBodies {
    store: Root,
    root: PathBuf,
    flusher: Flusher,
    /// Open files that this handle put in place and has not flushed. While a body's path leads to
    /// its open file, no process has removed or replaced the file.
    unflushed: Mutex<HashMap<BlobId, File>>,
}

/// The maximum number of files kept open. A body whose file was forgotten is written again.
const MAX_UNFLUSHED: usize = 64;

impl LooseBodies {
    /// Opens the loose bodies of a store.
    pub(super) fn open(store: &Path) -> StorageResult<Self> {
        let root = store.join("blobs");
        Ok(Self {
            flusher: Flusher::open(&root)?,
            store: Root::new(store),
            root,
            unflushed: Mutex::default(),
        })
    }

    fn folder(&self, id: BlobId) -> PathBuf {
        self.root.join(&id.to_string()[..2])
    }

    pub(super) fn path(&self, id: BlobId) -> PathBuf {
        self.folder(id).join(&id.to_string()[2..])
    }

    fn unflushed(&self) -> MutexGuard<'_, HashMap<BlobId, File>> {
        self.unflushed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, id: BlobId, bytes: &[u8]) -> StorageResult<()> {
        let path = self.path(id);
        let unflushed = self.unflushed();
        if unflushed
            .get(&id)
            .is_some_and(|file| is_at_path(file, &path))
        {
            return Ok(());
        }
        drop(unflushed);
        let store = self.store.open()?;
        let mut file = TemporaryFile::create(store.tmp()?)?;
        file.write_all(bytes)
            .map_err(path_error("writing", &file.path()))?;
        let (prefix, rest) = names(id);
        // Not flushed here, because a flush of the body covers the folder.
        let folder = store.blobs()?.make_child(&prefix, false);
        let folder = folder.map_err(path_error("creating", &self.folder(id)))?;
        // A file without a row may be torn, because an interrupted writer left it: it is replaced,
        // never trusted.
        let file = file.publish(&folder, &rest);
        let file = file.map_err(path_error("renaming a file to", &path))?;
        let mut unflushed = self.unflushed();
        if unflushed.len() >= MAX_UNFLUSHED {
            unflushed.clear();
        }
        unflushed.insert(id, file);
        Ok(())
    }

    pub(super) fn flush(&self, ids: &[BlobId]) -> StorageResult<()> {
        let paths = ids.iter().map(|id| self.path(*id));
        let flushed = self.flusher.flush(&self.root, paths);
        // The files are durable now, or can no longer be trusted.
        let mut unflushed = self.unflushed();
        ids.iter().for_each(|id| drop(unflushed.remove(id)));
        flushed
    }

    /// Returns the body if its file is intact; `None` if the file is missing or damaged.
    pub(super) fn get_intact(&self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let bytes = self.get(id)?;
        Ok(bytes.and_then(|bytes| VerifiedBytes::check(id, bytes).ok()))
    }

    /// Returns the bytes of a body's file, which may be damaged.
    pub(super) fn get(&self, id: BlobId) -> StorageResult<Option<Vec<u8>>> {
        let path = self.path(id);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == Io::NotFound => Ok(None),
            Err(error) => Err(path_error("reading", &path)(error)),
        }
    }

    /// Returns when a body's file was written, if there is one.
    pub(super) fn written(&self, id: BlobId) -> StorageResult<Option<DateTime<Utc>>> {
        let path = self.path(id);
        match fs::metadata(&path).and_then(|file| file.modified()) {
            Ok(written) => Ok(Some(clock::from_system(written))),
            Err(error) if error.kind() == Io::NotFound => Ok(None),
            Err(error) => Err(path_error("inspecting", &path)(error)),
        }
    }

    pub(super) fn holds(&self, id: BlobId) -> bool {
        self.path(id).is_file()
    }

    pub(super) fn delete(&self, id: BlobId) -> StorageResult<()> {
        let path = self.path(id);
        self.unflushed().remove(&id);
        let (prefix, rest) = names(id);
        let folder = self.store.open()?.blobs()?.child(&prefix);
        match folder.and_then(|folder| folder.remove_file(&rest)) {
            Err(error) if error.kind() != Io::NotFound => Err(path_error("removing", &path)(error)),
            _ => Ok(()),
        }
    }

    pub(super) fn list(
        &self,
        visit: &mut dyn FnMut(BlobId) -> StorageResult<()>,
    ) -> StorageResult<()> {
        for folder in fs::read_dir(&self.root).map_err(path_error("listing", &self.root))? {
            let folder = folder.map_err(path_error("listing", &self.root))?.path();
            let prefix = folder
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if prefix.len() != 2 {
                continue;
            }
            // If a folder cannot be inspected, its bodies must not count as missing.
            match fs::metadata(&folder) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => continue,
                Err(error) => return Err(path_error("inspecting", &folder)(error)),
            }
            for file in fs::read_dir(&folder).map_err(path_error("listing", &folder))? {
                let name = file.map_err(path_error("listing", &folder))?.file_name();
                // Files of other names do not belong to the store.
                if let Ok(id) = format!("{prefix}{}", name.to_string_lossy()).parse() {
                    visit(id)?;
                }
            }
        }
        Ok(())
    }
}

/// Returns the name of a body's folder, and the name of its file in that folder.
fn names(id: BlobId) -> (String, String) {
    let mut prefix = id.to_string();
    let rest = prefix.split_off(2);
    (prefix, rest)
}

/// Checks whether a path still leads to a file that was put there.
///
/// The file's number of names does not show this, because it may have more than one.
#[cfg(unix)]
fn is_at_path(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(named)) => (file.dev(), file.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at_path(_file: &File, _path: &Path) -> bool {
    false
}
