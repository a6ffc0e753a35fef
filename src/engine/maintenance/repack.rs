//! Moving of loose bodies into packs, and rewriting of packs.
//!
//! A body is packed if it is no longer young and belongs neither to a version that an environment
//! points to nor to a prompt's latest version. The other bodies stay plain files.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::lock_bodies;
use super::retention::Retention;
use crate::engine::visit;
use crate::engine::write::bulk_bodies::{delta_group_of, own_delta_group};
use crate::model::clock;
use crate::model::error::Result;
use crate::model::id::{BlobId, VersionId};
use crate::model::progress::Reporter;
use crate::model::record::{Change, Operation, OperationFilter, Version};
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::{
    Blobs, CompactionScope, CompactionSummary, CompressionLevel, DeltaGroup, Index, PromptTable,
    Snapshot, StorageError, StorageResult, StoredBlob,
};

/// If there are more loose bodies than this, they are packed.
pub(crate) const MAX_LOOSE: u64 = 512;
/// Bodies that are packed while the lock is held once; checkpoints wait for it.
const BODIES_PER_PACK: usize = 8192;
/// The minimum number of operations that are read at a time to find a version by its body.
const MIN_SEARCHED: usize = 256;

/// The result of a repack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RepackSummary {
    /// Bodies that were moved from files of their own into packs.
    pub bodies: u64,
    /// Unreferenced bodies that were removed from packs.
    pub dropped: u64,
    /// The number of bytes by which the packs became smaller.
    pub bytes: u64,
}

