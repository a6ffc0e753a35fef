//! The tail: the operations that are not indexed for search yet.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::engine::visit;
use crate::model::error::Result;
use crate::model::id::{PromptId, VersionId};
use crate::model::record::{Change, OperationContent};
use crate::storage::{Snapshot, read_operation};

/// Passes the operations after `after`, with their numbers, to `show` until it breaks.
pub(super) fn each_content(
    snapshot: &dyn Snapshot,
    after: u64,
    mut show: impl FnMut(u64, OperationContent) -> ControlFlow<()>,
) -> Result<()> {
    visit::operations(snapshot, after, |number, _, content| {
        Ok(show(number, read_operation(number, content)?))
    })
}

/// The size at which a range of operations ends.
#[derive(Clone, Copy)]
pub(super) struct BatchSize {
    /// The number of prompts that the operations touched.
    pub(super) prompts: usize,
    /// The size of the operations' texts in bytes.
    pub(super) bytes: usize,
}

/// The prompts and versions that a range of operations touched.
#[derive(Debug, Default)]
pub(super) struct UnindexedTail {
    /// The number of the last of these operations.
    pub(super) up_to: u64,
    /// The touched prompts, each once, in the order in which they were first touched.
    pub(super) prompts: Vec<PromptId>,
    /// The created versions with their messages, in the order in which they were committed.
    pub(super) created: Vec<(VersionId, String)>,
    touched: HashSet<PromptId>,
}

impl UnindexedTail {
    /// Reads all unindexed operations.
    pub(super) fn of(snapshot: &dyn Snapshot) -> Result<Self> {
        let all = BatchSize {
            prompts: usize::MAX,
            bytes: usize::MAX,
        };
        Self::before(snapshot, all, |_, _| Ok(ControlFlow::Break(())))
    }

    /// Reads the next unindexed operations, until they have at least this size.
    ///
    /// The operations that follow are passed to `look`, with their numbers, until it breaks.
    pub(super) fn before(
        snapshot: &dyn Snapshot,
        size: BatchSize,
        mut look: impl FnMut(u64, &str) -> Result<ControlFlow<()>>,
    ) -> Result<Self> {
        let mut tail = Self {
            up_to: snapshot.indexed_through()?,
            ..Self::default()
        };
        let mut bytes = 0;
        visit::operations(snapshot, tail.up_to, |number, _, text| {
            if tail.prompts.len() >= size.prompts || bytes >= size.bytes {
                return look(number, text);
            }
            let content = read_operation(number, text)?;
            tail.up_to = number;
            bytes += text.len();
            for change in content.changes {
                tail.add(change);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(tail)
    }

    fn add(&mut self, change: Change) {
        if let Some(prompt) = change.prompt()
            && self.touched.insert(prompt)
        {
            self.prompts.push(prompt);
        }
        if let Change::VersionCreated(version) = change {
            self.created.push((version.id, version.message));
        }
    }

    /// Returns whether the index's entry of a prompt may be outdated.
    pub(super) fn touched(&self, prompt: PromptId) -> bool {
        self.touched.contains(&prompt)
    }
}
