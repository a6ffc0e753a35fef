//! The exclusive lock under which bodies are moved and removed.

use crate::storage::{Blobs, Index, LockGuard, StorageResult};

/// Takes the exclusive lock, and checks that bodies may be removed before anything is changed.
pub(super) fn lock_bodies<'a>(
    index: &'a dyn Index,
    blobs: &dyn Blobs,
) -> StorageResult<Box<dyn LockGuard + 'a>> {
    let lock = index.lock_exclusive()?;
    blobs.check_removable()?;
    Ok(lock)
}
