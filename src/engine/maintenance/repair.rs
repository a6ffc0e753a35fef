//! Replacement of damaged bodies by intact copies from elsewhere.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::lock_bodies;
use super::repack::repack_all;
use crate::engine::verify::{VerifyReport, Violation};
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::BlobId;
use crate::model::progress::Reporter;
use crate::model::record::Durability;
use crate::storage::{Blobs, Index};

/// Bodies that are written while the lock is held once; checkpoints wait for it.
const BODIES_PER_TRANSACTION: usize = 256;

/// Replaces the damaged bodies that a report lists, and rewrites the packs if any is damaged.
///
/// `find` returns a copy of a body if it has one. Returns the bodies that were replaced. An error
/// keeps the replacements that were made before it.
pub(crate) fn repair(
    index: &dyn Index,
    blobs: &dyn Blobs,
    report: &VerifyReport,
    find: &mut dyn FnMut(BlobId) -> Option<Body>,
    progress: &mut Reporter<'_>,
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
    let mut sound = damaged.into_iter().filter_map(find).peekable();
    while sound.peek().is_some() {
        let _hold = lock_bodies(index, blobs)?;
        let chunk: Vec<Body> = sound.by_ref().take(BODIES_PER_TRANSACTION).collect();
        let ids: Vec<BlobId> = chunk.iter().map(Body::id).collect();
        for body in &chunk {
            // The damaged copy is removed first, so that `put` cannot mistake it for one that this
            // handle has just put.
            blobs.delete(body.id())?;
            blobs.put(body.id(), body.as_bytes())?;
        }
        blobs.flush(&ids)?;
        let mut transaction = index.transaction(Durability::Full)?;
        for body in &chunk {
            transaction.put_packed_body(body.id(), body.as_bytes().len() as u64)?;
        }
        // A damaged copy in the journal would be found first.
        transaction.drop_journal(&ids)?;
        transaction.commit()?;
        taken.extend(ids);
        progress.report()?;
    }
    let is_of_pack = |violation: &Violation| matches!(violation, Violation::Pack { .. });
    if report.violations.iter().any(is_of_pack) {
        // Unreferenced bodies in the packs are kept; removing them is the task of garbage
        // collection.
        repack_all(index, blobs, DateTime::<Utc>::MIN_UTC, progress)?;
    }
    Ok(taken)
}
