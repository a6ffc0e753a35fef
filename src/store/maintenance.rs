//! Maintenance of a store: checkpoints, garbage collection, verification, repair, statistics.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::handle::Store;
use crate::engine::{
    CheckpointSummary, Depth, RepackSummary, Retention, VerifyReport, collect, oldest_journaled,
    repack, repair, unreferenced, verify,
};
use crate::model::error::{Error, Result};
use crate::model::gc_summary::GcSummary;
use crate::model::id::{BlobId, OperationId};
use crate::model::record::Settings;
use crate::storage::BlobUsage;

/// The result of a repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RepairSummary {
    /// The bodies that were restored from other stores.
    pub bodies: Vec<BlobId>,
    /// The result of verifying the store after the repair.
    pub report: VerifyReport,
}

/// The options of a garbage collection.
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
    /// Returns the default options: a retention of [`Store::RETENTION`], and a check of the clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long unreferenced bodies, and files without a row in the index, are kept.
    ///
    /// With zero, none are kept, and the clock does not matter.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Changes nothing, and returns the bodies, bytes and leftover files that would be removed.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Also repacks, as [`Store::repack`] does, with this retention.
    #[must_use]
    pub fn repack(mut self, repack: bool) -> Self {
        self.repack = repack;
        self
    }

    /// Trusts the clock even if, by the clock, nothing was created within the retention.
    ///
    /// Either the store was idle, or the clock is ahead. In the second case, data that should be
    /// kept for the retention would be removed early. Without this option, a collection that would
    /// remove something fails with [`Error::ClockInDoubt`] in both cases.
    #[must_use]
    pub fn trust_clock(mut self, trust: bool) -> Self {
        self.trust_clock = trust;
        self
    }
}

/// Statistics of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreStats {
    /// The number of live prompts.
    pub prompts: u64,
    /// The number of operations in the history.
    pub operations: u64,
    /// The number of bodies in the journal, which wait for a checkpoint.
    pub waiting_bodies: u64,
    /// The size of these bodies in bytes.
    pub waiting_bytes: u64,
    /// The time of the operation whose body has waited longest, or none if no body waits.
    pub oldest_waiting: Option<DateTime<Utc>>,
    /// The bodies in the blob store.
    pub bodies: BlobUsage,
    /// The settings that the store was created with.
    pub settings: Settings,
}

impl Store {
    /// The default retention of unreferenced bodies: 30 days.
    pub const RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// Moves every body from the journal to the blob store, and flushes it there.
    ///
    /// Stores do this themselves, in batches, on the maintenance worker. This method waits until it
    /// is done. After each batch, `progress` is called with the total so far.
    ///
    /// # Errors
    ///
    /// - [`ReadOnly`](Error::ReadOnly), or [`WithinBatch`](Error::WithinBatch) inside a batch of
    ///   this store.
    /// - [`Storage`](Error::Storage) if a lock, a read or a write failed. The bodies that were not
    ///   moved are still in the journal, and nothing is lost.
    pub fn checkpoint(&self, progress: impl FnMut(CheckpointSummary)) -> Result<CheckpointSummary> {
        self.writable()?;
        self.inner.settler.checkpoint(progress)
    }

    /// Collects garbage with this retention and otherwise the default options.
    ///
    /// # Errors
    ///
    /// As [`collect_garbage_with`](Self::collect_garbage_with).
    pub fn collect_garbage(&self, retention: Duration) -> Result<GcSummary> {
        self.collect_garbage_with(GcOptions::new().retention(retention))
    }

    /// Removes unreferenced bodies and the leftovers of interrupted work.
    ///
    /// The bodies that no live version has used for the retention are removed, together with the
    /// inputs that were recorded for their versions. Old loose bodies are packed if there are more
    /// than 512 of them: those older than a day that are used by no environment and by no prompt's
    /// latest version. Packs that contain more dead bytes than live ones are rewritten.
    ///
    /// The age of an unreferenced body counts from the deletion of its last version. If the clock
    /// was behind at the deletion, it counts from the latest operation before that. A file, or a
    /// body in a pack, that the index does not know is kept for the retention too: it may be newer
    /// than an index that was restored from a copy.
    ///
    /// # Errors
    ///
    /// - [`ReadOnly`](Error::ReadOnly), except for a dry run.
    /// - [`WithinBatch`](Error::WithinBatch) inside a batch of this store.
    /// - [`ClockInDoubt`](Error::ClockInDoubt). Nothing was removed.
    /// - [`Storage`](Error::Storage) if a lock, a read or a write failed. Every live version still
    ///   has its body, and the next collection continues.
    pub fn collect_garbage_with(&self, options: GcOptions) -> Result<GcSummary> {
        let (index, blobs) = (&*self.inner.index, self.inner.bodies.blobs());
        let retention = Retention::new(self.inner.context.now(), options.retention);
        if options.dry_run {
            return unreferenced(index, blobs, retention);
        }
        self.writable()?;
        let mut collected = collect(index, blobs, retention, options.trust_clock)?;
        if options.repack {
            let packed = repack(index, blobs, retention, options.trust_clock)?;
            self.inner.settler.run_all()?;
            collected.packed += packed.bodies;
            collected.dropped += packed.dropped;
        }
        Ok(collected)
    }

