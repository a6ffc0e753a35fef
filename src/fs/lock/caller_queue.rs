//! The callers of a handle that wait for a lock, and the state of the lock in the handle.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::turn::{LockTurn, YIELD_TIMEOUT};
use crate::storage::Deadline;

/// The callers of a handle, and the thread that waits for them.
#[derive(Debug, Default)]
pub(super) struct ThreadQueue {
    /// Open whenever `kernel` is not [`Free`](LockState::Free).
    pub(super) file: Option<Arc<File>>,
    pub(super) kernel: LockState,
    /// The numbers of the waiting callers, in order of arrival.
    pub(super) line: VecDeque<u64>,
    pub(super) last_number: u64,
    pub(super) has_thread: bool,
    /// The turn of this handle, if it has one.
    pub(super) turn: Option<LockTurn>,
    /// Until when others go first, because a turn of this handle has just ended.
    pub(super) yields_until: Option<Instant>,
    /// The deadline of all waits, set when the handle is closed.
    pub(super) closes: Option<Deadline>,
    pub(super) is_dropped: bool,
}

/// The state of the lock in this handle.
#[derive(Debug, Default)]
pub(super) enum LockState {
    /// The handle neither holds the lock nor waits for it.
    #[default]
    Free,
    /// The thread waits for the lock.
    Awaited,
    /// The thread has taken the lock, or failed to, for the first caller in line.
    Came(io::Result<()>),
    /// A caller holds the lock.
    Held,
    /// The handle holds the lock for its next caller, until its turn ends.
    Kept,
}

impl ThreadQueue {
    pub(super) fn leave(&mut self, number: u64) {
        self.line.retain(|waiting| *waiting != number);
    }

    /// Checks whether a caller with this deadline lets other handles go first.
    pub(super) fn yields(&mut self, deadline: Deadline) -> bool {
        self.yields_until = self.yields_until.filter(|until| Instant::now() < *until);
        self.yields_until.is_some() && deadline.remaining() > YIELD_TIMEOUT
    }
}
