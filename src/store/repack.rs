//! Repacking: making a store as small as possible.

use super::handle::Store;
use crate::engine::{RepackSummary, Retention, repack};
use crate::model::error::Result;
use crate::model::progress::{Progress, ProgressAnswer, Reporter};

/// The options of a repack.
#[derive(Debug, Default)]
pub struct RepackOptions<'a> {
    progress: Reporter<'a>,
}

impl<'a> RepackOptions<'a> {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls a closure as the call advances. A step is a body that was visited.
    ///
    /// The closure returns `()`, or a [`ControlFlow`](std::ops::ControlFlow) that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). Bodies that were moved from files
    /// into packs stay there, and the old packs are kept.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}

impl Store {
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
    /// - [`ReadOnly`](crate::Error::ReadOnly), or [`WithinBatch`](crate::Error::WithinBatch) inside
    ///   a batch of this store. Nothing is changed.
    /// - [`Storage`](crate::Error::Storage) if a lock, a read or a write failed. Some bodies may be
    ///   in new packs already. Every body that a version uses can still be read, and the next call
    ///   continues from there.
    pub fn repack(&self) -> Result<RepackSummary> {
        self.repack_with(RepackOptions::new())
    }

    /// Repacks as [`repack`](Self::repack) does, with options.
    ///
    /// # Errors
    ///
    /// As [`repack`](Self::repack); [`Cancelled`](crate::Error::Cancelled). Every body can still be
    /// read, and the call can be repeated.
    pub fn repack_with(&self, mut options: RepackOptions<'_>) -> Result<RepackSummary> {
        self.writable()?;
        let (index, blobs) = (&*self.shared().index, self.shared().bodies.blobs());
        let retention = Retention::new(self.shared().context.now(), Self::RETENTION);
        let packed = repack(index, blobs, retention, false, &mut options.progress)?;
        self.shared().settler.run_all()?;
        Ok(packed)
    }
}