    /// Returns what [`collect_garbage`](Self::collect_garbage) would remove. Nothing is changed.
    ///
    /// These are unreferenced bodies with their bytes, and files without a row. Some of those files
    /// may belong to a change that is not committed yet. Packing is not included.
    ///
    /// # Errors
    ///
    /// [`Storage`](Error::Storage) if the index or the blob store failed.
    pub fn garbage(&self, retention: Duration) -> Result<GcSummary> {
        self.collect_garbage_with(GcOptions::new().retention(retention).dry_run(true))
    }

    /// Packs all old bodies and rewrites all packs, to make the store as small as possible.
    ///
    /// Every body is packed that is older than a day and used by no environment and no prompt's
    /// latest version. In the new packs, the bodies of each prompt are next to each other.
    /// Unreferenced bodies are dropped, unless they were written within
    /// [`RETENTION`](Self::RETENTION). Old operations are archived too. Others can read and commit
    /// in the meantime; their bodies are checkpointed afterwards.
    ///
    /// # Errors
    ///
    /// - [`ReadOnly`](Error::ReadOnly), or [`WithinBatch`](Error::WithinBatch) inside a batch of
    ///   this store.
    /// - [`Storage`](Error::Storage) if a lock, a read or a write failed. Every body that a version
    ///   uses can still be read.
    pub fn repack(&self) -> Result<RepackSummary> {
        self.writable()?;
        let (index, blobs) = (&*self.inner.index, self.inner.bodies.blobs());
        let retention = Retention::new(self.inner.context.now(), Self::RETENTION);
        let packed = repack(index, blobs, retention, false)?;
        self.inner.settler.run_all()?;
        Ok(packed)
    }

    /// Refuses work on a store that is read only, and work inside a batch of this thread.
    pub(crate) fn writable(&self) -> Result<()> {
        match self.inner.read_only {
            true => Err(Error::ReadOnly),
            false => self.inner.queue.check_not_reentrant(),
        }
    }

    /// Checks all invariants of the store, and reports every violation.
    ///
    /// This includes SQLite's own check, the operations' hash chain, a comparison of every row with
    /// a replay of the operations, and the hash of every body. `progress` is called with the number
    /// of bodies that were checked.
    ///
    /// # Errors
    ///
    /// [`Storage`](Error::Storage) if the check itself could not be made. Damage is not an error
    /// but a violation in the report.
    pub fn verify(&self, progress: impl FnMut(u64)) -> Result<VerifyReport> {
        self.verify_pinned(&[], progress)
    }

    /// Verifies the store, and checks that its history contains these operations.
    ///
    /// The store is verified as by [`verify`](Self::verify).
    ///
    /// An operation's id covers all operations before it. If the history contains an id that was
    /// written down elsewhere, such as the [head](Report::head) of an earlier report, nothing
    /// before it was rewritten since.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_pinned(
        &self,
        pins: &[OperationId],
        mut progress: impl FnMut(u64),
    ) -> Result<VerifyReport> {
        let blobs = self.inner.bodies.blobs();
        verify(&*self.inner.index, blobs, Depth::Full, pins, &mut progress)
    }

    /// Checks quickly for the damage that a failed copy or a removed file causes.
    ///
    /// It checks that no body is missing and that packs are complete. Bodies are not
    /// read and nothing else is checked; use [`verify`](Self::verify) for that.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_quickly(&self, mut progress: impl FnMut(u64)) -> Result<VerifyReport> {
        let blobs = self.inner.bodies.blobs();
        verify(&*self.inner.index, blobs, Depth::Quick, &[], &mut progress)
    }

    /// Replaces damaged and missing bodies by those of other stores, such as backups.
    ///
    /// The store is verified before and after. The result lists the bodies that were restored, and
    /// the violations that remain. Damaged packs are rewritten. If only the index of a pack is
    /// damaged, everything in the pack is found without it. Operations and rows are not repaired.
    /// To repair those, create a store from a backup with [`restore`](Self::restore). If the
    /// operations are sound, importing a [bundle](Self::export_bundle) into a new store creates new
    /// rows.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](Error::ReadOnly); [`WithinBatch`](Error::WithinBatch) inside a batch of this
    /// store; [`Storage`](Error::Storage) if a lock, a read or a write failed. The bodies that were
    /// restored until then stay, and the call may be repeated.
    pub fn repair(
        &self,
        sources: &[Store],
        mut progress: impl FnMut(u64),
    ) -> Result<RepairSummary> {
        // After this, every body that is not in a pack is in a file of its own.
        self.checkpoint(|_| ())?;
        let report = self.verify(&mut progress)?;
        let blobs = self.inner.bodies.blobs();
        let bodies = repair(&*self.inner.index, blobs, &report, &mut |id| {
            sources.iter().find_map(|source| source.body(id).ok())
        })?;
        Ok(RepairSummary {
            bodies,
            report: self.verify(progress)?,
        })
    }

    /// Returns statistics of the store.
    ///
    /// # Errors
    ///
    /// [`Storage`](Error::Storage) if the index or the blob store failed.
    pub fn stats(&self) -> Result<StoreStats> {
        self.look(|snapshot| {
            let waiting = snapshot.waiting()?;
            Ok(StoreStats {
                oldest_waiting: oldest_journaled(snapshot, waiting.bodies)?,
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
