//! Garbage collection: removal of bodies that no version uses any more.

use chrono::{DateTime, Utc};

use super::lock_bodies;
use super::repack::{MAX_LOOSE, compact, pack_loose, young_since};
use super::retention::Retention;
use crate::engine::visit;
use crate::model::error::{Error, Result};
use crate::model::gc_summary::GcSummary;
use crate::model::id::BlobId;
use crate::model::progress::Reporter;
use crate::model::record::Durability;
use crate::storage;
use crate::storage::{Blobs, Index, Snapshot, StorageErrorKind};

/// Bodies, or recorded inputs, that are removed while the lock is held once; others wait for it.
const MAX_PER_LOCK: usize = 1000;

/// Removes bodies that no live version has used for the retention period, and packs old bodies.
///
/// The inputs that were recorded for deleted versions of removed bodies are removed too, and so is
/// what interrupted work left behind. Packs with more unreferenced than live bodies are rewritten.
///
/// If the clock may be ahead, `trust_clock` is not set, and there is something to remove, it fails
/// with [`Error::ClockInDoubt`] and removes nothing. A later failure, or a cancellation between two
/// chunks, keeps what was done before it.
/// A body whose row is gone but whose file is not is left over for the next garbage collection.
pub(crate) fn collect(
    index: &dyn Index,
    blobs: &dyn Blobs,
    retention: Retention,
    trust_clock: bool,
    progress: &mut Reporter<'_>,
) -> Result<GcSummary> {
    progress.report()?;
    let mut cutoff = retention.cutoff();
    if !trust_clock && is_in_doubt(index, blobs, retention)? {
        let removable = unreferenced(index, blobs, retention, progress)?;
        if (removable.bodies, removable.leftovers) != (0, 0) {
            return Err(Error::ClockInDoubt {
                now: retention.now,
                cutoff,
                removable,
            });
        }
        // The check above does not look for unreferenced bodies in packs, so all of them are kept.
        cutoff = DateTime::<Utc>::MIN_UTC;
    }
    let mut collected = collect_bodies(index, blobs, retention, progress)?;
    collected.inputs = drop_inputs(index, progress)?;
    collected.leftovers = collect_leftovers(index, blobs, retention.cutoff(), progress)?;
    // A failure to remove temporary files does not stop the rest.
    let swept = sweep(index, blobs, cutoff);
    collected.packed = pack_loose(
        index,
        blobs,
        young_since(retention.now),
        MAX_LOOSE,
        |packed| {
            progress.advance(packed)?;
            progress.report().map(|()| true)
        },
    )?;
    collected.dropped = compact(index, blobs, cutoff, progress)?.bodies;
    swept?;
    Ok(collected)
}

fn is_in_doubt(index: &dyn Index, blobs: &dyn Blobs, retention: Retention) -> Result<bool> {
    retention.is_in_doubt(&*index.snapshot()?, blobs)
}

fn collect_bodies(
    index: &dyn Index,
    blobs: &dyn Blobs,
    retention: Retention,
    progress: &mut Reporter<'_>,
) -> Result<GcSummary> {
    let mut collected = GcSummary::default();
    // The last operation at that time, and the bodies that were removed.
    let mut before: Option<(u64, Vec<BlobId>)> = None;
    let unused = retention.unused(&*index.snapshot()?)?;
    loop {
        // The lock is held from the check that no version uses a body until its file is removed. A
        // commit that adds the body again in between journals it again, and its checkpoint waits
        // for the lock.
        let _hold = lock_bodies(index, blobs)?;
        let mut transaction = index.transaction(Durability::Full)?;
        let chunk = transaction.snapshot().unreferenced(unused, MAX_PER_LOCK)?;
        if chunk.is_empty() {
            return Ok(collected);
        }
        let ids: Vec<BlobId> = chunk.iter().map(|body| body.id).collect();
        // A damaged table could return the same bodies forever. After further operations, the same
        // bodies may have been added and released again.
        let (last, _) = transaction.last_operation()?;
        let is_repeated = before.is_some_and(|(number, removed)| {
            number == last && ids.iter().all(|id| removed.contains(id))
        });
        if is_repeated {
            let reason = format!(
                "body {} is still listed as unreferenced after its removal",
                ids[0]
            );
            return Err(storage::StorageError::new(StorageErrorKind::Corrupt, reason).into());
        }
        transaction.forget_blobs(&ids)?;
        transaction.commit()?;
        for body in &chunk {
            blobs.delete(body.id)?;
            collected.bodies += 1;
            collected.bytes += body.size;
        }
        progress.advance(ids.len() as u64)?;
        progress.report()?;
        before = Some((last, ids));
    }
}

