//! Copies of a store to another store, of any kind.

use serde::{Deserialize, Serialize};

use super::handle::Store;
use crate::engine::{CopySource, Depth, VerifyReport};
use crate::model::error::Result;
use crate::model::log_position::LogPosition;
use crate::model::progress::{Progress, ProgressAnswer, Reporter};
use crate::storage::{StorageError, StorageErrorKind};

/// The result of a copy, and of the verification of the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CopySummary {
    /// The position that both stores have in common: the end of the history that was copied.
    pub position: LogPosition,
    /// The number of operations that were copied.
    pub copied: u64,
    /// The number of operations that the target had already.
    pub present: u64,
    /// The number of bodies that were copied.
    pub bodies: u64,
    /// The result of verifying the whole target.
    ///
    /// If it is [clean](VerifyReport::is_clean), the copy is sound.
    pub report: VerifyReport,
}

/// The options of a copy.
#[derive(Debug, Default)]
pub struct CopyOptions<'a> {
    progress: Reporter<'a>,
}

impl<'a> CopyOptions<'a> {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls a closure as the call advances. A step is an operation that was copied, or a body of
    /// the target that was verified.
    ///
    /// The closure returns `()`, or a [`ControlFlow`](std::ops::ControlFlow) that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). What was copied until then stays.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}

impl Store {
    /// Copies this store, as it is at one moment, to another store of any kind.
    ///
    /// The target gets the same operations, with their ids, moments and authors, so it has the same
    /// head hash; the same prompts, versions and environments follow from them. It gets all stored
    /// bodies and the recorded inputs of the versions that are copied, but neither the secrets of a
    /// server nor what is known of remotes. Its settings are those that it was created with.
    ///
    /// The target must be empty, or contain the beginning of the same history. Then the copy
    /// continues: after an interruption, or to bring what was changed since the last copy. The
    /// history is copied in parts, each as one transaction, so memory does not grow with the store.
    /// Until the copy is complete, the target can contain versions of which the body was garbage
    /// collected, and that a later part deletes. Do not change the target meanwhile. At the end, the
    /// target is verified as [`verify`](Self::verify) does, and the result contains the report.
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
    /// let target = Store::in_memory()?;
    /// let made = store.copy_to(&target)?;
    /// assert!(made.copied == 1 && made.report.is_clean());
    /// assert_eq!(target.resolve("greeting@production")?, store.resolve("greeting@production")?);
    /// assert_eq!(store.copy_to(&target)?.copied, 0);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`MismatchedCopy`](crate::Error::MismatchedCopy) if the target has another history, or was changed
    ///   while the copy was written.
    /// - [`CorruptBody`](crate::Error::CorruptBody) if a body of this store does not match its address.
    /// - [`WithinBatch`](crate::Error::WithinBatch) inside a batch of one of the stores.
    /// - Those of the target's transactions: see "Outcomes" of [`commit`](Self::commit).
    /// - [`Storage`](crate::Error::Storage) if an index or a blob store failed.
    ///
    /// A failure leaves the parts that were copied until then, and the next call continues. This
    /// store is not changed.
    pub fn copy_to(&self, target: &Self) -> Result<CopySummary> {
        self.copy_to_with(target, CopyOptions::new())
    }

    /// Copies the store as [`copy_to`](Self::copy_to) does, with options.
    ///
    /// # Errors
    ///
    /// As [`copy_to`](Self::copy_to); [`Cancelled`](crate::Error::Cancelled). The parts that were copied
    /// until then stay.
    pub fn copy_to_with(&self, target: &Self, mut options: CopyOptions<'_>) -> Result<CopySummary> {
        target.writable()?;
        self.shared().queue.check_not_reentrant()?;
        let progress = &mut options.progress;
        let (position, present, bodies) = {
            // The lock is taken before the snapshot, so that every body that the snapshot shows stays.
            let _hold = self.hold_bodies()?;
            let snapshot = self.shared().index.snapshot()?;
            let source = CopySource {
                snapshot: &*snapshot,
                bodies: &self.shared().bodies,
            };
            let begin = target.last_position()?;
            let copied = copy(source, target, begin, progress);
            if !snapshot.is_consistent() {
                let message = "the store was written while it was copied; copy it again";
                return Err(StorageError::new(StorageErrorKind::Busy, message).into());
            }
            let bodies = copied?;
            (source.last()?, begin.number(), bodies)
        };
        Ok(CopySummary {
            position,
            copied: position.number() - present,
            present,
            bodies,
            report: target.verify_within(Depth::Full, &[], progress)?,
        })
    }

    fn last_position(&self) -> Result<LogPosition> {
        let snapshot = self.shared().index.snapshot()?;
        Ok(LogPosition::after_last(snapshot.last_operation()?))
    }
}

/// Copies the operations that the target lacks. Returns the number of bodies that it did not have.
fn copy(
    source: CopySource<'_>,
    target: &Store,
    begin: LogPosition,
    progress: &mut Reporter<'_>,
) -> Result<u64> {
    source.continues(begin)?;
    progress.expect(source.last()?.number() - begin.number());
    let (mut last, mut bodies) = (begin, 0);
    loop {
        let part = source.part(last)?;
        if part.is_empty() {
            return Ok(bodies);
        }
        let operations = part.len();
        let copied = target.batch(|batch| batch.writer().append_part(part, source))?;
        (last, bodies) = (copied.last, bodies + copied.bodies);
        progress.advance(operations)?;
    }
}
