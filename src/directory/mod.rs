//! Bodies as plain files, and the directories they lie in. No other code renames or flushes files.
//!
//! ```text
//! blobs/ab/cdef…   a body under its address, the first two hex digits as a folder
//! tmp/             files that are being written; swept by `gc`
//! blobs.lock       held by the one who settles or collects
//! blobs.gate       held while one waits for blobs.lock: else one who settles again and again would keep others out
//! ```

mod flush;
#[cfg(feature = "cli")]
mod new_file;
mod place;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{ErrorKind as Io, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

use self::flush::Flusher;
#[cfg(feature = "cli")]
pub(crate) use self::new_file::{NewFile, folder_of};
#[cfg(feature = "server")]
pub(crate) use self::place::remove;
pub(crate) use self::place::{
    flush_directory, lock_file, network_filesystem, open_lock, prepare, writable,
};
use crate::backend::{Blobs, Error, Hold, Result};
use crate::id::BlobId;

/// A blob store in a directory.
#[derive(Debug)]
pub(crate) struct BlobDirectory {
    root: PathBuf,
    flusher: Flusher,
    /// Files that this handle put in place and has not flushed, kept open: while a body's name is still its
    /// file's, nobody has removed or replaced it.
    unflushed: Mutex<HashMap<BlobId, File>>,
}

/// Files kept open are bounded; what is forgotten is written again.
const MOST_UNFLUSHED: usize = 64;

impl BlobDirectory {
    /// Makes the folders of a new store. The caller flushes `store`.
    pub(crate) fn create(store: &Path) -> Result<()> {
        prepare(&store.join("blobs"))?;
        prepare(&store.join("tmp"))
    }

    /// Removes all that a blob store has in this directory. Nobody may have it open.
    #[cfg(feature = "server")]
    pub(crate) fn remove(store: &Path) -> std::io::Result<()> {
        let parts = ["tmp", "blobs", "blobs.gate", "blobs.lock"];
        parts.iter().try_for_each(|part| remove(&store.join(part)))
    }

