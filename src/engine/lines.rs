//! What commits go by, kept from one transaction to the next.
//!
//! It is kept beside the operation that was the last when it was so, and used by a transaction that finds the same
//! operation to be the last: then nobody has changed anything since.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

use super::writer::Place;
use crate::backend::Numbering;
use crate::id::{OperationId, PromptId};
use crate::record::Version;

/// What a commit on a prompt that is there goes by.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) prompt: PromptId,
    /// Its highest version.
    pub(super) head: Option<Version>,
    /// The numbers that are used up, of the head's major among them, if they were looked up.
    pub(super) used: Option<Numbering>,
}

/// The lines of several prompts, all of one moment.
#[derive(Debug, Default)]
pub(super) struct Lines(HashMap<PromptId, Line>);

/// Lines kept in memory; when there are more, all are forgotten.
const MOST: usize = 1024;

impl Lines {
    pub(super) fn take(&mut self, prompt: PromptId) -> Option<Line> {
        self.0.remove(&prompt)
    }

    pub(super) fn put(&mut self, line: Line) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(line.prompt, line);
    }

    pub(super) fn forget(&mut self, prompt: PromptId) {
        self.0.remove(&prompt);
    }
}

/// The lines as of an operation.
#[derive(Debug)]
pub(crate) struct KeptLines(Mutex<(Place, Lines)>);

impl Default for KeptLines {
    fn default() -> Self {
        Self(Mutex::new(((0, OperationId::ROOT), Lines::default())))
    }
}

impl KeptLines {
    /// Those as of this operation; else none.
    pub(super) fn take(&self, last: Place) -> Lines {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, lines) = mem::replace(&mut *kept, (last, Lines::default()));
        match place == last {
            true => lines,
            false => Lines::default(),
        }
    }

    pub(super) fn put(&self, last: Place, lines: Lines) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (last, lines);
    }
}
