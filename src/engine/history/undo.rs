//! Operations taken back, by a new one that says the opposite.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::moment::{OperationRef, find_operation};
use super::past::replay_prompt;
use super::standing::{later_on, newest};
use crate::backend::{self, ErrorKind, PromptTables, Snapshot};
use crate::engine::writer::Writer;
use crate::error::{Error, Result};
use crate::id::{BlobId, PromptId, VersionId};
use crate::record::{Change, Operation, OperationContent, OperationKind, PromptState};

impl Writer<'_> {
    /// Takes an operation back, and, if `with_later`, those that stand on it: as one operation.
    pub(crate) fn undo(&mut self, operation: &OperationRef, with_later: bool) -> Result<Operation> {
        let first = find_operation(&*self.transaction, operation)?;
        let later = later_on(&*self.transaction, &first)?;
        if !with_later && !later.is_empty() {
            return Err(Error::StoodOn {
                operation: first.number,
                later: later.iter().map(|operation| operation.number).collect(),
            });
        }
        let mut newest_first = later;
        newest_first.reverse();
        newest_first.push(first);
        let at = self.context.now();
        let mut opposite = Opposite::new(&*self.transaction, at);
        for operation in &newest_first {
            opposite.take_back(operation)?;
        }
        let changes = opposite.into_changes()?;
        self.append(OperationContent {
            at,
            author: self.context.author.clone(),
            kind: OperationKind::Undo,
            undoes: newest_first
                .iter()
                .map(|operation| operation.number)
                .collect(),
            changes,
        })
    }

    /// Takes back the newest operation that is in effect; none where there is none.
    pub(crate) fn undo_newest(&mut self) -> Result<Option<Operation>> {
        match newest(&*self.transaction)? {
            Some(newest) => self.undo(&newest.number.into(), false).map(Some),
            None => Ok(None),
        }
    }
}

/// The opposite of operations, put together against the prompts as they are.
struct Opposite<'a> {
    snapshot: &'a dyn Snapshot,
    at: DateTime<Utc>,
    /// The prompts that are touched, as the changes so far leave them.
    prompts: PromptTables,
    replayed: HashSet<PromptId>,
    changes: Vec<Change>,
}

impl<'a> Opposite<'a> {
    fn new(snapshot: &'a dyn Snapshot, at: DateTime<Utc>) -> Self {
        Self {
            snapshot,
            at,
            prompts: PromptTables::default(),
            replayed: HashSet::new(),
            changes: Vec::new(),
        }
    }

    fn take_back(&mut self, operation: &Operation) -> Result<()> {
        for (position, change) in operation.content.changes.iter().enumerate().rev() {
            let prompt = change.prompt();
            if self.replayed.insert(prompt) {
                replay_prompt(self.snapshot, prompt, u64::MAX, &mut self.prompts)?;
            }
            for opposite in self.opposite(operation, position, change)? {
                let applied = self.prompts.apply(self.at, &opposite);
                applied.map_err(|detail| {
                    let doing = format!("taking operation {} back", operation.number);
                    backend::Error::new(ErrorKind::Corrupt, doing).because(detail)
                })?;
                self.changes.push(opposite);
            }
        }
        Ok(())
    }

    fn opposite(
        &self,
        operation: &Operation,
        position: usize,
        change: &Change,
    ) -> Result<Vec<Change>> {
        Ok(match change {
            Change::Prompt { id, before, after } => {
                let now = self.state(*id);
                let back = match (before, after, &now) {
                    (Some(before), Some(after), Some(now)) => Some(mended(now, before, after)),
                    (Some(_), Some(_), None) => None,
                    (before, _, _) => before.clone(),
                };
                let came_back = now.is_none() && back.is_some();
                let mut changes = vec![Change::Prompt {
                    id: *id,
                    before: now,
                    after: back,
                }];
                if came_back {
                    for version in self.live_before(operation, position, *id)? {
                        changes.push(restored(*id, version));
                    }
                }
                changes
            }
            Change::VersionCreated(version) => vec![deleted(version.prompt_id, version.id)],
            Change::VersionRestored { prompt, id } => vec![deleted(*prompt, *id)],
            Change::VersionDeleted { prompt, id } => vec![restored(*prompt, *id)],
            Change::Environment {
                prompt,
                name,
                before,
                after,
                ..
            } => vec![Change::Environment {
                prompt: *prompt,
                name: name.clone(),
                before: *after,
                after: *before,
                reason: None,
            }],
        })
    }

