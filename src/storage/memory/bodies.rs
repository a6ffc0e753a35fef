//! The rows of bodies, indexed by address, by journal position and by the time of release.

use chrono::{DateTime, Utc};
use rpds::{RedBlackTreeMapSync as Map, RedBlackTreeSetSync as Set};

use crate::model::id::BlobId;
use crate::model::work_counter;
use crate::storage::{JournaledBodies, OldestJournaled, ReleasedBefore, StoredBlob, Unreferenced};

/// When a body lost its last live version, and through which operation.
pub(super) type ReleasedBlob = (DateTime<Utc>, u64);

#[derive(Clone, Debug)]
pub(super) struct BlobRow {
    /// Its position in the order in which bodies were stored.
    pub(super) position: u64,
    pub(super) stored: StoredBlob,
    /// The number of live versions that use it.
    pub(super) live: u64,
    /// When the last live version was deleted, and by which operation.
    pub(super) unused: Option<ReleasedBlob>,
}

/// The stored bodies. Clones share their data.
#[derive(Clone, Debug, Default)]
pub(super) struct BlobRows {
    blobs: Map<BlobId, BlobRow>,
    journaled: Map<u64, BlobId>,
    journaled_bytes: u64,
    unused: Set<(Option<ReleasedBlob>, BlobId)>,
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
        if let StoredBlob::Journaled(bytes) = &blob.stored {
            self.journaled.insert_mut(blob.position, id);
            self.journaled_bytes += bytes.len() as u64;
        }
        if blob.live == 0 {
            self.unused.insert_mut((blob.unused, id));
        }
        self.blobs.insert_mut(id, blob);
    }

    pub(super) fn remove(&mut self, id: BlobId) {
        self.unlist(id);
        self.blobs.remove_mut(&id);
    }

    fn unlist(&mut self, id: BlobId) {
        let Some(blob) = self.blobs.get(&id) else {
            return;
        };
        if let StoredBlob::Journaled(bytes) = &blob.stored {
            self.journaled.remove_mut(&blob.position);
            self.journaled_bytes -= bytes.len() as u64;
        }
        self.unused.remove_mut(&(blob.unused, id));
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
            let Some(StoredBlob::Journaled(bytes)) = self.blobs.get(id).map(|blob| &blob.stored)
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
            .take(limit)
            .filter_map(|(_, id)| {
                work_counter::step();
                let size = match &self.blobs.get(id)?.stored {
                    StoredBlob::Journaled(bytes) => bytes.len() as u64,
                    StoredBlob::Settled(size) => *size,
                };
                Some(Unreferenced { id: *id, size })
            })
            .collect()
    }
}
