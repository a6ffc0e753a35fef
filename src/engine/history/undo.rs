//! Undo: a new operation that contains the inverse changes of earlier operations.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use super::deleted_versions::versions_deleted_with;
use super::dependencies::{dependents_of, group_in_effect, newest};
use super::moment::{OperationRef, find_operation};
use crate::engine::write::writer::WriteTransaction;
use crate::model::error::{Error, PromptLabel, PromptVersionLabel, Result};
use crate::model::id::{BlobId, GroupId, PromptId, VersionId};
use crate::model::record::{Change, Operation, OperationContent, OperationKind, PromptState};
use crate::model::work_counter;
use crate::storage::Snapshot;

impl WriteTransaction<'_> {
    /// Undoes an operation by appending one operation with the inverse changes.
    ///
    /// If `with_later` is set, the later operations that depend on it are undone with it. Otherwise
    /// their existence is an error.
    pub(crate) fn undo(&mut self, operation: &OperationRef, with_later: bool) -> Result<Operation> {
        let first = find_operation(self.transaction.snapshot(), operation)?;
        let later = dependents_of(self.transaction.snapshot(), &first)?;
        if !with_later && !later.is_empty() {
            return Err(Error::UndoBlocked {
                operation: first.number,
                later: later.iter().map(|operation| operation.number).collect(),
            });
        }
        let mut newest_first = later;
        newest_first.reverse();
        newest_first.push(first);
        self.undo_all(&newest_first)
    }

    /// Undoes the operations of a group that are in effect, by appending one operation.
    ///
    /// Other later operations that depend on them are an error.
    pub(crate) fn undo_group(&mut self, group: GroupId) -> Result<Operation> {
        let (mut members, later) = group_in_effect(self.transaction.snapshot(), group)?;
        if let Some(first) = members.first()
            && !later.is_empty()
        {
            return Err(Error::UndoBlocked {
                operation: first.number,
                later,
            });
        }
        members.reverse();
        self.undo_all(&members)
    }

    fn undo_all(&mut self, newest_first: &[Operation]) -> Result<Operation> {
        let at = self.context.now();
        let mut inverse = Inverse::new(self.transaction.snapshot());
        for operation in newest_first {
            inverse.revert(operation)?;
        }
        let changes = inverse.into_changes()?;
        self.append(OperationContent {
            at,
            author: self.author.to_string(),
            kind: OperationKind::Undo,
            undoes: newest_first
                .iter()
                .map(|operation| operation.number)
                .collect(),
            group: self.group,
            changes,
        })
    }

    /// Undoes the newest operation that is in effect, and the others of its group.
    ///
    /// If later operations depend on those others, only the newest is undone. Returns `None` if no
    /// operation is in effect.
    pub(crate) fn undo_newest(&mut self) -> Result<Option<Operation>> {
        let Some(newest) = newest(self.transaction.snapshot())? else {
            return Ok(None);
        };
        if let Some(group) = newest.content.group {
            match self.undo_group(group) {
                Err(Error::UndoBlocked { .. }) => {}
                undone => return undone.map(Some),
            }
        }
        self.undo(&newest.number.into(), false).map(Some)
    }
}

/// The inverse of one or more operations, computed against the current state of the prompts.
struct Inverse<'a> {
    snapshot: &'a dyn Snapshot,
    /// The affected prompts, in the state in which the changes collected so far leave them.
    states: HashMap<PromptId, Option<PromptState>>,
    changes: Vec<Change>,
}

impl<'a> Inverse<'a> {
    fn new(snapshot: &'a dyn Snapshot) -> Self {
        Self {
            snapshot,
            states: HashMap::new(),
            changes: Vec::new(),
        }
    }

    fn revert(&mut self, operation: &Operation) -> Result<()> {
        let deleted_versions = versions_deleted_with(self.snapshot, operation)?;
        for (position, change) in operation.content.changes.iter().enumerate().rev() {
            work_counter::step();
            if let Some(prompt) = change.prompt()
                && let Entry::Vacant(unknown) = self.states.entry(prompt)
            {
                let prompt = self.snapshot.prompt(prompt)?;
                unknown.insert(prompt.as_ref().map(PromptState::from));
            }
            let deleted_versions = deleted_versions.get(&position).map(Vec::as_slice);
            self.add_inverse(change, deleted_versions.unwrap_or_default());
        }
        Ok(())
    }

    /// Adds the inverse of a change.
    ///
    /// If the change deleted a prompt, `deleted_versions` contains the versions that were deleted with it.
    fn add_inverse(&mut self, change: &Change, deleted_versions: &[VersionId]) {
        let inverse = match change {
            Change::Prompt { id, before, after } => {
                let now = self.states.get(id).cloned().flatten();
                let back = match (before, after, &now) {
                    (Some(before), Some(after), Some(now)) => Some(reverted(now, before, after)),
                    (Some(_), Some(_), None) => None,
                    (before, _, _) => before.clone(),
                };
                self.states.insert(*id, back.clone());
                let is_restored = now.is_none() && back.is_some();
                self.changes.push(Change::Prompt {
                    id: *id,
                    before: now,
                    after: back,
                });
                if is_restored {
                    let restored = deleted_versions
                        .iter()
                        .map(|version| restored(*id, *version));
                    self.changes.extend(restored);
                }
                return;
            }
            Change::VersionCreated(version) => deleted(version.prompt_id, version.id),
            Change::VersionRestored { prompt, id } => deleted(*prompt, *id),
            Change::VersionDeleted { prompt, id } => restored(*prompt, *id),
            Change::Environment {
                prompt,
                name,
                before,
                after,
                ..
            } => Change::Environment {
                prompt: *prompt,
                name: name.clone(),
                before: *after,
                after: *before,
                reason: None,
            },
            Change::EnvironmentList { before, after } => Change::EnvironmentList {
                before: after.clone(),
                after: before.clone(),
            },
        };
        self.changes.push(inverse);
    }

