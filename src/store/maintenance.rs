//! Settling, collecting, verifying and measuring a store.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::handle::Store;
use crate::engine::{
    Collected, Depth, Packed, Report, Retention, Settled, collect, collectable, oldest_waiting,
    repack, repair, verify,
};
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, OperationId};
use crate::model::record::Settings;
use crate::storage::BlobUsage;

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Repaired {
    /// The bodies that were taken from elsewhere.
    pub bodies: Vec<BlobId>,
    /// What is still wrong.
    pub report: Report,
}

/// How garbage is collected.
///
/// ```
/// use std::time::Duration;
///
/// use promptbook::{GcOptions, Store};
///
/// let store = Store::in_memory()?;
/// let week = GcOptions::new().retention(Duration::from_secs(7 * 24 * 60 * 60));
/// println!("{} bodies would go", store.collect_garbage_with(week.dry_run(true))?.bodies);
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GcOptions {
    retention: Duration,
    dry_run: bool,
    repack: bool,
    trust_clock: bool,
}

impl Default for GcOptions {
    fn default() -> Self {
        Self {
            retention: Store::RETENTION,
            dry_run: false,
            repack: false,
            trust_clock: false,
        }
    }
}

impl GcOptions {
    /// The defaults: what has not been used for [`Store::RETENTION`] is removed, unless the clock may be ahead.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long bodies, and files without a row, are kept that no version has any more. Zero keeps none, whatever the clock
    /// says.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Changes nothing, and answers which bodies, bytes and leftovers would be removed.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Also packs as [`Store::repack`] does, with this retention.
    #[must_use]
    pub fn repack(mut self, repack: bool) -> Self {
        self.repack = repack;
        self
    }

    /// Trusts the clock even if, by it, no operation was made and no file was written within the retention. Without this, a
    /// collection that would remove something then fails with [`Error::ClockInDoubt`]: either the store was idle, or the clock
    /// is ahead, and what is to stay for the retention would go at once.
    #[must_use]
    pub fn trust_clock(mut self, trust: bool) -> Self {
        self.trust_clock = trust;
        self
    }
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

    /// Collects garbage with the default options but for the retention: see [`collect_garbage_with`](Self::collect_garbage_with).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn collect_garbage(&self, retention: Duration) -> Result<Collected> {
        self.collect_garbage_with(GcOptions::new().retention(retention))
    }

    /// Removes the bodies that no live version has had for the retention, with the inputs that were recorded for their
    /// versions, and what interrupted work left behind. Of the bodies that are files of their own, those that are older than a
    /// day and that no environment and no prompt's latest version has are packed if they are more than 512; packs that are
    /// more dead than live are rewritten.
    ///
    /// A body has been unused since its last version was deleted, or since the latest operation before that, if the clock was
    /// behind when it was deleted. A file, or a body in a pack, that the index does not know of stays for the retention, too:
    /// it may be newer than an index that was put back from a copy.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](Error::ReadOnly); [`ClockInDoubt`](Error::ClockInDoubt), and nothing was removed;
    /// [`Backend`](Error::Backend), and what was removed until then is no loss, and the next collection goes on.
    pub fn collect_garbage_with(&self, options: GcOptions) -> Result<Collected> {
        let (index, blobs) = (&*self.inner.index, self.inner.bodies.blobs());
        let retention = Retention::new(self.inner.context.now(), options.retention);
        if options.dry_run {
            return collectable(index, blobs, retention);
        }
        self.writable()?;
        let mut collected = collect(index, blobs, retention, options.trust_clock)?;
        if options.repack {
            let packed = repack(index, blobs, retention, options.trust_clock)?;
            self.inner.settler.tidy()?;
            collected.packed += packed.bodies;
            collected.dropped += packed.dropped;
        }
        Ok(collected)
    }

    /// What [`collect_garbage`](Self::collect_garbage) would remove now: bodies, their bytes, and files without a row, some of
    /// which may just be coming. Nothing is changed, and nothing is said of packing.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn garbage(&self, retention: Duration) -> Result<Collected> {
        self.collect_garbage_with(GcOptions::new().retention(retention).dry_run(true))
    }

    /// Packs every body that is older than a day and that no environment and no prompt's latest version has, and rewrites all
    /// packs, each prompt's bodies beside each other and without any that was collected, unless it was written within
    /// [`RETENTION`](Self::RETENTION); old operations are gathered, too: the least room that the store can take. Others read
    /// and commit meanwhile; their bodies are settled after it.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](Error::ReadOnly); [`Backend`](Error::Backend), and every body is where it was.
    pub fn repack(&self) -> Result<Packed> {
        self.writable()?;
        let (index, blobs) = (&*self.inner.index, self.inner.bodies.blobs());
        let retention = Retention::new(self.inner.context.now(), Self::RETENTION);
        let packed = repack(index, blobs, retention, false)?;
        self.inner.settler.tidy()?;
        Ok(packed)
    }

    /// Refuses what writes files beside the index, if it can't or would wait for a batch of this thread.
    pub(crate) fn writable(&self) -> Result<()> {
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
