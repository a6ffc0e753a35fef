//! Waiting for commits by any process, and the end of a wait from outside.
//!
//! One of the threads that wait on a handle looks at the change mark, and wakes the others when it
//! differs. Between two looks it sleeps; an index that [watches](crate::storage::Index::watch) its
//! files ends the sleep.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::engine::maintenance::worker::LOCATION_CHECK_INTERVAL;
use crate::model::error::Result;
use crate::storage::{ChangeMark, CommitWatch, Index};

/// The interval of looks after the index gave notice of a commit, which may still be flushed.
const EAGER_LOOK_INTERVAL: Duration = Duration::from_millis(1);
/// The time for which it looks so often.
const EAGER_TIME: Duration = Duration::from_millis(100);
/// The interval of looks while an announced commit may still become visible.
const USUAL_LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// The longest time from the notice of a commit until it is visible: a slow flush.
const MAX_FLUSH_TIME: Duration = Duration::from_secs(10);

/// The threads that wait for changes on one handle.
#[derive(Debug, Default)]
pub(super) struct ChangeWaiters {
    state: Mutex<WaitState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WaitState {
    /// Whether one of the threads looks at the change mark.
    is_led: bool,
    /// The number of changes that were noticed.
    changes: u64,
    /// Created by the first wait. It stays, because a commit may be announced between two waits.
    watch: Option<CommitWatch>,
    /// The last notice of a commit, or the start of the watch.
    announced: Option<Instant>,
    /// Whether no change was noticed since.
    is_eager: bool,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitEnd {
    /// The mark is another one, or there is none.
    Changed,
    TimedOut,
    Stopped,
}

impl ChangeWaiters {
    /// Waits until the change mark differs from `mark`.
    ///
    /// Without a mark, the caller has to look for itself: the wait ends soon.
    pub(super) fn wait(
        self: &Arc<Self>,
        index: &dyn Index,
        mark: Option<ChangeMark>,
        deadline: Option<Instant>,
        stop: &StopSignal,
    ) -> Result<WaitEnd> {
        stop.register(self);
        let noticed = self.state().changes;
        // The thread that looks may have noticed a change before `mark` was read, and this one may
        // have missed one after that. The state is not locked: an index may need the thread that
        // announces commits to answer.
        let is_current = mark.is_some() && index.change_mark() == mark;
        let mut state = self.state();
        loop {
            if let Some(end) = ended(deadline, stop) {
                return Ok(end);
            }
            if mark.is_some() && !is_current || state.changes != noticed {
                return Ok(WaitEnd::Changed);
            }
            if mark.is_none() {
                drop(self.sleep(state, deadline, Some(USUAL_LOOK_INTERVAL)));
                return Ok(WaitEnd::Changed);
            }
            if !state.is_led {
                break;
            }
            state = self.sleep(state, deadline, None);
        }
        state.is_led = true;
        drop(state);
        let end = self.lead(index, mark, deadline, stop);
        let mut state = self.state();
        state.is_led = false;
        if matches!(end, Ok(WaitEnd::Changed)) {
            state.changes += 1;
            state.is_eager = false;
        }
        drop(state);
        // Another thread has to look from now on.
        self.changed.notify_all();
        end
    }

    /// Looks at the change mark again and again, for all threads that wait.
    fn lead(
        self: &Arc<Self>,
        index: &dyn Index,
        mark: Option<ChangeMark>,
        deadline: Option<Instant>,
        stop: &StopSignal,
    ) -> Result<WaitEnd> {
        self.begin_watch(index);
        let mut located = Instant::now();
        loop {
            let now = index.change_mark();
            if now.is_none() || now != mark {
                return Ok(WaitEnd::Changed);
            }
            if located.elapsed() >= LOCATION_CHECK_INTERVAL {
                // The mark of files that were moved or removed does not change.
                index.check_location()?;
                located = Instant::now();
            }
            let state = self.state();
            if let Some(end) = ended(deadline, stop) {
                return Ok(end);
            }
            let pause = state.pause();
            drop(self.sleep(state, deadline, Some(pause)));
        }
    }

    fn begin_watch(self: &Arc<Self>, index: &dyn Index) {
        if self.state().watch.is_some() {
            return;
        }
        let waiters = Arc::downgrade(self);
        let watch = index.watch(Arc::new(move || {
            if let Some(waiters) = waiters.upgrade() {
                waiters.announce();
            }
        }));
        let mut state = self.state();
        state.watch = Some(watch);
        // A commit may have been written before the watch began.
        state.announced = Some(Instant::now());
    }

    /// Takes note of a commit that is, or soon will be, visible.
    fn announce(&self) {
        let mut state = self.state();
        let was_eager = state.is_eager && state.since_announced() < EAGER_TIME;
        state.announced = Some(Instant::now());
        state.is_eager = true;
        drop(state);
        if !was_eager {
            self.changed.notify_all();
        }
    }

    fn sleep<'a>(
        &self,
        state: MutexGuard<'a, WaitState>,
        deadline: Option<Instant>,
        time: Option<Duration>,
    ) -> MutexGuard<'a, WaitState> {
        match left(deadline).into_iter().chain(time).min() {
            Some(time) => {
                let woken = self.changed.wait_timeout(state, time);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let woken = self.changed.wait(state);
                woken.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, WaitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitState {
    fn since_announced(&self) -> Duration {
        let elapsed = self.announced.map(|announced| announced.elapsed());
        elapsed.unwrap_or(Duration::MAX)
    }

    /// Returns the time until the next look.
    fn pause(&self) -> Duration {
        let since = self.since_announced();
        if self.is_eager && since < EAGER_TIME {
            return EAGER_LOOK_INTERVAL;
        }
        if since < MAX_FLUSH_TIME {
            return USUAL_LOOK_INTERVAL;
        }
        let watch = self.watch.as_ref();
        watch.map_or(USUAL_LOOK_INTERVAL, CommitWatch::interval)
    }
}

/// Returns why a wait ends now, although there is no change.
fn ended(deadline: Option<Instant>, stop: &StopSignal) -> Option<WaitEnd> {
    if stop.is_stopped() {
        return Some(WaitEnd::Stopped);
    }
    let is_over = left(deadline).is_some_and(|left| left.is_zero());
    is_over.then_some(WaitEnd::TimedOut)
}

/// Returns the time until a deadline.
fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Ends waits for changes from another thread.
///
/// Clones are one signal. It can be given to any number of waits, one after the other or at the same
/// time, on any number of stores.
#[derive(Clone, Debug, Default)]
pub struct StopSignal(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    is_stopped: AtomicBool,
    /// Those to wake.
    waiters: Mutex<Vec<Weak<ChangeWaiters>>>,
}

impl StopSignal {
    /// Creates a signal that stops nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the waits that have this signal, and all later ones.
    pub fn stop(&self) {
        self.0.is_stopped.store(true, Ordering::Release);
        let waiters = self.waiters().clone();
        for waiters in waiters.iter().filter_map(Weak::upgrade) {
            // A thread that does not wait will see the signal, or holds the lock.
            drop(waiters.state());
            waiters.changed.notify_all();
        }
    }

    /// Returns whether [`stop`](Self::stop) was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped.load(Ordering::Acquire)
    }

    fn register(&self, waiters: &Arc<ChangeWaiters>) {
        let mut known = self.waiters();
        known.retain(|known| known.strong_count() > 0);
        let waiters = Arc::downgrade(waiters);
        if !known.iter().any(|known| known.ptr_eq(&waiters)) {
            known.push(waiters);
        }
    }

    fn waiters(&self) -> MutexGuard<'_, Vec<Weak<ChangeWaiters>>> {
        let waiters = self.0.waiters.lock();
        waiters.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