    /// Returns all inverse changes.
    ///
    /// A version whose body was garbage collected cannot be restored. This is an error, unless a
    /// later inverse change deletes the version again.
    fn into_changes(self) -> Result<Vec<Change>> {
        let mut lost = Vec::new();
        for (at, change) in self.changes.iter().enumerate() {
            if let Change::VersionRestored { id, .. } = change
                && let Some(blob) = self.snapshot.missing_body_of(*id)?
            {
                lost.push((at, *id, blob));
            }
        }
        if lost.is_empty() {
            return Ok(self.changes);
        }
        self.without_transient_restores(&lost)
    }

    /// Names a version that cannot be restored, and its prompt, which may be deleted.
    fn label(&self, id: VersionId) -> Result<Option<Box<PromptVersionLabel>>> {
        let row = self.snapshot.version_even_deleted(id)?;
        Ok(row.map(|row| {
            let id = row.version.prompt_id;
            let state = self.states.get(&id).and_then(Option::as_ref);
            let name = state.map(|state| state.name.clone());
            Box::new(PromptVersionLabel {
                prompt: PromptLabel { id, name },
                version: row.version.as_ref().into(),
            })
        }))
    }

    /// Removes the changes that restore a version in `lost` only to delete it again later.
    ///
    /// A prompt that has no change left gets one without effect, so that the operation stays in the
    /// prompt's history.
    fn without_transient_restores(
        self,
        lost: &[(usize, VersionId, BlobId)],
    ) -> Result<Vec<Change>> {
        let lost_versions: HashSet<VersionId> = lost.iter().map(|(_, id, _)| *id).collect();
        let mut concerning: HashMap<VersionId, VecDeque<usize>> = HashMap::new();
        let mut changes_left: HashMap<PromptId, usize> = HashMap::new();
        for (at, change) in self.changes.iter().enumerate() {
            work_counter::step();
            if let Some(prompt) = change.prompt() {
                *changes_left.entry(prompt).or_default() += 1;
            }
            for id in versions_in(change).filter(|id| lost_versions.contains(id)) {
                concerning.entry(id).or_default().push_back(at);
            }
        }
        let mut changes: Vec<Option<Change>> = self.changes.iter().cloned().map(Some).collect();
        let mut emptied = Vec::new();
        for (at, lost_version, blob) in lost {
            let positions = concerning.entry(*lost_version).or_default();
            while positions.front().is_some_and(|next| next < at) {
                positions.pop_front();
            }
            let next = positions.pop_front();
            let Some(Some(Change::VersionDeleted { prompt, .. })) = next
                .and_then(|next| changes.get_mut(next))
                .map(Option::take)
            else {
                let version = self.label(*lost_version)?;
                return Err(Error::BodyCollected {
                    blob: *blob,
                    version,
                });
            };
            changes[*at] = None;
            if let Some(changes_left) = changes_left.get_mut(&prompt) {
                *changes_left -= 2;
                if *changes_left == 0 {
                    emptied.push(prompt);
                }
            }
        }
        let mut changes: Vec<Change> = changes.into_iter().flatten().collect();
        for prompt in emptied {
            if let Some(Some(state)) = self.states.get(&prompt) {
                changes.push(Change::Prompt {
                    id: prompt,
                    before: Some(state.clone()),
                    after: Some(state.clone()),
                });
            }
        }
        Ok(changes)
    }
}

/// Returns the versions that a change deletes, points an environment to, or points one away from.
fn versions_in(change: &Change) -> impl Iterator<Item = VersionId> {
    let (one, other) = match change {
        Change::VersionDeleted { id, .. } => (Some(*id), None),
        Change::Environment { before, after, .. } => {
            (*before, after.filter(|after| Some(*after) != *before))
        }
        _ => (None, None),
    };
    one.into_iter().chain(other)
}

fn restored(prompt: PromptId, id: VersionId) -> Change {
    Change::VersionRestored { prompt, id }
}

fn deleted(prompt: PromptId, id: VersionId) -> Change {
    Change::VersionDeleted { prompt, id }
}

/// Returns a prompt's current state with the effect of one change on its name and tags reverted.
fn reverted(now: &PromptState, before: &PromptState, after: &PromptState) -> PromptState {
    let mut reverted = now.clone();
    if before.name != after.name {
        reverted.name.clone_from(&before.name);
    }
    if before.tags != after.tags {
        reverted.tags.clone_from(&before.tags);
    }
    reverted
}
