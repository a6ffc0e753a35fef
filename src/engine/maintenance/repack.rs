//! Bodies that lie by themselves, packed together: those that are young no more, and that no pointer and no prompt's latest
//! version holds. The others stay plain files.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use super::retention::Retention;
use crate::engine::write::bulk_bodies::{kin_of, kin_of_none};
use crate::model::clock;
use crate::model::error::Result;
use crate::model::id::{BlobId, VersionId};
use crate::model::record::{Change, OperationFilter, Version};
use crate::storage::{
    Blobs, Compacted, Effort, Extent, Index, Kin, PromptTable, Snapshot, StoredBlob,
};

/// More bodies than this that are files of their own are packed.
pub(crate) const MANY: u64 = 512;
/// Bodies that are packed under one hold of the lock, which settling waits for.
const CHUNK: usize = 8192;

/// What packing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Packed {
    /// Bodies that were files of their own and are in packs now.
    pub bodies: u64,
    /// Dead bodies that went from packs.
    pub dropped: u64,
    /// What packs take less than before, in bytes.
    pub bytes: u64,
}

/// A day ago: versions made since are young.
pub(crate) fn young_since(now: DateTime<Utc>) -> DateTime<Utc> {
    now.checked_sub_signed(Duration::days(1))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// Packs what may be, if it is more than `many` bodies, as long as `go_on` says so.
pub(crate) fn pack_loose(
    index: &dyn Index,
    blobs: &dyn Blobs,
    young_since: DateTime<Utc>,
    many: u64,
    go_on: impl Fn() -> bool,
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
    let (mut kept, mut old) = (HashSet::new(), Vec::new());
    snapshot.each_prompt(&mut |table| {
        for (blob, kin, stays) in bodies_of(&table, young_since) {
            match loose.contains(&blob) {
                true if stays => drop(kept.insert(blob)),
                true => old.push((blob, kin)),
                false => {}
            }
        }
        Ok(())
    })?;
    drop(snapshot);
    let mut seen = kept;
    old.retain(|(blob, _)| seen.insert(*blob));
    if old.len() as u64 <= many {
        return Ok(0);
    }
    let mut packed = 0;
    for chunk in old.chunks(CHUNK) {
        if !go_on() {
            break;
        }
        packed += pack_chunk(index, blobs, chunk)?;
    }
    Ok(packed)
}

/// A prompt's bodies in the order of its versions, and whether each stays a file.
fn bodies_of(
    table: &PromptTable,
    young_since: DateTime<Utc>,
) -> impl Iterator<Item = (BlobId, Kin, bool)> {
    let latest = table.latest();
    let pointed: HashSet<VersionId> = table.environments.values().map(|to| to.0).collect();
    table.versions.iter().map(move |row| {
        let version = &row.version;
        let held = pointed.contains(&version.id)
            || row.deleted_at.is_none() && latest == Some(version.number);
        let stays = held || version.created_at >= young_since;
        let kin = kin_of(table.id, version.number.major);
        (version.blob, kin, stays)
    })
}

fn pack_chunk(index: &dyn Index, blobs: &dyn Blobs, chunk: &[(BlobId, Kin)]) -> Result<u64> {
    let _hold = blobs.hold_all()?;
    let snapshot = index.snapshot()?;
    let mut pack = blobs.pack(Effort::Quick)?;
    let (mut packed, now) = (Vec::new(), clock::system());
    for (id, kin) in chunk {
        // What was collected since is gone, and what is damaged stays where it can be looked at.
        if let Some(StoredBlob::Settled(_)) = snapshot.blob(*id)?
            && let Some(bytes) = sound_copy(blobs, *id)?
        {
            // It is as old in the pack as it was before.
            let written = blobs.written(*id)?.unwrap_or(now);
            pack.add(*id, &bytes, *kin, written)?;
            packed.push(*id);
        }
    }
    let held = pack.finish()?;
    for id in &packed {
        blobs.delete(*id)?;
    }
    drop(held);
    Ok(packed.len() as u64)
}

fn sound_copy(blobs: &dyn Blobs, id: BlobId) -> Result<Option<Vec<u8>>> {
    let mut sound = None;
    blobs.get(id, &mut |bytes| {
        sound = (BlobId::of(&bytes) == id).then_some(bytes);
        sound.is_some()
    })?;
    Ok(sound)
}

/// Removes what is dead, and was not written after `young_since`, from packs that are more dead than live, and makes few packs
/// of many.
pub(crate) fn compact(
    index: &dyn Index,
    blobs: &dyn Blobs,
    young_since: DateTime<Utc>,
) -> Result<Compacted> {
    let hold = blobs.hold_all()?;
    let compacted = blobs.compact(Extent::Wasteful, young_since, &mut |visit| {
        // Taken once no pack can be held any more: rows that name its bodies are in it.
        let snapshot = index.snapshot()?;
        snapshot.each_blob(&mut |id, _, _| visit(id, kin_of_none(id)))
    })?;
    drop(hold);
    join(blobs)?;
    Ok(compacted)
}

/// Makes few packs of many.
pub(crate) fn join(blobs: &dyn Blobs) -> Result<()> {
    let _hold = blobs.hold_all()?;
    Ok(blobs.join_packs()?)
}

/// Packs all bodies that may be packed, and rewrites all packs thoroughly, ordered by prompt. A dead body is dropped unless it is
/// younger than the retention.
pub(crate) fn repack(
    index: &dyn Index,
    blobs: &dyn Blobs,
    retention: Retention,
    trust_clock: bool,
) -> Result<Packed> {
    let bodies = pack_loose(index, blobs, young_since(retention.now), 0, || true)?;
    let is_in_doubt = !trust_clock && retention.is_in_doubt(&**index.snapshot()?, blobs)?;
    let young_since = match is_in_doubt {
        true => DateTime::<Utc>::MIN_UTC,
        false => retention.cutoff(),
    };
    let compacted = repack_all(index, blobs, young_since)?;
    Ok(Packed {
        bodies,
        dropped: compacted.bodies,
        bytes: compacted.bytes,
    })
}

/// Makes all packs anew.
pub(crate) fn repack_all(
    index: &dyn Index,
    blobs: &dyn Blobs,
    young_since: DateTime<Utc>,
) -> Result<Compacted> {
    let _hold = blobs.hold_all()?;
    blobs.compact(Extent::All, young_since, &mut |visit| {
        let snapshot = index.snapshot()?;
        each_live_body(&**snapshot, visit)
    })
}

/// Visits every body that is stored: those of a prompt in the order of its versions, whatever else there is after them.
fn each_live_body(
    snapshot: &dyn Snapshot,
    visit: &mut dyn FnMut(BlobId, Kin) -> Result<()>,
) -> Result<()> {
    snapshot.each_prompt(&mut |table| {
        for row in &table.versions {
            let (id, number) = (row.version.blob, row.version.number);
            // A deleted version's body may have been collected.
            if row.deleted_at.is_none() || snapshot.blob(id)?.is_some() {
                visit(id, kin_of(table.id, number.major))?;
            }
        }
        Ok(())
    })?;
    snapshot.each_blob(&mut |id, _, _| visit(id, kin_of_none(id)))
}

/// Whom the bodies are like that wait in the journal, so many, by the operations that made their versions.
pub(crate) fn kin_of_waiting(
    snapshot: &dyn Snapshot,
    waiting: u64,
) -> Result<HashMap<BlobId, Kin>> {
    let versions = newest_versions(snapshot, waiting)?.into_iter();
    let kin = versions.map(|version| {
        let kin = kin_of(version.prompt_id, version.number.major);
        (version.blob, kin)
    });
    Ok(kin.collect())
}

/// When the version was made whose body waits longest of so many in the journal.
pub(crate) fn oldest_waiting(
    snapshot: &dyn Snapshot,
    waiting: u64,
) -> Result<Option<DateTime<Utc>>> {
    let Some(first) = snapshot.journal(0, 0)?.into_iter().next() else {
        return Ok(None);
    };
    let versions = newest_versions(snapshot, waiting)?.into_iter();
    let made = versions.filter(|version| version.blob == first.id);
    Ok(made.map(|version| version.created_at).min())
}

/// The versions that were made last, about as many as bodies wait: those whose bodies wait, mostly.
fn newest_versions(snapshot: &dyn Snapshot, waiting: u64) -> Result<Vec<Version>> {
    let limit = usize::try_from(waiting).unwrap_or(usize::MAX);
    let newest = snapshot.operations(&OperationFilter::default(), None, limit)?;
    let changes = newest
        .into_iter()
        .flat_map(|operation| operation.content.changes);
    let versions = changes.filter_map(|change| match change {
        Change::VersionCreated(version) => Some(*version),
        _ => None,
    });
    Ok(versions.collect())
}
