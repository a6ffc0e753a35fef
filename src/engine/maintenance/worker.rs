//! The maintenance worker: a background thread that checkpoints, indexes, joins and packs.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::checkpoint::{CheckpointSummary, checkpoint, write_files};
use super::repack::{MANY, join, pack_loose, young_since};
use crate::engine::read::bodies::BodyReader;
use crate::engine::search::{LONG_TAIL, catch_up, tail_is_long};
use crate::engine::write::writer::PendingWork;
use crate::model::clock::{self, Clock};
use crate::model::error::{Error, ErrorKind, Result};
use crate::model::id::BlobId;
use crate::model::progress::Reporter;
use crate::storage::{Deadline, Index};

/// The time without a commit after which work begins.
///
/// It is longer than most flushes take, because the work shares the disk with commits.
const PAUSE: Duration = Duration::from_millis(20);
/// The number or bytes of journaled bodies that are checkpointed at a pause.
const BATCH: (u64, u64) = (64, 1024 * 1024);
/// The number or bytes of journaled bodies that are checkpointed beside commits, which slows them.
const FULL: (u64, u64) = (8192, 64 * 1024 * 1024);
/// The time without a commit after which any number of bodies is checkpointed.
const IDLE: Duration = Duration::from_secs(1);
/// The factor by which the unindexed tail must be long to be indexed beside commits.
///
/// At a pause, a tail of [`LONG_TAIL`] is indexed.
const TIMES: u64 = 32;
/// The number of commits, with bodies or without, after which the write-ahead log may be long.
const COMMITS: u64 = 1024;
/// The number of new packs that are joined beside commits, because a read searches each pack.
const PACKS: u64 = 8;
/// The time that indexing takes at most before other work is considered, beside commits.
const SOME: Duration = Duration::from_secs(1);
/// The interval between checks for files that are old enough to be packed.
const OLDER: Duration = Duration::from_secs(60 * 60);
/// The number of files that are written before the next check for commits.
const FILES: usize = 16;
/// The interval between checks for index files that were moved or replaced.
///
/// The checks are made even if the handle answers from memory.
const LOOK: Duration = Duration::from_secs(1);
/// The maximum time for work and lock waits when a handle is closed.
///
/// Bodies that are left remain in the journal, and the next handle checkpoints them.
const CLOSING: Duration = Duration::from_secs(1);
/// The time before the next attempt after a failure, such as a full disk.
///
/// The next attempt writes every file again, so no file counts as flushed that was not.
const RETRY: Duration = Duration::from_secs(10);

/// The maintenance worker of one open store.
///
/// Its thread starts with the first commit or cached answer, and ends with the store handle.
#[derive(Debug)]
pub(crate) struct MaintenanceWorker {
    shared: Arc<WorkerShared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The process that started the thread.
    process: u32,
}

struct WorkerShared {
    index: Arc<dyn Index>,
    bodies: Arc<BodyReader>,
    clock: Clock,
    state: Mutex<Schedule>,
    wake: Condvar,
}

impl fmt::Debug for WorkerShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerShared").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Schedule {
    /// The journaled bodies of this handle's commits; `ids` are those that are not files yet.
    journaled: PendingWork,
    /// The number of unindexed operations of this handle, and the bytes of their bodies.
    untold: (u64, u64),
    /// The number of commits since the index was last maintained.
    commits: u64,
    /// The number of packs that were created since packs were last joined.
    packs: u64,
    /// The time of the next check for files that are old enough to be packed.
    packs_again: Option<Instant>,
    last_commit: Option<Instant>,
    /// The time at which the thread wakes up without a signal.
    ///
    /// Signalling it at each commit would cost as much as the commit.
    looks_again: Option<Instant>,
    /// The time of the last failure, until some work succeeds.
    failed: Option<Instant>,
    /// The last failure, and its time by the system's clock.
    last_failure: Option<(DateTime<Utc>, ErrorKind, String)>,
    closing: bool,
    /// Whether there can be work.
    ///
    /// The thread of a handle that only reads just checks the index's location.
    maintains: bool,
    /// Whether the store is about to be removed.
    abandoned: bool,
}

