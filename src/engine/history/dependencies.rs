//! Dependencies between operations: which later operations depend on an earlier one.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use super::historical::FEW;
use super::moment::find_operation;
use crate::engine::visit;
use crate::engine::write::operation_text;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Change, Operation, OperationFilter};
use crate::model::work_counter;
use crate::storage::Snapshot;

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
}

/// The effects of operations: the keys that they write and read.
#[derive(Default)]
pub(crate) struct Effects {
    /// The keys that are changed.
    pub(crate) sets: HashSet<EffectKey>,
    /// The keys whose values were required to make the operations.
    pub(crate) needs: HashSet<EffectKey>,
    /// The keys whose values are required to undo the operations, in addition to those in `sets`.
    undo_needs: HashSet<EffectKey>,
}

impl Effects {
    fn of(operation: &Operation) -> Self {
        let mut footing = Self::default();
        for change in &operation.content.changes {
            footing.add(change);
        }
        footing
    }

    /// Returns the effects of `operation` that are relevant to the earlier operation `first`.
    ///
    /// If it undoes several operations, those after `first` are ignored: they are no longer in
    /// effect, and undoing them changed nothing else.
    fn behind(snapshot: &dyn Snapshot, first: u64, operation: &Operation) -> Result<Self> {
        let undoes = &operation.content.undoes;
        if undoes.iter().all(|undone| *undone < first) {
            return Ok(Self::of(operation));
        }
        let mut footing = Self::default();
        for undone in undoes.iter().filter(|undone| **undone < first) {
            let undone = Self::of(&find_operation(snapshot, &(*undone).into())?);
            footing.sets.extend(undone.sets);
            // An undo goes in the opposite direction, so the two kinds of requirements change
            // places.
            footing.needs.extend(undone.undo_needs);
            footing.undo_needs.extend(undone.needs);
        }
        Ok(footing)
    }

    pub(crate) fn add(&mut self, change: &Change) {
        match change {
            Change::Prompt { id, before, after } => match (before, after) {
                (Some(before), Some(after)) => {
                    self.rest_on(*id);
                    if before.name != after.name {
                        self.sets.insert(EffectKey::Name(*id));
                    }
                    if before.tags != after.tags {
                        self.sets.insert(EffectKey::Tags(*id));
                    }
                }
                _ => self.sets.extend([
                    EffectKey::Prompt(*id),
                    EffectKey::Name(*id),
                    EffectKey::Tags(*id),
                ]),
            },
            Change::VersionCreated(version) => {
                self.rest_on(version.prompt_id);
                self.sets.insert(EffectKey::Version(version.id));
                self.needs.extend(version.base.map(EffectKey::Version));
            }
            Change::VersionDeleted { prompt, id } | Change::VersionRestored { prompt, id } => {
                self.rest_on(*prompt);
                self.sets.insert(EffectKey::Version(*id));
            }
            Change::Environment {
                prompt,
                name,
                before,
                after,
                ..
            } => {
                self.rest_on(*prompt);
                self.sets
                    .insert(EffectKey::Environment(*prompt, name.clone()));
                self.needs.extend(after.map(EffectKey::Version));
                self.undo_needs.extend(before.map(EffectKey::Version));
            }
        }
    }

    /// Requires the prompt to exist, both to make the operation and to undo it.
    fn rest_on(&mut self, prompt: PromptId) {
        self.needs.insert(EffectKey::Prompt(prompt));
        self.undo_needs.insert(EffectKey::Prompt(prompt));
    }

    /// Returns whether an operation with the effects `later` depends on the operations of `self`.
    fn carries(&self, later: &Self) -> bool {
        work_counter::step();
        let changed_again =
            |fact: &EffectKey| self.sets.contains(fact) || self.undo_needs.contains(fact);
        later.sets.iter().any(changed_again) || !later.needs.is_disjoint(&self.sets)
    }

    /// Adds the effects of another operation.
    ///
    /// Its `needs` are left out, because no operation before it is examined.
    fn widen(&mut self, other: Self) {
        self.sets.extend(other.sets);
        self.undo_needs.extend(other.undo_needs);
    }
}

/// Returns the operations that depend on `first`, directly or indirectly, oldest first.
///
/// Operations that have been undone since then are left out. If `first` itself has been undone,
/// this is an error.
///
/// All keys belong to prompts. An operation therefore depends only on operations on the same
/// prompts, and an undo is an operation on all prompts of the operations that it undoes. This means
/// that a prompt's own operations show which of them are in effect. A prompt is examined when a
/// dependent operation touches it, and only after that operation, because earlier operations do not
/// depend on it.
pub(crate) fn later_on(snapshot: &dyn Snapshot, first: &Operation) -> Result<Vec<Operation>> {
    let mut ground = Effects::of(first);
    let mut listed: BTreeSet<PromptId> = BTreeSet::new();
    let mut waiting: BTreeMap<u64, Operation> = BTreeMap::new();
    let mut found: Vec<Operation> = Vec::new();
    let mut last = first;
    loop {
        let new: BTreeSet<PromptId> = prompts_of(last)
            .filter(|prompt| !listed.contains(prompt))
            .collect();
        if listed.len() + new.len() > FEW {
            return later_in_all(snapshot, first);
        }
        for prompt in &new {
            let operations = since(snapshot, *prompt, last.number)?;
            for operation in in_effect(operations, first.number)? {
                waiting.entry(operation.number).or_insert(operation);
            }
        }
        listed.extend(new);
        let Some(operation) = next_on(snapshot, first, &mut ground, &mut waiting)? else {
            return Ok(found);
        };
        found.push(operation);
        last = found.last().unwrap_or(first);
    }
}

