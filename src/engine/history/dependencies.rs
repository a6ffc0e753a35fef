//! Dependencies between operations: which later operations depend on an earlier one.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use super::historical::MAX_LISTED_PROMPTS;
use super::moment::find_operation;
use crate::engine::visit;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, GroupId, PromptId, VersionId};
use crate::model::operation_text::{may_be_of_group, may_undo};
use crate::model::record::{Change, Operation, OperationFilter};
use crate::model::work_counter;
use crate::storage::{Snapshot, read_operation};

/// A key: a part of a store's state that operations write and that other operations depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum EffectKey {
    /// Whether the prompt exists.
    Prompt(PromptId),
    Name(PromptId),
    Tags(PromptId),
    /// Whether the version is live.
    Version(VersionId),
    /// The version that the environment points to.
    Environment(PromptId, EnvironmentName),
    EnvironmentList,
}

/// The effects of operations: the keys that they write and read.
#[derive(Default)]
pub(crate) struct Effects {
    /// The keys that are changed.
    pub(crate) writes: HashSet<EffectKey>,
    /// The keys whose values were required to make the operations.
    pub(crate) reads: HashSet<EffectKey>,
    /// The keys whose values are required to undo the operations, in addition to those in `writes`.
    undo_reads: HashSet<EffectKey>,
}

impl Effects {
    fn of(operation: &Operation) -> Self {
        let mut effects = Self::default();
        for change in &operation.content.changes {
            effects.add(change);
        }
        effects
    }

    /// Returns the effects of `operation` that are relevant to the earlier operation `first`.
    ///
    /// If it undoes several operations, those after `first` are ignored: they are no longer in
    /// effect, and undoing them changed nothing else.
    fn relevant_to(snapshot: &dyn Snapshot, first: u64, operation: &Operation) -> Result<Self> {
        let undoes = &operation.content.undoes;
        if undoes.iter().all(|undone| *undone < first) {
            return Ok(Self::of(operation));
        }
        let mut effects = Self::default();
        for undone in undoes.iter().filter(|undone| **undone < first) {
            let undone = Self::of(&find_operation(snapshot, &(*undone).into())?);
            effects.writes.extend(undone.writes);
            // An undo goes in the opposite direction, so the two kinds of requirements change
            // places.
            effects.reads.extend(undone.undo_reads);
            effects.undo_reads.extend(undone.reads);
        }
        Ok(effects)
    }

    pub(crate) fn add(&mut self, change: &Change) {
        match change {
            Change::Prompt { id, before, after } => match (before, after) {
                (Some(before), Some(after)) => {
                    self.require_prompt(*id);
                    if before.name != after.name {
                        self.writes.insert(EffectKey::Name(*id));
                    }
                    if before.tags != after.tags {
                        self.writes.insert(EffectKey::Tags(*id));
                    }
                }
                _ => self.writes.extend([
                    EffectKey::Prompt(*id),
                    EffectKey::Name(*id),
                    EffectKey::Tags(*id),
                ]),
            },
            Change::VersionCreated(version) => {
                self.require_prompt(version.prompt_id);
                self.writes.insert(EffectKey::Version(version.id));
                self.reads.extend(version.base.map(EffectKey::Version));
            }
            Change::VersionDeleted { prompt, id } | Change::VersionRestored { prompt, id } => {
                self.require_prompt(*prompt);
                self.writes.insert(EffectKey::Version(*id));
            }
            Change::Environment {
                prompt,
                name,
                before,
                after,
                ..
            } => {
                self.require_prompt(*prompt);
                self.writes
                    .insert(EffectKey::Environment(*prompt, name.clone()));
                self.reads.extend(after.map(EffectKey::Version));
                self.undo_reads.extend(before.map(EffectKey::Version));
            }
            // Environments do not read the list: it decides which changes are accepted, and a change
            // that was accepted stays valid without it.
            Change::EnvironmentList { .. } => {
                self.writes.insert(EffectKey::EnvironmentList);
            }
        }
    }

    /// Requires the prompt to exist, both to make the operation and to undo it.
    fn require_prompt(&mut self, prompt: PromptId) {
        self.reads.insert(EffectKey::Prompt(prompt));
        self.undo_reads.insert(EffectKey::Prompt(prompt));
    }

    /// Returns whether an operation with the effects `later` depends on the operations of `self`.
    fn is_read_by(&self, later: &Self) -> bool {
        work_counter::step();
        let changed_again =
            |key: &EffectKey| self.writes.contains(key) || self.undo_reads.contains(key);
        later.writes.iter().any(changed_again) || !later.reads.is_disjoint(&self.writes)
    }

    /// Adds the effects of another operation.
    ///
    /// Its `reads` are left out, because no operation before it is examined.
    fn extend(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.undo_reads.extend(other.undo_reads);
    }
}

