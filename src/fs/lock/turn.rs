//! The turn of a handle: a few milliseconds in which it keeps a lock between its calls.
//!
//! Passing a lock on takes about as long as a commit: a thread of the other process has to wake up,
//! and has to read the pages that have changed. So under contention each process makes several
//! changes in a row. Only a handle that had to wait has a turn, since nothing shows the others that
//! somebody waits.

use std::mem;
use std::time::{Duration, Instant};

/// The longest time from the grant of a lock to the end of the turn.
const MAX_TURN: Duration = Duration::from_millis(4);

/// The interval at which the lock's thread looks whether the handle still uses its turn. A turn
/// that was not used for one interval ends.
pub(super) const TURN_CHECK_INTERVAL: Duration = Duration::from_micros(200);

/// How long a handle waits after its turn before it asks for the lock again. Those that wait in the
/// kernel need this time to wake up.
pub(super) const YIELD_TIMEOUT: Duration = Duration::from_micros(200);

/// A turn, from the moment at which the lock was granted.
#[derive(Debug)]
pub(super) struct LockTurn {
    ends: Instant,
    was_used: bool,
}

impl LockTurn {
    pub(super) fn begin() -> Self {
        Self {
            ends: Instant::now() + MAX_TURN,
            was_used: true,
        }
    }

    /// Checks whether the handle may still keep the lock.
    pub(super) fn lasts(&self) -> bool {
        Instant::now() < self.ends
    }

    /// Notes that a call has used the lock.
    pub(super) fn note_use(&mut self) {
        self.was_used = true;
    }

    /// Checks whether the turn lasts and was used since the last check.
    pub(super) fn goes_on(&mut self) -> bool {
        mem::take(&mut self.was_used) && self.lasts()
    }
}
