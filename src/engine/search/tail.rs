//! The operations that the index's search was not told of yet.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::engine::write::operation_text;
use crate::model::error::Result;
use crate::model::id::{PromptId, VersionId};
use crate::model::record::{Change, OperationContent};
use crate::storage::Snapshot;

/// Shows the operations behind one, with their numbers, until it is enough.
pub(super) fn each_content(
    snapshot: &dyn Snapshot,
    after: u64,
    mut show: impl FnMut(u64, OperationContent) -> ControlFlow<()>,
) -> Result<()> {
    snapshot.each_operation(after, &mut |number, _, content| {
        Ok(show(number, operation_text::read(number, content)?))
    })
}

/// What operations touched.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The number of the last of them.
    pub(super) up_to: u64,
    /// Prompts, each once, in the order they were touched first.
    pub(super) prompts: Vec<PromptId>,
    /// Versions that came, with their messages, in the order they were committed.
    pub(super) created: Vec<(VersionId, String)>,
    touched: HashSet<PromptId>,
}

impl Tail {
    /// What all operations touched that search was not told of.
    pub(super) fn of(snapshot: &dyn Snapshot) -> Result<Self> {
        Self::at_most(snapshot, usize::MAX)
    }

    /// What the next so many operations touched; one of many changes counts as many.
    pub(super) fn at_most(snapshot: &dyn Snapshot, most: usize) -> Result<Self> {
        let mut tail = Self {
            up_to: snapshot.searchable_up_to()?,
            ..Self::default()
        };
        let mut seen = 0;
        each_content(snapshot, tail.up_to, |number, content| {
            tail.up_to = number;
            seen += content.changes.len().max(1);
            for change in content.changes {
                tail.add(change);
            }
            match seen < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(tail)
    }

    fn add(&mut self, change: Change) {
        let prompt = change.prompt();
        if self.touched.insert(prompt) {
            self.prompts.push(prompt);
        }
        if let Change::VersionCreated(version) = change {
            self.created.push((version.id, version.message));
        }
    }

    /// Whether what the index says of a prompt may be outdated.
    pub(super) fn touched(&self, prompt: PromptId) -> bool {
        self.touched.contains(&prompt)
    }
}
