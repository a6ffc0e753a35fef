//! Checkpoints: moving bodies from the journal to the blob store.
//!
//! The bodies are first written to the blob store without a flush, as files that a person can read;
//! a crash may lose them. Later, many are flushed together, and only then are their journal rows
//! dropped. A crash between any two steps leaves the bytes in the journal, or flushed in the blob
//! store, or both.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::lock_bodies;
use super::repack::delta_groups_of_journal;
use crate::engine::write::bulk_bodies::own_delta_group;
use crate::model::clock;
use crate::model::error::Result;
use crate::model::id::BlobId;
use crate::model::record::Durability;
use crate::storage::{Blobs, CompressionLevel, DeltaGroup, Index, JournaledBodies, StoredBlob};

/// The result of a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckpointSummary {
    /// Bodies that were moved from the journal to the blob store.
    pub bodies: u64,
    /// Total size of those bodies in bytes.
    pub bytes: u64,
}

/// The size in bytes of the bodies that are flushed together.
///
/// It bounds the memory that a checkpoint takes, and the work that a concurrent commit shares the
/// disk with.
const BATCH_BYTES: usize = 1024 * 1024;

/// The size in bytes of the bodies that become one pack.
const PACK_BYTES: usize = 16 * 1024 * 1024;

/// Writes those of these bodies that are still in the journal to the blob store, without a flush.
pub(crate) fn write_files(index: &dyn Index, blobs: &dyn Blobs, ids: &[BlobId]) -> Result<()> {
    if blobs.max_loose() == 0 {
        return Ok(());
    }
    let _lock = index.lock_shared()?;
    let snapshot = index.snapshot()?;
    for id in ids {
        if let Some(StoredBlob::Journaled(bytes)) = snapshot.blob(*id)? {
            blobs.put(*id, &bytes)?;
        }
    }
    Ok(())
}

/// Moves all bodies from the journal to the blob store and makes them durable, batch by batch.
///
/// `go_on` gets the total after each batch, and stops the checkpoint by returning false. Each body
/// becomes a file; if there are more than [`Blobs::max_loose`], they become packs, which cost a
/// hundredth of files. An error keeps the batches that were
/// completed before it, and leaves the other bodies in the journal.
pub(crate) fn checkpoint(
    index: &dyn Index,
    blobs: &dyn Blobs,
    mut go_on: impl FnMut(CheckpointSummary) -> bool,
) -> Result<CheckpointSummary> {
    let snapshot = index.snapshot()?;
    let journaled = snapshot.waiting()?.bodies;
    let groups = if journaled > blobs.max_loose() {
        Some(delta_groups_of_journal(&*snapshot, journaled)?)
    } else {
        None
    };
    drop(snapshot);
    let mut sum = CheckpointSummary::default();
    let mut position = 0;
    loop {
        // The lock is held from the read of the journal on. Otherwise a garbage collection in
        // between could remove the file.
        let lock = lock_bodies(index, blobs)?;
        let bytes = groups.as_ref().map_or(BATCH_BYTES, |_| PACK_BYTES);
        let batch = index.snapshot()?.journal(position, bytes)?;
        let Some(last) = batch.last() else {
            return Ok(sum);
        };
        position = last.position;
        let ids: Vec<BlobId> = batch.iter().map(|body| body.id).collect();
        match &groups {
            None => store_as_files(blobs, &batch, &ids)?,
            Some(groups) => store_as_pack(blobs, &batch, groups)?,
        }
        // Losing this transaction is harmless: the next checkpoint drops the rows again.
        let mut transaction = index.transaction(Durability::Relaxed)?;
        transaction.drop_journal(&ids)?;
        transaction.commit()?;
        drop(lock);
        sum.bodies += ids.len() as u64;
        sum.bytes += batch
            .iter()
            .map(|body| body.bytes.len() as u64)
            .sum::<u64>();
        if !go_on(sum) {
            return Ok(sum);
        }
    }
}

fn store_as_files(blobs: &dyn Blobs, batch: &[JournaledBodies], ids: &[BlobId]) -> Result<()> {
    for body in batch {
        blobs.put(body.id, &body.bytes)?;
    }
    Ok(blobs.flush(ids)?)
}

/// Writes a batch of bodies into a pack.
///
/// The rows that refer to the bodies exist already, so the pack's lock can be dropped at once.
fn store_as_pack(
    blobs: &dyn Blobs,
    batch: &[JournaledBodies],
    groups: &HashMap<BlobId, DeltaGroup>,
) -> Result<()> {
    let has_files = blobs.max_loose() > 0;
    // If there are no files, no caller waits for it as for a full disk.
    let level = if has_files {
        CompressionLevel::Fast
    } else {
        CompressionLevel::Best
    };
    let mut pack = blobs.pack(level)?;
    let now = clock::system();
    for body in batch {
        let known = groups.get(&body.id).copied();
        let group = known.unwrap_or_else(|| own_delta_group(body.id));
        pack.add(body.id, &body.bytes, group, now)?;
    }
    drop(pack.finish()?);
    if !has_files {
        return Ok(());
    }
    // Some of the bodies may have been written as files before.
    for body in batch {
        blobs.delete(body.id)?;
    }
    Ok(())
}
