//! The lock files that order writing and removing bodies, in the directory of a store.

use std::path::Path;

use super::error::SqliteResult;
use crate::fs::identity::DirectoryIdentity;
use crate::fs::lock::file_lock::FileLock;
use crate::fs::lock::policy::LockPolicy;
use crate::storage::{Deadline, LockGuard};

/// The locks of [`Index::lock_shared`](crate::storage::Index::lock_shared) and
/// [`lock_exclusive`](crate::storage::Index::lock_exclusive).
///
/// Both are one lock, which is not shared: a process that read the journal before another's
/// checkpoint moved a body would replace the flushed file by one that is never flushed.
#[derive(Debug)]
pub(crate) struct BodyLocks {
    directory: DirectoryIdentity,
    gate: FileLock,
    lock: FileLock,
}

impl BodyLocks {
    /// Returns the locks of a store's directory, which must exist.
    pub(crate) fn of(store: &Path, policy: &LockPolicy) -> SqliteResult<Self> {
        let index = store.join("index.db");
        let lock = |name| FileLock::by_name(store.join(name), index.clone(), policy.clone());
        Ok(Self {
            directory: DirectoryIdentity::of(store)?,
            gate: lock("blobs.gate"),
            lock: lock("blobs.lock"),
        })
    }

    /// Takes the lock, in the order in which callers came to the gate.
    pub(crate) fn take(&self) -> SqliteResult<Box<dyn LockGuard + '_>> {
        let deadline = self.lock.policy().deadline();
        let gate = self.gate.lock(deadline)?;
        let lock = self.lock.lock(deadline)?;
        drop(gate);
        // The holder puts and removes files by name, so the names must lead to this directory.
        self.directory.holds()?;
        Ok(Box::new(lock))
    }

    /// Ends every wait at `moment` at the latest.
    pub(super) fn close_by(&self, moment: Deadline) {
        self.gate.close_by(moment);
        self.lock.close_by(moment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise, a process that read the journal earlier could replace a flushed file by one that
    /// is never flushed.
    #[test]
    fn two_checkpoints_never_run_at_the_same_time() {
        let directory = tempfile::tempdir().unwrap();
        let open = || BodyLocks::of(directory.path(), &LockPolicy::default()).unwrap();
        let (first, second) = (open(), open());
        let given = std::sync::atomic::AtomicBool::new(false);
        let held = first.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second = second.take().unwrap();
                given.store(true, std::sync::atomic::Ordering::Release);
            });
            std::thread::sleep(std::time::Duration::from_millis(100));
            assert!(
                !given.load(std::sync::atomic::Ordering::Acquire),
                "two checkpoints at the same time"
            );
            drop(held);
        });
    }
}
