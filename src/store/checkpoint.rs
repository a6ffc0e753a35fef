//! Checkpoints: bodies moved from the journal to the blob store at the caller's request.

use super::handle::Store;
use crate::engine::CheckpointSummary;
use crate::model::error::Result;
use crate::model::progress::{Progress, ProgressAnswer, Reporter};

/// The options of a checkpoint.
#[derive(Debug, Default)]
pub struct CheckpointOptions<'a> {
    progress: Reporter<'a>,
}

impl<'a> CheckpointOptions<'a> {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls a closure as the call advances. A step is a body that was moved.
    ///
    /// The closure returns `()`, or a [`ControlFlow`](std::ops::ControlFlow) that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). The bodies that were moved until then stay
    /// moved, and the others are still in the journal.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}

impl Store {
    /// Moves every body from the journal to the blob store, and flushes it there.
    ///
    /// Stores do this themselves, in batches, on the maintenance worker. This method waits until it
    /// is done.
    ///
    /// # Errors
    ///
    /// - [`ReadOnly`](crate::Error::ReadOnly), or [`WithinBatch`](crate::Error::WithinBatch) inside
    ///   a batch of this store.
    /// - [`Storage`](crate::Error::Storage) if a lock, a read or a write failed. The bodies that
    ///   were not moved are still in the journal, and nothing is lost.
    pub fn checkpoint(&self) -> Result<CheckpointSummary> {
        self.checkpoint_with(CheckpointOptions::new())
    }

    /// Makes a checkpoint as [`checkpoint`](Self::checkpoint) does, with options.
    ///
    /// # Errors
    ///
    /// As [`checkpoint`](Self::checkpoint); [`Cancelled`](crate::Error::Cancelled). The bodies that
    /// were not moved are still in the journal, and the call can be repeated.
    pub fn checkpoint_with(&self, mut options: CheckpointOptions<'_>) -> Result<CheckpointSummary> {
        self.writable()?;
        self.shared().settler.checkpoint(&mut options.progress)
    }
}
