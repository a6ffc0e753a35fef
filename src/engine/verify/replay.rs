//! Replay of operations into the rows of prompts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;

use crate::engine::visit;
use crate::model::error::{Error, Result};
use crate::model::id::PromptId;
use crate::model::record::{Change, OperationFilter};
use crate::storage::{PromptRows, Snapshot, StorageErrorKind, read_operation};

/// The limit for reading changes several times, as a multiple of all changes.
///
/// Replaying prompt by prompt saves memory, but reads an operation once for each of its prompts.
const MAX_READS: u64 = 8;

/// Replays each prompt's operations into its rows.
///
/// The prompts are replayed one by one, or all together if many operations affect many prompts.
#[derive(Default)]
pub(super) struct Replay {
    changes: u64,
    /// The number of changes that a replay prompt by prompt reads.
    changes_by_prompt: u64,
    /// The rows of each prompt, or a description of the contradiction in its operations.
    all: Option<HashMap<PromptId, Result<PromptRows, String>>>,
}

pub(super) enum ReplayError {
    Contradiction(String),
    Storage(Error),
}

impl From<crate::storage::StorageError> for ReplayError {
    fn from(error: crate::storage::StorageError) -> Self {
        match error.kind() {
            StorageErrorKind::Corrupt => Self::Contradiction(error.to_string()),
            _ => Self::Storage(error.into()),
        }
    }
}

impl Replay {
    /// Counts an operation for the choice between the two methods.
    pub(super) fn expect(&mut self, changes: &[Change]) {
        // Nearly all operations contain the changes to one prompt in a row.
        let prompts = changes.chunk_by(|a, b| a.prompt() == b.prompt()).count();
        let (changes, prompts) = (changes.len() as u64, prompts as u64);
        self.changes += changes;
        self.changes_by_prompt = self.changes_by_prompt.saturating_add(changes * prompts);
    }

    /// Reads all operations, if replaying prompt by prompt would read too many changes.
    pub(super) fn prepare(&mut self, snapshot: &dyn Snapshot) -> Result<()> {
        if self.changes_by_prompt / MAX_READS <= self.changes {
            return Ok(());
        }
        let mut all = HashMap::new();
        let visited = visit::operations(snapshot, 0, |number, _, text| {
            let content = read_operation(number, text)?;
            for (id, change) in of_prompts(&content.changes) {
                let rows = all
                    .entry(id)
                    .or_insert_with(|| Ok(PromptRows::new(id, content.at)));
                if let Ok(sound) = rows
                    && let Err(detail) = sound.apply(content.at, change)
                {
                    *rows = Err(format!("operation {number}: {detail}"));
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        match visited {
            // The replay of each prompt then reports the problem.
            Err(Error::Storage(error)) if error.kind() == StorageErrorKind::Corrupt => Ok(()),
            visited => {
                self.all = Some(all);
                visited
            }
        }
    }

    /// Returns a prompt's rows. This may be called only once for each prompt.
    pub(super) fn take(
        &mut self,
        snapshot: &dyn Snapshot,
        id: PromptId,
    ) -> Result<PromptRows, ReplayError> {
        let Some(all) = &mut self.all else {
            return replay(snapshot, id);
        };
        match all.entry(id) {
            Entry::Occupied(rows) => rows.remove().map_err(ReplayError::Contradiction),
            Entry::Vacant(_) => Err(unmade()),
        }
    }
}

fn of_prompts(changes: &[Change]) -> impl Iterator<Item = (PromptId, &Change)> {
    let changes = changes.iter();
    changes.filter_map(|change| Some((change.prompt()?, change)))
}

fn unmade() -> ReplayError {
    ReplayError::Contradiction("no operation created it".into())
}

fn replay(snapshot: &dyn Snapshot, id: PromptId) -> Result<PromptRows, ReplayError> {
    let mut operations =
        snapshot.operations(&OperationFilter::default().prompt(id), None, usize::MAX)?;
    operations.reverse();
    let first = operations.first().ok_or_else(unmade)?;
    let mut rows = PromptRows::new(id, first.content.at);
    for operation in &operations {
        let changes = operation.content.changes.iter();
        for change in changes.filter(|change| change.prompt() == Some(id)) {
            rows.apply(operation.content.at, change).map_err(|detail| {
                ReplayError::Contradiction(format!("operation {}: {detail}", operation.number))
            })?;
        }
    }
    Ok(rows)
}
