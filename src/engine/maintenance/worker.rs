//! The thread that settles bodies off the callers' path.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::checkpoint::{Settled, settle, write_out};
use super::repack::{MANY, join, pack_loose, young_since};
use crate::engine::read::bodies::Bodies;
use crate::engine::search::{LONG_TAIL, catch_up, tail_is_long};
use crate::engine::write::writer::Journaled;
use crate::model::clock::Clock;
use crate::model::error::Result;
use crate::model::id::BlobId;
use crate::storage::{Deadline, Index};

/// Work waits until nobody has committed for this long, which is more than a flush mostly takes: it shares the disk with
/// commits.
const PAUSE: Duration = Duration::from_millis(20);
/// At a pause, this many bodies or bytes are worth a flush;
const BATCH: (u64, u64) = (64, 1024 * 1024);
/// this many are settled beside commits, which that slows;
const FULL: (u64, u64) = (8192, 64 * 1024 * 1024);
/// and after this long without a commit any are.
const IDLE: Duration = Duration::from_secs(1);
/// At a pause, a long tail is told to search; one that is so many times as long beside commits.
const TIMES: u64 = 32;
/// So many commits, with bodies or without, may make a log that is long.
const COMMITS: u64 = 1024;
/// So many new packs are joined beside commits: each is looked into for a body.
const PACKS: u64 = 8;
/// Search is told beside commits for so long at once.
const SOME: Duration = Duration::from_secs(1);
/// Whether many files have grown old is looked at once in such a time.
const OLDER: Duration = Duration::from_secs(60 * 60);
/// Files that are written before it is asked again whether somebody commits.
const FILES: usize = 16;
/// Files that were moved or replaced are noticed after this long, also by a handle that answers from memory.
const LOOK: Duration = Duration::from_secs(1);
/// Closing works, and waits for locks, no longer than this: bodies that are left are in the journal, for the next one to settle.
const CLOSING: Duration = Duration::from_secs(1);
/// After a failure, such as a full disk, it is tried anew: every file is written again, so nothing is
/// taken for flushed that was not.
const RETRY: Duration = Duration::from_secs(10);

/// Settles the bodies of one open store. The thread starts with the first commit and ends with the store.
#[derive(Debug)]
pub(crate) struct Settler {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Whose thread it is.
    process: u32,
}

struct Shared {
    index: Arc<dyn Index>,
    bodies: Arc<Bodies>,
    clock: Clock,
    state: Mutex<State>,
    wake: Condvar,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    /// In the journal, as far as this handle put it there; `ids` are those that are no file yet.
    journaled: Journaled,
    /// Operations that search was not told of, as far as this handle made them, and the bytes of their bodies.
    untold: (u64, u64),
    /// Since the index was last maintained.
    commits: u64,
    /// Packs that were made since they were last joined.
    packs: u64,
    /// When it is looked again whether many files have grown old enough to be packed.
    packs_again: Option<Instant>,
    last_commit: Option<Instant>,
    /// When the thread looks for work again by itself: waking it at each commit would cost as much as the commit.
    looks_again: Option<Instant>,
    /// When settling failed, as long as it has not succeeded since.
    failed: Option<Instant>,
    closing: bool,
    /// Whether there is ever something to do: the thread of a handle that only reads just looks at the index's location.
    maintains: bool,
    /// The store is about to be removed.
    abandoned: bool,
}

/// What is to be done now.
enum Work {
    WriteOut,
    Settle,
    CatchUp,
    Maintain,
    Pack,
    Close,
    /// Nothing, until a commit or for so long.
    Wait(Option<Duration>),
}

