//! Locks on files, taken in turn by the threads of a handle and by processes.
//!
//! A free lock costs one system call to take and one to release. If another process holds the lock,
//! one thread of the handle waits in the kernel, which serves waiting processes in order. The
//! callers wait for that thread, first come, first served, each until its own deadline. No caller
//! polls the lock, so no caller overtakes those that wait in the kernel. If every caller has given
//! up when the lock is granted, the thread releases it immediately.
//!
//! A handle that had to wait for the lock then has a [turn](super::turn): it keeps the lock between
//! its calls for a few milliseconds, and lets the others go first afterwards.

use std::fs::{File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::caller_queue::{LockState, ThreadQueue};
use super::guard::FileLockGuard;
use super::lock_file::open_lock;
use super::policy::{LockPolicy, NOTICE_AFTER};
use super::turn::{LockTurn, TURN_CHECK_INTERVAL, YIELD_TIMEOUT};
use crate::fs::io_error::path_error;
use crate::storage::{Deadline, StorageResult};
use crate::trace::Span;

/// The thread that waits in the kernel ends if no caller needs it for this long.
const THREAD_IDLE: Duration = Duration::from_secs(1);

/// The longest pause between two attempts if no thread can be started.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// A lock on a file of a store.
#[derive(Debug)]
pub(crate) struct FileLock(Arc<LockShared>);

#[derive(Debug)]
pub(super) struct LockShared {
    pub(super) path: PathBuf,
    /// The index, which determines the owner and the permissions of the file.
    pub(super) index: PathBuf,
    pub(super) policy: LockPolicy,
    /// Whether the file stays open between locks. If not, it is opened by name for each lock,
    /// because a lock on a removed file excludes no other process.
    stays_open: bool,
    /// Whether a thread can be started. Always true, except in tests.
    has_threads: bool,
    /// The process that created this lock. In a forked process the locks belong to the parent, and
    /// the thread does not exist.
    pub(super) process: u32,
    state: Mutex<ThreadQueue>,
    /// Wakes callers.
    callers: Condvar,
    /// Wakes the thread.
    work: Condvar,
}

impl FileLock {
    /// Returns a lock on the file at `path`, which belongs to the index at `index`.
    ///
    /// The file is created when the lock is first taken, if it is missing.
    pub(crate) fn new(path: PathBuf, index: PathBuf, policy: LockPolicy) -> Self {
        Self::of(path, index, policy, true)
    }

    /// Returns a lock on the file that has this name when the lock is taken.
    pub(crate) fn by_name(path: PathBuf, index: PathBuf, policy: LockPolicy) -> Self {
        Self::of(path, index, policy, false)
    }

    fn of(path: PathBuf, index: PathBuf, policy: LockPolicy, stays_open: bool) -> Self {
        Self(Arc::new(LockShared {
            path,
            index,
            policy,
            stays_open,
            has_threads: true,
            process: std::process::id(),
            state: Mutex::default(),
            callers: Condvar::new(),
            work: Condvar::new(),
        }))
    }

    /// Returns the path of the locked file.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns the policy for waits, which applies unless a caller sets its own deadline.
    pub(crate) fn policy(&self) -> &LockPolicy {
        &self.0.policy
    }

    /// Takes the lock, or fails as busy once the deadline has passed.
    pub(crate) fn lock(&self, deadline: Deadline) -> StorageResult<FileLockGuard<'_>> {
        let shared = &*self.0;
        let mut state = shared.state();
        if state.line.is_empty() {
            let yields = state.yields(deadline);
            let is_taken = match &state.kernel {
                LockState::Kept => true,
                LockState::Free if !yields => shared.try_now(&mut state)?,
                _ => false,
            };
            if is_taken {
                state.kernel = LockState::Held;
                return Ok(FileLockGuard::of(shared));
            }
        }
        // A subscriber is called while the queue is not locked.
        drop(state);
        let _span = Span::lock_wait(&shared.path);
        self.wait(shared.state(), deadline)
    }

    /// Joins the line, and leaves it with the lock or with an error.
    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, ThreadQueue>,
        deadline: Deadline,
    ) -> StorageResult<FileLockGuard<'a>> {
        let shared = &*self.0;
        let began = Instant::now();
        let mut notice = Some(NOTICE_AFTER).filter(|_| shared.policy.gives_notice());
        let mut pause = Duration::from_millis(1);
        state.last_number += 1;
        let number = state.last_number;
        state.line.push_back(number);
        loop {
            let deadline = deadline.min(state.closes.unwrap_or(Deadline::NEVER));
            let mut left = deadline.remaining();
            if state.line.front() == Some(&number) {
                match std::mem::replace(&mut state.kernel, LockState::Held) {
                    LockState::Came(Ok(())) => {
                        state.leave(number);
                        state.turn = shared.stays_open.then(LockTurn::begin);
                        self.0.work.notify_one();
                        return Ok(FileLockGuard::of(shared));
                    }
                    LockState::Kept => {
                        state.leave(number);
                        return Ok(FileLockGuard::of(shared));
                    }
                    LockState::Came(Err(error)) => {
                        state.kernel = LockState::Free;
                        shared.free(&mut state);
                        shared.leave(&mut state, number);
                        return Err(path_error("waiting for", &shared.path)(error));
                    }
                    LockState::Free => {
                        state.kernel = LockState::Free;
                        // The thread lets others go first.
                        if state.yields(deadline) && self.await_lock(&mut state) {
                            continue;
                        }
                        match shared.try_now(&mut state) {
                            Ok(true) => {
                                state.leave(number);
                                return Ok(FileLockGuard::of(shared));
                            }
                            Ok(false) if left.is_zero() => shared.free(&mut state),
                            Ok(false) => {
                                if !self.await_lock(&mut state) {
                                    shared.free(&mut state);
                                    left = left.min(pause);
                                    pause = MAX_PAUSE.min(pause * 2);
                                }
                            }
                            Err(error) => {
                                shared.leave(&mut state, number);
                                return Err(error);
                            }
                        }
                    }
                    other => state.kernel = other,
                }
            }
            if deadline.remaining().is_zero() {
                shared.leave(&mut state, number);
                drop(state);
                return Err(shared.policy.busy(&shared.path, began.elapsed()));
            }
            match notice.map(|after| after.saturating_sub(began.elapsed())) {
                Some(Duration::ZERO) => {
                    notice = None;
                    drop(state);
                    let notify = || shared.policy.notify(&shared.path, began.elapsed());
                    let notified = catch_unwind(AssertUnwindSafe(notify));
                    state = shared.state();
                    if let Err(panic) = notified {
                        shared.leave(&mut state, number);
                        drop(state);
                        resume_unwind(panic);
                    }
                    continue;
                }
                Some(until_notice) => left = left.min(until_notice),
                None => {}
            }
            let woken = shared.callers.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes the thread wait for the lock.
    ///
    /// Returns false if there is no thread and none can be started.
    fn await_lock(&self, state: &mut ThreadQueue) -> bool {
        if !state.has_thread {
            let shared = Arc::clone(&self.0);
            let named = std::thread::Builder::new().name("promptbook-lock".into());
            state.has_thread = shared.has_threads && named.spawn(move || shared.serve()).is_ok();
        }
        if state.has_thread {
            state.kernel = LockState::Awaited;
            self.0.work.notify_one();
        }
        state.has_thread
    }

    /// Ends all waits at this moment at the latest, because the handle is being closed.
    pub(crate) fn close_by(&self, moment: Deadline) {
        let mut state = self.0.state();
        let earlier = state.closes.map_or(moment, |closes| closes.min(moment));
        state.closes = Some(earlier);
        self.0.callers.notify_all();
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if self.0.process == std::process::id() {
            let mut state = self.0.state();
            state.is_dropped = true;
            if matches!(state.kernel, LockState::Kept) {
                self.0.free(&mut state);
            }
            self.0.work.notify_one();
        }
    }
}

