//! Settling, collecting, verifying and measuring a store.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Store;
use crate::backend::BlobUsage;
use crate::engine::{
    Collected, Depth, Packed, Report, Settled, collect, collectable, oldest_waiting, repack,
    repair, verify,
};
use crate::error::{Error, Result};
use crate::id::{BlobId, OperationId};
use crate::record::Settings;

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Repaired {
    /// The bodies that were taken from elsewhere.
    pub bodies: Vec<BlobId>,
    /// What is still wrong.
    pub report: Report,
}

fn unused_since(now: DateTime<Utc>, retention: Duration) -> DateTime<Utc> {
    let retention = chrono::Duration::from_std(retention).unwrap_or(chrono::Duration::MAX);
    now.checked_sub_signed(retention).unwrap_or_default()
}

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
        let unused_since = unused_since(now, retention);
        let blobs = self.inner.bodies.blobs();
        collect(&*self.inner.index, blobs, unused_since, now)
    }

    /// What [`collect_garbage`](Self::collect_garbage) would remove now: bodies, their bytes, and files without a row, some of
    /// which may just be coming. Nothing is changed, and nothing is said of packing.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn garbage(&self, retention: Duration) -> Result<Collected> {
        let unused_since = unused_since(self.inner.context.now(), retention);
        collectable(&*self.inner.index, self.inner.bodies.blobs(), unused_since)
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

    /// Refuses what writes files beside the index, if it can't or would wait for a batch of this thread.
    pub(super) fn writable(&self) -> Result<()> {
        match self.inner.read_only {
            true => Err(Error::ReadOnly),
            false => self.inner.queue.refuse_within(),
        }
    }

    /// Proves the store's invariants, or names every violation: SQLite's own check, the operations' hash chain, every
    /// row against a replay of the operations, every body against its address. `progress` is told how many
    /// bodies were checked.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend) where the check itself could not be made.
    pub fn verify(&self, progress: impl FnMut(u64)) -> Result<Report> {
        self.verify_pinned(&[], progress)
    }

    /// As [`verify`](Self::verify), and that these operations are in the history: each stands for all before it, so nothing
    /// of that was rewritten since its id was written down elsewhere. Such as the [head](Report::head) of an earlier report.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn verify_pinned(
        &self,
        pins: &[OperationId],
        mut progress: impl FnMut(u64),
    ) -> Result<Report> {
        let blobs = self.inner.bodies.blobs();
        verify(&*self.inner.index, blobs, Depth::Full, pins, &mut progress)
    }

    /// Checks in a moment what a copy that went wrong, or a file that was removed, leaves: that every body is where it should be,
    /// and that packs are whole. Nothing else is read or proved; [`verify`](Self::verify) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn verify_quickly(&self, mut progress: impl FnMut(u64)) -> Result<Report> {
        let blobs = self.inner.bodies.blobs();
        verify(&*self.inner.index, blobs, Depth::Quick, &[], &mut progress)
    }

    /// Verifies the store, takes the bodies that are damaged or missing from stores that have them, such as a
    /// [backup](Self::backup), and verifies it again: the answer names what was taken, and what is left. Packs that were
    /// damaged are made anew; where only a pack's index was, all that is in it is found without. Operations and rows are not
    /// repaired: [`restore`](Self::restore) makes a store of a backup, and a [bundle](Self::export_bundle) brought into a new
    /// store makes rows anew where the operations are sound.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](Error::ReadOnly); [`Backend`](Error::Backend), and what was taken until then stays.
    pub fn repair(&self, sources: &[Store], mut progress: impl FnMut(u64)) -> Result<Repaired> {
        // Then all bodies that packs don't have are files of their own.
        self.settle(|_| ())?;
        let report = self.verify(&mut progress)?;
        let blobs = self.inner.bodies.blobs();
        let bodies = repair(&*self.inner.index, blobs, &report, &mut |id| {
            let mut bodies = sources.iter().filter_map(|source| source.body(id).ok());
            bodies.next().map(|body| body.as_bytes().to_vec())
        })?;
        Ok(Repaired {
            bodies,
            report: self.verify(progress)?,
        })
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
