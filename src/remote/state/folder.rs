//! [`RemoteFolder`], the folder of a store's remotes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::file;
use super::record::RemoteState;
use crate::fs::checksummed_file::FileError;
use crate::fs::durable::prepare;
use crate::fs::new_file::NewFile;
use crate::fs::owner::Owner;
use crate::remote::error::RemoteError;
use crate::store::REMOTES_FOLDER as FOLDER;

/// The file that is locked while a remote is used. It is no name of a remote.
const LOCK: &str = ".lock";

/// The maximum length of a remote's name.
const MAX_NAME_BYTES: usize = 64;

/// The folder of a store's remotes. It exists from the first remote on.
#[derive(Clone, Debug)]
pub(in crate::remote) struct RemoteFolder(PathBuf);

/// The lock that excludes other processes from the remotes of a store. Dropping it releases it.
#[derive(Debug)]
pub(in crate::remote) struct RemoteLock {
    file: File,
}

impl Drop for RemoteLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that another thread starts has a copy of it until
        // it runs its program.
        let _ = self.file.unlock();
    }
}

impl RemoteFolder {
    /// Returns the folder in a store's directory.
    pub(in crate::remote) fn of(store: &Path) -> Self {
        Self(store.join(FOLDER))
    }

    /// Takes the lock. It does not wait.
    pub(in crate::remote) fn lock(&self) -> Result<RemoteLock, RemoteError> {
        let failed = |error| RemoteError::State {
            name: LOCK.into(),
            source: file::unwritten(error),
        };
        prepare(&self.0).map_err(|error| RemoteError::Store(error.into()))?;
        self.keep_owner(&self.0).map_err(failed)?;
        let mut options = OpenOptions::new();
        let path = self.0.join(LOCK);
        let file = options.create(true).truncate(false).read(true).write(true);
        let file = file.open(&path).map_err(failed)?;
        self.keep_owner(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(RemoteLock { file }),
            Err(TryLockError::WouldBlock) => Err(RemoteError::Busy),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Returns the names of all remotes, sorted.
    pub(in crate::remote) fn names(&self) -> Result<Vec<String>, RemoteError> {
        let failed = |source| RemoteError::State {
            name: FOLDER.into(),
            source: FileError::Unreadable {
                path: self.0.clone(),
                source,
            },
        };
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            names.extend(
                name.to_str()
                    .filter(|name| is_name(name))
                    .map(str::to_owned),
            );
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads the state of a remote; none if there is no such remote.
    pub(in crate::remote) fn read(&self, name: &str) -> Result<Option<RemoteState>, RemoteError> {
        let failed = |source| RemoteError::State {
            name: name.to_owned(),
            source,
        };
        let path = self.path(name)?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(FileError::Unreadable { path, source })),
        };
        file::read(&bytes).map(Some).map_err(failed)
    }

    /// Writes the state of a remote completely and durably. The caller holds the lock.
    pub(in crate::remote) fn write(
        &self,
        name: &str,
        state: &RemoteState,
        _lock: &RemoteLock,
    ) -> Result<(), RemoteError> {
        let failed = |source| RemoteError::State {
            name: name.to_owned(),
            source,
        };
        let path = self.path(name)?;
        let io = |error| failed(file::unwritten(error));
        let mut new = NewFile::begin(&path).map_err(io)?;
        file::write(state, &mut new).map_err(failed)?;
        new.publish(true).map_err(io)?;
        self.keep_owner(&path).map_err(io)
    }

    /// Removes a remote. The caller holds the lock.
    pub(in crate::remote) fn remove(
        &self,
        name: &str,
        _lock: &RemoteLock,
    ) -> Result<(), RemoteError> {
        let path = self.path(name)?;
        crate::fs::durable::remove(&path).map_err(|error| RemoteError::State {
            name: name.to_owned(),
            source: file::unwritten(error),
        })
    }

    fn path(&self, name: &str) -> Result<PathBuf, RemoteError> {
        if is_name(name) {
            Ok(self.0.join(name))
        } else {
            Err(RemoteError::Name {
                name: name.chars().take(MAX_NAME_BYTES).collect(),
            })
        }
    }

    /// Gives what root creates to the owner of the store.
    fn keep_owner(&self, path: &Path) -> std::io::Result<()> {
        match self.0.parent() {
            // On other systems a folder cannot be opened, and owners are not changed.
            Some(store) if cfg!(unix) => Owner::of(&[store]).chown(&File::open(path)?),
            _ => Ok(()),
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_folder() {
        for name in ["origin", "eu-2", "A_b"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a/b", "..", ".lock", "a b", "é", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn one_process_at_a_time_uses_the_remotes() {
        let store = tempfile::tempdir().unwrap();
        let folder = RemoteFolder::of(store.path());
        assert_eq!(folder.names().unwrap(), [""; 0]);
        let lock = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(RemoteError::Busy)));
        drop(lock);
        folder.lock().unwrap();
        assert_eq!(folder.names().unwrap(), [""; 0]);
    }

    /// A process that another thread starts has a copy of the file until it runs its program.
    #[cfg(unix)]
    #[test]
    fn a_lock_ends_with_its_guard_while_processes_are_started() {
        let store = tempfile::tempdir().unwrap();
        let folder = RemoteFolder::of(store.path());
        let guard = folder.lock().unwrap();
        let copy = guard.file.try_clone().unwrap();
        drop(guard);
        folder.lock().unwrap();
        drop(copy);
    }
}
