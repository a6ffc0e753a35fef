//! [`HistoryTally`], what a sequence of operations does to each prompt.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Change, OperationContent, PromptState};
use crate::model::shown::Quoted;
use crate::remote::pull::{PromptPull, PullOutcome};
use crate::storage::Snapshot;
use crate::{EnvironmentName, PromptId, Result, VersionId, VersionNumber};

/// What operations do to each prompt.
#[derive(Debug, Default)]
pub(super) struct HistoryTally {
    prompts: BTreeMap<PromptId, PromptTally>,
    numbers: BTreeMap<VersionId, VersionNumber>,
    /// Whether the environment list is changed.
    pub(super) changes_list: bool,
}

#[derive(Debug, Default)]
struct PromptTally {
    /// The state before the first change of it.
    before: Option<Option<PromptState>>,
    /// The state after the last change of it.
    after: Option<Option<PromptState>>,
    created: BTreeSet<VersionId>,
    deleted: BTreeSet<VersionId>,
    restored: BTreeSet<VersionId>,
    environments: BTreeMap<EnvironmentName, Option<VersionId>>,
}

impl HistoryTally {
    /// Adds the next operation.
    pub(super) fn add(&mut self, content: OperationContent) {
        for change in content.changes {
            let Some(prompt) = change.prompt() else {
                self.changes_list = true;
                continue;
            };
            let tally = self.prompts.entry(prompt).or_default();
            match change {
                Change::Prompt { before, after, .. } => {
                    tally.before.get_or_insert(before);
                    tally.after = Some(after);
                }
                Change::VersionCreated(version) => {
                    self.numbers.insert(version.id, version.number);
                    tally.created.insert(version.id);
                }
                Change::VersionDeleted { id, .. } => {
                    if !tally.created.remove(&id) && !tally.restored.remove(&id) {
                        tally.deleted.insert(id);
                    }
                }
                Change::VersionRestored { id, .. } => {
                    if !tally.deleted.remove(&id) {
                        tally.restored.insert(id);
                    }
                }
                Change::Environment { name, after, .. } => {
                    tally.environments.insert(name, after);
                }
                Change::EnvironmentList { .. } => {}
            }
        }
    }

    /// Describes the changes of each prompt, with the names and numbers that a snapshot contains.
    pub(super) fn described(&self, snapshot: &dyn Snapshot) -> Result<Vec<PromptPull>> {
        let mut described = Vec::new();
        for (id, tally) in &self.prompts {
            described.extend(self.prompt(*id, tally, snapshot)?);
        }
        Ok(described)
    }

    fn prompt(
        &self,
        id: PromptId,
        tally: &PromptTally,
        snapshot: &dyn Snapshot,
    ) -> Result<Option<PromptPull>> {
        let outcome = match (&tally.before, &tally.after) {
            // It was created and deleted again.
            (Some(None), Some(None)) => return Ok(None),
            (Some(None), Some(Some(_))) if tally.restored.is_empty() => PullOutcome::Created,
            (Some(None), Some(Some(_))) => PullOutcome::Restored,
            (_, Some(None)) => PullOutcome::Deleted,
            _ => PullOutcome::Updated,
        };
        let states = [&tally.after, &tally.before].into_iter();
        let named = states.flatten().flatten().next();
        let name = match named {
            Some(state) => Some(state.name.clone()),
            None => snapshot.prompt(id)?.map(|prompt| prompt.name),
        };
        // A prompt without a known name was deleted on one of the sides.
        let Some(name) = name.or_else(|| id.as_str().parse().ok()) else {
            return Ok(None);
        };
        Ok(Some(PromptPull {
            id,
            name,
            outcome,
            new_versions: (tally.created.len() + tally.restored.len()) as u64,
            deleted_versions: tally.deleted.len() as u64,
            changes: self.changes(tally, outcome, snapshot)?,
            renumbered: Vec::new(),
            conflicts: Vec::new(),
            is_ahead: false,
        }))
    }

    fn changes(
        &self,
        tally: &PromptTally,
        outcome: PullOutcome,
        snapshot: &dyn Snapshot,
    ) -> Result<Vec<String>> {
        let mut changes = Vec::new();
        if let (Some(Some(before)), Some(Some(after))) = (&tally.before, &tally.after) {
            if before.name != after.name {
                changes.push(format!("named {}", Quoted(after.name.as_str())));
            }
            if before.tags != after.tags {
                changes.push(format!("tagged {:?}", after.tags));
            }
        }
        if outcome != PullOutcome::Updated {
            return Ok(changes);
        }
        for (name, to) in &tally.environments {
            let number = match to {
                Some(to) => self.number(*to, snapshot)?,
                None => None,
            };
            let name = Quoted(name.as_str());
            changes.push(match (to, number) {
                (Some(_), Some(number)) => format!("{name} at {number}"),
                (Some(to), None) => format!("{name} at {to}"),
                (None, _) => format!("{name} removed"),
            });
        }
        Ok(changes)
    }

    fn number(&self, id: VersionId, snapshot: &dyn Snapshot) -> Result<Option<VersionNumber>> {
        if let Some(number) = self.numbers.get(&id) {
            return Ok(Some(*number));
        }
        let row = snapshot.version_even_deleted(id)?;
        Ok(row.map(|row| row.version.number))
    }
}