/// The work to do next.
enum Task {
    WriteOut,
    Settle,
    CatchUp,
    Maintain,
    Pack,
    Close,
    /// No work until a commit, or for this long.
    Wait(Option<Duration>),
}

impl MaintenanceWorker {
    pub(crate) fn new(index: Arc<dyn Index>, bodies: Arc<BodyReader>, clock: Clock) -> Self {
        Self {
            shared: Arc::new(WorkerShared {
                index,
                bodies,
                clock,
                state: Mutex::default(),
                wake: Condvar::new(),
            }),
            thread: Mutex::default(),
            process: std::process::id(),
        }
    }

    /// Checkpoints everything now on the caller's thread, then maintains the index.
    ///
    /// A step is a body. The call can be cancelled after each batch.
    pub(crate) fn checkpoint(&self, progress: &mut Reporter<'_>) -> Result<CheckpointSummary> {
        if progress.is_watched() {
            progress.expect(self.shared.index.snapshot()?.waiting()?.bodies);
            progress.report()?;
        }
        let mut reported = Ok(());
        let checkpointed = self.shared.checkpoint(|sum| {
            reported = progress.at(sum.bodies);
            reported.is_ok()
        })?;
        reported?;
        self.shared.do_maintain(true)?;
        Ok(checkpointed)
    }

    /// Returns the time, kind and message of the thread's last failure.
    pub(crate) fn last_failure(&self) -> Option<(DateTime<Utc>, ErrorKind, String)> {
        self.shared.state().last_failure.clone()
    }

    /// Runs all index maintenance now, on the caller's thread.
    pub(crate) fn tidy(&self) -> Result<()> {
        self.shared.tidy()
    }

    /// Makes closing leave all unfinished work undone, because the store is about to be removed.
    #[cfg(feature = "server")]
    pub(crate) fn abandon(&self) {
        self.shared.state().abandoned = true;
    }

    /// Records a commit and the work that it leaves, and starts the thread if needed.
    pub(crate) fn committed(&self, added: PendingWork) {
        let now = Instant::now();
        let mut state = self.shared.state();
        state.commits += 1;
        state.packs += added.packs;
        state.add_untold(&added);
        state.journaled.add(added);
        state.last_commit = Some(now);
        state.maintain();
        let looks_soon = state.looks_again.is_some_and(|then| then <= now + PAUSE);
        drop(state);
        if !looks_soon {
            self.shared.wake.notify_one();
        }
        self.start();
    }

    /// Schedules indexing, because many operations of any process are unindexed.
    pub(crate) fn search_has_a_long_tail(&self) {
        let mut state = self.shared.state();
        state.untold = LONG_TAIL;
        state.maintain();
        drop(state);
        self.shared.wake.notify_one();
        self.start();
    }

    /// Starts the thread, which checks the index's location.
    ///
    /// Answers from memory do not read the files, so they do not notice a change.
    pub(crate) fn watch_location(&self) {
        self.start();
    }

    fn start(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let named = std::thread::Builder::new().name("promptbook-settler".into());
            // If no thread can be started, the bodies stay in the journal, which is as safe.
            *thread = named.spawn(move || shared.work()).ok();
        }
    }
}

impl MaintenanceWorker {
    /// Records a commit whose bodies may stay in the journal.
    ///
    /// It starts no thread: if many operations are unindexed, it indexes them on the caller's
    /// thread.
    pub(crate) fn committed_for_good(&self, added: &PendingWork) {
        let mut state = self.shared.state();
        state.add_untold(added);
        let is_long = state.is_long(1);
        drop(state);
        if is_long {
            self.shared.catch_up(|| true);
        }
    }
}

