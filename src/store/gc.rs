//! Garbage collection: removal of unreferenced bodies and leftovers.

use std::time::Duration;

use super::handle::Store;
use crate::engine::{DEFAULT_RETENTION, Retention, collect, repack, unreferenced};
use crate::model::error::Result;
use crate::model::gc_summary::GcSummary;
use crate::model::progress::{Progress, ProgressAnswer, Reporter};

/// The options of a garbage collection.
///
/// ```
/// use std::time::Duration;
///
/// use promptbook::Store;
/// use promptbook::maintenance::GcOptions;
///
/// let store = Store::in_memory()?;
/// let week = GcOptions::new().retention(Duration::from_secs(7 * 24 * 60 * 60));
/// println!("{} bodies would go", store.collect_garbage_with(week.dry_run(true))?.bodies);
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Debug)]
pub struct GcOptions<'a> {
    retention: Duration,
    dry_run: bool,
    repack: bool,
    trust_clock: bool,
    progress: Reporter<'a>,
}

impl Default for GcOptions<'_> {
    fn default() -> Self {
        Self {
            retention: Store::RETENTION,
            dry_run: false,
            repack: false,
            trust_clock: false,
            progress: Reporter::default(),
        }
    }
}

impl<'a> GcOptions<'a> {
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
    /// remove something fails with [`ClockInDoubt`](crate::Error::ClockInDoubt) in both cases.
    #[must_use]
    pub fn trust_clock(mut self, trust: bool) -> Self {
        self.trust_clock = trust;
        self
    }

    /// Calls a closure as the call advances. A step is a body that was removed or packed.
    ///
    /// The closure returns `()`, or a [`ControlFlow`](std::ops::ControlFlow) that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). What was removed until then stays removed,
    /// every live version still has its body, and the next collection continues.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}

impl Store {
    /// The default retention of unreferenced bodies: 30 days.
    pub const RETENTION: Duration = DEFAULT_RETENTION;

    /// Removes unreferenced bodies and the leftovers of interrupted work.
    ///
    /// The bodies that no live version has used for [`RETENTION`](Self::RETENTION) are removed,
    /// together with the inputs that were recorded for their versions. Old loose bodies are packed
    /// if there are more than 512 of them: those older than a day that are used by no environment
    /// and by no prompt's latest version. Packs that contain more dead bytes than live ones are
    /// rewritten.
    ///
    /// The age of an unreferenced body counts from the deletion of its last version. If the clock
    /// was behind at the deletion, it counts from the latest operation before that. A file, or a
    /// body in a pack, that the index does not know is kept for that time too: it may be newer
    /// than an index that was restored from a copy.
    ///
    /// # Errors
    ///
    /// - [`ReadOnly`](crate::Error::ReadOnly), or [`WithinBatch`](crate::Error::WithinBatch) inside
    ///   a batch of this store.
    /// - [`ClockInDoubt`](crate::Error::ClockInDoubt). Nothing was removed.
    /// - [`Storage`](crate::Error::Storage) if a lock, a read or a write failed. Every live version
    ///   still has its body, and the next collection continues.
    pub fn collect_garbage(&self) -> Result<GcSummary> {
        self.collect_garbage_with(GcOptions::new())
    }

    /// Collects garbage as [`collect_garbage`](Self::collect_garbage) does, with options.
    ///
    /// A [dry run](GcOptions::dry_run) changes nothing. Its result contains the unreferenced bodies
    /// with their bytes, and the files without a row. Some of those files may belong to a change
    /// that is not committed yet. Packing is not included.
    ///
    /// # Errors
    ///
    /// As [`collect_garbage`](Self::collect_garbage), but a dry run is possible on a read-only
    /// store and inside a batch; [`Cancelled`](crate::Error::Cancelled). What was removed stays
    /// removed, every live version still has its body, and the next collection continues.
    pub fn collect_garbage_with(&self, mut options: GcOptions<'_>) -> Result<GcSummary> {
        let (index, blobs) = (&*self.shared().index, self.shared().bodies.blobs());
        let retention = Retention::new(self.shared().context.now(), options.retention);
        if options.dry_run {
            return unreferenced(index, blobs, retention, &mut options.progress);
        }
        self.writable()?;
        let mut collected = collect(
            index,
            blobs,
            retention,
            options.trust_clock,
            &mut options.progress,
        )?;
        if options.repack {
            let packed = repack(
                index,
                blobs,
                retention,
                options.trust_clock,
                &mut options.progress,
            )?;
            self.shared().settler.run_all()?;
            collected.packed += packed.bodies;
            collected.dropped += packed.dropped;
        }
        Ok(collected)
    }
}
