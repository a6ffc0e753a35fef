//! Temporary files and folders of a store, locked while in use, and the sweep of unlocked ones.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind as Io, Write};
use std::path::{Path, PathBuf};

use super::folder::{Folder, FolderEntry, Root, is_removed};
use super::owner::Owner;
use crate::fs::io_error::path_error;
use crate::storage::{StorageError, StorageResult};

/// Prefix of the names of a store's temporary files.
const PREFIX: &str = ".tmp";

/// Maximum number of names that are tried if other processes take, lock or remove each one.
const MAX_ATTEMPTS: usize = 100;

/// A file that is being written. Dropping it removes it, unless it was published.
///
/// It has default permissions, as the index has: a user who may read the index may read the bodies.
/// It is locked as long as it is open, so that a sweep leaves it alone.
#[derive(Debug)]
pub(crate) struct TemporaryFile {
    folder: Folder,
    name: String,
    /// `None` after the file was published.
    file: Option<File>,
}

impl TemporaryFile {
    /// Creates a file in a store's `tmp/`.
    pub(crate) fn create(folder: Folder) -> StorageResult<Self> {
        let created = create(&folder, |folder, name| {
            let file = folder.create_new(name)?;
            Owner::of(&[folder.path()]).chown(&file)?;
            Ok(file)
        });
        let (name, file) = created.map_err(path_error("creating a file in", folder.path()))?;
        Ok(Self {
            folder,
            name,
            file: Some(file),
        })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path_of(&self.name)
    }

    pub(crate) fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| Io::NotFound.into())
    }

    /// Moves the file to its place and returns it, still locked.
    pub(crate) fn publish(&mut self, folder: &Folder, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.folder.rename(&self.name, folder, name)?;
        self.file.take().ok_or_else(|| Io::NotFound.into())
    }
}

impl Write for TemporaryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // A sweep removes it if this fails.
            let _ = self.folder.remove_file(&self.name);
        }
    }
}

/// A temporary folder. Dropping it removes it with its contents.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    folder: Folder,
    name: String,
    /// The open folder, which holds the lock.
    _held: File,
}

impl TemporaryFolder {
    /// Creates a folder in a store's `tmp/`.
    pub(crate) fn create(store: &Path) -> StorageResult<Self> {
        let folder = Root::new(store).open()?.tmp()?;
        let created = create(&folder, |folder, name| {
            // Other users may read a copy of an index only once it is in its place.
            folder.make_folder(name, 0o700)?;
            let made = folder.open_entry(name)?;
            Owner::of(&[folder.path()]).chown_opened(&made)?;
            Ok(made)
        });
        let (name, held) = created.map_err(path_error("creating a folder in", folder.path()))?;
        Ok(Self {
            folder,
            name,
            _held: held,
        })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path_of(&self.name)
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A sweep removes it if this fails.
        let _ = self.folder.remove_all(&self.name);
    }
}

