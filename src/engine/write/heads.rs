//! A cache of prompt heads that is passed from one write transaction to the next, and with them the
//! environment list.
//!
//! The heads are stored with the last operation at that time. A transaction uses them only if the
//! last operation is still the same: then nothing has changed since.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::id::{EnvironmentName, PromptId};
use crate::model::log_position::LogPosition;
use crate::model::memory_size::ENTRY;
use crate::model::record::{Change, Version};
use crate::model::version_spec::PromptRef;
use crate::storage::{Numbering, Snapshot, StorageResult};

/// The head of an existing prompt, which a commit needs.
#[derive(Clone, Debug)]
pub(crate) struct PromptHead {
    pub(crate) prompt: PromptId,
    /// The highest version of the prompt.
    pub(crate) head: Option<Version>,
    /// The numbers that are used up, those of the head's major included.
    pub(crate) used: Numbering,
}

/// The heads of several prompts, all of one log position.
#[derive(Debug, Default)]
pub(crate) struct PromptHeads {
    by_prompt: HashMap<PromptId, PromptHead>,
    /// The prompts that names refer to.
    by_name: HashMap<PromptRef, PromptId>,
    /// The memory that they take, in bytes.
    bytes: usize,
    /// The environment list, if it was read; the inner option is none if the store has no list.
    list: Option<Option<Arc<[EnvironmentName]>>>,
}

/// The maximum size of the cache in bytes. When a head would exceed it, the cache is cleared.
const MAX_CACHE_BYTES: usize = 2 * 1024 * 1024;

/// The maximum number of cached names. When there would be more, they are cleared.
const MAX_NAMES: usize = 1024;

impl PromptHead {
    fn weight(&self) -> usize {
        ENTRY + size_of::<Self>() + self.head.as_ref().map_or(0, Version::weight)
    }
}

impl PromptHeads {
    /// Takes the head of the prompt that a reference names.
    pub(crate) fn take_named(&mut self, prompt: &PromptRef) -> Option<PromptHead> {
        let id = match prompt {
            PromptRef::Id(id) => *id,
            PromptRef::Name(_) | PromptRef::IdOrName(_) => self.named(prompt)?,
        };
        self.take(id)
    }

    /// Returns the existing prompt that a name refers to, if it is cached.
    pub(crate) fn named(&self, prompt: &PromptRef) -> Option<PromptId> {
        self.by_name.get(prompt).copied()
    }

    /// Caches the prompt that a reference names.
    pub(crate) fn name(&mut self, prompt: &PromptRef, id: PromptId) {
        if self.by_name.len() >= MAX_NAMES {
            self.by_name.clear();
        }
        if !matches!(prompt, PromptRef::Id(_)) {
            self.by_name.insert(prompt.clone(), id);
        }
    }

    pub(crate) fn take(&mut self, prompt: PromptId) -> Option<PromptHead> {
        let head = self.by_prompt.remove(&prompt)?;
        self.bytes -= head.weight();
        Some(head)
    }

    pub(crate) fn put(&mut self, head: PromptHead) {
        drop(self.take(head.prompt));
        let bytes = head.weight();
        if self.bytes + bytes > MAX_CACHE_BYTES {
            *self = Self {
                list: self.list.take(),
                ..Self::default()
            };
        }
        if bytes <= MAX_CACHE_BYTES {
            self.bytes += bytes;
            self.by_prompt.insert(head.prompt, head);
        }
    }

    /// Returns the environment list, and reads it if it is not known.
    pub(crate) fn environment_list(
        &mut self,
        snapshot: &dyn Snapshot,
    ) -> StorageResult<Option<Arc<[EnvironmentName]>>> {
        if self.list.is_none() {
            let list = snapshot.environment_list()?;
            self.list = Some(list.map(Into::into));
        }
        Ok(self.list.clone().flatten())
    }

    /// Forgets what a change makes obsolete.
    pub(crate) fn forget_changed(&mut self, change: &Change) {
        match change.prompt() {
            Some(prompt) => drop(self.take(prompt)),
            None => self.list = None,
        }
        // Another prompt may have the name from now on.
        if matches!(change, Change::Prompt { .. }) {
            self.by_name.clear();
        }
    }
}

/// The prompt heads as of a log position.
#[derive(Debug)]
pub(crate) struct HeadCache(Mutex<(LogPosition, PromptHeads)>);

impl Default for HeadCache {
    fn default() -> Self {
        Self(Mutex::new((LogPosition::START, PromptHeads::default())))
    }
}

impl HeadCache {
    /// Takes the heads if they are of this log position; otherwise returns none.
    pub(crate) fn take(&self, last: LogPosition) -> PromptHeads {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (position, heads) = mem::replace(&mut *cached, (last, PromptHeads::default()));
        if position == last {
            heads
        } else {
            PromptHeads::default()
        }
    }

    pub(crate) fn put(&self, last: LogPosition, heads: PromptHeads) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (last, heads);
    }
}
