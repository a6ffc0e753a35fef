//! The bodies of a change that has many: into a pack at once, not into the journal first.
//!
//! The pack is durable before the transaction is committed whose rows name its bodies; until then its hold keeps a
//! compaction from taking them for dead. Of a transaction that does not come about the pack goes too, or it is dead.

use std::cell::RefCell;
use std::fmt;
use std::hash::BuildHasher;

use crate::backend::{self, Blobs, Effort, Hold, Kin, Pack};
use crate::id::{BlobId, PromptId};

/// So many bodies are journaled before the next ones are packed: a flush of its own is worth it then.
const FEW: u64 = 64;

/// Where a large change puts its bodies.
pub(super) struct Bulk<'a> {
    blobs: &'a dyn Blobs,
    pack: RefCell<Option<Box<dyn Pack + 'a>>>,
    journaled: u64,
}

impl fmt::Debug for Bulk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk").finish_non_exhaustive()
    }
}

impl<'a> Bulk<'a> {
    pub(super) fn new(blobs: &'a dyn Blobs) -> Self {
        Self {
            blobs,
            pack: RefCell::new(None),
            journaled: 0,
        }
    }

    /// Whether the next body is to be packed.
    pub(super) fn is_large(&self) -> bool {
        self.journaled >= FEW
    }

    /// One more was journaled.
    pub(super) fn journaled(&mut self) {
        self.journaled += 1;
    }

    /// Adds a body that is not stored yet.
    pub(super) fn add(&mut self, id: BlobId, bytes: &[u8], kin: Kin) -> backend::Result<()> {
        match self.pack.get_mut() {
            Some(pack) => pack.add(id, bytes, kin),
            none => none
                .insert(self.blobs.pack(Effort::Quick)?)
                .add(id, bytes, kin),
        }
    }

    /// Reads a body that was added.
    pub(super) fn get(&self, id: BlobId) -> backend::Result<Option<Vec<u8>>> {
        match &mut *self.pack.borrow_mut() {
            Some(pack) => pack.get(id),
            None => Ok(None),
        }
    }

    /// Makes what was added durable, before rows that name it are; nothing where nothing was.
    pub(super) fn finish(self) -> backend::Result<Option<Box<dyn Hold>>> {
        self.pack.into_inner().map(Pack::finish).transpose()
    }
}

/// Versions of a prompt are alike, those of one major above all.
pub(super) fn kin_of(prompt: PromptId, major: u32) -> Kin {
    Kin(foldhash::fast::FixedState::default().hash_one((prompt, major)))
}

/// A body of which nobody knows whom it is like.
pub(super) fn kin_of_none(id: BlobId) -> Kin {
    Kin(foldhash::fast::FixedState::default().hash_one(id))
}
