//! The schedule of the maintenance worker: the work that commits leave, and when it is due.
//!
//! The schedule reads no clock and starts no work: callers pass the time, and run the task that it
//! returns.

use std::time::{Duration, Instant};

use crate::engine::search::{LONG_TAIL, TailSize};
use crate::engine::write::pending_work::PendingWork;
use crate::model::id::BlobId;

/// The time without a commit after which work begins.
///
/// It is longer than most flushes take, because the work shares the disk with commits.
pub(super) const PAUSE: Duration = Duration::from_millis(20);
/// The time without a commit after which any number of bodies is checkpointed.
const IDLE_TIME: Duration = Duration::from_secs(1);
/// The journal size from which bodies are checkpointed at a pause.
pub(super) const CHECKPOINT_BATCH: JournalSize = JournalSize {
    bodies: 64,
    bytes: 1024 * 1024,
};
/// The journal size from which bodies are checkpointed beside commits, which slows them.
const FULL_JOURNAL: JournalSize = JournalSize {
    bodies: 8192,
    bytes: 64 * 1024 * 1024,
};
/// The factor by which the unindexed tail must be long to be indexed beside commits.
///
/// At a pause, a tail of [`LONG_TAIL`] is indexed.
const URGENT_TAIL_FACTOR: u64 = 32;
/// The number of commits after which the index is maintained beside them.
const MAINTAIN_AFTER_COMMITS: u64 = 1024;
/// The number of operations after which the index is maintained beside commits: an import makes
/// many in each. Its operations are archived while it goes on, and their pages used again.
const MAINTAIN_AFTER_OPERATIONS: u64 = 16 * 1024;
/// The number of operations, with bodies or without, after which the write-ahead log may be long.
const CHECK_LOG_AFTER_OPERATIONS: u64 = 64;
/// The number of new packs that are joined beside commits, because a read searches each pack.
const JOIN_AFTER_PACKS: u64 = 8;
/// The interval between checks for files that are old enough to be packed.
const REPACK_CHECK_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// The number of files that are written before the next check for commits.
const FILES_PER_TURN: usize = 16;
/// The time before the next attempt after a failure, such as a full disk.
///
/// The next attempt writes every file again, so no file counts as flushed that was not.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// A number of journaled bodies, and their size in bytes.
#[derive(Clone, Copy)]
pub(super) struct JournalSize {
    pub(super) bodies: u64,
    pub(super) bytes: u64,
}

impl JournalSize {
    /// Checks whether bodies reach this size, by their number or by their bytes.
    pub(super) fn is_reached_by(self, bodies: u64, bytes: u64) -> bool {
        bodies >= self.bodies || bytes >= self.bytes
    }
}

/// The work that is left, and the times that decide when it is done.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Whether bodies may stay in the journal, so that no checkpoint is due.
    pub(super) keeps_journal: bool,
    /// The journaled bodies of this handle's commits; `ids` are those that are not files yet.
    journaled: PendingWork,
    /// The unindexed operations of this handle.
    unindexed: TailSize,
    /// The number of commits since the index was last maintained.
    commits: u64,
    /// The number of operations since the index was last maintained.
    operations: u64,
    /// The number of operations since the length of the log was last checked.
    logged: u64,
    /// The number of packs that were created since packs were last joined.
    packs: u64,
    /// The time of the next check for files that are old enough to be packed.
    next_repack_check: Option<Instant>,
    last_commit: Option<Instant>,
    /// The time at which the thread wakes up without a signal.
    ///
    /// Signalling it at each commit would cost as much as the commit.
    wakes_at: Option<Instant>,
    /// The time of the last failure, until some work succeeds.
    failed_at: Option<Instant>,
    is_closing: bool,
    /// Whether there can be work.
    ///
    /// The thread of a handle that only reads just checks the index's location.
    has_written: bool,
    /// Whether the store is about to be removed.
    is_abandoned: bool,
}

