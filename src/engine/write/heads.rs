//! What commits go by, kept from one transaction to the next.
//!
//! It is kept beside the operation that was the last when it was so, and used by a transaction that finds the same
//! operation to be the last: then nobody has changed anything since.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

use super::writer::Place;
use crate::model::id::{OperationId, PromptId};
use crate::model::memory_size::ENTRY;
use crate::model::record::Version;
use crate::storage::Numbering;

/// What a commit on a prompt that is there goes by.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) prompt: PromptId,
    /// Its highest version.
    pub(crate) head: Option<Version>,
    /// The numbers that are used up, of the head's major among them, if they were looked up.
    pub(crate) used: Option<Numbering>,
}

/// The lines of several prompts, all of one moment.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    by_prompt: HashMap<PromptId, Line>,
    /// The memory that they take.
    bytes: usize,
}

/// The memory of the lines that are kept; when there are more, all are forgotten.
const MOST_BYTES: usize = 2 * 1024 * 1024;

impl Line {
    fn weight(&self) -> usize {
        ENTRY + size_of::<Self>() + self.head.as_ref().map_or(0, Version::weight)
    }
}

impl Lines {
    pub(crate) fn take(&mut self, prompt: PromptId) -> Option<Line> {
        let line = self.by_prompt.remove(&prompt)?;
        self.bytes -= line.weight();
        Some(line)
    }

    pub(crate) fn put(&mut self, line: Line) {
        self.forget(line.prompt);
        let bytes = line.weight();
        if self.bytes + bytes > MOST_BYTES {
            *self = Self::default();
        }
        if bytes <= MOST_BYTES {
            self.bytes += bytes;
            self.by_prompt.insert(line.prompt, line);
        }
    }

    pub(crate) fn forget(&mut self, prompt: PromptId) {
        drop(self.take(prompt));
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
    pub(crate) fn take(&self, last: Place) -> Lines {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, lines) = mem::replace(&mut *kept, (last, Lines::default()));
        match place == last {
            true => lines,
            false => Lines::default(),
        }
    }

    pub(crate) fn put(&self, last: Place, lines: Lines) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (last, lines);
    }
}
