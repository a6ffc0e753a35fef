//! Settling, collecting, verifying and measuring a store.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Store;
use crate::backend::BlobUsage;
use crate::engine::{
    Collected, Depth, Packed, Report, Settled, collect, oldest_waiting, repack, verify,
};
use crate::error::{Error, Result};
use crate::record::Settings;

/// How much a store holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Live prompts.
    pub prompts: u64,
    /// Operations ever made.
    pub operations: u64,
    /// Bodies in the journal, which wait to be settled.
    pub waiting_bodies: u64,
    /// Bytes of those.
    pub waiting_bytes: u64,
    /// When the operation was made whose body has waited longest; none where none waits.
    pub oldest_waiting: Option<DateTime<Utc>>,
    /// The bodies that are settled.
    pub bodies: BlobUsage,
    /// What the store was made with.
    pub settings: Settings,
}

impl Store {
    /// How long a body that no version has any more is kept, unless one asks for less: 30 days.
    pub const RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// Moves every body that waits in the journal to its file, flushed. Stores do this by themselves, in batches and
    /// off the callers' path; this waits for it. `progress` is told of each batch, in sum.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](Error::ReadOnly); [`Backend`](Error::Backend), and what was not settled is still in the journal.
    pub fn settle(&self, progress: impl FnMut(Settled)) -> Result<Settled> {
        self.writable()?;
        self.inner.settler.settle(progress)
    }

    /// Removes the bodies that no live version has had for `retention`, and what interrupted work left behind. Of the bodies
    /// that are files of their own, those that are older than a day and that no environment and no prompt's latest version
    /// has are packed where they are more than 512; and packs that are more dead than live are made anew.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](Error::ReadOnly); [`Backend`](Error::Backend), and what was removed until then is no loss, and the next collection goes on.
    pub fn collect_garbage(&self, retention: Duration) -> Result<Collected> {
        self.writable()?;
        let now = self.inner.context.now();
        let retention = chrono::Duration::from_std(retention).unwrap_or(chrono::Duration::MAX);
        let unused_since = now.checked_sub_signed(retention).unwrap_or_default();
        let blobs = self.inner.bodies.blobs();
        collect(&*self.inner.index, blobs, unused_since, now)
    }

    /// Packs every body that is older than a day and that no environment and no prompt's latest version has, and makes all
    /// packs anew, each prompt's bodies beside each other and without any that was collected; old operations are gathered,
    /// too: the least room that the store can take. Others read and commit meanwhile; their bodies are settled after it.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](Error::ReadOnly); [`Backend`](Error::Backend), and every body is where it was.
    pub fn repack(&self) -> Result<Packed> {
        self.writable()?;
        let now = self.inner.context.now();
        let packed = repack(&*self.inner.index, self.inner.bodies.blobs(), now)?;
        self.inner.settler.tidy()?;
        Ok(packed)
    }

    /// What writes files beside the index is refused before it tries.
    pub(super) fn writable(&self) -> Result<()> {
        match self.inner.read_only {
            true => Err(Error::ReadOnly),
            false => Ok(()),
        }
    }

    /// Proves the store's invariants, or names every violation: SQLite's own check, the operations' hash chain, every
    /// row against a replay of the operations, every body against its address. `progress` is told how many
    /// bodies were checked.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend) where the check itself could not be made.
    pub fn verify(&self, mut progress: impl FnMut(u64)) -> Result<Report> {
        let blobs = self.inner.bodies.blobs();
        verify(&*self.inner.index, blobs, Depth::Full, &mut progress)
    }

    /// Checks in a moment what a copy that went wrong, or a file that was removed, leaves: that every body is where it should be,
    /// and that packs are whole. Nothing else is read or proved; [`verify`](Self::verify) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn verify_quickly(&self, mut progress: impl FnMut(u64)) -> Result<Report> {
        let blobs = self.inner.bodies.blobs();
        verify(&*self.inner.index, blobs, Depth::Quick, &mut progress)
    }

    /// How much the store holds.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn stats(&self) -> Result<Stats> {
        self.look(|snapshot| {
            let waiting = snapshot.waiting()?;
            Ok(Stats {
                oldest_waiting: oldest_waiting(snapshot, waiting.bodies)?,
                bodies: self.inner.bodies.blobs().usage()?,
                prompts: snapshot.prompt_count()?,
                operations: snapshot.last_operation()?.map_or(0, |(number, _)| number),
                waiting_bodies: waiting.bodies,
                waiting_bytes: waiting.bytes,
                settings: self.settings(),
            })
        })
    }
}
