//! The tasks of the maintenance worker: checkpoints, indexing, packing and the work of closing.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::checkpoint::{CheckpointSummary, checkpoint, write_files};
use super::repack::{MAX_LOOSE, join, pack_loose, young_since};
use super::schedule::CHECKPOINT_BATCH;
use crate::engine::read::bodies::BodyReader;
use crate::engine::search::{catch_up, tail_is_long};
use crate::model::clock::Clock;
use crate::model::error::Result;
use crate::model::id::BlobId;
use crate::storage::{Deadline, Index};
use crate::trace::Span;

/// The maximum time for work and lock waits when a handle is closed.
///
/// Bodies that are left remain in the journal, and the next handle checkpoints them.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a thread does that is to index documents while another thread of the handle does.
///
/// Both would prepare the same batches, and one of them would discard each.
#[derive(Clone, Copy, Debug)]
pub(super) enum IfIndexing {
    /// It waits until the other thread stops, and indexes what is left.
    Wait,
    /// It leaves the work to the other thread.
    Skip,
}

/// The store that the tasks work on.
pub(super) struct Tasks {
    pub(super) index: Arc<dyn Index>,
    bodies: Arc<BodyReader>,
    clock: Clock,
    /// Held by the thread that indexes documents.
    indexing: Mutex<()>,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

impl Tasks {
    pub(super) fn new(index: Arc<dyn Index>, bodies: Arc<BodyReader>, clock: Clock) -> Self {
        Self {
            index,
            bodies,
            clock,
            indexing: Mutex::default(),
        }
    }

    /// Checks whether the index's files were moved or replaced.
    ///
    /// If they were, the index refuses all further work, so the next caller gets the error.
    pub(super) fn check_location(&self) {
        let _ = self.index.check_location();
    }

    /// Writes journaled bodies to files, without a flush.
    pub(super) fn write_files(&self, ids: &[BlobId]) -> Result<()> {
        let _span = Span::maintenance("write_files");
        write_files(&*self.index, self.bodies.blobs(), ids)
    }

    /// Moves bodies from the journal to the blob store, as long as `go_on` returns true.
    pub(super) fn checkpoint(
        &self,
        go_on: impl FnMut(CheckpointSummary) -> bool,
    ) -> Result<CheckpointSummary> {
        let span = Span::checkpoint();
        let checkpointed = checkpoint(&*self.index, self.bodies.blobs(), go_on)?;
        span.record("bodies", checkpointed.bodies);
        span.record("bytes", checkpointed.bytes);
        Ok(checkpointed)
    }

    /// Indexes documents as long as `go_on` returns true for the number of unindexed operations.
    ///
    /// Returns how many operations are left for this thread.
    /// A failure makes searches slower, and stops no other work.
    pub(super) fn index_documents(
        &self,
        if_indexing: IfIndexing,
        go_on: impl FnMut(u64) -> bool,
    ) -> u64 {
        let _turn = match (if_indexing, self.indexing.try_lock()) {
            (_, Ok(turn)) => turn,
            (_, Err(TryLockError::Poisoned(turn))) => turn.into_inner(),
            (IfIndexing::Skip, Err(TryLockError::WouldBlock)) => return 0,
            (IfIndexing::Wait, Err(TryLockError::WouldBlock)) => {
                let turn = self.indexing.lock();
                turn.unwrap_or_else(PoisonError::into_inner)
            }
        };
        let _span = Span::maintenance("index_documents");
        catch_up(&*self.index, &self.bodies, go_on).unwrap_or(0)
    }

    /// Returns whether a checkpoint makes packs, however few bodies it moves.
    pub(super) fn has_only_packs(&self) -> bool {
        self.bodies.blobs().max_loose() == 0
    }

    /// Joins packs into fewer ones.
    pub(super) fn join_packs(&self) -> Result<()> {
        let _span = Span::maintenance("join_packs");
        join(&*self.index, self.bodies.blobs())
    }

    /// Maintains the index, and returns whether there is more to do.
    pub(super) fn maintain_index(&self) -> Result<bool> {
        let _span = Span::maintenance("maintain_index");
        Ok(self.index.maintain()?)
    }

    /// Shortens the index's log if it is long.
    pub(super) fn shorten_log(&self) -> Result<()> {
        let _span = Span::maintenance("shorten_log");
        Ok(self.index.shorten_log()?)
    }

    /// Packs files that are old enough, as long as `go_on` returns true.
    pub(super) fn pack_old_files(&self, go_on: impl Fn() -> bool) -> Result<()> {
        // The clock may be the caller's. If it panics, no thread ends and no file counts as old.
        let Ok(now) = catch_unwind(AssertUnwindSafe(|| (self.clock)())) else {
            return Ok(());
        };
        let _span = Span::maintenance("pack_files");
        let (index, blobs) = (&*self.index, self.bodies.blobs());
        pack_loose(index, blobs, young_since(now), MAX_LOOSE, |_| Ok(go_on())).map(drop)
    }

    /// Shortens all lock waits, because the handle is closed.
    ///
    /// The next handle does the work that is left, so closing need not wait long.
    pub(super) fn close_soon(&self) {
        let soon = Deadline::after(CLOSE_TIMEOUT);
        self.index.close_by(soon);
    }

    /// Writes the journaled bodies to files. Flushes only a full batch and a long write-ahead log.
    ///
    /// `ids` are the bodies that are not files yet, or `None` if all may stay in the journal.
    ///
    /// Other handles may write as fast as this works. So it does only what was to be done when it
    /// began, and begins nothing after [`CLOSE_TIMEOUT`].
    pub(super) fn close(&self, ids: Option<&[BlobId]>) -> Result<()> {
        let begun = Instant::now();
        let in_time = || begun.elapsed() < CLOSE_TIMEOUT;
        let snapshot = self.index.snapshot()?;
        let last = snapshot.last_operation()?.map_or(0, |(number, _)| number);
        let due = match ids {
            Some(ids) => Some((ids, snapshot.waiting()?)),
            None => None,
        };
        drop(snapshot);
        if let Some((ids, journaled)) = due {
            if CHECKPOINT_BATCH.is_reached_by(journaled.bodies, journaled.bytes) {
                // Bodies that were added later come after these in the journal.
                self.checkpoint(|sum| sum.bodies < journaled.bodies && in_time())?;
            } else {
                self.write_files(ids)?;
            }
        }
        if in_time() && tail_is_long(&*self.index.snapshot()?)? {
            let go_on = |_| in_time() && self.indexed_through().is_ok_and(|to| to < last);
            self.index_documents(IfIndexing::Skip, go_on);
        }
        if in_time() {
            self.index.maintain()?;
        }
        Ok(())
    }

    fn indexed_through(&self) -> Result<u64> {
        Ok(self.index.snapshot()?.indexed_through()?)
    }
}
