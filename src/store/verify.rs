//! Verification of a store.

use super::handle::Store;
use crate::engine::{Depth, VerifyReport, verify};
use crate::model::error::Result;
use crate::model::id::OperationId;
use crate::model::progress::{Progress, ProgressAnswer, Reporter};

/// The options of a verification.
///
/// ```
/// use std::ops::ControlFlow;
///
/// use promptbook::maintenance::VerifyOptions;
/// use promptbook::{Error, Store};
///
/// let store = Store::in_memory()?;
/// let report = store.verify_with(VerifyOptions::new().quick())?;
/// assert!(report.is_clean());
///
/// let cancelled = VerifyOptions::new().progress(|_| ControlFlow::Break(()));
/// assert!(matches!(store.verify_with(cancelled), Err(Error::Cancelled)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Default)]
pub struct VerifyOptions<'a> {
    pub(super) depth: Depth,
    pub(super) pins: Vec<OperationId>,
    pub(super) progress: Reporter<'a>,
}

impl<'a> VerifyOptions<'a> {
    /// Returns the default options: everything is verified, and no operation is pinned.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks only for the damage that a failed copy or a removed file causes.
    ///
    /// It checks that no body is missing and that packs are complete. Bodies and operations are not
    /// read, nothing else is checked, and pins are ignored.
    #[must_use]
    pub fn quick(mut self) -> Self {
        self.depth = Depth::Quick;
        self
    }

    /// Also checks that the history contains this operation. It can be called repeatedly.
    ///
    /// An operation's id covers all operations before it. If the history contains an id that was
    /// written down elsewhere, such as the [head](VerifyReport::head) of an earlier report, nothing
    /// before it was rewritten since.
    #[must_use]
    pub fn pin(mut self, operation: OperationId) -> Self {
        self.pins.push(operation);
        self
    }

    /// Calls a closure as the call advances. A step is a body that was checked.
    ///
    /// The closure returns `()`, or a [`ControlFlow`](std::ops::ControlFlow) that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). Nothing was changed. SQLite's own check
    /// and the check of one pack are not interrupted, so a call may be seconds after the one
    /// before.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}

impl Store {
    /// Checks all invariants of the store, and reports every violation.
    ///
    /// This includes SQLite's own check, the operations' hash chain, a comparison of every row with
    /// a replay of the operations, and the hash of every body. Others can read and write in the
    /// meantime.
    ///
    /// # Errors
    ///
    /// [`Storage`](crate::Error::Storage) if the check itself could not be made. Damage is not an
    /// error but a violation in the report. Nothing is changed in either case.
    pub fn verify(&self) -> Result<VerifyReport> {
        self.verify_with(VerifyOptions::new())
    }

    /// Verifies the store as [`verify`](Self::verify) does, with options.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify); [`Cancelled`](crate::Error::Cancelled). Nothing is changed.
    pub fn verify_with(&self, mut options: VerifyOptions<'_>) -> Result<VerifyReport> {
        if options.progress.is_watched() {
            options.progress.expect(self.body_count());
        }
        self.verify_within(options.depth, &options.pins, &mut options.progress)
    }

    /// Verifies the store as a phase of a longer call, or as a call of its own.
    pub(super) fn verify_within(
        &self,
        depth: Depth,
        pins: &[OperationId],
        progress: &mut Reporter<'_>,
    ) -> Result<VerifyReport> {
        progress.next_phase();
        let blobs = self.shared().bodies.blobs();
        verify(&*self.shared().index, blobs, depth, pins, progress)
    }

    /// Returns about how many bodies a verification checks.
    ///
    /// The count is of use only for the progress, so damage is no error here.
    pub(super) fn body_count(&self) -> u64 {
        let stored = self.shared().bodies.blobs().usage().unwrap_or_default();
        let waiting = self.as_view().look(|snapshot| Ok(snapshot.waiting()?));
        let waiting = waiting.map_or(0, |waiting| waiting.bodies);
        stored.loose_bodies + stored.packed_bodies + waiting
    }
}
