//! Damaged bodies taken back from where they are still sound.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::repack::repack_all;
use crate::engine::verify::{Report, Violation};
use crate::model::error::Result;
use crate::model::id::BlobId;
use crate::model::record::Durability;
use crate::storage::{Blobs, Index};

/// Bodies that are written under one hold of the lock, which settling waits for.
const CHUNK: usize = 256;

/// Puts sound copies in the place of the bodies that a report names, as far as `find` has them, and makes packs anew that
/// were damaged. Gives the bodies that it took.
pub(crate) fn repair(
    index: &dyn Index,
    blobs: &dyn Blobs,
    report: &Report,
    find: &mut dyn FnMut(BlobId) -> Option<Vec<u8>>,
) -> Result<Vec<BlobId>> {
    let bodies = report
        .violations
        .iter()
        .filter_map(|violation| match violation {
            Violation::Body { blob, .. } => Some(*blob),
            _ => None,
        });
    let damaged: BTreeSet<BlobId> = bodies.collect();
    let mut taken = Vec::new();
    let mut sound = damaged
        .into_iter()
        .filter_map(|id| Some((id, find(id).filter(|bytes| BlobId::of(bytes) == id)?)))
        .peekable();
    while sound.peek().is_some() {
        let _hold = blobs.hold_all()?;
        let chunk: Vec<(BlobId, Vec<u8>)> = sound.by_ref().take(CHUNK).collect();
        let ids: Vec<BlobId> = chunk.iter().map(|(id, _)| *id).collect();
        for (id, bytes) in &chunk {
            // What is there is not to be taken for what was put just now.
            blobs.delete(*id)?;
            blobs.put(*id, bytes)?;
        }
        blobs.flush(&ids)?;
        let mut transaction = index.transaction(Durability::Full)?;
        for (id, bytes) in &chunk {
            transaction.put_packed_body(*id, bytes.len() as u64)?;
        }
        // A damaged one in the journal would be found first.
        transaction.drop_journal(&ids)?;
        transaction.commit()?;
        taken.extend(ids);
    }
    let is_of_pack = |violation: &Violation| matches!(violation, Violation::Pack { .. });
    if report.violations.iter().any(is_of_pack) {
        // Whatever else is in them stays: what is dead is for a collection to say.
        repack_all(index, blobs, DateTime::<Utc>::MIN_UTC)?;
    }
    Ok(taken)
}