impl LockShared {
    pub(super) fn state(&self) -> MutexGuard<'_, ThreadQueue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn has_turn(&self) -> bool {
        self.state().turn.is_some()
    }

    /// Takes the lock if no other process holds it.
    fn try_now(&self, state: &mut ThreadQueue) -> StorageResult<bool> {
        let file = match &state.file {
            Some(file) => file,
            None => state
                .file
                .insert(Arc::new(open_lock(&self.path, &self.index)?)),
        };
        let tried = loop {
            match file.try_lock() {
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match tried {
            Ok(()) => {
                state.kernel = LockState::Held;
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => {
                self.free(state);
                Err(path_error("locking", &self.path)(error))
            }
        }
    }

    /// Ends a caller's use of the lock: keeps it for the next caller during a turn, or releases it.
    pub(super) fn end_use(&self, state: &mut ThreadQueue) {
        match &mut state.turn {
            // Only the thread can release it later.
            Some(turn) if state.has_thread && turn.lasts() => {
                turn.note_use();
                state.kernel = LockState::Kept;
            }
            _ => self.free(state),
        }
        if !state.line.is_empty() {
            self.callers.notify_all();
        }
    }

    /// Releases the lock, if this handle holds it, and ends the turn.
    fn free(&self, state: &mut ThreadQueue) {
        if state.turn.take().is_some() {
            state.yields_until = Some(Instant::now() + YIELD_TIMEOUT);
        }
        let released = match (&state.kernel, &state.file) {
            (LockState::Held | LockState::Kept | LockState::Came(Ok(())), Some(file)) => {
                file.unlock().is_ok()
            }
            _ => true,
        };
        // A lock that cannot be released is released by closing the file.
        if !self.stays_open || !released {
            state.file = None;
        }
        state.kernel = LockState::Free;
    }

    /// Removes a caller from the line, and wakes the others.
    fn leave(&self, state: &mut ThreadQueue, number: u64) {
        state.leave(number);
        if !state.line.is_empty() {
            self.callers.notify_all();
        }
    }

    /// Ends the turn if it is over. Returns when to check it next, if there is one.
    fn pause_in_turn(&self, state: &mut ThreadQueue) -> Option<Duration> {
        let is_kept = matches!(state.kernel, LockState::Kept);
        let turn = state.turn.as_mut()?;
        if is_kept && !turn.goes_on() {
            self.free(state);
            self.callers.notify_all();
            return None;
        }
        // A caller that holds the lock for longer ends the turn itself.
        turn.lasts().then_some(TURN_CHECK_INTERVAL)
    }

    /// Runs the thread, which waits for the lock whenever a caller needs it, and ends turns.
    fn serve(&self) {
        let mut state = self.state();
        loop {
            let file = match (&state.kernel, &state.file) {
                (LockState::Awaited, Some(file)) => Arc::clone(file),
                _ if state.is_dropped => break,
                _ => {
                    let pause = self.pause_in_turn(&mut state);
                    let woken = self.work.wait_timeout(state, pause.unwrap_or(THREAD_IDLE));
                    let (now, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
                    state = now;
                    let is_idle = timeout.timed_out() && pause.is_none();
                    if is_idle && !matches!(state.kernel, LockState::Awaited) {
                        break;
                    }
                    continue;
                }
            };
            let yields = state.yields(Deadline::NEVER);
            drop(state);
            if yields {
                thread::sleep(YIELD_TIMEOUT);
            }
            let came = wait_in_kernel(&file);
            drop(file);
            state = self.state();
            state.kernel = LockState::Came(came);
            if state.line.is_empty() {
                self.free(&mut state)
            } else {
                self.callers.notify_all()
            }
        }
        state.has_thread = false;
    }
}

fn wait_in_kernel(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
