//! Which later operations stand on an earlier one: they rest on what it did, or changed it again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use super::moment::find_operation;
use crate::backend::Snapshot;
use crate::error::{Error, Result};
use crate::id::{EnvironmentName, PromptId, VersionId};
use crate::record::{Change, Operation, OperationFilter};

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

    fn stands_on(&self, earlier: &Self) -> bool {
        let changed_again =
            |fact: &Fact| earlier.sets.contains(fact) || earlier.undo_needs.contains(fact);
        self.sets.iter().any(changed_again) || !self.needs.is_disjoint(&earlier.sets)
    }
}

/// The operations that stand on one, and on those, oldest first. What was taken back meanwhile stands on nothing.
pub(super) fn later_on(snapshot: &dyn Snapshot, first: &Operation) -> Result<Vec<Operation>> {
    let mut prompts: BTreeSet<PromptId> = prompts_of(first).collect();
    let mut known = BTreeMap::new();
    let mut listed = BTreeSet::new();
    loop {
        for prompt in prompts.difference(&listed) {
            for operation in since(snapshot, *prompt, first.number)? {
                known.insert(operation.number, operation);
            }
        }
        listed.clone_from(&prompts);
        let later = standing(snapshot, first, &in_effect(&known, first.number)?)?;
        prompts.extend(later.iter().flat_map(|operation| prompts_of(operation)));
        // An operation may have changed other prompts too, whose later operations then stand on it.
        if prompts == listed {
            return Ok(later.into_iter().cloned().collect());
        }
    }
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

fn newest_first(
    snapshot: &dyn Snapshot,
    filter: &OperationFilter,
    mut visit: impl FnMut(Operation) -> ControlFlow<()>,
) -> Result<()> {
    const PAGE: usize = 50;
    let mut before = None;
    loop {
        let page = snapshot.operations(filter, before, PAGE)?;
        let is_last = page.len() < PAGE;
        before = page.last().map(|operation| operation.number);
        for operation in page {
            if visit(operation).is_break() {
                return Ok(());
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

/// What was taken back, found out from the newest operation on: taking back does not count where it was taken back itself.
#[derive(Default)]
struct TakenBack(HashSet<u64>);

impl TakenBack {
    /// Whether an operation, older than those asked for before, was taken back and not brought again. Else it counts, and
    /// so does what it took back itself.
    fn has(&mut self, operation: &Operation) -> bool {
        if self.0.contains(&operation.number) {
            return true;
        }
        self.0.extend(&operation.content.undoes);
        false
    }
}

/// The operations after `first` that are in effect, oldest first. One that only took back others of them is no more than
/// their absence.
fn in_effect(known: &BTreeMap<u64, Operation>, first: u64) -> Result<Vec<&Operation>> {
    let mut taken_back = TakenBack::default();
    let mut found = Vec::new();
    for operation in known.values().rev() {
        let undoes = &operation.content.undoes;
        if taken_back.has(operation) {
            continue;
        }
        if undoes.contains(&first) {
            return Err(Error::AlreadyUndone {
                operation: first,
                by: operation.number,
            });
        }
        if undoes.is_empty() || undoes.iter().any(|undone| *undone < first) {
            found.push(operation);
        }
    }
    found.reverse();
    Ok(found)
}

fn standing<'a>(
    snapshot: &dyn Snapshot,
    first: &Operation,
    later: &[&'a Operation],
) -> Result<Vec<&'a Operation>> {
    let mut ground = vec![Footing::of(first)];
    let mut found = Vec::new();
    for operation in later {
        let footing = Footing::behind(snapshot, first.number, operation)?;
        if ground.iter().any(|earlier| footing.stands_on(earlier)) {
            ground.push(footing);
            found.push(*operation);
        }
    }
    Ok(found)
}

/// The newest operation that is in effect and did more than take others back.
pub(super) fn newest(snapshot: &dyn Snapshot) -> Result<Option<Operation>> {
    let mut taken_back = TakenBack::default();
    let mut newest = None;
    newest_first(snapshot, &OperationFilter::default(), |operation| {
        if taken_back.has(&operation) || !operation.content.undoes.is_empty() {
            return ControlFlow::Continue(());
        }
        newest = Some(operation);
        ControlFlow::Break(())
    })?;
    Ok(newest)
}