/// Drops the recorded inputs of versions that cannot be restored.
fn drop_inputs(index: &dyn Index, progress: &mut Reporter<'_>) -> Result<u64> {
    let versions = index.snapshot()?.lost_versions_with_inputs()?;
    let mut dropped = 0;
    for version in versions {
        loop {
            let mut transaction = index.transaction(Durability::Full)?;
            let some = transaction.drop_inputs(version, MAX_PER_LOCK)?;
            transaction.commit()?;
            dropped += some;
            progress.pulse()?;
            if some < MAX_PER_LOCK as u64 {
                break;
            }
        }
    }
    Ok(dropped)
}

/// Counts the bodies, bytes and leftovers that a garbage collection would remove. Changes nothing.
pub(crate) fn unreferenced(
    index: &dyn Index,
    blobs: &dyn Blobs,
    retention: Retention,
    progress: &mut Reporter<'_>,
) -> Result<GcSummary> {
    progress.report()?;
    let snapshot = index.snapshot()?;
    let mut collected = GcSummary::default();
    for body in snapshot.unreferenced(retention.unused(&*snapshot)?, usize::MAX)? {
        collected.bodies += 1;
        collected.bytes += body.size;
    }
    let leftovers = leftovers(&*snapshot, blobs, retention.cutoff(), progress)?;
    collected.leftovers = leftovers.len() as u64;
    Ok(collected)
}

/// Checks whether a file has no row in the index and is older than the cutoff.
///
/// A younger file may be newer than the index: if the index was restored from a copy, the newer
/// index may yet be put back.
fn is_leftover(
    snapshot: &dyn Snapshot,
    blobs: &dyn Blobs,
    id: BlobId,
    cutoff: DateTime<Utc>,
) -> storage::StorageResult<bool> {
    Ok(snapshot.blob(id)?.is_none() && blobs.written(id)?.is_some_and(|written| written <= cutoff))
}

/// Returns the files that are leftovers.
fn leftovers(
    snapshot: &dyn Snapshot,
    blobs: &dyn Blobs,
    cutoff: DateTime<Utc>,
    progress: &mut Reporter<'_>,
) -> Result<Vec<BlobId>> {
    let mut leftovers = Vec::new();
    visit::stoppable(|keep| {
        blobs.list(&mut |id| {
            if is_leftover(snapshot, blobs, id, cutoff)? {
                leftovers.push(id);
            }
            keep(progress.pulse())
        })
    })?;
    Ok(leftovers)
}

fn collect_leftovers(
    index: &dyn Index,
    blobs: &dyn Blobs,
    cutoff: DateTime<Utc>,
    progress: &mut Reporter<'_>,
) -> Result<u64> {
    let suspects = leftovers(&*index.snapshot()?, blobs, cutoff, progress)?;
    let mut leftovers = 0;
    let _hold = lock_bodies(index, blobs)?;
    for chunk in suspects.chunks(MAX_PER_LOCK) {
        // A commit may have added the body again in the meantime. Its checkpoint then waits for the
        // lock that is held here.
        let snapshot = index.snapshot()?;
        for id in chunk {
            if is_leftover(&*snapshot, blobs, *id, cutoff)? {
                blobs.delete(*id)?;
                leftovers += 1;
            }
            progress.pulse()?;
        }
    }
    Ok(leftovers)
}

fn sweep(index: &dyn Index, blobs: &dyn Blobs, cutoff: DateTime<Utc>) -> Result<()> {
    let _hold = lock_bodies(index, blobs)?;
    Ok(blobs.sweep(cutoff)?)
}
