//! A held lock, and the note in the locked file.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::policy::LockPolicy;
use super::shared_lock::LockShared;
use crate::storage::LockGuard;

/// The size in bytes of the note in a locked file.
const NOTE_BYTES: usize = 64;

/// A held lock. Dropping it releases the lock, or keeps it for the next caller during a turn.
#[derive(Debug)]
pub(crate) struct FileLockGuard<'a>(&'a LockShared);

impl Drop for FileLockGuard<'_> {
    fn drop(&mut self) {
        // A forked process shares the lock with its parent, which still holds it.
        if self.0.process != std::process::id() {
            return;
        }
        self.0.end_use(&mut self.0.state());
    }
}

impl<'a> FileLockGuard<'a> {
    pub(super) fn of(lock: &'a LockShared) -> Self {
        Self(lock)
    }

    /// Returns the note in the locked file, which is empty if there is none.
    ///
    /// The note is shared by all holders of the lock, and is not durable.
    pub(crate) fn note(&self) -> io::Result<String> {
        let mut file = self.file()?;
        file.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::new();
        file.take(NOTE_BYTES as u64).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// Replaces the note in the locked file. A note has less than 64 bytes.
    pub(crate) fn set_note(&self, note: &str) -> io::Result<()> {
        // One write of the same size each time, so that no holder leaves half a note.
        let mut file = self.file()?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(format!("{note:<width$}\n", width = NOTE_BYTES - 1).as_bytes())
    }

    fn file(&self) -> io::Result<Arc<File>> {
        let file = self.0.state().file.clone();
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns the policy for waits of the lock's handle.
    pub(crate) fn policy(&self) -> &LockPolicy {
        &self.0.policy
    }

    /// Returns the path of the index that the lock belongs to.
    pub(crate) fn index(&self) -> &Path {
        &self.0.index
    }
}

impl LockGuard for FileLockGuard<'_> {}
