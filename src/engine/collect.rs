//! Removing bodies that no version has any more.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::pack::{MANY, compact, pack_loose, young_since};
use crate::backend::{self, Blobs, ErrorKind, Index};
use crate::error::Result;
use crate::id::BlobId;
use crate::record::Durability;

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Collected {
    /// Bodies that no live version had.
    pub bodies: u64,
    /// Their bytes in sum.
    pub bytes: u64,
    /// Files without a row, left by an interrupted collection.
    pub leftovers: u64,
    /// Bodies that were files of their own and are in packs now.
    pub packed: u64,
    /// Dead bodies that went from packs, and with them room on the disk.
    pub dropped: u64,
}

/// How many bodies are removed under one hold of the lock, which settling waits for.
const CHUNK: usize = 1000;

/// Removes the bodies that no live version has had since `unused_since`, and what interrupted work left behind; packs
/// what is not young any more at `now`, and what is half dead of packs goes.
pub(crate) fn collect(
    index: &dyn Index,
    blobs: &dyn Blobs,
    unused_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Collected> {
    let mut collected = Collected::default();
    let mut before: Vec<BlobId> = Vec::new();
    loop {
        // Held from the check that no row names a body until its file is gone: a commit that brings the body
        // back in between journals it anew, and its settling waits.
        let _hold = blobs.hold_all()?;
        let mut transaction = index.transaction(Durability::Full)?;
        let chunk = transaction.collectable(unused_since, CHUNK)?;
        if chunk.is_empty() {
            break;
        }
        let ids: Vec<BlobId> = chunk.iter().map(|body| body.id).collect();
        // In a table that is damaged they could come for ever.
        if ids.iter().all(|id| before.contains(id)) {
            let reason = format!("body {} is unused again as soon as it is forgotten", ids[0]);
            return Err(backend::Error::new(ErrorKind::Corrupt, reason).into());
        }
        transaction.forget_blobs(&ids)?;
        transaction.commit()?;
        for body in &chunk {
            blobs.delete(body.id)?;
            collected.bodies += 1;
            collected.bytes += body.size;
        }
        before = ids;
    }
    collected.leftovers = collect_leftovers(index, blobs)?;
    collected.packed = pack_loose(index, blobs, young_since(now), MANY, || true)?;
    collected.dropped = compact(index, blobs)?.bodies;
    Ok(collected)
}

/// What a collection would remove of bodies, their bytes, and leftovers. Nothing is changed.
pub(crate) fn collectable(
    index: &dyn Index,
    blobs: &dyn Blobs,
    unused_since: DateTime<Utc>,
) -> Result<Collected> {
    let snapshot = index.snapshot()?;
    let mut collected = Collected::default();
    for body in snapshot.collectable(unused_since, usize::MAX)? {
        collected.bodies += 1;
        collected.bytes += body.size;
    }
    blobs.list(&mut |id| {
        collected.leftovers += u64::from(snapshot.blob(id)?.is_none());
        Ok(())
    })?;
    Ok(collected)
}

fn collect_leftovers(index: &dyn Index, blobs: &dyn Blobs) -> Result<u64> {
    let mut suspects = Vec::new();
    let snapshot = index.snapshot()?;
    blobs.list(&mut |id| {
        if snapshot.blob(id)?.is_none() {
            suspects.push(id);
        }
        Ok(())
    })?;
    drop(snapshot);
    let mut leftovers = 0;
    let _hold = blobs.hold_all()?;
    for chunk in suspects.chunks(CHUNK) {
        // A commit may have brought it back since; then it is settled under the lock that is held here.
        let snapshot = index.snapshot()?;
        for id in chunk {
            if snapshot.blob(*id)?.is_none() {
                blobs.delete(*id)?;
                leftovers += 1;
            }
        }
    }
    blobs.sweep()?;
    Ok(leftovers)
}
