//! The blob store in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use rpds::RedBlackTreeMapSync as Map;

use crate::model::clock;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::{
    BlobUsage, Blobs, CompactionScope, CompactionSummary, CompressionLevel, DeltaGroup, LiveBodies,
    LockGuard, Pack, StorageResult,
};

/// A body, and the time at which it was written.
type MemoryBody = (Vec<u8>, DateTime<Utc>);

type MemoryBodies = Map<BlobId, MemoryBody>;

/// A blob store in memory.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    bodies: Mutex<MemoryBodies>,
    packed: Mutex<MemoryBodies>,
    /// Shared with the locks of finished packs whose bodies no row may name yet.
    held_packs: Arc<()>,
}

impl MemoryBlobs {
    /// Creates an empty blob store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an independent blob store with the current contents.
    ///
    /// The cost does not depend on the number of bodies.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            bodies: Mutex::new(self.bodies().clone()),
            packed: Mutex::new(self.packed().clone()),
            ..Self::default()
        }
    }

    fn bodies(&self) -> MutexGuard<'_, MemoryBodies> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn packed(&self) -> MutexGuard<'_, MemoryBodies> {
        self.packed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blobs for MemoryBlobs {
    fn put(&self, id: BlobId, bytes: &[u8]) -> StorageResult<()> {
        let body = (bytes.to_vec(), clock::system());
        self.bodies().insert_mut(id, body);
        Ok(())
    }

    fn flush(&self, _ids: &[BlobId]) -> StorageResult<()> {
        Ok(())
    }

    fn get(&self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let copy = |bodies: &MemoryBodies| bodies.get(&id).map(|(bytes, _)| bytes.clone());
        let loose = copy(&self.bodies()).map(|bytes| VerifiedBytes::check(id, bytes));
        if let Some(Ok(bytes)) = loose {
            return Ok(Some(bytes));
        }
        match copy(&self.packed()).map(|bytes| VerifiedBytes::check(id, bytes)) {
            Some(Ok(bytes)) => Ok(Some(bytes)),
            packed => Ok(packed.or(loose).transpose()?),
        }
    }

    fn delete(&self, id: BlobId) -> StorageResult<()> {
        self.bodies().remove_mut(&id);
        Ok(())
    }

    fn list(&self, visit: &mut dyn FnMut(BlobId) -> StorageResult<()>) -> StorageResult<()> {
        let ids: Vec<BlobId> = self.bodies().keys().copied().collect();
        ids.into_iter().try_for_each(visit)
    }

    fn pack(&self, _effort: CompressionLevel) -> StorageResult<Box<dyn Pack + '_>> {
        Ok(Box::new(MemoryPack {
            blobs: self,
            bodies: Vec::new(),
        }))
    }

    fn written(&self, id: BlobId) -> StorageResult<Option<DateTime<Utc>>> {
        Ok(self.bodies().get(&id).map(|(_, written)| *written))
    }

    fn newest(&self) -> StorageResult<Option<DateTime<Utc>>> {
        let newest = |bodies: &MemoryBodies| bodies.values().map(|(_, written)| *written).max();
        Ok(newest(&self.bodies()).max(newest(&self.packed())))
    }

    fn compact(
        &self,
        _extent: CompactionScope,
        young_since: DateTime<Utc>,
        live: &mut LiveBodies<'_>,
    ) -> StorageResult<CompactionSummary> {
        if Arc::strong_count(&self.held_packs) > 1 {
            return Ok(CompactionSummary::default());
        }
        let packed = self.packed().clone();
        let young = packed.iter().filter(|(_, (_, at))| *at > young_since);
        let mut left: MemoryBodies = young.map(|(id, body)| (*id, body.clone())).collect();
        live(&mut |id, _| {
            if let Some(body) = packed.get(&id) {
                left.insert_mut(id, body.clone());
            }
            Ok(())
        })?;
        let bodies = (packed.size() - left.size()) as u64;
        let sum =
            |bodies: &MemoryBodies| bodies.values().map(|(bytes, _)| bytes.len()).sum::<usize>();
        let bytes = (sum(&packed) - sum(&left)) as u64;
        *self.packed() = left;
        Ok(CompactionSummary { bodies, bytes })
    }

    fn join_packs(&self) -> StorageResult<()> {
        Ok(())
    }

    fn holds(&self, id: BlobId) -> StorageResult<bool> {
        Ok(self.bodies().contains_key(&id) || self.packed().contains_key(&id))
    }

    fn check_packs(&self, _all: bool) -> StorageResult<Vec<String>> {
        Ok(Vec::new())
    }

    fn usage(&self) -> StorageResult<BlobUsage> {
        let count = |bodies: &MemoryBodies| {
            let bytes = bodies.values().map(|(bytes, _)| bytes.len()).sum::<usize>();
            (bodies.size() as u64, bytes as u64)
        };
        let ((loose_bodies, loose_bytes), (packed_bodies, packed_bytes)) =
            (count(&self.bodies()), count(&self.packed()));
        Ok(BlobUsage {
            loose_bodies,
            loose_bytes,
            packs: u64::from(packed_bodies > 0),
            packed_bodies,
            packed_bytes,
            pack_bytes: packed_bytes,
            failure: None,
        })
    }

    fn sweep(&self, _deleted_before: DateTime<Utc>) -> StorageResult<()> {
        Ok(())
    }
}

/// A pack that is being written.
#[derive(Debug)]
struct MemoryPack<'a> {
    blobs: &'a MemoryBlobs,
    bodies: Vec<(BlobId, MemoryBody)>,
}

impl Pack for MemoryPack<'_> {
    fn add(
        &mut self,
        id: BlobId,
        bytes: &[u8],
        _group: DeltaGroup,
        written: DateTime<Utc>,
    ) -> StorageResult<()> {
        self.bodies.push((id, (bytes.to_vec(), written)));
        Ok(())
    }

    fn get(&mut self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let found = self.bodies.iter().find(|(added, _)| *added == id);
        Ok(found.and_then(|(_, (bytes, _))| VerifiedBytes::check(id, bytes.clone()).ok()))
    }

    fn finish(self: Box<Self>) -> StorageResult<Box<dyn LockGuard>> {
        let hold = Arc::clone(&self.blobs.held_packs);
        let mut packed = self.blobs.packed();
        for (id, (bytes, written)) in self.bodies {
            // Another pack may contain the body. The body is as young as its younger copy.
            let written = packed.get(&id).map_or(written, |(_, at)| written.max(*at));
            packed.insert_mut(id, (bytes, written));
        }
        Ok(Box::new(hold))
    }
}

impl LockGuard for Arc<()> {}
