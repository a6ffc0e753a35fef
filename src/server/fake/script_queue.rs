//! Queues of scripted items, each of which serves a number of calls.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An item that a script adds for a number of calls.
pub(super) trait Scripted: Clone {
    /// Returns the number of calls that it still serves; `None` if it serves all.
    fn calls_left(&mut self) -> Option<&mut u64>;
}

/// The pending items, in the order in which they were added.
#[derive(Debug)]
pub(super) struct ScriptQueue<T>(Mutex<VecDeque<T>>);

impl<T> Default for ScriptQueue<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Scripted> ScriptQueue<T> {
    /// Adds an item after the others, unless it serves no call.
    pub(super) fn add(&self, mut item: T) {
        if item.calls_left() != Some(&mut 0) {
            self.queue().push_back(item);
        }
    }

    /// Returns the first item that serves a call, and uses up one of its calls.
    pub(super) fn take(&self, serves: impl Fn(&T) -> bool) -> Option<T> {
        let mut queue = self.queue();
        let position = queue.iter().position(serves)?;
        let pending = queue.get_mut(position)?;
        let item = pending.clone();
        match pending.calls_left() {
            None => {}
            Some(left) if *left > 1 => *left -= 1,
            Some(_) => drop(queue.remove(position)),
        }
        Some(item)
    }

    pub(super) fn list(&self) -> Vec<T> {
        self.queue().iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        self.queue().clear();
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