    /// Whether a body lies in this directory, whoever's it is.
    pub(crate) fn has_bodies(store: &Path) -> Result<bool> {
        let blobs = store.join("blobs");
        let folders = match fs::read_dir(&blobs) {
            Ok(folders) => folders,
            Err(error) if error.kind() == Io::NotFound => return Ok(false),
            Err(error) => return Err(failed("listing", &blobs)(error)),
        };
        for folder in folders {
            let folder = folder.map_err(failed("listing", &blobs))?.path();
            if fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The blob store of a store.
    pub(crate) fn open(store: &Path) -> Result<Self> {
        Ok(Self {
            root: store.to_owned(),
            flusher: Flusher::open(&store.join("blobs"))?,
            unflushed: Mutex::default(),
        })
    }

    fn folder(&self, id: BlobId) -> PathBuf {
        self.root.join("blobs").join(&id.to_string()[..2])
    }

    fn path(&self, id: BlobId) -> PathBuf {
        self.folder(id).join(&id.to_string()[2..])
    }

    fn unflushed(&self) -> MutexGuard<'_, HashMap<BlobId, File>> {
        self.unflushed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock, in the order in which all who want it came to the gate.
    fn take(&self) -> Result<Box<dyn Hold + '_>> {
        let path = self.root.join("blobs.gate");
        let gate = open_lock(&path)?;
        lock_file(&gate).map_err(failed("waiting at", &path))?;
        let path = self.root.join("blobs.lock");
        let lock = open_lock(&path)?;
        lock_file(&lock).map_err(failed("waiting for", &path))?;
        Ok(Box::new(lock))
    }
}

fn failed<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |error| Error::io(format!("{doing} {}", path.display()), error)
}

/// Whether a file that was put in place still is: its name was neither removed nor given to another. It may have more
/// names, so their number does not tell.
#[cfg(unix)]
fn still_named(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(named)) => (file.dev(), file.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn still_named(_file: &File, _path: &Path) -> bool {
    false
}

/// A new file with the rights that any file gets, the index's too: who may read that may read the bodies.
fn temporary_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

impl Blobs for BlobDirectory {
    fn put(&self, id: BlobId, bytes: &[u8]) -> Result<()> {
        let path = self.path(id);
        let unflushed = self.unflushed();
        if unflushed
            .get(&id)
            .is_some_and(|file| still_named(file, &path))
        {
            return Ok(());
        }
        drop(unflushed);
        let tmp = self.root.join("tmp");
        let write = || -> std::io::Result<NamedTempFile> {
            let mut file = temporary_file(&tmp)?;
            file.write_all(bytes)?;
            Ok(file)
        };
        let mut file = write().map_err(failed("writing a file in", &tmp))?;
        // A file without a row that an interrupted writer left may be torn: it is replaced, never trusted.
        let persisted = match file.persist(&path) {
            Err(error) if error.error.kind() == Io::NotFound => {
                file = error.file;
                // Not flushed here: a flush of the body covers the folder.
                let folder = self.folder(id);
                match fs::create_dir(&folder) {
                    Err(error) if error.kind() != Io::AlreadyExists => {
                        return Err(failed("making", &folder)(error));
                    }
                    _ => file.persist(&path),
                }
            }
            other => other,
        };
        let file = persisted.map_err(|error| failed("renaming a file to", &path)(error.error))?;
        let mut unflushed = self.unflushed();
        if unflushed.len() >= MOST_UNFLUSHED {
            unflushed.clear();
        }
        unflushed.insert(id, file);
        Ok(())
    }

    fn flush(&self, ids: &[BlobId]) -> Result<()> {
        let paths = ids.iter().map(|id| self.path(*id));
        let flushed = self.flusher.flush(&self.root.join("blobs"), paths);
        // Flushed, or not to be trusted.
        let mut unflushed = self.unflushed();
        ids.iter().for_each(|id| drop(unflushed.remove(id)));
        flushed
    }

    fn get(&self, id: BlobId) -> Result<Option<Vec<u8>>> {
        let path = self.path(id);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == Io::NotFound => Ok(None),
            Err(error) => Err(failed("reading", &path)(error)),
        }
    }

    fn delete(&self, id: BlobId) -> Result<()> {
        let path = self.path(id);
        self.unflushed().remove(&id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != Io::NotFound => Err(failed("removing", &path)(error)),
            _ => Ok(()),
        }
    }

    fn list(&self, visit: &mut dyn FnMut(BlobId) -> Result<()>) -> Result<()> {
        let root = self.root.join("blobs");
        for folder in fs::read_dir(&root).map_err(failed("listing", &root))? {
            let folder = folder.map_err(failed("listing", &root))?.path();
            let prefix = folder
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if prefix.len() != 2 || !folder.is_dir() {
                continue;
            }
            for file in fs::read_dir(&folder).map_err(failed("listing", &folder))? {
                let name = file.map_err(failed("listing", &folder))?.file_name();
                // Other names are not ours to judge.
                if let Ok(id) = format!("{prefix}{}", name.to_string_lossy()).parse() {
                    visit(id)?;
                }
            }
        }
        Ok(())
    }

    fn sweep(&self) -> Result<()> {
        let tmp = self.root.join("tmp");
        for file in fs::read_dir(&tmp).map_err(failed("listing", &tmp))? {
            let path = file.map_err(failed("listing", &tmp))?.path();
            match fs::remove_file(&path) {
                Err(error) if error.kind() != Io::NotFound => {
                    return Err(failed("removing", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn hold(&self) -> Result<Box<dyn Hold + '_>> {
        // No sharing: one who looked into the journal before a body was settled would replace its flushed file
        // by one that nobody flushes.
        self.take()
    }

    fn hold_all(&self) -> Result<Box<dyn Hold + '_>> {
        self.take()
    }
}

/// Closing the file releases its lock.
impl Hold for File {}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::backend::testing;

    #[test]
    fn it_passes_the_suite() {
        let directory = tempfile::tempdir().unwrap();
        let made = Cell::new(0);
        testing::blobs::all(&|| {
            made.set(made.get() + 1);
            let store = directory.path().join(made.get().to_string());
            BlobDirectory::create(&store).unwrap();
            Box::new(BlobDirectory::open(&store).unwrap())
        });
    }

    /// As a backup by hard links has it.
    #[cfg(unix)]
    #[test]
    fn a_link_elsewhere_does_not_stand_for_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path();
        BlobDirectory::create(store).unwrap();
        let (first, second) = (BlobDirectory::open(store), BlobDirectory::open(store));
        let (first, second) = (first.unwrap(), second.unwrap());
        let id = BlobId::of(b"{}");
        first.put(id, b"{}").unwrap();
        fs::hard_link(first.path(id), store.join("backup")).unwrap();
        let hold = second.hold_all().unwrap();
        second.delete(id).unwrap();
        drop(hold);
        first.put(id, b"{}").unwrap();
        assert!(first.get(id).unwrap().is_some(), "it was not put again");
    }

    /// Else one who looked into the journal earlier could replace a flushed file by one that nobody flushes.
    #[test]
    fn two_never_settle_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path();
        BlobDirectory::create(store).unwrap();
        let (first, second) = (BlobDirectory::open(store), BlobDirectory::open(store));
        let (first, second) = (first.unwrap(), second.unwrap());
        let given = std::sync::atomic::AtomicBool::new(false);
        let held = first.hold().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second = second.hold().unwrap();
                given.store(true, std::sync::atomic::Ordering::Release);
            });
            std::thread::sleep(std::time::Duration::from_millis(100));
            assert!(
                !given.load(std::sync::atomic::Ordering::Acquire),
                "two settle at once"
            );
            drop(held);
        });
    }
}
