//! A cache of prompt heads that is passed from one write transaction to the next.
//!
//! The heads are stored with the last operation at that time. A transaction uses them only if the
//! last operation is still the same: then nothing has changed since.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

use super::writer::LogPoint;
use crate::model::id::{OperationId, PromptId};
use crate::model::memory_size::ENTRY;
use crate::model::record::Version;
use crate::storage::Numbering;

/// The head of an existing prompt, which a commit needs.
#[derive(Clone, Debug)]
pub(crate) struct PromptHead {
    pub(crate) prompt: PromptId,
    /// The highest version of the prompt.
    pub(crate) head: Option<Version>,
    /// The numbers that are used up, those of the head's major included, if they were looked up.
    pub(crate) used: Option<Numbering>,
}

/// The heads of several prompts, all of one log position.
#[derive(Debug, Default)]
pub(crate) struct PromptHeads {
    by_prompt: HashMap<PromptId, PromptHead>,
    /// The memory that they take, in bytes.
    bytes: usize,
}

/// The maximum size of the cache in bytes. When a head would exceed it, the cache is cleared.
const MOST_BYTES: usize = 2 * 1024 * 1024;

impl PromptHead {
    fn weight(&self) -> usize {
        ENTRY + size_of::<Self>() + self.head.as_ref().map_or(0, Version::weight)
    }
}

impl PromptHeads {
    pub(crate) fn take(&mut self, prompt: PromptId) -> Option<PromptHead> {
        let line = self.by_prompt.remove(&prompt)?;
        self.bytes -= line.weight();
        Some(line)
    }

    pub(crate) fn put(&mut self, line: PromptHead) {
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

/// The prompt heads as of a log position.
#[derive(Debug)]
pub(crate) struct HeadCache(Mutex<(LogPoint, PromptHeads)>);

impl Default for HeadCache {
    fn default() -> Self {
        Self(Mutex::new(((0, OperationId::ROOT), PromptHeads::default())))
    }
}

impl HeadCache {
    /// Takes the heads if they are of this log position; otherwise returns none.
    pub(crate) fn take(&self, last: LogPoint) -> PromptHeads {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, lines) = mem::replace(&mut *kept, (last, PromptHeads::default()));
        match place == last {
            true => lines,
            false => PromptHeads::default(),
        }
    }

    pub(crate) fn put(&self, last: LogPoint, lines: PromptHeads) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (last, lines);
    }
}