impl Drop for MaintenanceWorker {
    fn drop(&mut self) {
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if self.process != std::process::id() {
            // A forked process does not have the thread. Dropping the handle would detach a thread
            // by an address that may be another thread's here.
            std::mem::forget(thread);
            return;
        }
        self.shared.state().closing = true;
        self.shared.wake.notify_one();
        // The next handle does the work that is left, so closing need not wait long for locks.
        let soon = Deadline::after(CLOSING);
        self.shared.index.close_by(soon);
        self.shared.bodies.blobs().close_by(soon);
        if let Some(thread) = thread {
            // The thread does not panic. If it did, the journal would still have the bodies that it
            // left.
            let _ = thread.join();
        }
    }
}

impl Schedule {
    fn maintain(&mut self) {
        if !std::mem::replace(&mut self.maintains, true) {
            // There may be many old files already.
            self.packs_again = Some(Instant::now());
        }
    }

    fn add_untold(&mut self, added: &PendingWork) {
        self.untold.0 += added.operations;
        self.untold.1 += added.bytes;
    }

    /// Checks whether the unindexed operations are `times` as many as a long tail.
    fn is_long(&self, times: u64) -> bool {
        self.untold.0 >= LONG_TAIL.0 * times || self.untold.1 >= LONG_TAIL.1 * times
    }

    /// Returns the time until the next check for old files; none if no check is scheduled.
    fn until_packing(&self) -> Option<Duration> {
        let then = self.packs_again?;
        Some(then.saturating_duration_since(Instant::now()))
    }

    fn next(&self) -> Task {
        let waits = |(bodies, bytes): (u64, u64)| {
            self.journaled.bodies >= bodies || self.journaled.bytes >= bytes
        };
        let quiet = self.last_commit.map_or(IDLE, |last| last.elapsed());
        let failed = self.failed.map(|since| since.elapsed());
        match failed {
            _ if self.closing => Task::Close,
            _ if self.journaled.bodies == 0
                && self.commits == 0
                && !self.is_long(1)
                && self
                    .until_packing()
                    .is_none_or(|time| time > Duration::ZERO) =>
            {
                Task::Wait(self.until_packing())
            }
            Some(since) if since < RETRY => Task::Wait(Some(RETRY - since)),
            _ if waits(FULL) || quiet >= IDLE && self.journaled.bodies > 0 => Task::Settle,
            _ if self.commits >= COMMITS || self.packs >= PACKS => Task::Maintain,
            _ if quiet >= IDLE && self.commits > 0 => Task::Maintain,
            _ if quiet >= IDLE && self.until_packing() == Some(Duration::ZERO) => Task::Pack,
            _ if self.is_long(TIMES) => Task::CatchUp,
            _ if quiet < PAUSE => Task::Wait(Some(PAUSE - quiet)),
            _ if waits(BATCH) => Task::Settle,
            _ if self.is_long(1) => Task::CatchUp,
            _ if !self.journaled.ids.is_empty() => Task::WriteOut,
            _ => Task::Wait(Some(IDLE - quiet)),
        }
    }
}

