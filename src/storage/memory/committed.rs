//! The committed state of the memory index.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::state::MemoryState;

/// The state that was committed last, and the number of commits.
#[derive(Debug)]
pub(super) struct CommittedState {
    current: Mutex<MemoryState>,
    /// The number of commits, which changes while `current` is locked.
    commits: AtomicU64,
}

impl CommittedState {
    pub(super) fn new(state: MemoryState) -> Self {
        Self {
            current: Mutex::new(state),
            commits: AtomicU64::new(0),
        }
    }

    pub(super) fn get(&self) -> MutexGuard<'_, MemoryState> {
        // A panic elsewhere cannot leave an incomplete state, because commits replace the whole
        // state.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of commits.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    /// Commits a state.
    pub(super) fn replace(&self, state: MemoryState) {
        let mut current = self.get();
        *current = state;
        // A reader with the previous mark sees a different one and reads again. A reader with the
        // new mark sees the new state. No reader sees the new state before the mark has changed: it
        // would see an older answer again, if another thread cached that with the previous mark.
        self.commits.fetch_add(1, Ordering::Release);
    }
}
