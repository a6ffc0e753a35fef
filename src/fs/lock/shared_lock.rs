//! The part of a lock that the handle shares with its thread.

use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::caller_queue::{LockState, ThreadQueue};
use super::lock_file::open_lock;
use super::policy::LockPolicy;
use super::turn::{TURN_CHECK_INTERVAL, YIELD_TIMEOUT};
use crate::fs::io_error::path_error;
use crate::storage::{Deadline, StorageResult};

/// The thread that waits in the kernel ends if no caller needs it for this long.
const THREAD_IDLE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct LockShared {
    pub(super) path: PathBuf,
    /// The index, which determines the owner and the permissions of the file.
    pub(super) index: PathBuf,
    pub(super) policy: LockPolicy,
    /// Whether the file stays open between locks. If not, it is opened by name for each lock,
    /// because a lock on a removed file excludes no other process.
    pub(super) stays_open: bool,
    /// Whether a thread can be started. Always true, except in tests.
    pub(super) has_threads: bool,
    /// The process that created this lock. In a forked process the locks belong to the parent, and
    /// the thread does not exist.
    pub(super) process: u32,
    pub(super) state: Mutex<ThreadQueue>,
    /// Wakes callers.
    pub(super) callers: Condvar,
    /// Wakes the thread.
    pub(super) work: Condvar,
}

impl LockShared {
    pub(super) fn state(&self) -> MutexGuard<'_, ThreadQueue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn has_turn(&self) -> bool {
        self.state().turn.is_some()
    }

    /// Takes the lock if no other process holds it.
    pub(super) fn try_now(&self, state: &mut ThreadQueue) -> StorageResult<bool> {
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
    pub(super) fn free(&self, state: &mut ThreadQueue) {
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
    pub(super) fn leave(&self, state: &mut ThreadQueue, number: u64) {
        state.leave(number);
        if !state.line.is_empty() {
            self.callers.notify_all();
        }
    }

    /// Ends the turn if it is over. Returns when to check it next, if there is one.
    pub(super) fn pause_in_turn(&self, state: &mut ThreadQueue) -> Option<Duration> {
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
    pub(super) fn serve(&self) {
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
