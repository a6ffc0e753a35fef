//! Prompts as their operations make them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;

use crate::engine::write::operation_text;
use crate::model::error::{Error, Result};
use crate::model::id::PromptId;
use crate::model::record::{Change, OperationFilter};
use crate::storage::{ErrorKind, PromptRows, Snapshot};

/// How many times the changes of all operations may be read for the sake of memory: prompt by prompt, an operation is
/// read for each of its prompts.
const MOST_READS: u64 = 8;

/// Folds each prompt's operations into its rows: prompt by prompt, or all at once if many operations are of many prompts.
#[derive(Default)]
pub(super) struct Replay {
    changes: u64,
    /// The changes that are read if it is done prompt by prompt.
    changes_by_prompt: u64,
    /// The rows of all prompts, or what contradicts what.
    all: Option<HashMap<PromptId, Result<PromptRows, String>>>,
}

pub(super) enum ReplayError {
    Contradiction(String),
    Backend(Error),
}

impl From<crate::storage::Error> for ReplayError {
    fn from(error: crate::storage::Error) -> Self {
        match error.kind() {
            ErrorKind::Corrupt => Self::Contradiction(error.in_full()),
            _ => Self::Backend(error.into()),
        }
    }
}

impl Replay {
    /// Takes an operation into account by which way is chosen.
    pub(super) fn expect(&mut self, changes: &[Change]) {
        // Nearly all change their prompts one after the other.
        let prompts = changes.chunk_by(|a, b| a.prompt() == b.prompt()).count();
        let (changes, prompts) = (changes.len() as u64, prompts as u64);
        self.changes += changes;
        self.changes_by_prompt = self.changes_by_prompt.saturating_add(changes * prompts);
    }

    /// Reads all operations, if that is the way.
    pub(super) fn prepare(&mut self, snapshot: &dyn Snapshot) -> Result<()> {
        if self.changes_by_prompt / MOST_READS <= self.changes {
            return Ok(());
        }
        let mut all = HashMap::new();
        let visited = snapshot.each_operation(0, &mut |number, _, text| {
            let content = operation_text::read(number, text)?;
            for change in &content.changes {
                let id = change.prompt();
                let rows = all.entry(id);
                let rows = rows.or_insert_with(|| Ok(PromptRows::new(id, content.at)));
                if let Ok(sound) = rows
                    && let Err(detail) = sound.apply(content.at, change)
                {
                    *rows = Err(format!("operation {number}: {detail}"));
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        match visited {
            // Each prompt is then told what is wrong with it.
            Err(Error::Backend(error)) if error.kind() == ErrorKind::Corrupt => Ok(()),
            visited => {
                self.all = Some(all);
                visited
            }
        }
    }

    /// A prompt's rows, which are asked for once.
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

fn unmade() -> ReplayError {
    ReplayError::Contradiction("no operation made it".into())
}

fn replay(snapshot: &dyn Snapshot, id: PromptId) -> Result<PromptRows, ReplayError> {
    let mut operations =
        snapshot.operations(&OperationFilter::default().prompt(id), None, usize::MAX)?;
    operations.reverse();
    let first = operations.first().ok_or_else(unmade)?;
    let mut rows = PromptRows::new(id, first.content.at);
    for operation in &operations {
        let changes = operation.content.changes.iter();
        for change in changes.filter(|change| change.prompt() == id) {
            rows.apply(operation.content.at, change).map_err(|detail| {
                ReplayError::Contradiction(format!("operation {}: {detail}", operation.number))
            })?;
        }
    }
    Ok(rows)
}
