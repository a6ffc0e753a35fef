//! Removing bodies that no version has any more.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::repack::{MANY, compact, pack_loose, young_since};
use super::retention::Retention;
use crate::model::error::{Error, Result};
use crate::model::id::BlobId;
use crate::model::record::Durability;
use crate::storage;
use crate::storage::{Blobs, ErrorKind, Index, Snapshot};

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Collected {
    /// Bodies that no live version had.
    pub bodies: u64,
    /// Their bytes in sum.
    pub bytes: u64,
    /// Files without a row, left by an interrupted collection, or newer than an index that was put back.
    pub leftovers: u64,
    /// Requests whose recorded inputs went: those of versions that are deleted and whose body was collected.
    pub inputs: u64,
    /// Bodies that were files of their own and are in packs now.
    pub packed: u64,
    /// Dead bodies that went from packs, and with them room on the disk.
    pub dropped: u64,
}

/// How many bodies, or recorded inputs, are removed under one hold of the lock, which others wait for.
const CHUNK: usize = 1000;

/// Removes the bodies that no live version has had for a time, with the inputs that were recorded for their versions, and what
/// interrupted work left behind; packs what is not young any more, and what is half dead of packs goes.
///
/// If the clock may be ahead and is not to be trusted, nothing is removed.
pub(crate) fn collect(
    index: &dyn Index,
    blobs: &dyn Blobs,
    retention: Retention,
    trust_clock: bool,
) -> Result<Collected> {
    let mut cutoff = retention.cutoff();
    if !trust_clock && is_in_doubt(index, blobs, retention)? {
        let removable = collectable(index, blobs, retention)?;
        if (removable.bodies, removable.leftovers) != (0, 0) {
            return Err(Error::ClockInDoubt {
                now: retention.now,
                cutoff,
                removable,
            });
        }
        // What is dead in packs is not looked for above: all of it stays.
        cutoff = DateTime::<Utc>::MIN_UTC;
    }
    let mut collected = collect_bodies(index, blobs, retention)?;
    collected.inputs = drop_inputs(index)?;
    collected.leftovers = collect_leftovers(index, blobs, retention.cutoff())?;
    // A failure to sweep does not stop the rest.
    let swept = sweep(blobs);
    collected.packed = pack_loose(index, blobs, young_since(retention.now), MANY, || true)?;
    collected.dropped = compact(index, blobs, cutoff)?.bodies;
    swept?;
    Ok(collected)
}

fn is_in_doubt(index: &dyn Index, blobs: &dyn Blobs, retention: Retention) -> Result<bool> {
    retention.is_in_doubt(&**index.snapshot()?, blobs)
}

fn collect_bodies(index: &dyn Index, blobs: &dyn Blobs, retention: Retention) -> Result<Collected> {
    let mut collected = Collected::default();
    let mut before: Vec<BlobId> = Vec::new();
    let unused = retention.unused(&**index.snapshot()?)?;
    loop {
        // Held from the check that no row names a body until its file is gone: a commit that brings the body
        // back in between journals it anew, and its settling waits.
        let _hold = blobs.hold_all()?;
        let mut transaction = index.transaction(Durability::Full)?;
        let chunk = transaction.collectable(unused, CHUNK)?;
        if chunk.is_empty() {
            return Ok(collected);
        }
        let ids: Vec<BlobId> = chunk.iter().map(|body| body.id).collect();
        // In a table that is damaged they could come for ever.
        if ids.iter().all(|id| before.contains(id)) {
            let reason = format!("body {} is unused again as soon as it is forgotten", ids[0]);
            return Err(storage::Error::new(ErrorKind::Corrupt, reason).into());
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
}

/// Drops the recorded inputs of versions that can't be brought back.
fn drop_inputs(index: &dyn Index) -> Result<u64> {
    let versions = index.snapshot()?.lost_versions_with_inputs()?;
    let mut dropped = 0;
    for version in versions {
        loop {
            let mut transaction = index.transaction(Durability::Full)?;
            let some = transaction.drop_inputs(version, CHUNK)?;
            transaction.commit()?;
            dropped += some;
            if some < CHUNK as u64 {
                break;
            }
        }
    }
    Ok(dropped)
}

/// What a collection would remove of bodies, their bytes, and leftovers. Nothing is changed.
pub(crate) fn collectable(
    index: &dyn Index,
    blobs: &dyn Blobs,
    retention: Retention,
) -> Result<Collected> {
    let snapshot = index.snapshot()?;
    let mut collected = Collected::default();
    for body in snapshot.collectable(retention.unused(&**snapshot)?, usize::MAX)? {
        collected.bodies += 1;
        collected.bytes += body.size;
    }
    blobs.list(&mut |id| {
        let is_leftover = is_leftover(&**snapshot, blobs, id, retention.cutoff())?;
        collected.leftovers += u64::from(is_leftover);
        Ok(())
    })?;
    Ok(collected)
}

/// Whether a file has no row and is not young. One that is may be newer than the index: if that was put back from a copy, the
/// right one may yet follow.
fn is_leftover(
    snapshot: &dyn Snapshot,
    blobs: &dyn Blobs,
    id: BlobId,
    cutoff: DateTime<Utc>,
) -> storage::Result<bool> {
    Ok(snapshot.blob(id)?.is_none() && blobs.written(id)?.is_some_and(|written| written <= cutoff))
}

fn collect_leftovers(index: &dyn Index, blobs: &dyn Blobs, cutoff: DateTime<Utc>) -> Result<u64> {
    let mut suspects = Vec::new();
    let snapshot = index.snapshot()?;
    blobs.list(&mut |id| {
        if is_leftover(&**snapshot, blobs, id, cutoff)? {
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
            if is_leftover(&**snapshot, blobs, *id, cutoff)? {
                blobs.delete(*id)?;
                leftovers += 1;
            }
        }
    }
    Ok(leftovers)
}

fn sweep(blobs: &dyn Blobs) -> Result<()> {
    let _hold = blobs.hold_all()?;
    Ok(blobs.sweep()?)
}
