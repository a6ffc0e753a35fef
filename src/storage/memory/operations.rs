//! The operations, indexed by number, time, prompt and environment.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rpds::{RedBlackTreeMapSync as Map, VectorSync as Vector};

use crate::model::id::{EnvironmentName, PromptId};
use crate::model::record::{Change, Operation, OperationFilter};
use crate::model::work_counter;

/// All operations. Clones share their data.
#[derive(Clone, Debug, Default)]
pub(super) struct OperationRows {
    all: Vector<OperationRow>,
    /// The places in `all` of each prompt's operations, ascending.
    of_prompts: Map<PromptId, Vector<usize>>,
    of_environments: Map<EnvironmentName, Vector<usize>>,
}

#[derive(Clone, Debug)]
struct OperationRow {
    operation: Operation,
    /// The operation's content as it was hashed.
    text: Arc<str>,
}

impl OperationRows {
    pub(super) fn push(&mut self, operation: Operation, text: Arc<str>) {
        let place = self.all.len();
        for change in &operation.content.changes {
            if let Some(prompt) = change.prompt() {
                list(&mut self.of_prompts, prompt, place);
            }
            if let Change::Environment { name, .. } = change {
                list(&mut self.of_environments, name.clone(), place);
            }
        }
        self.all.push_back_mut(OperationRow { operation, text });
    }

    pub(super) fn last(&self) -> Option<&Operation> {
        self.all.last().map(|row| &row.operation)
    }

    /// Returns the operations after a number, each with its text.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = (&Operation, &str)> {
        let places = as_place(number)..self.all.len();
        let rows = places.filter_map(|place| self.all.get(place));
        rows.map(|row| (&row.operation, &*row.text))
    }

    /// Returns a prompt's operations up to a number, newest first, each with its text.
    pub(super) fn of_prompt(
        &self,
        prompt: PromptId,
        until: u64,
    ) -> impl Iterator<Item = (&Operation, &str)> {
        let end = as_place(until);
        let places = self.of_prompts.get(&prompt).into_iter();
        let newest_first = places.flat_map(move |places| {
            let below_end = 0..first(places, |place| *place >= end);
            below_end.rev().filter_map(|at| places.get(at).copied())
        });
        let rows = newest_first.filter_map(|place| self.all.get(place));
        rows.map(|row| (&row.operation, &*row.text))
    }

    /// Implements [`Snapshot::last_operation_by`](crate::storage::LogReads::last_operation_by).
    pub(super) fn last_by(&self, moment: DateTime<Utc>, up_to: u64) -> u64 {
        let end = self.all.len().min(as_place(up_to));
        let mut rows = (0..end).rev().filter_map(|place| self.all.get(place));
        let found = rows.find(|row| row.operation.content.at <= moment);
        found.map_or(0, |row| row.operation.number)
    }

    /// Implements [`first_operation_between`](crate::storage::LogReads::first_operation_between).
    pub(super) fn first_between(&self, after: DateTime<Utc>, by: DateTime<Utc>) -> Option<u64> {
        let is_between = |at: DateTime<Utc>| at > after && at <= by;
        let mut rows = self.all.iter();
        let found = rows.find(|row| is_between(row.operation.content.at));
        found.map(|row| row.operation.number)
    }

    /// Implements [`Snapshot::operations`](crate::storage::LogReads::operations).
    pub(super) fn list(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Vec<Operation> {
        let end = before.map_or(self.all.len(), |before| as_place(before.saturating_sub(1)));
        let end = end.min(self.all.len());
        let places = match (&filter.prompt, &filter.environment) {
            (None, None) => return self.at((0..end).rev()).take(limit).cloned().collect(),
            (Some(prompt), _) => self.of_prompts.get(prompt),
            (None, Some(name)) => self.of_environments.get(name),
        };
        let Some(places) = places else {
            return Vec::new();
        };
        let newest_first = (0..first(places, |place| *place >= end)).rev();
        self.at(newest_first.filter_map(|at| places.get(at).copied()))
            .filter(|operation| filter.admits(operation))
            .take(limit)
            .cloned()
            .collect()
    }

    fn at(&self, places: impl Iterator<Item = usize>) -> impl Iterator<Item = &Operation> {
        places.filter_map(|place| {
            let row = self.all.get(place)?;
            work_counter::steps_taken(row.operation.content.changes.len());
            Some(&row.operation)
        })
    }
}

/// Adds a place to the list of a key, unless it is the last one there.
fn list<K: Ord + Clone>(places: &mut Map<K, Vector<usize>>, key: K, place: usize) {
    match places.get_mut(&key) {
        Some(known) if known.last() == Some(&place) => {}
        Some(known) => known.push_back_mut(place),
        None => places.insert_mut(key, Vector::from_iter([place])),
    }
}

/// Returns the index of the first element that `is_so` accepts, or the length if there is none.
///
/// If it accepts an element, it accepts all later ones too.
fn first<T>(ascending: &Vector<T>, is_so: impl Fn(&T) -> bool) -> usize {
    let (mut low, mut high) = (0, ascending.len());
    while low < high {
        let middle = low + (high - low) / 2;
        work_counter::step();
        if ascending.get(middle).is_some_and(&is_so) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Returns the place after the operation with this number.
fn as_place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