/// Returns the time one day before `now`. Versions that were created later are young.
pub(crate) fn young_since(now: DateTime<Utc>) -> DateTime<Utc> {
    now.checked_sub_signed(Duration::days(1))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// Packs the bodies that may be packed, if there are more than `many`.
///
/// Between two packs, `go_on` gets the number of bodies that the last pack added, and stops the
/// work by returning false. Returns the number of bodies packed.
pub(crate) fn pack_loose(
    index: &dyn Index,
    blobs: &dyn Blobs,
    young_since: DateTime<Utc>,
    many: u64,
    mut go_on: impl FnMut(u64) -> Result<bool>,
) -> Result<u64> {
    let mut loose = HashSet::new();
    blobs.list(&mut |id| {
        loose.insert(id);
        Ok(())
    })?;
    if loose.len() as u64 <= many {
        return Ok(0);
    }
    let snapshot = index.snapshot()?;
    let (mut staying, mut old) = (HashSet::new(), Vec::new());
    visit::prompts(&*snapshot, |table| {
        for (blob, group, stays) in bodies_of(&table, young_since) {
            if !loose.contains(&blob) {
                continue;
            }
            if stays {
                staying.insert(blob);
            } else {
                old.push((blob, group));
            }
        }
        Ok(())
    })?;
    drop(snapshot);
    let mut seen = staying;
    old.retain(|(blob, _)| seen.insert(*blob));
    if old.len() as u64 <= many {
        return Ok(0);
    }
    let (mut packed, mut added) = (0, 0);
    for chunk in old.chunks(BODIES_PER_PACK) {
        if !go_on(added)? {
            break;
        }
        added = pack_chunk(index, blobs, chunk)?;
        packed += added;
    }
    Ok(packed)
}

/// Returns a prompt's bodies in version order, and whether each one stays a file.
fn bodies_of(
    table: &PromptTable,
    young_since: DateTime<Utc>,
) -> impl Iterator<Item = (BlobId, DeltaGroup, bool)> {
    let latest = table.latest();
    let pointed: HashSet<VersionId> = table.environments.values().map(|to| to.0).collect();
    table.versions.iter().map(move |row| {
        let version = &row.version;
        let is_current = pointed.contains(&version.id)
            || row.deleted_at.is_none() && latest == Some(version.number);
        let stays = is_current || version.created_at >= young_since;
        let group = delta_group_of(table.id, version.number.major);
        (version.blob, group, stays)
    })
}

fn pack_chunk(index: &dyn Index, blobs: &dyn Blobs, chunk: &[(BlobId, DeltaGroup)]) -> Result<u64> {
    let _lock = lock_bodies(index, blobs)?;
    let snapshot = index.snapshot()?;
    let mut pack = blobs.pack(CompressionLevel::Fast)?;
    let (mut packed, now) = (Vec::new(), clock::system());
    for (id, group) in chunk {
        // A body that was garbage-collected in the meantime is gone. A damaged one stays a file,
        // where it can be inspected.
        if let Some(StoredBlob::Settled(_)) = snapshot.blob(*id)?
            && let Some(bytes) = sound_copy(blobs, *id)?
        {
            // The body keeps its age in the pack.
            let written = blobs.written(*id)?.unwrap_or(now);
            pack.add(*id, bytes.as_bytes(), *group, written)?;
            packed.push(*id);
        }
    }
    let pack_lock = pack.finish()?;
    for id in &packed {
        blobs.delete(*id)?;
    }
    drop(pack_lock);
    Ok(packed.len() as u64)
}

/// Returns an intact copy of a body; `None` if it is missing or damaged.
fn sound_copy(blobs: &dyn Blobs, id: BlobId) -> Result<Option<VerifiedBytes>> {
    match blobs.get(id) {
        Err(error) if error.hash_mismatch().is_some() => Ok(None),
        got => Ok(got?),
    }
}

/// Removes unreferenced bodies from packs, and joins packs into fewer ones.
///
/// Only packs with more unreferenced than live bodies are rewritten. A body that was written after
/// `young_since` stays.
pub(crate) fn compact(
    index: &dyn Index,
    blobs: &dyn Blobs,
    young_since: DateTime<Utc>,
    progress: &mut Reporter<'_>,
) -> Result<CompactionSummary> {
    let lock = lock_bodies(index, blobs)?;
    let compacted = visit::stoppable(|keep| {
        blobs.compact(CompactionScope::Wasteful, young_since, &mut |visit| {
            // By now no pack that is compacted can be locked, so the snapshot contains the rows
            // that refer to its bodies.
            let snapshot = index.snapshot()?;
            each_body(&*snapshot, &mut |id, group| {
                keep(progress.pulse())?;
                visit(id, group)
            })
        })
    })?;
    drop(lock);
    join(index, blobs)?;
    Ok(compacted)
}

/// Joins packs into fewer ones.
pub(crate) fn join(index: &dyn Index, blobs: &dyn Blobs) -> Result<()> {
    let _lock = lock_bodies(index, blobs)?;
    Ok(blobs.join_packs()?)
}

/// Packs all bodies that may be packed, and rewrites all packs thoroughly, ordered by prompt.
///
/// Unreferenced bodies are dropped unless they are within the retention period.
pub(crate) fn repack(
    index: &dyn Index,
    blobs: &dyn Blobs,
    retention: Retention,
    trust_clock: bool,
    progress: &mut Reporter<'_>,
) -> Result<RepackSummary> {
    let bodies = pack_loose(index, blobs, young_since(retention.now), 0, |packed| {
        progress.advance(packed)?;
        progress.report().map(|()| true)
    })?;
    let is_in_doubt = !trust_clock && retention.is_in_doubt(&*index.snapshot()?, blobs)?;
    let young_since = if is_in_doubt {
        DateTime::<Utc>::MIN_UTC
    } else {
        retention.cutoff()
    };
    let compacted = repack_all(index, blobs, young_since, progress)?;
    Ok(RepackSummary {
        bodies,
        dropped: compacted.bodies,
        bytes: compacted.bytes,
    })
}

/// Rewrites all packs. If it is cancelled, the old packs stay.
pub(crate) fn repack_all(
    index: &dyn Index,
    blobs: &dyn Blobs,
    young_since: DateTime<Utc>,
    progress: &mut Reporter<'_>,
) -> Result<CompactionSummary> {
    progress.report()?;
    let _lock = lock_bodies(index, blobs)?;
    visit::stoppable(|keep| {
        blobs.compact(CompactionScope::All, young_since, &mut |visit| {
            let snapshot = index.snapshot()?;
            each_live_body(&*snapshot, &mut |id, group| {
                keep(progress.advance(1))?;
                visit(id, group)
            })
        })
    })
}

/// Visits every stored body: first those of each prompt in version order, then all bodies.
fn each_live_body(
    snapshot: &dyn Snapshot,
    visit: &mut dyn FnMut(BlobId, DeltaGroup) -> StorageResult<()>,
) -> StorageResult<()> {
    let mut of_prompt = |table: &PromptTable| {
        for row in &table.versions {
            let (id, number) = (row.version.blob, row.version.number);
            // The body of a deleted version may have been garbage-collected.
            if row.deleted_at.is_none() || snapshot.blob(id)?.is_some() {
                visit(id, delta_group_of(table.id, number.major))?;
            }
        }
        Ok(ControlFlow::Continue(()))
    };
    visit::fallible::<StorageError>(|keep| {
        snapshot.each_prompt(&mut |table| keep(of_prompt(&table)))
    })?;
    each_body(snapshot, visit)
}

fn each_body(
    snapshot: &dyn Snapshot,
    visit: &mut dyn FnMut(BlobId, DeltaGroup) -> StorageResult<()>,
) -> StorageResult<()> {
    visit::fallible(|keep| {
        snapshot.each_blob(&mut |id, _, _| {
            keep(visit(id, own_delta_group(id)).map(ControlFlow::Continue))
        })
    })
}

/// Returns the delta groups of the bodies in the journal, whose number is `journaled`.
///
/// The groups come from the operations that created the bodies' versions.
pub(crate) fn delta_groups_of_journal(
    snapshot: &dyn Snapshot,
    journaled: u64,
) -> Result<HashMap<BlobId, DeltaGroup>> {
    let versions = newest_versions(snapshot, journaled)?.into_iter();
    let groups = versions.map(|version| {
        let group = delta_group_of(version.prompt_id, version.number.major);
        (version.blob, group)
    });
    Ok(groups.collect())
}

/// Returns the creation time of the version whose body has been in the journal longest.
///
/// `journaled` is the number of bodies in the journal.
pub(crate) fn oldest_journaled(
    snapshot: &dyn Snapshot,
    journaled: u64,
) -> Result<Option<DateTime<Utc>>> {
    let Some(first) = snapshot.journal(0, 0)?.into_iter().next() else {
        return Ok(None);
    };
    // Any number of operations of other kinds may follow the one that created the version.
    let limit = usize::try_from(journaled).unwrap_or(usize::MAX);
    let mut before = None;
    loop {
        let newest = OperationFilter::default();
        let operations = snapshot.operations(&newest, before, limit.max(MIN_SEARCHED))?;
        let Some(last) = operations.last() else {
            return Ok(None);
        };
        before = Some(last.number);
        let created = created_by(operations).filter(|version| version.blob == first.id);
        if let Some(oldest) = created.map(|version| version.created_at).min() {
            return Ok(Some(oldest));
        }
    }
}

/// Returns the versions created last, about as many as there are bodies in the journal.
///
/// These are mostly the versions that the journaled bodies belong to.
fn newest_versions(snapshot: &dyn Snapshot, journaled: u64) -> Result<Vec<Version>> {
    let limit = usize::try_from(journaled).unwrap_or(usize::MAX);
    let newest = snapshot.operations(&OperationFilter::default(), None, limit)?;
    Ok(created_by(newest).collect())
}

fn created_by(operations: Vec<Operation>) -> impl Iterator<Item = Version> {
    let changes = operations
        .into_iter()
        .flat_map(|operation| operation.content.changes);
    changes.filter_map(|change| match change {
        Change::VersionCreated(version) => Some(*version),
        _ => None,
    })
}
