//! Replay of operations into the rows of prompts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};

use crate::engine::visit;
use crate::model::error::{Error, Result};
use crate::model::id::PromptId;
use crate::model::progress::Reporter;
use crate::model::record::{Change, OperationFilter};
use crate::storage::{PromptRows, PromptTable, Snapshot, StorageErrorKind, read_operation};

/// The limit for reading changes several times, as a multiple of all changes.
///
/// Replaying prompt by prompt saves memory, but reads an operation once for each of its prompts.
pub(super) const MAX_READS: u64 = 8;

/// Replays each prompt's operations into its rows.
///
/// The prompts are replayed one by one, or all together if many operations affect many prompts.
#[derive(Default)]
pub(super) struct Replay {
    changes: u64,
    /// The number of changes that a replay prompt by prompt reads.
    changes_by_prompt: u64,
    /// The rows of each prompt, or a description of the contradiction in its operations.
    all: Option<HashMap<PromptId, Result<ReplayedRows, String>>>,
}

/// The rows of a prompt after a part of its operations, or after all.
pub(super) struct ReplayedRows {
    pub(super) rows: PromptRows,
    /// The number of changes that were applied.
    pub(super) changes: u64,
}

impl ReplayedRows {
    /// Returns the rows before the operation that was made at this time and creates the prompt.
    pub(super) fn new(id: PromptId, at: DateTime<Utc>) -> Self {
        Self {
            rows: PromptRows::new(id, at),
            changes: 0,
        }
    }

    /// Applies a change by an operation. If it contradicts the rows, the error says how.
    pub(super) fn apply(
        &mut self,
        operation: u64,
        at: DateTime<Utc>,
        change: &Change,
    ) -> Result<(), String> {
        self.changes += 1;
        let applied = self.rows.apply(at, change);
        applied.map_err(|detail| format!("operation {operation}: {detail}"))
    }
}

/// A source of the rows that the operations of prompts result in.
pub(super) trait PromptReplay {
    /// Returns the rows of a prompt, which is stored as `found`.
    ///
    /// This may be called only once for each prompt.
    fn take(
        &mut self,
        snapshot: &dyn Snapshot,
        found: &PromptTable,
        progress: &mut Reporter<'_>,
    ) -> Result<PromptRows, ReplayError>;
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
                    .or_insert_with(|| Ok(ReplayedRows::new(id, content.at)));
                if let Ok(sound) = rows
                    && let Err(detail) = sound.apply(number, content.at, change)
                {
                    *rows = Err(detail);
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

    /// Returns the number of changes that were counted.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Replays a prompt. This may be called only once for each prompt.
    pub(super) fn prompt(
        &mut self,
        snapshot: &dyn Snapshot,
        id: PromptId,
    ) -> Result<ReplayedRows, ReplayError> {
        let Some(all) = &mut self.all else {
            return replay(snapshot, id).map(|(prompt, _)| prompt);
        };
        match all.entry(id) {
            Entry::Occupied(prompt) => prompt.remove().map_err(ReplayError::Contradiction),
            Entry::Vacant(_) => Err(unmade()),
        }
    }
}

impl PromptReplay for Replay {
    fn take(
        &mut self,
        snapshot: &dyn Snapshot,
        found: &PromptTable,
        _: &mut Reporter<'_>,
    ) -> Result<PromptRows, ReplayError> {
        self.prompt(snapshot, found.id).map(|prompt| prompt.rows)
    }
}

/// Returns the changes of prompts, each with its prompt.
pub(super) fn of_prompts(changes: &[Change]) -> impl Iterator<Item = (PromptId, &Change)> {
    let changes = changes.iter();
    changes.filter_map(|change| Some((change.prompt()?, change)))
}

fn unmade() -> ReplayError {
    ReplayError::Contradiction("no operation created it".into())
}

/// Replays a prompt. Also returns the number of changes that were read for it.
pub(super) fn replay(
    snapshot: &dyn Snapshot,
    id: PromptId,
) -> Result<(ReplayedRows, u64), ReplayError> {
    let mut operations =
        snapshot.operations(&OperationFilter::default().prompt(id), None, usize::MAX)?;
    operations.reverse();
    let first = operations.first().ok_or_else(unmade)?;
    let mut prompt = ReplayedRows::new(id, first.content.at);
    let mut read = 0;
    for operation in &operations {
        let changes = &operation.content.changes;
        read += changes.len() as u64;
        for change in changes.iter().filter(|change| change.prompt() == Some(id)) {
            let applied = prompt.apply(operation.number, operation.content.at, change);
            applied.map_err(ReplayError::Contradiction)?;
        }
    }
    Ok((prompt, read))
}