/// Creates an entry of a new name, and locks it.
///
/// Another process may lock it first: a sweep for an instant, or any process that may read it. Such
/// a lock is not waited for; another name is tried instead.
fn create(
    folder: &Folder,
    mut make: impl FnMut(&Folder, &str) -> io::Result<File>,
) -> io::Result<(String, File)> {
    for _ in 0..MAX_ATTEMPTS {
        let name = format!("{PREFIX}{:012x}", fastrand::u64(..1 << 48));
        match make(folder, &name) {
            Ok(file) => match file.try_lock_shared() {
                // A sweep may have removed it before it was locked.
                Ok(()) if !is_removed(&file)? && folder.entry(&name).is_ok() => {
                    return Ok((name, file));
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    // A sweep removes it if this fails.
                    let _ = folder.remove_all(&name);
                }
                // The file system does not support such locks, so the entry is never swept.
                Err(TryLockError::Error(error))
                    if matches!(error.kind(), Io::Unsupported | Io::InvalidInput) =>
                {
                    return Ok((name, file));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            },
            // The name is taken, or a sweep removed the folder before it was opened.
            Err(error) if matches!(error.kind(), Io::AlreadyExists | Io::NotFound) => {
                // Fail if the surrounding folder is missing: then no name can succeed.
                folder.names()?;
            }
            Err(error) => return Err(error),
        }
    }
    let reason = "another process locks each new file";
    Err(io::Error::new(Io::ResourceBusy, reason))
}

/// Removes temporary files and folders that are no longer in use.
///
/// Only names that [`TemporaryFile`] and [`TemporaryFolder`] give are removed. If an entry cannot be
/// removed, the others still are, and the first error is returned.
pub(crate) fn sweep(root: &Root) -> StorageResult<()> {
    let tmp = root.open()?.tmp()?;
    let mut first = None;
    for name in tmp.names().map_err(path_error("listing", tmp.path()))? {
        if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        match sweep_one(&tmp, &name) {
            Err(error) if error.kind() != Io::NotFound => {
                let path = tmp.path_of(&name);
                first.get_or_insert(StorageError::io(
                    format!("removing {}", path.display()),
                    error,
                ));
            }
            _ => {}
        }
    }
    first.map_or(Ok(()), Err)
}

fn sweep_one(tmp: &Folder, name: &OsStr) -> io::Result<()> {
    if tmp.entry(name)? == FolderEntry::Link {
        return tmp.remove_file(name);
    }
    let file = tmp.open_entry(name)?;
    match file.try_lock() {
        // The lock is held until the entry is removed. A process that has just created it cannot
        // lock it, and creates another.
        Ok(()) => tmp.remove_all(name),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn store() -> (tempfile::TempDir, Root) {
        let store = tempfile::tempdir().unwrap();
        fs::create_dir(store.path().join("tmp")).unwrap();
        let root = Root::new(store.path());
        (store, root)
    }

    fn names(root: &Root) -> Vec<String> {
        let names = root
            .open()
            .unwrap()
            .tmp()
            .unwrap()
            .names()
            .unwrap()
            .into_iter();
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_sweep_removes_only_abandoned_files() {
        let (store, root) = store();
        let file = TemporaryFile::create(root.open().unwrap().tmp().unwrap()).unwrap();
        let folder = TemporaryFolder::create(store.path()).unwrap();
        fs::write(folder.path().join("index.db"), "half").unwrap();
        let tmp = store.path().join("tmp");
        fs::write(tmp.join(".tmpLeft"), "").unwrap();
        fs::create_dir_all(tmp.join(".tmpFolder/deep")).unwrap();
        fs::write(tmp.join(".tmpFolder/deep/file"), "").unwrap();
        fs::write(tmp.join("notes.txt"), "mine").unwrap();
        sweep(&root).unwrap();
        let mut expected = [file.name.clone(), folder.name.clone(), "notes.txt".into()];
        expected.sort();
        assert_eq!(names(&root), expected);
        assert!(folder.path().join("index.db").exists());
        drop((file, folder));
        assert_eq!(names(&root), ["notes.txt"]);
    }

    /// Another process may hold its lock forever.
    #[test]
    fn a_lock_of_another_process_is_not_waited_for() {
        let (_store, root) = store();
        let mut locks = Vec::new();
        let mut locked_at_first = |count: usize| {
            let tmp = root.open().unwrap().tmp().unwrap();
            create(&tmp, |tmp, name| {
                let file = tmp.create_new(name)?;
                if locks.len() < count {
                    let other = tmp.open_entry(name)?;
                    other.lock()?;
                    locks.push(other);
                }
                Ok(file)
            })
        };
        let (name, file) = locked_at_first(3).unwrap();
        let tmp = root.open().unwrap().tmp().unwrap();
        let other = tmp.open_entry(&name).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        let refused = locked_at_first(usize::MAX).unwrap_err();
        assert_eq!(refused.kind(), Io::ResourceBusy);
        drop(file);
        assert_eq!(names(&root), [name], "files are left");
    }

    /// A socket cannot be opened, and therefore not locked.
    #[cfg(unix)]
    #[test]
    fn a_failure_does_not_stop_a_sweep() {
        let (store, root) = store();
        let tmp = store.path().join("tmp");
        for name in ["a", "c", "d"] {
            fs::create_dir(tmp.join(format!(".tmp{name}"))).unwrap();
        }
        let _socket = std::os::unix::net::UnixListener::bind(tmp.join(".tmpb")).unwrap();
        let error = sweep(&root).unwrap_err();
        assert!(error.to_string().contains(".tmpb: "), "{error}");
        assert_eq!(names(&root), [".tmpb"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_removed_and_never_followed() {
        let (store, root) = store();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join(".tmpPrecious"), "mine").unwrap();
        let tmp = store.path().join("tmp");
        fs::create_dir(tmp.join(".tmpFolder")).unwrap();
        for link in [".tmpLink", ".tmpFolder/link"] {
            std::os::unix::fs::symlink(elsewhere.path(), tmp.join(link)).unwrap();
        }
        sweep(&root).unwrap();
        assert_eq!(names(&root), [""; 0]);
        assert!(elsewhere.path().join(".tmpPrecious").exists());
        fs::remove_dir(&tmp).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &tmp).unwrap();
        let error = sweep(&root).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("tmp is a link"), "{cause}");
        assert!(TemporaryFolder::create(store.path()).is_err());
        assert!(elsewhere.path().join(".tmpPrecious").exists());
    }
}
