//! Which later operations stand on an earlier one: they rest on what it did, or changed it again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use super::historical::FEW;
use super::moment::find_operation;
use crate::engine::write::operation_text;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Change, Operation, OperationFilter};
use crate::model::work_counter;
use crate::storage::Snapshot;

/// Something of a store that operations set, and that others rest on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fact {
    /// Whether a prompt is there.
    Prompt(PromptId),
    Name(PromptId),
    Tags(PromptId),
    /// Whether a version is there.
    Version(VersionId),
    /// Where an environment points.
    Environment(PromptId, EnvironmentName),
}

/// What an operation has to do with the facts.
#[derive(Default)]
pub(crate) struct Footing {
    /// What it changed.
    pub(crate) sets: HashSet<Fact>,
    /// What must be so for it to have been made.
    pub(crate) needs: HashSet<Fact>,
    /// What must still be so for it to be taken back, beside what it set.
    undo_needs: HashSet<Fact>,
}

impl Footing {
    fn of(operation: &Operation) -> Self {
        let mut footing = Self::default();
        for change in &operation.content.changes {
            footing.add(change);
        }
        footing
    }

    /// What of an operation counts against one before it. Of several that it took back, those after `first` are gone with it,
    /// and what it did to them is no more than that.
    fn behind(snapshot: &dyn Snapshot, first: u64, operation: &Operation) -> Result<Self> {
        let undoes = &operation.content.undoes;
        if undoes.iter().all(|undone| *undone < first) {
            return Ok(Self::of(operation));
        }
        let mut footing = Self::default();
        for undone in undoes.iter().filter(|undone| **undone < first) {
            let undone = Self::of(&find_operation(snapshot, &(*undone).into())?);
            footing.sets.extend(undone.sets);
            // To take back is to go the other way.
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
                        self.sets.insert(Fact::Name(*id));
                    }
                    if before.tags != after.tags {
                        self.sets.insert(Fact::Tags(*id));
                    }
                }
                _ => self
                    .sets
                    .extend([Fact::Prompt(*id), Fact::Name(*id), Fact::Tags(*id)]),
            },
            Change::VersionCreated(version) => {
                self.rest_on(version.prompt_id);
                self.sets.insert(Fact::Version(version.id));
                self.needs.extend(version.base.map(Fact::Version));
            }
            Change::VersionDeleted { prompt, id } | Change::VersionRestored { prompt, id } => {
                self.rest_on(*prompt);
                self.sets.insert(Fact::Version(*id));
            }
            Change::Environment {
                prompt,
                name,
                before,
                after,
                ..
            } => {
                self.rest_on(*prompt);
                self.sets.insert(Fact::Environment(*prompt, name.clone()));
                self.needs.extend(after.map(Fact::Version));
                self.undo_needs.extend(before.map(Fact::Version));
            }
        }
    }

    /// A prompt must be there, before and after.
    fn rest_on(&mut self, prompt: PromptId) {
        self.needs.insert(Fact::Prompt(prompt));
        self.undo_needs.insert(Fact::Prompt(prompt));
    }

    /// Whether what counts against an earlier operation is against one of those that this is of.
    fn carries(&self, later: &Self) -> bool {
        work_counter::step();
        let changed_again =
            |fact: &Fact| self.sets.contains(fact) || self.undo_needs.contains(fact);
        later.sets.iter().any(changed_again) || !later.needs.is_disjoint(&self.sets)
    }

    /// Becomes that of another operation too. What those need does not matter, as nothing before them is asked for.
    fn widen(&mut self, other: Self) {
        self.sets.extend(other.sets);
        self.undo_needs.extend(other.undo_needs);
    }
}

/// The operations that stand on one, and on those, oldest first. What was taken back meanwhile stands on nothing.
///
/// Facts are of prompts, so an operation stands on others of its prompts only; and one that takes others back is of all
/// their prompts. So a prompt's operations tell which of them are in effect. Prompts are looked into as what stands on the
/// first touches them, and only behind that: what came before it does not stand on it.
pub(crate) fn later_on(snapshot: &dyn Snapshot, first: &Operation) -> Result<Vec<Operation>> {
    let mut ground = Footing::of(first);
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

/// The first of the operations that wait which stands on the ground, and widens it.
fn next_on(
    snapshot: &dyn Snapshot,
    first: &Operation,
    ground: &mut Footing,
    waiting: &mut BTreeMap<u64, Operation>,
) -> Result<Option<Operation>> {
    while let Some((_, operation)) = waiting.pop_first() {
        let footing = Footing::behind(snapshot, first.number, &operation)?;
        if ground.carries(&footing) {
            ground.widen(footing);
            return Ok(Some(operation));
        }
    }
    Ok(None)
}

/// As [`later_on`], of many prompts: the history behind the first is read twice, for what is in effect and for what stands.
fn later_in_all(snapshot: &dyn Snapshot, first: &Operation) -> Result<Vec<Operation>> {
    let mut undoing = Vec::new();
    snapshot.each_operation(first.number, &mut |number, _, text| {
        // Most take nothing back, and need not be read to see that.
        if text.contains("\"undoes\"") {
            undoing.push((number, operation_text::read(number, text)?.undoes));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut taken_back = TakenBack::default();
    for (number, undoes) in undoing.iter().rev() {
        if !taken_back.has(*number, undoes) && undoes.contains(&first.number) {
            return Err(Error::AlreadyUndone {
                operation: first.number,
                by: *number,
            });
        }
    }
    let mut ground = Footing::of(first);
    let mut prompts: HashSet<PromptId> = prompts_of(first).collect();
    let mut found = Vec::new();
    snapshot.each_operation(first.number, &mut |number, id, text| {
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
            let footing = Footing::behind(snapshot, first.number, &operation)?;
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

/// A prompt's operations of a number above `after`.
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

/// Shows operations until it is enough. Pages grow, as an operation may be of many changes and one is often enough.
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

/// What was taken back, found out from the newest operation on: taking back does not count where it was taken back itself.
#[derive(Default)]
struct TakenBack(HashSet<u64>);

impl TakenBack {
    /// Whether an operation, older than those asked for before, was taken back and not brought again. Else it counts, and
    /// so does what it took back itself.
    fn has(&mut self, number: u64, undoes: &[u64]) -> bool {
        if self.0.contains(&number) {
            return true;
        }
        self.0.extend(undoes);
        false
    }
}

/// Those of a prompt's operations after `first` that are in effect, in the order that they have, newest first.
fn in_effect(newest_first: Vec<Operation>, first: u64) -> Result<Vec<Operation>> {
    let mut taken_back = TakenBack::default();
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

/// Whether an operation in effect is more than the absence of others after `first`, which it took back.
fn counts(operation: &Operation, first: u64) -> bool {
    let undoes = &operation.content.undoes;
    undoes.is_empty() || undoes.iter().any(|undone| *undone < first)
}

/// The newest operation that is in effect and did more than take others back.
pub(crate) fn newest(snapshot: &dyn Snapshot) -> Result<Option<Operation>> {
    let mut taken_back = TakenBack::default();
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