/// The work to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    WriteFiles,
    Checkpoint,
    /// Indexing beside commits if the tail is urgent, and otherwise only during a pause.
    Index {
        is_urgent: bool,
    },
    Maintain,
    ShortenLog,
    Pack,
    Close,
    /// No work until a commit, or for this long.
    Wait(Option<Duration>),
}

impl Schedule {
    /// Returns the work that is due at `now`.
    pub(super) fn next(&self, now: Instant) -> Task {
        if self.is_closing {
            return Task::Close;
        }
        let until_repack = self.until_repack_check(now);
        let may_repack = until_repack == Some(Duration::ZERO);
        let is_tail_long = self.unindexed.is_long(1);
        if self.journaled.bodies == 0 && self.commits == 0 && !is_tail_long && !may_repack {
            return Task::Wait(until_repack);
        }
        if let Some(time) = self.until_retry(now) {
            return Task::Wait(Some(time));
        }
        let quiet = self.quiet_time(now);
        let is_idle = quiet >= IDLE_TIME;
        if self.journal_reaches(FULL_JOURNAL) || is_idle && self.journaled.bodies > 0 {
            return Task::Checkpoint;
        }
        let are_packs_many = self.packs >= JOIN_AFTER_PACKS;
        let are_operations_many =
            self.commits >= MAINTAIN_AFTER_COMMITS || self.operations >= MAINTAIN_AFTER_OPERATIONS;
        if are_operations_many || are_packs_many || is_idle && self.commits > 0 {
            return Task::Maintain;
        }
        if self.logged >= CHECK_LOG_AFTER_OPERATIONS {
            return Task::ShortenLog;
        }
        if is_idle && may_repack {
            return Task::Pack;
        }
        if self.unindexed.is_long(URGENT_TAIL_FACTOR) {
            return Task::Index { is_urgent: true };
        }
        if quiet < PAUSE {
            return Task::Wait(Some(PAUSE - quiet));
        }
        if self.journal_reaches(CHECKPOINT_BATCH) {
            return Task::Checkpoint;
        }
        if is_tail_long {
            return Task::Index { is_urgent: false };
        }
        if !self.journaled.ids.is_empty() {
            return Task::WriteFiles;
        }
        Task::Wait(Some(IDLE_TIME.saturating_sub(quiet)))
    }

    /// Records a commit, and returns whether the thread must be signalled to notice it in time.
    pub(super) fn add_commit(&mut self, added: PendingWork, now: Instant) -> bool {
        self.commits += 1;
        self.operations += added.operations;
        self.logged += added.operations.max(1);
        self.packs += added.packs;
        self.add_unindexed(&added);
        if !self.keeps_journal {
            self.journaled.add(added);
        }
        self.last_commit = Some(now);
        self.begin_writing(now);
        self.wakes_at.is_none_or(|then| then > now + PAUSE)
    }

    /// Records the unindexed operations of a commit, and returns whether the tail is long now.
    pub(super) fn add_unindexed(&mut self, added: &PendingWork) -> bool {
        self.unindexed.operations += added.operations;
        self.unindexed.bytes += added.bytes;
        self.unindexed.is_long(1)
    }

    /// Makes indexing due, because operations of any process are unindexed.
    pub(super) fn request_indexing(&mut self, now: Instant) {
        self.unindexed = LONG_TAIL;
        self.begin_writing(now);
    }

