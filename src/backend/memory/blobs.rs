//! Settled bodies in memory.

use std::sync::{
    Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};

use rpds::RedBlackTreeMapSync as Map;

use crate::backend::{Blobs, Error, ErrorKind, Hold, Result};
use crate::id::BlobId;

/// A blob store in memory.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    bodies: Mutex<Map<BlobId, Vec<u8>>>,
    lock: RwLock<()>,
}

impl MemoryBlobs {
    /// An empty blob store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A blob store of its own that starts with what is here now, at the same cost for any number of bodies.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            bodies: Mutex::new(self.bodies().clone()),
            lock: RwLock::default(),
        }
    }

    fn bodies(&self) -> MutexGuard<'_, Map<BlobId, Vec<u8>>> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses to remove anything while nobody holds all.
    fn held_all(&self) -> Result<()> {
        match self.lock.try_read() {
            Err(TryLockError::WouldBlock) => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Other,
                "nobody holds all: nothing is removed",
            )),
        }
    }
}

impl Blobs for MemoryBlobs {
    fn put(&self, id: BlobId, bytes: &[u8]) -> Result<()> {
        self.bodies().insert_mut(id, bytes.to_vec());
        Ok(())
    }

    fn flush(&self, _ids: &[BlobId]) -> Result<()> {
        Ok(())
    }

    fn get(&self, id: BlobId) -> Result<Option<Vec<u8>>> {
        Ok(self.bodies().get(&id).cloned())
    }

    fn delete(&self, id: BlobId) -> Result<()> {
        self.held_all()?;
        self.bodies().remove_mut(&id);
        Ok(())
    }

    fn list(&self, visit: &mut dyn FnMut(BlobId) -> Result<()>) -> Result<()> {
        let ids: Vec<BlobId> = self.bodies().keys().copied().collect();
        ids.into_iter().try_for_each(visit)
    }

    fn sweep(&self) -> Result<()> {
        self.held_all()
    }

    fn hold(&self) -> Result<Box<dyn Hold + '_>> {
        let guard = self.lock.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Box::new(guard))
    }

    fn hold_all(&self) -> Result<Box<dyn Hold + '_>> {
        let guard = self.lock.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Box::new(guard))
    }
}

impl Hold for RwLockReadGuard<'_, ()> {}
impl Hold for RwLockWriteGuard<'_, ()> {}
