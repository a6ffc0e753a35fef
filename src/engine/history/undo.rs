//! Undo: a new operation that contains the inverse changes of earlier operations.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use super::dependencies::{later_on, newest};
use super::historical::replay_prompts;
use super::moment::{OperationRef, find_operation};
use crate::engine::write::writer::WriteTransaction;
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, PromptId, VersionId};
use crate::model::record::{Change, Operation, OperationContent, OperationKind, PromptState};
use crate::model::work_counter;
use crate::storage::{PromptRows, PromptTables, Snapshot};

impl WriteTransaction<'_> {
    /// Undoes an operation by appending one operation with the inverse changes.
    ///
    /// If `with_later` is set, the later operations that depend on it are undone with it. Otherwise
    /// their existence is an error.
    pub(crate) fn undo(&mut self, operation: &OperationRef, with_later: bool) -> Result<Operation> {
        let first = find_operation(&*self.transaction, operation)?;
        let later = later_on(&*self.transaction, &first)?;
        if !with_later && !later.is_empty() {
            return Err(Error::UndoBlocked {
                operation: first.number,
                later: later.iter().map(|operation| operation.number).collect(),
            });
        }
        let mut newest_first = later;
        newest_first.reverse();
        newest_first.push(first);
        let at = self.context.now();
        let mut opposite = Inverse::new(&*self.transaction);
        for operation in &newest_first {
            opposite.take_back(operation)?;
        }
        let changes = opposite.into_changes()?;
        self.append(OperationContent {
            at,
            author: self.author.to_string(),
            kind: OperationKind::Undo,
            undoes: newest_first
                .iter()
                .map(|operation| operation.number)
                .collect(),
            changes,
        })
    }

    /// Undoes the newest operation that is in effect. Returns `None` if there is none.
    pub(crate) fn undo_newest(&mut self) -> Result<Option<Operation>> {
        match newest(&*self.transaction)? {
            Some(newest) => self.undo(&newest.number.into(), false).map(Some),
            None => Ok(None),
        }
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

    fn take_back(&mut self, operation: &Operation) -> Result<()> {
        let gone = went_with_prompts(self.snapshot, operation)?;
        for (position, change) in operation.content.changes.iter().enumerate().rev() {
            work_counter::step();
            let prompt = change.prompt();
            if let Entry::Vacant(unknown) = self.states.entry(prompt) {
                let prompt = self.snapshot.prompt(prompt)?;
                unknown.insert(prompt.as_ref().map(PromptState::from));
            }
            let gone = gone.get(&position).map(Vec::as_slice);
            self.add_opposite(change, gone.unwrap_or_default());
        }
        Ok(())
    }

    /// Adds the inverse of a change.
    ///
    /// If the change deleted a prompt, `gone` contains the versions that were deleted with it.
    fn add_opposite(&mut self, change: &Change, gone: &[VersionId]) {
        let opposite = match change {
            Change::Prompt { id, before, after } => {
                let now = self.states.get(id).cloned().flatten();
                let back = match (before, after, &now) {
                    (Some(before), Some(after), Some(now)) => Some(mended(now, before, after)),
                    (Some(_), Some(_), None) => None,
                    (before, _, _) => before.clone(),
                };
                self.states.insert(*id, back.clone());
                let came_back = now.is_none() && back.is_some();
                self.changes.push(Change::Prompt {
                    id: *id,
                    before: now,
                    after: back,
                });
                if came_back {
                    let restored = gone.iter().map(|version| restored(*id, *version));
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
        };
        self.changes.push(opposite);
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
        match lost.is_empty() {
            true => Ok(self.changes),
            false => self.without_passing(&lost),
        }
    }

    /// Removes the changes that restore a version in `lost` only to delete it again later.
    ///
    /// A prompt that has no change left gets one without effect, so that the operation stays in the
    /// prompt's history.
    fn without_passing(self, lost: &[(usize, VersionId, BlobId)]) -> Result<Vec<Change>> {
        let lost_versions: HashSet<VersionId> = lost.iter().map(|(_, id, _)| *id).collect();
        let mut concerning: HashMap<VersionId, VecDeque<usize>> = HashMap::new();
        let mut left: HashMap<PromptId, usize> = HashMap::new();
        for (at, change) in self.changes.iter().enumerate() {
            work_counter::step();
            *left.entry(change.prompt()).or_default() += 1;
            for id in concerned(change).filter(|id| lost_versions.contains(id)) {
                concerning.entry(id).or_default().push_back(at);
            }
        }
        let mut changes: Vec<Option<Change>> = self.changes.into_iter().map(Some).collect();
        let mut emptied = Vec::new();
        for (at, id, blob) in lost {
            let behind = concerning.entry(*id).or_default();
            while behind.front().is_some_and(|next| next < at) {
                behind.pop_front();
            }
            let next = behind.pop_front();
            let Some(Some(Change::VersionDeleted { prompt, .. })) = next
                .and_then(|next| changes.get_mut(next))
                .map(Option::take)
            else {
                return Err(Error::BodyCollected { blob: *blob });
            };
            changes[*at] = None;
            if let Some(left) = left.get_mut(&prompt) {
                *left -= 2;
                if *left == 0 {
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
fn concerned(change: &Change) -> impl Iterator<Item = VersionId> {
    let (one, other) = match change {
        Change::VersionDeleted { id, .. } => (Some(*id), None),
        Change::Environment { before, after, .. } => {
            (*before, after.filter(|after| Some(*after) != *before))
        }
        _ => (None, None),
    };
    one.into_iter().chain(other)
}

/// Returns the versions that a prompt had just before `operation` deleted it.
///
/// The key is the position of the deleting change in the operation.
fn went_with_prompts(
    snapshot: &dyn Snapshot,
    operation: &Operation,
) -> Result<HashMap<usize, Vec<VersionId>>> {
    let changes = &operation.content.changes;
    let deleted = changes.iter().filter_map(|change| match change {
        Change::Prompt {
            id, after: None, ..
        } => Some(*id),
        _ => None,
    });
    let deleted: BTreeSet<PromptId> = deleted.collect();
    let mut gone = HashMap::new();
    if deleted.is_empty() {
        return Ok(gone);
    }
    let mut tables = PromptTables::default();
    replay_prompts(snapshot, &deleted, operation.number - 1, &mut tables)?;
    for (position, change) in changes.iter().enumerate() {
        if !deleted.contains(&change.prompt()) {
            continue;
        }
        if let Change::Prompt {
            id, after: None, ..
        } = change
        {
            let live = tables.rows(*id).into_iter().flat_map(PromptRows::live);
            gone.insert(position, live.map(|version| version.id).collect());
        }
        // The change was applied when it was made, so it cannot fail here.
        let _ = tables.apply(operation.content.at, change);
    }
    Ok(gone)
}

fn restored(prompt: PromptId, id: VersionId) -> Change {
    Change::VersionRestored { prompt, id }
}

fn deleted(prompt: PromptId, id: VersionId) -> Change {
    Change::VersionDeleted { prompt, id }
}

/// Returns a prompt's current state with the effect of one change on its name and tags reverted.
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