impl Settler {
    pub(crate) fn new(index: Arc<dyn Index>, bodies: Arc<Bodies>, clock: Clock) -> Self {
        Self {
            shared: Arc::new(Shared {
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

    /// Settles everything now, and waits for it.
    pub(crate) fn settle(&self, mut progress: impl FnMut(Settled)) -> Result<Settled> {
        let settled = self.shared.settle(|sum| {
            progress(sum);
            true
        })?;
        self.shared.do_maintain(true)?;
        Ok(settled)
    }

    /// Does all that is done in pauses now, and waits for it.
    pub(crate) fn tidy(&self) -> Result<()> {
        self.shared.tidy()
    }

    /// Leaves what waits where it is, when the store is closed: it is about to be removed.
    #[cfg(feature = "server")]
    pub(crate) fn abandon(&self) {
        self.shared.state().abandoned = true;
    }

    /// Tells of a commit, and of what it put in the journal.
    pub(crate) fn committed(&self, added: Journaled) {
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

    /// Tells that search was not told of much, whoever did it.
    pub(crate) fn search_has_a_long_tail(&self) {
        let mut state = self.shared.state();
        state.untold = LONG_TAIL;
        state.maintain();
        drop(state);
        self.shared.wake.notify_one();
        self.start();
    }

    /// Checks the index's location from now on, as answers are in memory that need no look at the files.
    pub(crate) fn watch_location(&self) {
        self.start();
    }

    fn start(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let named = std::thread::Builder::new().name("promptbook-settler".into());
            // Without a thread the bodies stay in the journal, which is as safe.
            *thread = named.spawn(move || shared.work()).ok();
        }
    }
}

impl Settler {
    /// Tells of a commit whose bodies may stay in the journal. No thread is started for search: it is told here.
    pub(crate) fn committed_for_good(&self, added: &Journaled) {
        let mut state = self.shared.state();
        state.add_untold(added);
        let is_long = state.is_long(1);
        drop(state);
        if is_long {
            self.shared.catch_up(|| true);
        }
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if self.process != std::process::id() {
            // A fork does not have the thread. Dropping the handle would detach it by an address that may be another
            // thread's here.
            std::mem::forget(thread);
            return;
        }
        self.shared.state().closing = true;
        self.shared.wake.notify_one();
        // What is left undone is done by those who open the store next: closing need not wait for locks.
        let soon = Deadline::after(CLOSING);
        self.shared.index.close_by(soon);
        self.shared.bodies.blobs().close_by(soon);
        if let Some(thread) = thread {
            // It does not panic; if it did, the journal would have what it left.
            let _ = thread.join();
        }
    }
}

impl State {
    fn maintain(&mut self) {
        if !std::mem::replace(&mut self.maintains, true) {
            // There may be many old files already.
            self.packs_again = Some(Instant::now());
        }
    }

    fn add_untold(&mut self, added: &Journaled) {
        self.untold.0 += added.operations;
        self.untold.1 += added.bytes;
    }

    /// Whether what search was not told of is so many times what makes a tail long.
    fn is_long(&self, times: u64) -> bool {
        self.untold.0 >= LONG_TAIL.0 * times || self.untold.1 >= LONG_TAIL.1 * times
    }

    /// How long it is until files are looked at; none where nobody will have to.
    fn until_packing(&self) -> Option<Duration> {
        let then = self.packs_again?;
        Some(then.saturating_duration_since(Instant::now()))
    }

    fn next(&self) -> Work {
        let waits = |(bodies, bytes): (u64, u64)| {
            self.journaled.bodies >= bodies || self.journaled.bytes >= bytes
        };
        let quiet = self.last_commit.map_or(IDLE, |last| last.elapsed());
        let failed = self.failed.map(|since| since.elapsed());
        match failed {
            _ if self.closing => Work::Close,
            _ if self.journaled.bodies == 0
                && self.commits == 0
                && !self.is_long(1)
                && self
                    .until_packing()
                    .is_none_or(|time| time > Duration::ZERO) =>
            {
                Work::Wait(self.until_packing())
            }
            Some(since) if since < RETRY => Work::Wait(Some(RETRY - since)),
            _ if waits(FULL) || quiet >= IDLE && self.journaled.bodies > 0 => Work::Settle,
            _ if self.commits >= COMMITS || self.packs >= PACKS => Work::Maintain,
            _ if quiet >= IDLE && self.commits > 0 => Work::Maintain,
            _ if quiet >= IDLE && self.until_packing() == Some(Duration::ZERO) => Work::Pack,
            _ if self.is_long(TIMES) => Work::CatchUp,
            _ if quiet < PAUSE => Work::Wait(Some(PAUSE - quiet)),
            _ if waits(BATCH) => Work::Settle,
            _ if self.is_long(1) => Work::CatchUp,
            _ if !self.journaled.ids.is_empty() => Work::WriteOut,
            _ => Work::Wait(Some(IDLE - quiet)),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut looked = Instant::now();
        loop {
            if looked.elapsed() >= LOOK {
                // The index gives the handle up if need be; whoever uses it next gets the error.
                let _ = self.index.check_location();
                looked = Instant::now();
            }
            let mut state = self.state();
            let done = match state.next() {
                Work::Wait(time) => {
                    let time = time.map_or(LOOK, |time| time.min(LOOK));
                    state.looks_again = Some(Instant::now() + time);
                    let woken = self.wake.wait_timeout(state, time);
                    drop(woken.unwrap_or_else(PoisonError::into_inner));
                    continue;
                }
                Work::WriteOut => {
                    let few = FILES.min(state.journaled.ids.len());
                    let ids: Vec<BlobId> = state.journaled.ids.drain(..few).collect();
                    drop(state);
                    write_out(&*self.index, self.bodies.blobs(), &ids)
                }
                Work::Settle => {
                    drop(state);
                    self.settle(|_| self.may_go_on())
                        .and_then(|_| self.maintain())
                }
                Work::CatchUp => {
                    let much = state.is_long(TIMES);
                    drop(state);
                    // Other work is looked at in between.
                    let enough = Instant::now() + SOME;
                    self.catch_up(|| {
                        much && Instant::now() < enough && !self.is_closing() || self.may_go_on()
                    });
                    Ok(())
                }
                Work::Maintain => {
                    drop(state);
                    self.maintain()
                }
                Work::Pack => {
                    state.packs_again = Instant::now().checked_add(OLDER);
                    drop(state);
                    self.pack()
                }
                Work::Close if state.abandoned || !state.maintains => return,
                Work::Close => {
                    let ids = std::mem::take(&mut state.journaled.ids);
                    drop(state);
                    // What fails here is left in the journal, for whoever opens the store next.
                    let _ = self.close(&ids);
                    return;
                }
            };
            // No harm but time: the journal has the bodies, every reader finds them there, and an explicit `settle`
            // says what is wrong.
            self.state().failed = done.is_err().then(Instant::now);
        }
    }

    fn settle(&self, mut go_on: impl FnMut(Settled) -> bool) -> Result<Settled> {
        let taken = std::mem::take(&mut self.state().journaled);
        let mut through = true;
        let settled = settle(&*self.index, self.bodies.blobs(), |sum| {
            through = go_on(sum);
            through
        });
        match &settled {
            // Nothing is left, also where fewer were settled: a body that was stored already is not journaled,
            // and others settle too.
            Ok(_) if through => {}
            Ok(settled) => self.state().journaled.add(Journaled {
                bodies: taken.bodies.saturating_sub(settled.bodies),
                bytes: taken.bytes.saturating_sub(settled.bytes),
                ..Journaled::default()
            }),
            Err(_) => self.state().journaled.add(taken),
        }
        settled
    }

    /// Packs files that have grown old.
    fn pack(&self) -> Result<()> {
        // The clock may be the caller's own: one that panics ends no thread, and nothing is old by it.
        let Ok(now) = catch_unwind(AssertUnwindSafe(|| (self.clock)())) else {
            return Ok(());
        };
        let go_on = || !self.is_closing();
        pack_loose(
            &*self.index,
            self.bodies.blobs(),
            young_since(now),
            MANY,
            go_on,
        )
        .map(drop)
    }

    /// Between two batches: commits that come meanwhile go first.
    fn may_go_on(&self) -> bool {
        let state = self.state();
        let paused = state.last_commit.is_none_or(|last| last.elapsed() >= PAUSE);
        !state.closing && (paused || state.journaled.bodies >= FULL.0)
    }

    fn is_closing(&self) -> bool {
        self.state().closing
    }

    /// What there is to do in a pause; beside commits, search is told of them in its own turns.
    fn maintain(&self) -> Result<()> {
        let is_quiet = {
            let mut state = self.state();
            state.commits = 0;
            state.last_commit.is_none_or(|last| last.elapsed() >= IDLE)
        };
        self.do_maintain(is_quiet).map(drop)
    }

    /// Says whether there is more to do.
    fn do_maintain(&self, is_quiet: bool) -> Result<bool> {
        if std::mem::take(&mut self.state().packs) > 0 {
            join(self.bodies.blobs())?;
        }
        if is_quiet {
            self.catch_up(|| !self.is_closing());
        }
        let more = self.index.maintain()?;
        if more {
            // It is looked at again.
            self.state().commits += 1;
        }
        Ok(more)
    }

    /// Everything that there is to do.
    fn tidy(&self) -> Result<()> {
        while self.do_maintain(true)? {}
        self.state().commits = 0;
        Ok(())
    }

    /// Tells search of what changed, as long as `go_on` says so. Where that fails search takes longer, and nothing else is
    /// kept from its work.
    fn catch_up(&self, go_on: impl FnMut() -> bool) {
        self.state().untold = (0, 0);
        if let Ok(false) = catch_up(&*self.index, &self.bodies, go_on) {
            self.state().untold.0 += LONG_TAIL.0;
        }
    }

    /// Leaves every body a file, and flushes no more than a batch that is full and a log that is long. Others may write as
    /// fast as this works: it does what there was to do when it began, and begins nothing after [`CLOSING`].
    fn close(&self, ids: &[BlobId]) -> Result<()> {
        let begun = Instant::now();
        let in_time = || begun.elapsed() < CLOSING;
        let snapshot = self.index.snapshot()?;
        let waiting = snapshot.waiting()?;
        let last = snapshot.last_operation()?.map_or(0, |(number, _)| number);
        drop(snapshot);
        if waiting.bodies >= BATCH.0 || waiting.bytes >= BATCH.1 {
            // What came since is behind it in the journal.
            settle(&*self.index, self.bodies.blobs(), |sum| {
                sum.bodies < waiting.bodies && in_time()
            })?;
        } else {
            write_out(&*self.index, self.bodies.blobs(), ids)?;
        }
        if in_time() && tail_is_long(&**self.index.snapshot()?)? {
            self.catch_up(|| in_time() && self.searchable_up_to().is_ok_and(|to| to < last));
        }
        if in_time() {
            self.index.maintain()?;
        }
        Ok(())
    }

    fn searchable_up_to(&self) -> Result<u64> {
        Ok(self.index.snapshot()?.searchable_up_to()?)
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
    use crate::storage::{ChangeMark, Held, Transaction};

    fn settler() -> Settler {
        let (index, blobs) = testing::in_memory();
        Settler::new(
            index,
            Arc::new(Bodies::new(blobs)),
            Arc::new(crate::model::clock::system),
        )
    }

    fn some(bodies: u64) -> Journaled {
        Journaled {
            bodies,
            bytes: bodies,
            ..Journaled::default()
        }
    }

    /// Else it would look for them again and again, without a rest.
    #[test]
    fn bodies_that_others_settled_are_not_waited_for() {
        let settler = settler();
        settler.shared.state().journaled = some(3);
        settler.settle(|_| ()).unwrap();
        assert!(matches!(settler.shared.state().next(), Work::Wait(None)));
    }

    /// An index that others commit to whenever this handle writes: as fast as the journal is emptied, it is filled.
    #[derive(Debug)]
    struct Crowded {
        index: Arc<dyn Index>,
        /// The last version that was committed.
        last: AtomicU32,
        /// The time that a transaction takes.
        time: Duration,
    }

    impl Crowded {
        const AT_ONCE: u32 = 100;
        /// Where the others give up, so that a close that waits for them ends.
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
        fn snapshot(&self) -> storage::Result<Held<'_>> {
            self.index.snapshot()
        }

        fn transaction(
            &self,
            durability: Durability,
        ) -> storage::Result<Box<dyn Transaction + '_>> {
            if self.last.load(Ordering::Relaxed) < Self::MOST {
                std::thread::sleep(self.time);
                self.commit();
            }
            self.index.transaction(durability)
        }

        fn change_mark(&self) -> Option<ChangeMark> {
            self.index.change_mark()
        }

        fn maintain(&self) -> storage::Result<bool> {
            self.index.maintain()
        }
    }

    /// Closes a store that others write to, and says how many bodies they have committed since it began.
    fn close_beside_others(time: Duration) -> u32 {
        let crowded = Arc::new(Crowded::new(time));
        let (_, blobs) = testing::in_memory();
        let index: Arc<dyn Index> = Arc::clone(&crowded) as _;
        let settler = Settler::new(
            index,
            Arc::new(Bodies::new(blobs)),
            Arc::new(crate::model::clock::system),
        );
        // So that the thread closes as the first thing it does.
        settler.shared.state().closing = true;
        settler.committed(some(100));
        drop(settler);
        crowded.last.load(Ordering::Relaxed) - Crowded::AT_ONCE
    }

    #[test]
    fn what_comes_while_a_store_closes_is_left_to_others() {
        // It is a transaction to settle what was there, and two for search to read it, of 64 operations each.
        let others = close_beside_others(Duration::ZERO);
        assert!(others > 0, "nothing was settled");
        assert!(others <= 4 * Crowded::AT_ONCE, "{others} bodies came");
    }

    #[test]
    fn a_close_that_takes_long_is_cut_short() {
        let begun = Instant::now();
        let others = close_beside_others(CLOSING * 3 / 4);
        // Not the third transaction.
        assert!(others <= 2 * Crowded::AT_ONCE, "{others} bodies came");
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
            let settler = Settler::new(
                Arc::clone(&index),
                Arc::new(Bodies::new(blobs)),
                Arc::new(crate::model::clock::system),
            );
            if abandoned {
                settler.abandon();
            }
            // So that the thread closes as the first thing it does.
            settler.shared.state().closing = true;
            settler.committed(some(100));
            drop(settler);
            let waiting = index.snapshot().unwrap().waiting().unwrap().bodies;
            assert_eq!(waiting > 0, abandoned, "{waiting} wait");
        }
    }

    #[test]
    fn work_waits_for_a_pause_and_a_failure_for_longer() {
        let settler = settler();
        let mut state = settler.shared.state();
        assert!(matches!(state.next(), Work::Wait(None)), "nothing to do");
        state.journaled = some(BATCH.0);
        state.last_commit = Some(Instant::now());
        assert!(
            matches!(state.next(), Work::Wait(Some(_))),
            "a commit a moment ago"
        );
        state.last_commit = Instant::now().checked_sub(PAUSE);
        assert!(matches!(state.next(), Work::Settle), "a pause and a batch");
        state.failed = Some(Instant::now());
        assert!(
            matches!(state.next(), Work::Wait(Some(_))),
            "a failure a moment ago"
        );
        state.failed = None;
        state.last_commit = Some(Instant::now());
        state.journaled = some(FULL.0);
        assert!(matches!(state.next(), Work::Settle), "too much to wait");
    }
}
