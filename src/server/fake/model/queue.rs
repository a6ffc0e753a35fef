//! The pending scripted answers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::completion::{Completion, CompletionTimes};
use crate::server::fake::FakeError;
use crate::server::gateway::ModelCall;

/// The pending answers, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Completions(Mutex<VecDeque<Completion>>);

impl Completions {
    /// Adds an answer after the others.
    pub(super) fn add(&self, completion: Completion) -> Result<(), FakeError> {
        completion.check()?;
        if completion.times != CompletionTimes::Left(0) {
            self.queue().push_back(completion);
        }
        Ok(())
    }

    /// Returns the first answer that is for a request, and uses up one time of it.
    pub(super) fn take(&self, call: &ModelCall) -> Option<Completion> {
        let mut queue = self.queue();
        let position = queue.iter().position(|pending| pending.answers(call))?;
        let pending = queue.get_mut(position)?;
        let completion = pending.clone();
        match &mut pending.times {
            CompletionTimes::Always => {}
            CompletionTimes::Left(times) if *times > 1 => *times -= 1,
            CompletionTimes::Left(_) => drop(queue.remove(position)),
        }
        Some(completion)
    }

    pub(super) fn list(&self) -> Vec<Completion> {
        self.queue().iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        self.queue().clear();
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Completion>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