/// Returns the first waiting operation that depends on `ground`, and adds its effects to `ground`.
///
/// The operations before it are removed from `waiting`.
fn next_on(
    snapshot: &dyn Snapshot,
    first: &Operation,
    ground: &mut Effects,
    waiting: &mut BTreeMap<u64, Operation>,
) -> Result<Option<Operation>> {
    while let Some((_, operation)) = waiting.pop_first() {
        let footing = Effects::behind(snapshot, first.number, &operation)?;
        if ground.carries(&footing) {
            ground.widen(footing);
            return Ok(Some(operation));
        }
    }
    Ok(None)
}

/// Does the same as [`later_on`] for many prompts.
///
/// It reads the history after `first` twice: once for the operations in effect, once for
/// dependencies.
fn later_in_all(snapshot: &dyn Snapshot, first: &Operation) -> Result<Vec<Operation>> {
    let mut undoing = Vec::new();
    visit::operations(snapshot, first.number, |number, _, text| {
        // Most operations undo nothing, which their text shows without being parsed.
        if text.contains("\"undoes\"") {
            undoing.push((number, operation_text::read(number, text)?.undoes));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut taken_back = UndoneSet::default();
    for (number, undoes) in undoing.iter().rev() {
        if !taken_back.has(*number, undoes) && undoes.contains(&first.number) {
            return Err(Error::AlreadyUndone {
                operation: first.number,
                by: *number,
            });
        }
    }
    let mut ground = Effects::of(first);
    let mut prompts: HashSet<PromptId> = prompts_of(first).collect();
    let mut found = Vec::new();
    visit::operations(snapshot, first.number, |number, id, text| {
        if taken_back.0.contains(&number) {
            return Ok(ControlFlow::Continue(()));
        }
        let content = operation_text::read(number, text)?;
        let operation = Operation {
            number,
            id,
            content,
        };
        if counts(&operation, first.number)
            && prompts_of(&operation).any(|id| prompts.contains(&id))
        {
            let footing = Effects::behind(snapshot, first.number, &operation)?;
            if ground.carries(&footing) {
                ground.widen(footing);
                prompts.extend(prompts_of(&operation));
                found.push(operation);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

fn prompts_of(operation: &Operation) -> impl Iterator<Item = PromptId> {
    operation.content.changes.iter().map(Change::prompt)
}

/// Returns a prompt's operations with numbers above `after`, newest first.
fn since(snapshot: &dyn Snapshot, prompt: PromptId, after: u64) -> Result<Vec<Operation>> {
    let mut found = Vec::new();
    newest_first(
        snapshot,
        &OperationFilter::default().prompt(prompt),
        |operation| {
            if operation.number > after {
                found.push(operation);
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(())
        },
    )?;
    Ok(found)
}

/// Passes operations to `visit`, newest first, until it breaks.
///
/// The page size grows from 1, because an operation can have many changes and one is often enough.
fn newest_first(
    snapshot: &dyn Snapshot,
    filter: &OperationFilter,
    mut visit: impl FnMut(Operation) -> ControlFlow<()>,
) -> Result<()> {
    const LARGEST_PAGE: usize = 64;
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
        size = LARGEST_PAGE.min(size * 2);
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
    fn has(&mut self, number: u64, undoes: &[u64]) -> bool {
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
    let mut taken_back = UndoneSet::default();
    let mut found = Vec::new();
    for operation in newest_first {
        let undoes = &operation.content.undoes;
        if taken_back.has(operation.number, undoes) {
            continue;
        }
        if undoes.contains(&first) {
            return Err(Error::AlreadyUndone {
                operation: first,
                by: operation.number,
            });
        }
        if counts(&operation, first) {
            found.push(operation);
        }
    }
    Ok(found)
}

/// Returns whether an operation in effect does more than undo operations after `first`.
fn counts(operation: &Operation, first: u64) -> bool {
    let undoes = &operation.content.undoes;
    undoes.is_empty() || undoes.iter().any(|undone| *undone < first)
}

/// Returns the newest operation that is in effect and is not an undo.
pub(crate) fn newest(snapshot: &dyn Snapshot) -> Result<Option<Operation>> {
    let mut taken_back = UndoneSet::default();
    let mut newest = None;
    newest_first(snapshot, &OperationFilter::default(), |operation| {
        let undoes = &operation.content.undoes;
        if taken_back.has(operation.number, undoes) || !undoes.is_empty() {
            return ControlFlow::Continue(());
        }
        newest = Some(operation);
        ControlFlow::Break(())
    })?;
    Ok(newest)
}