/// Returns the message of an error, followed by those of its causes.
fn in_full(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl WorkerShared {
    fn state(&self) -> MutexGuard<'_, Schedule> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut looked = Instant::now();
        loop {
            if looked.elapsed() >= LOOK {
                // If the location changed, the index refuses all further work, so the next caller
                // gets the error.
                let _ = self.index.check_location();
                looked = Instant::now();
            }
            let mut state = self.state();
            let done = match state.next() {
                Task::Wait(time) => {
                    let time = time.map_or(LOOK, |time| time.min(LOOK));
                    state.looks_again = Some(Instant::now() + time);
                    let woken = self.wake.wait_timeout(state, time);
                    drop(woken.unwrap_or_else(PoisonError::into_inner));
                    continue;
                }
                Task::WriteOut => {
                    let few = FILES.min(state.journaled.ids.len());
                    let ids: Vec<BlobId> = state.journaled.ids.drain(..few).collect();
                    drop(state);
                    write_files(&*self.index, self.bodies.blobs(), &ids)
                }
                Task::Settle => {
                    drop(state);
                    self.checkpoint(|_| self.may_go_on())
                        .and_then(|_| self.maintain())
                }
                Task::CatchUp => {
                    let much = state.is_long(TIMES);
                    drop(state);
                    // Other work is considered in between.
                    let enough = Instant::now() + SOME;
                    self.catch_up(|| {
                        much && Instant::now() < enough && !self.is_closing() || self.may_go_on()
                    });
                    Ok(())
                }
                Task::Maintain => {
                    drop(state);
                    self.maintain()
                }
                Task::Pack => {
                    state.packs_again = Instant::now().checked_add(OLDER);
                    drop(state);
                    self.pack()
                }
                Task::Close if state.abandoned || !state.maintains => return,
                Task::Close => {
                    let ids = std::mem::take(&mut state.journaled.ids);
                    drop(state);
                    // Work that fails here is left in the journal for the next handle.
                    let _ = self.close(&ids);
                    return;
                }
            };
            // A failure costs only time: readers find the bodies in the journal, and an explicit
            // checkpoint reports the error.
            let mut state = self.state();
            state.failed = done.is_err().then(Instant::now);
            if let Err(error) = done {
                state.last_failure = Some((clock::system(), error.kind(), in_full(&error)));
            }
        }
    }

    fn checkpoint(
        &self,
        mut go_on: impl FnMut(CheckpointSummary) -> bool,
    ) -> Result<CheckpointSummary> {
        let taken = std::mem::take(&mut self.state().journaled);
        let mut through = true;
        let checkpointed = checkpoint(&*self.index, self.bodies.blobs(), |sum| {
            through = go_on(sum);
            through
        });
        match &checkpointed {
            // Nothing is left, even if fewer bodies were moved than this handle counted: a body
            // that was stored already is not journaled, and other handles checkpoint too.
            Ok(_) if through => {}
            Ok(checkpointed) => self.state().journaled.add(PendingWork {
                bodies: taken.bodies.saturating_sub(checkpointed.bodies),
                bytes: taken.bytes.saturating_sub(checkpointed.bytes),
                ..PendingWork::default()
            }),
            Err(_) => self.state().journaled.add(taken),
        }
        checkpointed
    }

    /// Packs files that are old enough.
    fn pack(&self) -> Result<()> {
        // The clock may be the caller's. If it panics, no thread ends and no file counts as old.
        let Ok(now) = catch_unwind(AssertUnwindSafe(|| (self.clock)())) else {
            return Ok(());
        };
        let go_on = |_| Ok(!self.is_closing());
        pack_loose(
            &*self.index,
            self.bodies.blobs(),
            young_since(now),
            MANY,
            go_on,
        )
        .map(drop)
    }

    /// Checks between two batches whether to go on. Commits that arrive in the meantime go first.
    fn may_go_on(&self) -> bool {
        let state = self.state();
        let paused = state.last_commit.is_none_or(|last| last.elapsed() >= PAUSE);
        !state.closing && (paused || state.journaled.bodies >= FULL.0)
    }

    fn is_closing(&self) -> bool {
        self.state().closing
    }

    /// Does the work of a pause. Beside commits, indexing has its own turns.
    fn maintain(&self) -> Result<()> {
        let is_quiet = {
            let mut state = self.state();
            state.commits = 0;
            state.last_commit.is_none_or(|last| last.elapsed() >= IDLE)
        };
        self.do_maintain(is_quiet).map(drop)
    }

    /// Joins packs, indexes documents if no commits arrive, and maintains the index.
    ///
    /// Returns whether there is more to do.
    fn do_maintain(&self, is_quiet: bool) -> Result<bool> {
        if std::mem::take(&mut self.state().packs) > 0 {
            join(self.bodies.blobs())?;
        }
        if is_quiet {
            self.catch_up(|| !self.is_closing());
        }
        let more = self.index.maintain()?;
        if more {
            // This counts as a commit, so that maintenance runs again.
            self.state().commits += 1;
        }
        Ok(more)
    }

    /// Repeats the maintenance of the index until nothing is left to do.
    fn tidy(&self) -> Result<()> {
        while self.do_maintain(true)? {}
        self.state().commits = 0;
        Ok(())
    }

    /// Indexes documents as long as `go_on` returns true.
    ///
    /// A failure makes searches slower, and stops no other work.
    fn catch_up(&self, go_on: impl FnMut() -> bool) {
        self.state().untold = (0, 0);
        if let Ok(false) = catch_up(&*self.index, &self.bodies, go_on) {
            self.state().untold.0 += LONG_TAIL.0;
        }
    }

    /// Writes the journaled bodies to files. Flushes only a full batch and a long write-ahead log.
    ///
    /// Other handles may write as fast as this works. So it does only what was to be done when it
    /// began, and begins nothing after [`CLOSING`].
    fn close(&self, ids: &[BlobId]) -> Result<()> {
        let begun = Instant::now();
        let in_time = || begun.elapsed() < CLOSING;
        let snapshot = self.index.snapshot()?;
        let waiting = snapshot.waiting()?;
        let last = snapshot.last_operation()?.map_or(0, |(number, _)| number);
        drop(snapshot);
        if waiting.bodies >= BATCH.0 || waiting.bytes >= BATCH.1 {
            // Bodies that were added later come after these in the journal.
            checkpoint(&*self.index, self.bodies.blobs(), |sum| {
                sum.bodies < waiting.bodies && in_time()
            })?;
        } else {
            write_files(&*self.index, self.bodies.blobs(), ids)?;
        }
        if in_time() && tail_is_long(&**self.index.snapshot()?)? {
            self.catch_up(|| in_time() && self.indexed_through().is_ok_and(|to| to < last));
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::model::record::Durability;
    use crate::storage;
    use crate::storage::testing;
    use crate::storage::testing::Scribe;
    use crate::storage::{ChangeMark, SnapshotGuard, Transaction};

    fn settler() -> MaintenanceWorker {
        let (index, blobs) = testing::in_memory();
        MaintenanceWorker::new(
            index,
            Arc::new(BodyReader::new(blobs)),
            Arc::new(crate::model::clock::system),
        )
    }

    fn some(bodies: u64) -> PendingWork {
        PendingWork {
            bodies,
            bytes: bodies,
            ..PendingWork::default()
        }
    }

    /// Otherwise the worker would look for them again and again without a pause.
    #[test]
    fn bodies_that_others_checkpointed_are_not_waited_for() {
        let settler = settler();
        settler.shared.state().journaled = some(3);
        settler.checkpoint(&mut Reporter::default()).unwrap();
        assert!(matches!(settler.shared.state().next(), Task::Wait(None)));
    }

    /// An index that others commit to before each transaction of this handle.
    ///
    /// The journal is filled as fast as it is emptied.
    #[derive(Debug)]
    struct Crowded {
        index: Arc<dyn Index>,
        /// The number of the last version that was committed.
        last: AtomicU32,
        /// The time that a transaction takes.
        time: Duration,
    }

    impl Crowded {
        const AT_ONCE: u32 = 100;
        /// The number of versions after which the others stop, so that a close that waits ends.
        const MOST: u32 = 5_000;

        fn new(time: Duration) -> Self {
            let (index, _) = testing::in_memory();
            Scribe::new(&*index).create(1, "a", &[]);
            let crowded = Self {
                index,
                last: AtomicU32::new(0),
                time,
            };
            crowded.commit();
            crowded
        }

        fn commit(&self) {
            let last = self.last.fetch_add(Self::AT_ONCE, Ordering::Relaxed);
            let mut scribe = Scribe::new(&*self.index);
            for number in last + 1..=last + Self::AT_ONCE {
                scribe.commit(1, number, &format!("1.{number}"));
            }
        }
    }

    impl Index for Crowded {
        fn snapshot(&self) -> storage::StorageResult<SnapshotGuard<'_>> {
            self.index.snapshot()
        }

        fn transaction(
            &self,
            durability: Durability,
        ) -> storage::StorageResult<Box<dyn Transaction + '_>> {
            if self.last.load(Ordering::Relaxed) < Self::MOST {
                std::thread::sleep(self.time);
                self.commit();
            }
            self.index.transaction(durability)
        }

        fn change_mark(&self) -> Option<ChangeMark> {
            self.index.change_mark()
        }

        fn maintain(&self) -> storage::StorageResult<bool> {
            self.index.maintain()
        }
    }

    /// Closes a store that others write to, and returns how many bodies they committed meanwhile.
    fn close_beside_others(time: Duration) -> u32 {
        let crowded = Arc::new(Crowded::new(time));
        let (_, blobs) = testing::in_memory();
        let index: Arc<dyn Index> = Arc::clone(&crowded) as _;
        let settler = MaintenanceWorker::new(
            index,
            Arc::new(BodyReader::new(blobs)),
            Arc::new(crate::model::clock::system),
        );
        // This makes closing the first work of the thread.
        settler.shared.state().closing = true;
        settler.committed(some(100));
        drop(settler);
        crowded.last.load(Ordering::Relaxed) - Crowded::AT_ONCE
    }

    #[test]
    fn bodies_committed_during_a_close_are_left_to_others() {
        // One transaction checkpoints what was there, and two index it, 64 operations each.
        let others = close_beside_others(Duration::ZERO);
        assert!(others > 0, "nothing was checkpointed");
        assert!(
            others <= 4 * Crowded::AT_ONCE,
            "{others} bodies were committed"
        );
    }

    #[test]
    fn a_close_that_takes_long_is_cut_short() {
        let begun = Instant::now();
        let others = close_beside_others(CLOSING * 3 / 4);
        // The third transaction must not begin.
        assert!(
            others <= 2 * Crowded::AT_ONCE,
            "{others} bodies were committed"
        );
        assert!(begun.elapsed() >= CLOSING * 3 / 4);
    }

    #[cfg(feature = "server")]
    #[test]
    fn an_abandoned_store_closes_without_work() {
        for abandoned in [false, true] {
            let (index, blobs) = testing::in_memory();
            let mut scribe = testing::Scribe::new(&*index);
            scribe.create(1, "a", &[]);
            for number in 1..=100 {
                scribe.commit(1, number, &format!("1.{number}"));
            }
            let settler = MaintenanceWorker::new(
                Arc::clone(&index),
                Arc::new(BodyReader::new(blobs)),
                Arc::new(crate::model::clock::system),
            );
            if abandoned {
                settler.abandon();
            }
            // This makes closing the first work of the thread.
            settler.shared.state().closing = true;
            settler.committed(some(100));
            drop(settler);
            let waiting = index.snapshot().unwrap().waiting().unwrap().bodies;
            assert_eq!(waiting > 0, abandoned, "{waiting} bodies are journaled");
        }
    }

    #[test]
    fn work_waits_for_a_pause_and_longer_after_a_failure() {
        let settler = settler();
        let mut state = settler.shared.state();
        assert!(matches!(state.next(), Task::Wait(None)), "nothing to do");
        state.journaled = some(BATCH.0);
        state.last_commit = Some(Instant::now());
        assert!(
            matches!(state.next(), Task::Wait(Some(_))),
            "a commit a moment ago"
        );
        state.last_commit = Instant::now().checked_sub(PAUSE);
        assert!(matches!(state.next(), Task::Settle), "a pause and a batch");
        state.failed = Some(Instant::now());
        assert!(
            matches!(state.next(), Task::Wait(Some(_))),
            "a failure a moment ago"
        );
        state.failed = None;
        state.last_commit = Some(Instant::now());
        state.journaled = some(FULL.0);
        assert!(matches!(state.next(), Task::Settle), "a full journal");
    }
}
