//! [`MemoryIndex`], the index in memory.

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::committed::CommittedState;
use super::state::MemoryState;
use super::write::MemoryTransaction;
use crate::model::record::{Durability, Settings};
use crate::storage::{ChangeMark, Index, LockGuard, Snapshot, StorageResult, Transaction};

/// An index in memory.
#[derive(Debug)]
pub struct MemoryIndex {
    committed: CommittedState,
    writer: Mutex<()>,
    /// Held while bodies are written from the journal, or removed.
    bodies: RwLock<()>,
}

impl MemoryIndex {
    /// Creates an empty index.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::of(MemoryState::new(settings))
    }

    /// Creates an independent index with the current contents.
    ///
    /// The cost does not depend on the size.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::of(self.committed.get().clone())
    }

    fn of(state: MemoryState) -> Self {
        Self {
            committed: CommittedState::new(state),
            writer: Mutex::new(()),
            bodies: RwLock::new(()),
        }
    }
}

impl Index for MemoryIndex {
    fn snapshot(&self) -> StorageResult<Box<dyn Snapshot + '_>> {
        Ok(Box::new(self.committed.get().clone()))
    }

    fn transaction(&self, _durability: Durability) -> StorageResult<Box<dyn Transaction + '_>> {
        let turn = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Box::new(MemoryTransaction::new(&self.committed, turn)))
    }

    fn lock_shared(&self) -> StorageResult<Box<dyn LockGuard + '_>> {
        let guard = self.bodies.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Box::new(guard))
    }

    fn lock_exclusive(&self) -> StorageResult<Box<dyn LockGuard + '_>> {
        let guard = self.bodies.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Box::new(guard))
    }

    fn change_mark(&self) -> Option<ChangeMark> {
        ChangeMark::new(self.committed.commits().to_ne_bytes())
    }

    fn maintain(&self) -> StorageResult<bool> {
        Ok(false)
    }
}

impl LockGuard for RwLockReadGuard<'_, ()> {}
impl LockGuard for RwLockWriteGuard<'_, ()> {}

#[cfg(test)]
mod tests {
    use super::super::MemoryBlobs;
    use super::*;
    use crate::storage::testing;

    #[test]
    fn the_index_passes_the_suite() {
        testing::index::all(&|settings| Box::new(MemoryIndex::new(settings)));
    }

    #[test]
    fn the_index_has_marks() {
        assert!(
            MemoryIndex::new(Settings::default())
                .change_mark()
                .is_some()
        );
    }

    #[test]
    fn the_blob_store_passes_the_suite() {
        testing::blobs::all(&|| Box::new(MemoryBlobs::new()));
    }

    #[test]
    fn a_fork_of_nothing_passes_the_suite() {
        testing::index::all(&|settings| Box::new(MemoryIndex::new(settings).fork()));
        testing::blobs::all(&|| Box::new(MemoryBlobs::new().fork()));
    }
}
