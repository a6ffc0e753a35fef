//! Locks on files, taken in turn by the threads of a handle and by processes.
//!
//! A free lock costs one system call to take and one to release. If another process holds the lock,
//! one thread of the handle waits in the kernel, which serves waiting processes in order. The
//! callers wait for that thread, first come, first served, each until its own deadline. No caller
//! polls the lock, so no caller overtakes those that wait in the kernel. If every caller has given
//! up when the lock is granted, the thread releases it immediately.

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::lock_file::open_lock;
use super::policy::{LockPolicy, NOTICE_AFTER};
use crate::fs::io_error::path_error;
use crate::storage::{Deadline, LockGuard, StorageResult};
use crate::trace::Span;

/// The thread that waits in the kernel ends if no caller needs it for this long.
const THREAD_IDLE: Duration = Duration::from_secs(1);

/// The longest pause between two attempts if no thread can be started.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// The size in bytes of the note in a locked file.
const NOTE_BYTES: usize = 64;

/// A lock on a file of a store.
#[derive(Debug)]
pub(crate) struct FileLock(Arc<LockShared>);

#[derive(Debug)]
struct LockShared {
    path: PathBuf,
    /// The index, which determines the owner and the permissions of the file.
    index: PathBuf,
    policy: LockPolicy,
    /// Whether the file stays open between locks. If not, it is opened by name for each lock,
    /// because a lock on a removed file excludes no other process.
    stays_open: bool,
    /// Whether a thread can be started. Always true, except in tests.
    has_threads: bool,
    /// The process that created this lock. In a forked process the locks belong to the parent, and
    /// the thread does not exist.
    process: u32,
    state: Mutex<ThreadQueue>,
    /// Wakes callers.
    turn: Condvar,
    /// Wakes the thread.
    work: Condvar,
}

#[derive(Debug)]
struct ThreadQueue {
    /// Open whenever `kernel` is not [`Free`](LockState::Free).
    file: Option<Arc<File>>,
    kernel: LockState,
    /// The numbers of the waiting callers, in order of arrival.
    line: VecDeque<u64>,
    last_number: u64,
    has_thread: bool,
    /// The deadline of all waits, set when the handle is closed.
    closes: Deadline,
    is_dropped: bool,
}

/// The state of the lock in this handle.
#[derive(Debug)]
enum LockState {
    /// The handle neither holds the lock nor waits for it.
    Free,
    /// The thread waits for the lock.
    Awaited,
    /// The thread has taken the lock, or failed to, for the first caller in line.
    Came(io::Result<()>),
    /// A caller holds the lock.
    Held,
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
            state: Mutex::new(ThreadQueue {
                file: None,
                kernel: LockState::Free,
                line: VecDeque::new(),
                last_number: 0,
                has_thread: false,
                closes: Deadline::NEVER,
                is_dropped: false,
            }),
            turn: Condvar::new(),
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
        let is_free = state.line.is_empty() && matches!(state.kernel, LockState::Free);
        if is_free && shared.try_now(&mut state)? {
            return Ok(FileLockGuard(shared));
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
            let deadline = deadline.min(state.closes);
            let mut left = deadline.remaining();
            if state.line.front() == Some(&number) {
                match std::mem::replace(&mut state.kernel, LockState::Held) {
                    LockState::Came(Ok(())) => {
                        state.leave(number);
                        return Ok(FileLockGuard(shared));
                    }
                    LockState::Came(Err(error)) => {
                        state.kernel = LockState::Free;
                        shared.free(&mut state);
                        shared.leave(&mut state, number);
                        return Err(path_error("waiting for", &shared.path)(error));
                    }
                    LockState::Free => {
                        state.kernel = LockState::Free;
                        match shared.try_now(&mut state) {
                            Ok(true) => {
                                state.leave(number);
                                return Ok(FileLockGuard(shared));
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
            let woken = shared.turn.wait_timeout(state, left);
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
        state.closes = state.closes.min(moment);
        self.0.turn.notify_all();
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if self.0.process == std::process::id() {
            self.0.state().is_dropped = true;
            self.0.work.notify_one();
        }
    }
}

impl LockShared {
    fn state(&self) -> MutexGuard<'_, ThreadQueue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Releases the lock, if this handle holds it.
    fn free(&self, state: &mut ThreadQueue) {
        let released = match (&state.kernel, &state.file) {
            (LockState::Held | LockState::Came(Ok(())), Some(file)) => file.unlock().is_ok(),
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
            self.turn.notify_all();
        }
    }

    /// Runs the thread, which waits for the lock whenever a caller needs it.
    fn serve(&self) {
        let mut state = self.state();
        loop {
            let file = match (&state.kernel, &state.file) {
                (LockState::Awaited, Some(file)) => Arc::clone(file),
                _ if state.is_dropped => break,
                _ => {
                    let woken = self.work.wait_timeout(state, THREAD_IDLE);
                    let (now, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
                    state = now;
                    if timeout.timed_out() && !matches!(state.kernel, LockState::Awaited) {
                        break;
                    }
                    continue;
                }
            };
            drop(state);
            let came = wait_in_kernel(&file);
            drop(file);
            state = self.state();
            state.kernel = LockState::Came(came);
            if state.line.is_empty() {
                self.free(&mut state)
            } else {
                self.turn.notify_all()
            }
        }
        state.has_thread = false;
    }
}

impl ThreadQueue {
    fn leave(&mut self, number: u64) {
        self.line.retain(|waiting| *waiting != number);
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

/// A held lock. Dropping it releases the lock.
#[derive(Debug)]
pub(crate) struct FileLockGuard<'a>(&'a LockShared);

impl Drop for FileLockGuard<'_> {
    fn drop(&mut self) {
        // A forked process shares the lock with its parent, which still holds it.
        if self.0.process != std::process::id() {
            return;
        }
        let mut state = self.0.state();
        self.0.free(&mut state);
        if !state.line.is_empty() {
            self.0.turn.notify_all();
        }
    }
}

impl FileLockGuard<'_> {
    /// Returns the note in the locked file, which is empty if there is none.
    ///
    /// The note is shared by all holders of the lock, and is not durable.
    pub(crate) fn note(&self) -> io::Result<String> {
        let mut file = self.file()?;
        file.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::new();
        file.take(NOTE_BYTES as u64).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// Replaces the note in the locked file. A note has less than 64 bytes.
    pub(crate) fn set_note(&self, note: &str) -> io::Result<()> {
        // One write of the same size each time, so that no holder leaves half a note.
        let mut file = self.file()?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(format!("{note:<width$}\n", width = NOTE_BYTES - 1).as_bytes())
    }

    fn file(&self) -> io::Result<Arc<File>> {
        let file = self.0.state().file.clone();
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns the policy for waits of the lock's handle.
    pub(crate) fn policy(&self) -> &LockPolicy {
        &self.0.policy
    }

    /// Returns the path of the index that the lock belongs to.
    pub(crate) fn index(&self) -> &Path {
        &self.0.index
    }
}

impl LockGuard for FileLockGuard<'_> {}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
