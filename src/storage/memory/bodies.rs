//! The rows of bodies, indexed by address, by journal position and by the time of release.

use std::sync::Arc;

use archery::ArcTK;
use chrono::{DateTime, Utc};
use rpds::{HashTrieMap, HashTrieSet, RedBlackTreeMapSync as Map};

use crate::model::id::BlobId;
use crate::model::work_counter;
use crate::storage::{JournaledBodies, OldestJournaled, ReleasedBefore, StoredBlob, Unreferenced};

/// When a body lost its last live version, and through which operation.
pub(super) type ReleasedBlob = (DateTime<Utc>, u64);

type ByAddress<V> = HashTrieMap<BlobId, V, ArcTK, foldhash::fast::RandomState>;
type Addresses = HashTrieSet<BlobId, ArcTK, foldhash::fast::RandomState>;

/// The row of a body. Clones share its bytes.
#[derive(Clone, Debug)]
pub(super) struct BlobRow {
    /// Its position in the order in which bodies were stored.
    pub(super) position: u64,
    pub(super) stored: Arc<StoredBlob>,
    /// The number of live versions that use it.
    pub(super) live: u64,
    /// When the last live version was deleted, and by which operation.
    pub(super) unused: Option<ReleasedBlob>,
}

impl BlobRow {
    /// Counts one more live version. Returns what released the body before.
    pub(super) fn hold(&mut self) -> Option<ReleasedBlob> {
        self.live += 1;
        self.unused.take()
    }

    /// Counts one live version less.
    pub(super) fn release(&mut self, release: ReleasedBlob) {
        self.live -= 1;
        self.unused = (self.live == 0).then_some(release);
    }
}

/// The stored bodies. Clones share their data.
#[derive(Clone, Debug, Default)]
pub(super) struct BlobRows {
    blobs: ByAddress<BlobRow>,
    journaled: Map<u64, BlobId>,
    journaled_bytes: u64,
    /// The bodies without a live version, by the operation that released them.
    unused: Map<Option<ReleasedBlob>, Addresses>,
    /// The position of the body that was stored last.
    last_position: u64,
}

impl BlobRows {
    pub(super) fn get(&self, id: BlobId) -> Option<&BlobRow> {
        self.blobs.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&BlobId, &BlobRow)> {
        self.blobs.iter()
    }

    /// Returns the position of the next body to be stored.
    pub(super) fn next_position(&mut self) -> u64 {
        self.last_position += 1;
        self.last_position
    }

    pub(super) fn put(&mut self, id: BlobId, blob: BlobRow) {
        self.unlist(id);
        if let StoredBlob::Journaled(bytes) = &*blob.stored {
            self.journaled.insert_mut(blob.position, id);
            self.journaled_bytes += bytes.len() as u64;
        }
        if blob.live == 0 {
            self.list_unused(blob.unused, id);
        }
        self.blobs.insert_mut(id, blob);
    }

    /// Counts one more live version of a stored body. Returns false if the body is not stored.
    pub(super) fn hold(&mut self, id: BlobId) -> bool {
        let Some(blob) = self.blobs.get_mut(&id) else {
            return false;
        };
        let unused = blob.hold();
        if blob.live == 1 {
            self.unlist_unused(unused, id);
        }
        true
    }

    /// Counts one live version less of a stored body. Returns false if the body is not stored.
    pub(super) fn release(&mut self, id: BlobId, release: ReleasedBlob) -> bool {
        let Some(blob) = self.blobs.get_mut(&id) else {
            return false;
        };
        blob.release(release);
        if blob.live == 0 {
            self.list_unused(Some(release), id);
        }
        true
    }

    pub(super) fn remove(&mut self, id: BlobId) {
        self.unlist(id);
        self.blobs.remove_mut(&id);
    }

    fn unlist(&mut self, id: BlobId) {
        let Some(blob) = self.blobs.get(&id) else {
            return;
        };
        if let StoredBlob::Journaled(bytes) = &*blob.stored {
            self.journaled.remove_mut(&blob.position);
            self.journaled_bytes -= bytes.len() as u64;
        }
        if blob.live == 0 {
            self.unlist_unused(blob.unused, id);
        }
    }

    fn list_unused(&mut self, unused: Option<ReleasedBlob>, id: BlobId) {
        if !self.unused.contains_key(&unused) {
            self.unused.insert_mut(unused, Addresses::default());
        }
        if let Some(bodies) = self.unused.get_mut(&unused) {
            bodies.insert_mut(id);
        }
    }

    fn unlist_unused(&mut self, unused: Option<ReleasedBlob>, id: BlobId) {
        if let Some(bodies) = self.unused.get_mut(&unused) {
            bodies.remove_mut(&id);
            if bodies.is_empty() {
                self.unused.remove_mut(&unused);
            }
        }
    }

    pub(super) fn waiting(&self) -> OldestJournaled {
        OldestJournaled {
            bodies: self.journaled.size() as u64,
            bytes: self.journaled_bytes,
        }
    }

    /// Implements [`Snapshot::journal`](crate::storage::BodyReads::journal).
    pub(super) fn journal(&self, after: u64, most: usize) -> Vec<JournaledBodies> {
        let mut batch: Vec<JournaledBodies> = Vec::new();
        let mut sum = 0;
        for (position, id) in self.journaled.range(after.saturating_add(1)..) {
            work_counter::step();
            let Some(StoredBlob::Journaled(bytes)) = self.blobs.get(id).map(|blob| &*blob.stored)
            else {
                continue;
            };
            sum += bytes.len();
            if !batch.is_empty() && sum > most {
                break;
            }
            batch.push(JournaledBodies {
                position: *position,
                id: *id,
                bytes: bytes.clone(),
            });
        }
        batch
    }

    /// Implements [`Snapshot::unreferenced`](crate::storage::BodyReads::unreferenced).
    pub(super) fn unreferenced(&self, wanted: ReleasedBefore, limit: usize) -> Vec<Unreferenced> {
        let unused = self.unused.iter();
        let unused =
            unused.take_while(|(unused, _)| unused.is_none_or(|(since, _)| since <= wanted.since));
        unused
            .filter(|(unused, _)| unused.is_none_or(|(_, by)| by < wanted.before))
            .flat_map(|(_, bodies)| bodies)
            .take(limit)
            .filter_map(|id| {
                work_counter::step();
                let size = match &*self.blobs.get(id)?.stored {
                    StoredBlob::Journaled(bytes) => bytes.len() as u64,
                    StoredBlob::Settled(size) => *size,
                };
                Some(Unreferenced { id: *id, size })
            })
            .collect()
    }
}