/// Returns the operations that depend on `first`, directly or indirectly, oldest first.
///
/// Operations that have been undone since then are left out. If `first` itself has been undone,
/// this is an error.
///
/// All keys belong to subjects: to prompts, or to the store itself. An operation therefore depends
/// only on operations on the same subjects, and an undo is an operation on all subjects of the
/// operations that it undoes. This means that a prompt's own operations show which of them are in
/// effect. A prompt is examined when a dependent operation touches it, and only after that
/// operation, because earlier operations do not depend on it. Operations on the store itself are
/// rare and not listed, so they are found by a scan.
pub(crate) fn dependents_of(snapshot: &dyn Snapshot, first: &Operation) -> Result<Vec<Operation>> {
    let mut combined = Effects::of(first);
    let mut listed: BTreeSet<PromptId> = BTreeSet::new();
    let mut candidates: BTreeMap<u64, Operation> = BTreeMap::new();
    let mut dependents: Vec<Operation> = Vec::new();
    let mut last = first;
    loop {
        let subjects = subjects_of(last).filter(|one| one.is_none_or(|id| !listed.contains(&id)));
        let new: Option<BTreeSet<PromptId>> = subjects.collect();
        let Some(new) = new.filter(|new| listed.len() + new.len() <= MAX_LISTED_PROMPTS) else {
            return dependents_by_scan(snapshot, first);
        };
        for prompt in &new {
            let operations = since(snapshot, *prompt, last.number)?;
            for operation in in_effect(operations, first.number)? {
                candidates.entry(operation.number).or_insert(operation);
            }
        }
        listed.extend(new);
        let Some(operation) = next_dependent(snapshot, first, &mut combined, &mut candidates)?
        else {
            return Ok(dependents);
        };
        dependents.push(operation);
        last = dependents.last().unwrap_or(first);
    }
}

/// Returns the first of the candidates that depends on `combined`, and adds its effects to `combined`.
///
/// The operations before it are removed from `candidates`.
fn next_dependent(
    snapshot: &dyn Snapshot,
    first: &Operation,
    combined: &mut Effects,
    candidates: &mut BTreeMap<u64, Operation>,
) -> Result<Option<Operation>> {
    while let Some((_, operation)) = candidates.pop_first() {
        let effects = Effects::relevant_to(snapshot, first.number, &operation)?;
        if combined.is_read_by(&effects) {
            combined.extend(effects);
            return Ok(Some(operation));
        }
    }
    Ok(None)
}