    fn begin_writing(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.has_written, true) && !self.keeps_journal {
            // There may be many old files already.
            self.next_repack_check = Some(now);
        }
    }

    /// Records that the thread now waits, until `then` unless it is signalled.
    pub(super) fn waits_until(&mut self, then: Instant) {
        self.wakes_at = Some(then);
    }

    /// Takes a few of the bodies that are not files yet.
    pub(super) fn take_unwritten(&mut self) -> Vec<BlobId> {
        let count = FILES_PER_TURN.min(self.journaled.ids.len());
        self.journaled.ids.drain(..count).collect()
    }

    /// Takes all of the bodies that are not files yet.
    pub(super) fn take_all_unwritten(&mut self) -> Vec<BlobId> {
        std::mem::take(&mut self.journaled.ids)
    }

    /// Takes the journaled bodies, because a checkpoint of them begins.
    pub(super) fn take_journaled(&mut self) -> PendingWork {
        std::mem::take(&mut self.journaled)
    }

    /// Puts journaled bodies back that a checkpoint did not move.
    pub(super) fn put_back(&mut self, left: PendingWork) {
        self.journaled.add(left);
    }

    /// Returns whether packs were created since the last call, so that they should be joined.
    pub(super) fn take_new_packs(&mut self) -> bool {
        std::mem::take(&mut self.packs) > 0
    }

    /// Records a pack that was not created by a commit, or could not be joined.
    pub(super) fn add_pack(&mut self) {
        self.packs += 1;
        self.commits += 1;
    }

    /// Forgets the unindexed operations, because indexing of all of them begins.
    pub(super) fn begin_indexing(&mut self) {
        self.unindexed = TailSize::default();
    }

    /// Counts the operations that were left when indexing stopped early.
    ///
    /// Some may have been counted since it began. A short tail is the work of the next pause.
    pub(super) fn indexing_stopped(&mut self, left: u64) {
        self.unindexed.operations = left.max(LONG_TAIL.operations);
    }

    /// Forgets the commits so far, because the index is being maintained.
    pub(super) fn begin_maintenance(&mut self) {
        self.commits = 0;
        self.operations = 0;
        self.logged = 0;
    }

    /// Forgets the operations in the log so far, because its length is being checked.
    pub(super) fn begin_shortening(&mut self) {
        self.logged = 0;
    }

    /// Schedules further maintenance of the index, which did only a part.
    ///
    /// It is due at once, also beside commits: otherwise an import that gets ahead stays ahead.
    pub(super) fn maintain_again(&mut self) {
        self.commits += 1;
        self.operations = self.operations.max(MAINTAIN_AFTER_OPERATIONS);
    }

    /// Schedules the next check for files that are old enough to be packed.
    pub(super) fn begin_packing(&mut self, now: Instant) {
        self.next_repack_check = now.checked_add(REPACK_CHECK_INTERVAL);
    }

    /// Records whether a task failed, which delays the next one.
    pub(super) fn finish_task(&mut self, has_failed: bool, now: Instant) {
        self.failed_at = has_failed.then_some(now);
    }

    /// Makes closing the only task left.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
    }

    /// Makes closing leave all unfinished work undone.
    pub(super) fn abandon(&mut self) {
        self.is_abandoned = true;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Returns whether closing has work to finish.
    pub(super) fn must_finish(&self) -> bool {
        let has_work = !self.keeps_journal || self.unindexed.is_long(1);
        self.has_written && has_work && !self.is_abandoned
    }

    /// Returns whether there was no commit for so long that work need not be kept short.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.quiet_time(now) >= IDLE_TIME
    }

    /// Returns whether a task may go on with its next batch. Commits that arrived go first.
    pub(super) fn may_go_on(&self, now: Instant) -> bool {
        let is_paused = self.quiet_time(now) >= PAUSE;
        !self.is_closing && (is_paused || self.journaled.bodies >= FULL_JOURNAL.bodies)
    }

    /// Returns the time since the last commit; a long time if there was none.
    fn quiet_time(&self, now: Instant) -> Duration {
        let since = |last: Instant| now.saturating_duration_since(last);
        self.last_commit.map_or(IDLE_TIME, since)
    }

    /// Returns the time until a failed task may be tried again; none if it may be now.
    fn until_retry(&self, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.failed_at?);
        RETRY_INTERVAL
            .checked_sub(since)
            .filter(|time| !time.is_zero())
    }

    /// Returns the time until the next check for old files; none if no check is scheduled.
    fn until_repack_check(&self, now: Instant) -> Option<Duration> {
        Some(self.next_repack_check?.saturating_duration_since(now))
    }

    fn journal_reaches(&self, size: JournalSize) -> bool {
        size.is_reached_by(self.journaled.bodies, self.journaled.bytes)
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
