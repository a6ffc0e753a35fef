//! Bodies on their way from the journal to their place.
//!
//! First they are written there, which makes them files that a person can read; that may be lost. Later
//! many are flushed at once, and only then their journal rows are dropped: a crash between any two steps leaves
//! the bytes in the journal, or in a flushed place, or in both.

use serde::Serialize;

use crate::backend::{Blobs, Index, StoredBlob};
use crate::error::Result;
use crate::id::BlobId;
use crate::record::Durability;

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
/// each, says so.
pub(crate) fn settle(
    index: &dyn Index,
    blobs: &dyn Blobs,
    mut go_on: impl FnMut(Settled) -> bool,
) -> Result<Settled> {
    let mut sum = Settled::default();
    let mut position = 0;
    loop {
        // Held from the look into the journal on: a collection in between could remove the file again.
        let hold = blobs.hold()?;
        let batch = index.snapshot()?.journal(position, BATCH_BYTES)?;
        let Some(last) = batch.last() else {
            return Ok(sum);
        };
        position = last.position;
        for body in &batch {
            blobs.put(body.id, &body.bytes)?;
        }
        let ids: Vec<BlobId> = batch.iter().map(|body| body.id).collect();
        blobs.flush(&ids)?;
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
