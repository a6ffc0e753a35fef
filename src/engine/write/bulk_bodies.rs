//! The bodies of a change that may have many: where they are, into a pack at once, not into the journal first.
//!
//! The pack is durable before the transaction is committed whose rows name its bodies; until then its hold keeps a
//! compaction from taking them for dead. Of a transaction that does not come about the pack goes too, or it is dead.

use std::cell::RefCell;
use std::fmt;
use std::hash::BuildHasher;

use chrono::{DateTime, Utc};

use crate::model::clock;
use crate::model::id::{BlobId, PromptId};
use crate::storage;
use crate::storage::{Blobs, Effort, Hold, Kin, Pack};

/// So many bodies are journaled all the same, or so many bytes: a pack costs flushes of its own.
const FEW: usize = 64;
const FEW_BYTES: usize = 4 * 1024 * 1024;

/// Where a change that may be large puts its bodies.
pub(crate) struct Bulk<'a> {
    blobs: &'a dyn Blobs,
    /// As long as they are few, and nothing after that.
    few: Vec<New>,
    bytes: usize,
    /// When its bodies are written, as the system's clock says.
    now: DateTime<Utc>,
    pack: RefCell<Option<Box<dyn Pack + 'a>>>,
}

/// A body that is not stored yet.
pub(crate) struct New {
    pub(crate) id: BlobId,
    pub(crate) bytes: Vec<u8>,
    kin: Kin,
}

/// Where the bodies are.
pub(crate) enum Finished {
    /// In packs, durable, and held until rows that name them are.
    Packed(Box<dyn Hold>),
    /// Here: they were few.
    Few(Vec<New>),
}

impl fmt::Debug for Bulk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk").finish_non_exhaustive()
    }
}

impl<'a> Bulk<'a> {
    pub(crate) fn new(blobs: &'a dyn Blobs) -> Self {
        Self {
            blobs,
            few: Vec::new(),
            bytes: 0,
            now: clock::system(),
            pack: RefCell::new(None),
        }
    }

    /// Adds a body that is not stored yet.
    pub(crate) fn add(&mut self, id: BlobId, bytes: &[u8], kin: Kin) -> storage::Result<()> {
        if let Some(pack) = self.pack.get_mut() {
            return pack.add(id, bytes, kin, self.now);
        }
        let bytes = bytes.to_vec();
        self.bytes += bytes.len();
        self.few.push(New { id, bytes, kin });
        if self.few.len() <= FEW && self.bytes <= FEW_BYTES {
            return Ok(());
        }
        let mut pack = self.blobs.pack(Effort::Quick)?;
        for New { id, bytes, kin } in self.few.drain(..) {
            pack.add(id, &bytes, kin, self.now)?;
        }
        *self.pack.get_mut() = Some(pack);
        Ok(())
    }

    /// Reads a body that was added.
    pub(crate) fn get(&self, id: BlobId) -> storage::Result<Option<Vec<u8>>> {
        if let Some(new) = self.few.iter().find(|new| new.id == id) {
            return Ok(Some(new.bytes.clone()));
        }
        match &mut *self.pack.borrow_mut() {
            Some(pack) => pack.get(id),
            None => Ok(None),
        }
    }

    /// Makes what was packed durable, before rows that name it are.
    pub(crate) fn finish(self) -> storage::Result<Finished> {
        Ok(match self.pack.into_inner() {
            Some(pack) => Finished::Packed(pack.finish()?),
            None => Finished::Few(self.few),
        })
    }
}

/// Versions of a prompt are alike, those of one major above all.
pub(crate) fn kin_of(prompt: PromptId, major: u32) -> Kin {
    Kin(foldhash::fast::FixedState::default().hash_one((prompt, major)))
}

/// A body of which nobody knows whom it is like.
pub(crate) fn kin_of_none(id: BlobId) -> Kin {
    Kin(foldhash::fast::FixedState::default().hash_one(id))
}
