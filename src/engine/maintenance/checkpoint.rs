//! Bodies on their way from the journal to their place.
//!
//! First they are written there, which makes them files that a person can read; that may be lost. Later
//! many are flushed at once, and only then their journal rows are dropped: a crash between any two steps leaves
//! the bytes in the journal, or in a flushed place, or in both.

use std::collections::HashMap;

use serde::Serialize;

use super::repack::kin_of_waiting;
use crate::engine::write::bulk_bodies::kin_of_none;
use crate::model::clock;
use crate::model::error::Result;
use crate::model::id::BlobId;
use crate::model::record::Durability;
use crate::storage::{Blobs, Effort, Index, Journaled, Kin, StoredBlob};

/// What a settling did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Settled {
    /// Bodies that were moved from the journal to their place.
    pub bodies: u64,
    /// Their bytes in sum.
    pub bytes: u64,
}

/// Bodies of about this many bytes are flushed together: what memory holds at once, and what a commit that comes
/// meanwhile shares the disk with.
const BATCH_BYTES: usize = 1024 * 1024;

/// Of more bodies than this none becomes a file: a pack of them costs a hundredth of it.
const MANY_WAITING: u64 = 1024;
/// Bytes that become one pack.
const PACK_BYTES: usize = 16 * 1024 * 1024;

/// Puts these bodies in their place, unflushed, as far as they still wait.
pub(crate) fn write_out(index: &dyn Index, blobs: &dyn Blobs, ids: &[BlobId]) -> Result<()> {
    let _hold = blobs.hold()?;
    let snapshot = index.snapshot()?;
    for id in ids {
        if let Some(StoredBlob::Journaled(bytes)) = snapshot.blob(*id)? {
            blobs.put(*id, &bytes)?;
        }
    }
    Ok(())
}

/// Moves what is in the journal to its place, for good, batch after batch, as long as `go_on`, told of the sum after
/// each, says so. Each body becomes a file; where many wait, they become a pack.
pub(crate) fn settle(
    index: &dyn Index,
    blobs: &dyn Blobs,
    mut go_on: impl FnMut(Settled) -> bool,
) -> Result<Settled> {
    let snapshot = index.snapshot()?;
    let waiting = snapshot.waiting()?.bodies;
    let kin = match waiting > MANY_WAITING {
        true => Some(kin_of_waiting(&**snapshot, waiting)?),
        false => None,
    };
    drop(snapshot);
    let mut sum = Settled::default();
    let mut position = 0;
    loop {
        // Held from the look into the journal on: a collection in between could remove the file again.
        let hold = blobs.hold_all()?;
        let bytes = kin.as_ref().map_or(BATCH_BYTES, |_| PACK_BYTES);
        let batch = index.snapshot()?.journal(position, bytes)?;
        let Some(last) = batch.last() else {
            return Ok(sum);
        };
        position = last.position;
        let ids: Vec<BlobId> = batch.iter().map(|body| body.id).collect();
        match &kin {
            None => settle_as_files(blobs, &batch, &ids)?,
            Some(kin) => settle_as_pack(blobs, &batch, kin)?,
        }
        // Losing this costs nothing: the rows would be dropped again.
        let mut transaction = index.transaction(Durability::Relaxed)?;
        transaction.drop_journal(&ids)?;
        transaction.commit()?;
        drop(hold);
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

fn settle_as_files(blobs: &dyn Blobs, batch: &[Journaled], ids: &[BlobId]) -> Result<()> {
    for body in batch {
        blobs.put(body.id, &body.bytes)?;
    }
    Ok(blobs.flush(ids)?)
}

/// The rows are there already, so nothing need be held once the pack is.
fn settle_as_pack(
    blobs: &dyn Blobs,
    batch: &[Journaled],
    kin: &HashMap<BlobId, Kin>,
) -> Result<()> {
    let mut pack = blobs.pack(Effort::Quick)?;
    let now = clock::system();
    for body in batch {
        let kin = kin.get(&body.id).copied();
        let kin = kin.unwrap_or_else(|| kin_of_none(body.id));
        pack.add(body.id, &body.bytes, kin, now)?;
    }
    drop(pack.finish()?);
    // Some may have been written out as files already.
    for body in batch {
        blobs.delete(body.id)?;
    }
    Ok(())
}