/// Does the same as [`dependents_of`] for many prompts, or for the store itself.
///
/// It reads the history after `first` twice: once for the operations in effect, once for
/// dependencies.
fn dependents_by_scan(snapshot: &dyn Snapshot, first: &Operation) -> Result<Vec<Operation>> {
    let mut undoing = Vec::new();
    visit::operations(snapshot, first.number, |number, _, text| {
        if may_undo(text) {
            undoing.push((number, read_operation(number, text)?.undoes));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut undone_later = UndoneSet::default();
    for (number, undoes) in undoing.iter().rev() {
        if !undone_later.is_undone(*number, undoes) && undoes.contains(&first.number) {
            return Err(Error::AlreadyUndone {
                operation: first.number,
                by: *number,
            });
        }
    }
    let mut combined = Effects::of(first);
    let mut subjects: HashSet<Subject> = subjects_of(first).collect();
    let mut dependents = Vec::new();
    visit::operations(snapshot, first.number, |number, id, text| {
        if undone_later.0.contains(&number) {
            return Ok(ControlFlow::Continue(()));
        }
        let content = read_operation(number, text)?;
        let operation = Operation {
            number,
            id,
            content,
        };
        if does_more_than_undo(&operation, first.number)
            && subjects_of(&operation).any(|subject| subjects.contains(&subject))
        {
            let effects = Effects::relevant_to(snapshot, first.number, &operation)?;
            if combined.is_read_by(&effects) {
                combined.extend(effects);
                subjects.extend(subjects_of(&operation));
                dependents.push(operation);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(dependents)
}

/// Returns the operations of a group that are in effect, oldest first, and the numbers of the other
/// operations that depend on them.
///
/// It reads the history twice, as [`dependents_by_scan`] does.
pub(crate) fn group_in_effect(
    snapshot: &dyn Snapshot,
    group: GroupId,
) -> Result<(Vec<Operation>, Vec<u64>)> {
    let (mut numbers, mut undoing) = (Vec::new(), Vec::new());
    visit::operations(snapshot, 0, |number, _, text| {
        let (may_undo, may_be_member) = (may_undo(text), may_be_of_group(text, group));
        if may_undo || may_be_member {
            let content = read_operation(number, text)?;
            if content.group == Some(group) {
                numbers.push(number);
            }
            undoing.push((number, content.undoes));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let Some(newest) = numbers.last().copied() else {
        let operation = format!("of group {group}");
        return Err(Error::OperationNotFound { operation });
    };
    let (mut undone, mut undone_by) = (UndoneSet::default(), 0);
    for (number, undoes) in undoing.iter().rev() {
        if !undone.is_undone(*number, undoes) && undoes.contains(&newest) {
            undone_by = *number;
        }
    }
    numbers.retain(|number| !undone.0.contains(number));
    let Some(first) = numbers.first().copied() else {
        return Err(Error::AlreadyUndone {
            operation: newest,
            by: undone_by,
        });
    };
    let mut ground = Effects::default();
    let mut subjects: HashSet<Subject> = HashSet::new();
    let (mut members, mut later) = (Vec::new(), Vec::new());
    visit::operations(snapshot, first - 1, |number, id, text| {
        if undone.0.contains(&number) {
            return Ok(ControlFlow::Continue(()));
        }
        let operation = Operation {
            number,
            id,
            content: read_operation(number, text)?,
        };
        if operation.content.group == Some(group) {
            ground.extend(Effects::of(&operation));
            subjects.extend(subjects_of(&operation));
            members.push(operation);
        } else if does_more_than_undo(&operation, first)
            && subjects_of(&operation).any(|subject| subjects.contains(&subject))
        {
            let effects = Effects::relevant_to(snapshot, first, &operation)?;
            if ground.is_read_by(&effects) {
                ground.extend(effects);
                subjects.extend(subjects_of(&operation));
                later.push(number);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((members, later))
}

/// The subject of a change: a prompt, or the store itself.
type Subject = Option<PromptId>;

fn subjects_of(operation: &Operation) -> impl Iterator<Item = Subject> {
    operation.content.changes.iter().map(Change::prompt)
}

/// Returns a prompt's operations with numbers above `after`, newest first.
fn since(snapshot: &dyn Snapshot, prompt: PromptId, after: u64) -> Result<Vec<Operation>> {
    let mut operations = Vec::new();
    newest_first(
        snapshot,
        &OperationFilter::default().prompt(prompt),
        |operation| {
            if operation.number > after {
                operations.push(operation);
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(())
        },
    )?;
    Ok(operations)
}

/// Passes operations to `visit`, newest first, until it breaks.
///
/// The page size grows from 1, because an operation can have many changes and one is often enough.
fn newest_first(
    snapshot: &dyn Snapshot,
    filter: &OperationFilter,
    mut visit: impl FnMut(Operation) -> ControlFlow<()>,
) -> Result<()> {
    const MAX_PAGE: usize = 64;
    let (mut before, mut size) = (None, 1);
    loop {
        let page = snapshot.operations(filter, before, size)?;
        let is_last = page.len() < size;
        before = page.last().map(|operation| operation.number);
        for operation in page {
            if visit(operation).is_break() {
                return Ok(());
            }
        }
        if is_last {
            return Ok(());
        }
        size = MAX_PAGE.min(size * 2);
    }
}

/// The operations that have been undone, collected from the newest operation backwards.
///
/// An undo that was itself undone does not count.
#[derive(Default)]
struct UndoneSet(HashSet<u64>);

impl UndoneSet {
    /// Returns whether an operation has been undone and is not in effect again.
    ///
    /// Calls must be ordered from newest to oldest. If the operation is in effect, the operations
    /// that it undoes are recorded.
    fn is_undone(&mut self, number: u64, undoes: &[u64]) -> bool {
        if self.0.contains(&number) {
            return true;
        }
        self.0.extend(undoes);
        false
    }
}

/// Returns the operations of a prompt after `first` that are in effect, newest first.
///
/// If one of them undoes `first`, this is an error.
fn in_effect(newest_first: Vec<Operation>, first: u64) -> Result<Vec<Operation>> {
    let mut undone_later = UndoneSet::default();
    let mut operations = Vec::new();
    for operation in newest_first {
        let undoes = &operation.content.undoes;
        if undone_later.is_undone(operation.number, undoes) {
            continue;
        }
        if undoes.contains(&first) {
            return Err(Error::AlreadyUndone {
                operation: first,
                by: operation.number,
            });
        }
        if does_more_than_undo(&operation, first) {
            operations.push(operation);
        }
    }
    Ok(operations)
}

/// Returns whether an operation in effect does more than undo operations after `first`.
fn does_more_than_undo(operation: &Operation, first: u64) -> bool {
    let undoes = &operation.content.undoes;
    undoes.is_empty() || undoes.iter().any(|undone| *undone < first)
}

/// Returns the newest operation that is in effect and is not an undo.
pub(crate) fn newest(snapshot: &dyn Snapshot) -> Result<Option<Operation>> {
    let mut undone_later = UndoneSet::default();
    let mut newest = None;
    newest_first(snapshot, &OperationFilter::default(), |operation| {
        let undoes = &operation.content.undoes;
        if undone_later.is_undone(operation.number, undoes) || !undoes.is_empty() {
            return ControlFlow::Continue(());
        }
        newest = Some(operation);
        ControlFlow::Break(())
    })?;
    Ok(newest)
}
