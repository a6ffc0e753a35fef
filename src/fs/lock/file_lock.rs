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

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::caller_queue::{LockState, ThreadQueue};
use super::guard::FileLockGuard;
use super::policy::{LockPolicy, NOTICE_AFTER};
use super::shared_lock::LockShared;
use super::turn::LockTurn;
use crate::fs::io_error::path_error;
use crate::storage::{Deadline, StorageResult};
use crate::trace::Span;

/// The longest pause between two attempts if no thread can be started.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// A lock on a file of a store.
#[derive(Debug)]
pub(crate) struct FileLock(Arc<LockShared>);

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
                LockState::Kept => {
                    state.kernel = LockState::Held;
                    true
                }
                LockState::Free if !yields => shared.try_now(&mut state)?,
                _ => false,
            };
            if is_taken {
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

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