    fn state(&self, prompt: PromptId) -> Option<PromptState> {
        self.prompts.table(prompt)?.state.clone()
    }

    /// The versions that a prompt had just before a change of an operation: those that went with it.
    fn live_before(
        &self,
        operation: &Operation,
        position: usize,
        prompt: PromptId,
    ) -> Result<Vec<VersionId>> {
        let mut tables = PromptTables::default();
        replay_prompt(self.snapshot, prompt, operation.number - 1, &mut tables)?;
        let earlier = &operation.content.changes[..position];
        for change in earlier.iter().filter(|change| change.prompt() == prompt) {
            // It was applied once.
            let _ = tables.apply(operation.content.at, change);
        }
        let table = tables.table(prompt);
        let live = table.iter().flat_map(|table| table.live());
        Ok(live.map(|version| version.id).collect())
    }

    /// All of it. A version whose body was collected can't come back, but need not where it is deleted again.
    fn into_changes(mut self) -> Result<Vec<Change>> {
        let mut at = 0;
        while let Some(change) = self.changes.get(at) {
            let missing = self.missing_body(change)?;
            match (missing, passing(&self.changes, at)) {
                (None, _) => at += 1,
                (Some(_), Some(deleted)) => {
                    let prompt = self.changes.remove(deleted).prompt();
                    self.changes.remove(at);
                    self.list_under(prompt);
                }
                (Some(blob), None) => return Err(Error::BodyCollected { blob }),
            }
        }
        Ok(self.changes)
    }

    /// The body that a version which comes back would need, and that is not stored.
    fn missing_body(&self, change: &Change) -> Result<Option<BlobId>> {
        let Change::VersionRestored { id, .. } = change else {
            return Ok(None);
        };
        let blob = self.snapshot.version_ever(*id)?.map(|row| row.version.blob);
        Ok(match blob {
            Some(blob) if self.snapshot.blob(blob)?.is_none() => Some(blob),
            _ => None,
        })
    }

    /// Keeps the operation in a prompt's history, where it does nothing to the prompt in the end.
    fn list_under(&mut self, prompt: PromptId) {
        if self.changes.iter().all(|change| change.prompt() != prompt)
            && let Some(state) = self.state(prompt)
        {
            self.changes.push(Change::Prompt {
                id: prompt,
                before: Some(state.clone()),
                after: Some(state),
            });
        }
    }
}

/// Where a version that comes back is deleted again, if nothing points to it in between.
fn passing(changes: &[Change], back: usize) -> Option<usize> {
    let Change::VersionRestored { id, .. } = &changes[back] else {
        return None;
    };
    let concerns = |change: &Change| match change {
        Change::VersionDeleted { id: deleted, .. } => deleted == id,
        Change::Environment { before, after, .. } => [before, after].contains(&&Some(*id)),
        _ => false,
    };
    let next = changes[back + 1..].iter().position(concerns)? + back + 1;
    matches!(changes[next], Change::VersionDeleted { .. }).then_some(next)
}

fn restored(prompt: PromptId, id: VersionId) -> Change {
    Change::VersionRestored { prompt, id }
}

fn deleted(prompt: PromptId, id: VersionId) -> Change {
    Change::VersionDeleted { prompt, id }
}

/// What a prompt is now, but for what a change made of it.
fn mended(now: &PromptState, before: &PromptState, after: &PromptState) -> PromptState {
    let mut mended = now.clone();
    if before.name != after.name {
        mended.name.clone_from(&before.name);
    }
    if before.tags != after.tags {
        mended.tags.clone_from(&before.tags);
    }
    mended
}
