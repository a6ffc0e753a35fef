//! The shared history: the operations of a bundle that a store has already.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{Read, Seek};
use std::ops::ControlFlow;

use super::format::read_bundled;
use super::local_changes::LocalChanges;
use super::manifest::Bundle;
use crate::engine::visit;
use crate::model::error::{Error, Result};
use crate::model::id::OperationId;
use crate::model::log_position::LogPosition;
use crate::model::operation_text::without_undoes;
use crate::model::record::{Change, OperationContent};
use crate::storage::{Snapshot, read_operation, unwritten};

/// The operations of a bundle that the store has, with the store's numbers of them.
pub(crate) struct SharedHistory {
    /// The number of operations from the start whose ids are the same.
    common: u64,
    /// The store's numbers of the operations after those; 0 for one that the store does not have.
    numbers: Vec<u64>,
}

impl SharedHistory {
    /// Compares a bundle with a store whose last operation is `last`.
    ///
    /// Also returns the store's local changes.
    pub(crate) fn of<R: Read + Seek>(
        bundle: &mut Bundle<R>,
        snapshot: &dyn Snapshot,
        last: LogPosition,
    ) -> Result<(Self, LocalChanges)> {
        let start = bundle.contents.head.start();
        let ids = &bundle.contents.ids;
        let common = common(snapshot, last, start, ids)?;
        let behind = ids.len().saturating_sub(as_index(common - start.number));
        let mut shared = Self {
            common,
            numbers: vec![0; behind],
        };
        let local = if behind > 0 && last.number > common {
            shared.recognize(bundle, snapshot)?
        } else {
            LocalChanges::default()
        };
        Ok((shared, local))
    }

    /// Returns the number of operations from the start that have the same ids.
    pub(crate) fn common(&self) -> u64 {
        self.common
    }

    /// Matches the bundle's operations after the common ones with the store's, by content.
    ///
    /// Returns the store's local changes.
    fn recognize<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        snapshot: &dyn Snapshot,
    ) -> Result<LocalChanges> {
        // If the clock does not advance, several operations can have the same content. Each of the
        // bundle's operations is matched with a different one of the store's.
        let mut here: HashMap<[u8; 32], VecDeque<u64>> = HashMap::new();
        visit::operations(snapshot, self.common, |number, _, text| {
            let content = read_operation(number, text)?;
            let numbers = here.entry(fingerprint(text, &content)?).or_default();
            numbers.push_back(number);
            Ok(ControlFlow::Continue(()))
        })?;
        let mut missing = HashSet::new();
        bundle.each_operation_after(self.common, |number, _, text| {
            let content = read_bundled(number, text)?;
            let found = here.get_mut(&fingerprint(text, &content)?);
            match found.and_then(VecDeque::pop_front) {
                Some(found) => self.set_number(number, found),
                None => missing.extend(content.changes.iter().map(Change::prompt)),
            }
            Ok(())
        })?;
        if self.missing() == 0 {
            return Ok(LocalChanges::default());
        }
        let local_only: HashSet<u64> = here.into_values().flatten().collect();
        let mut undoes = std::mem::take(&mut bundle.contents.undoes);
        add_undoes_before(
            bundle.contents.head.start(),
            snapshot,
            self.common,
            &mut undoes,
        )?;
        let mut local = LocalChanges::new(self.common, undoes);
        visit::operations(snapshot, self.common, |number, _, text| {
            let content = read_operation(number, text)?;
            let changes = content.changes.iter();
            local.add(
                number,
                local_only.contains(&number),
                &content.undoes,
                changes.filter(|change| missing.contains(&change.prompt())),
            );
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(local)
    }

    /// Returns the store's number of an operation of the bundle; 0 if the store does not have it.
    pub(crate) fn number(&self, number: u64) -> u64 {
        match number.checked_sub(self.common + 1) {
            None => number,
            Some(behind) => {
                let at = usize::try_from(behind).unwrap_or(usize::MAX);
                self.numbers.get(at).copied().unwrap_or_default()
            }
        }
    }

    /// Sets the store's number of an operation of the bundle.
    pub(crate) fn set_number(&mut self, number: u64, to: u64) {
        let behind = number.checked_sub(self.common + 1);
        let at = behind.and_then(|behind| usize::try_from(behind).ok());
        if let Some(place) = at.and_then(|at| self.numbers.get_mut(at)) {
            *place = to;
        }
    }

    pub(crate) fn missing(&self) -> u64 {
        self.numbers.iter().filter(|number| **number == 0).count() as u64
    }
}

/// Returns the number of operations from the start that a store and a bundle have in common.
///
/// An id covers all operations before it, so that a binary search finds the last common one. A
/// bundle that begins after an operation that the store does not have is an error.
fn common(
    snapshot: &dyn Snapshot,
    last: LogPosition,
    start: LogPosition,
    ids: &[OperationId],
) -> Result<u64> {
    let is_same = |number: u64, wanted: Option<OperationId>| -> Result<bool> {
        if number == last.number {
            return Ok(wanted == Some(last.id));
        }
        let mut found = None;
        visit::operations(snapshot, number.saturating_sub(1), |_, id, _| {
            found = Some(id);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found == wanted)
    };
    let has_start =
        start.number == 0 || start.number <= last.number && is_same(start.number, Some(start.id))?;
    if !has_start {
        return Err(Error::BundleGap { after: start });
    }
    let is_same = |number: u64| {
        let at = as_index(number - start.number).wrapping_sub(1);
        is_same(number, ids.get(at).copied())
    };
    let most = last.number.min(start.number + ids.len() as u64);
    if most == start.number || is_same(most)? {
        return Ok(most);
    }
    let (mut same, mut other) = (start.number, most);
    while same + 1 < other {
        let middle = same + (other - same) / 2;
        if is_same(middle)? {
            same = middle;
        } else {
            other = middle;
        }
    }
    Ok(same)
}

/// Adds what the operations before a bundle undo, as far as the bundle or the store undoes those.
fn add_undoes_before(
    start: LogPosition,
    snapshot: &dyn Snapshot,
    common: u64,
    undoes: &mut HashMap<u64, Vec<u64>>,
) -> Result<()> {
    if start.number == 0 {
        return Ok(());
    }
    let mut next: Vec<u64> = undoes.values().flatten().copied().collect();
    visit::operations(snapshot, common, |number, _, text| {
        next.extend(read_operation(number, text)?.undoes);
        Ok(ControlFlow::Continue(()))
    })?;
    let mut examined = HashSet::new();
    while let Some(number) = next.pop() {
        if number == 0 || number > start.number || !examined.insert(number) {
            continue;
        }
        visit::operations(snapshot, number - 1, |number, _, text| {
            let undone = read_operation(number, text)?.undoes;
            if !undone.is_empty() {
                next.extend(&undone);
                undoes.insert(number, undone);
            }
            Ok(ControlFlow::Break(()))
        })?;
    }
    Ok(())
}

/// Returns a hash of an operation's content without the numbers of the operations that it undoes.
fn fingerprint(text: &str, content: &OperationContent) -> Result<[u8; 32]> {
    let text = without_undoes(text, content).map_err(unwritten)?;
    Ok(*blake3::hash(text.as_bytes()).as_bytes())
}

/// Converts the number of an operation in memory to an index.
fn as_index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
