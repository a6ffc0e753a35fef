//! Storage of the bodies of a large change: directly in a pack, without the journal.
//!
//! The pack is durable before the transaction commits the rows that refer to its bodies. Until then
//! its lock keeps compaction from removing the bodies as unreferenced. If the transaction does not
//! commit, the pack is removed, or its bodies remain unreferenced.

use std::cell::RefCell;
use std::fmt;
use std::hash::BuildHasher;

use chrono::{DateTime, Utc};

use crate::model::body::Body;
use crate::model::clock;
use crate::model::error::Result;
use crate::model::id::{BlobId, PromptId};
use crate::storage;
use crate::storage::{Blobs, CompressionLevel, DeltaGroup, LockGuard, Pack};

/// Up to this number of bodies are journaled rather than packed; a pack costs extra flushes.
const MAX_INLINE_BODIES: usize = 64;
/// Up to this number of bytes of bodies are journaled rather than packed.
const MAX_INLINE_BYTES: usize = 4 * 1024 * 1024;

/// The bodies of a change that may be large.
pub(crate) struct BulkBodies<'a> {
    blobs: &'a dyn Blobs,
    /// The bodies as long as they are few; empty once a pack is begun.
    inline: Vec<NewBody>,
    bytes: usize,
    /// The time at which the bodies are written, by the system's clock.
    now: DateTime<Utc>,
    pack: RefCell<Option<Box<dyn Pack + 'a>>>,
}

/// A body that is not stored yet.
pub(crate) struct NewBody {
    pub(crate) body: Body,
    group: DeltaGroup,
}

/// Where the bodies of a change are once it is complete.
pub(crate) enum FinishedBodies {
    /// In a durable pack, which is locked until the rows that refer to its bodies are committed.
    Packed(Box<dyn LockGuard>),
    /// Still in memory, because they are few.
    Inline(Vec<NewBody>),
}

impl fmt::Debug for BulkBodies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkBodies").finish_non_exhaustive()
    }
}

impl<'a> BulkBodies<'a> {
    pub(crate) fn new(blobs: &'a dyn Blobs) -> Self {
        Self {
            blobs,
            inline: Vec::new(),
            bytes: 0,
            now: clock::system(),
            pack: RefCell::new(None),
        }
    }

    /// Adds a body that is not stored yet.
    pub(crate) fn add(&mut self, body: &Body, group: DeltaGroup) -> storage::StorageResult<()> {
        if let Some(pack) = self.pack.get_mut() {
            return pack.add(body.id(), body.as_bytes(), group, self.now);
        }
        self.bytes += body.as_bytes().len();
        let body = body.clone();
        self.inline.push(NewBody { body, group });
        if self.inline.len() <= MAX_INLINE_BODIES && self.bytes <= MAX_INLINE_BYTES {
            return Ok(());
        }
        let mut pack = self.blobs.pack(CompressionLevel::Fast)?;
        for NewBody { body, group } in self.inline.drain(..) {
            pack.add(body.id(), body.as_bytes(), group, self.now)?;
        }
        *self.pack.get_mut() = Some(pack);
        Ok(())
    }

    /// Returns a body that was added.
    pub(crate) fn get(&self, id: BlobId) -> Result<Option<Body>> {
        if let Some(new) = self.inline.iter().find(|new| new.body.id() == id) {
            return Ok(Some(new.body.clone()));
        }
        match &mut *self.pack.borrow_mut() {
            Some(pack) => Ok(pack.get(id)?.map(Body::from_store).transpose()?),
            None => Ok(None),
        }
    }

    /// Makes the packed bodies durable, which must happen before the rows that refer to them are.
    pub(crate) fn finish(self) -> storage::StorageResult<FinishedBodies> {
        Ok(match self.pack.into_inner() {
            Some(pack) => FinishedBodies::Packed(pack.finish()?),
            None => FinishedBodies::Inline(self.inline),
        })
    }
}

/// Returns the delta group of a prompt's versions with this major number.
///
/// Versions of one prompt are similar, and those with the same major are the most similar.
pub(crate) fn delta_group_of(prompt: PromptId, major: u32) -> DeltaGroup {
    DeltaGroup(foldhash::fast::FixedState::default().hash_one((prompt, major)))
}

/// Returns a delta group for a body that is not known to be similar to any other.
pub(crate) fn own_delta_group(id: BlobId) -> DeltaGroup {
    DeltaGroup(foldhash::fast::FixedState::default().hash_one(id))
}
