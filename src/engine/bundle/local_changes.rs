//! Local changes: what a store did after the history that it has in common with a bundle.
//!
//! The state of a store can agree with a bundle's operations by chance: an environment may have
//! been changed and changed back, or a prompt may not have been deleted yet. For this reason the
//! effects of both sides are compared, and not the values. The comparison is symmetric: if one
//! store rejects the other's bundle, the other store rejects its bundle.

use std::collections::{HashMap, HashSet};

use super::conflict_reason::ConflictReason;
use crate::engine::history::{EffectKey, Effects};
use crate::model::record::Change;

/// The changes of a store that a bundle does not contain.
#[derive(Default)]
pub(crate) struct LocalChanges {
    /// The keys that were changed, each with the first operation that changed it.
    writes: HashMap<EffectKey, u64>,
    /// The keys that were required, each with the first operation that required it.
    reads: HashMap<EffectKey, u64>,
    /// The operations that were undone or restored, each with the local operation that did it.
    ///
    /// The numbers are the store's.
    reversed: HashMap<u64, u64>,
    common: u64,
    /// The operations that the store's operations after the common ones undo.
    undoes_here: HashMap<u64, Vec<u64>>,
    /// The operations that the bundle's operations undo, by the bundle's numbers.
    undoes_there: HashMap<u64, Vec<u64>>,
    /// The operations undone or restored by the bundle's operations so far, by the bundle's numbers.
    examined: HashSet<u64>,
}

impl LocalChanges {
    /// Creates an empty value for a store that has `common` operations in common with a bundle.
    ///
    /// `undoes_there` contains the operations that the bundle's operations undo.
    pub(crate) fn new(common: u64, undoes_there: HashMap<u64, Vec<u64>>) -> Self {
        Self {
            common,
            undoes_there,
            ..Self::default()
        }
    }

    /// Adds the next operation after the common ones.
    ///
    /// `is_local` is whether only the store has it. If the bundle has it too, only its `undoes` are
    /// recorded.
    pub(crate) fn add<'a>(
        &mut self,
        number: u64,
        is_local: bool,
        undoes: &[u64],
        changes: impl Iterator<Item = &'a Change>,
    ) {
        if !undoes.is_empty() {
            self.undoes_here.insert(number, undoes.to_vec());
        }
        if !is_local {
            return;
        }
        let effects = effects_of(changes);
        for key in effects.writes {
            self.writes.entry(key).or_insert(number);
        }
        for key in effects.reads {
            self.reads.entry(key).or_insert(number);
        }
        let mut next = undoes.to_vec();
        while let Some(reversed) = next.pop() {
            if self.reversed.insert(reversed, number).is_none() {
                // The bundle has the common operations too.
                let undoes = if reversed <= self.common {
                    self.undoes_there.get(&reversed)
                } else {
                    self.undoes_here.get(&reversed)
                };
                next.extend(undoes.into_iter().flatten());
            }
        }
    }

    /// Returns the reason if an operation of the bundle conflicts with the store's local changes.
    ///
    /// The store must not have the operation yet. `number_here` returns the store's number of an
    /// operation of the bundle.
    pub(crate) fn conflict(
        &mut self,
        number: u64,
        changes: &[Change],
        number_here: impl Fn(u64) -> u64,
    ) -> Option<ConflictReason> {
        if self.writes.is_empty() && self.reads.is_empty() && self.reversed.is_empty() {
            return None;
        }
        let effects = effects_of(changes.iter());
        let written_by_both = effects.writes.iter().filter_map(|key| {
            let by = self.writes.get(key)?;
            let reason = ConflictReason::from(format!("operation {by} of the store changed "));
            Some((*by, reason.then(part(key)).text(" too")))
        });
        let needed_here = effects.writes.iter().filter_map(|key| {
            let by = self.reads.get(key)?;
            let reason = ConflictReason::from("it changed ").then(part(key));
            let reason = reason.text(format!(", on which operation {by} of the store depends"));
            Some((*by, reason))
        });
        let needed_there = effects.reads.iter().filter_map(|key| {
            let by = self.writes.get(key)?;
            let reason = ConflictReason::from("it depends on ").then(part(key));
            let reason = reason.text(format!(", which operation {by} of the store changed"));
            Some((*by, reason))
        });
        // Hash sets have no order. The minimum makes the reason the same for every import of a bundle.
        if let Some((_, reason)) = written_by_both.chain(needed_here).chain(needed_there).min() {
            return Some(reason);
        }
        let mut next = self.undoes_there.get(&number).cloned().unwrap_or_default();
        while let Some(reversed) = next.pop() {
            if !self.examined.insert(reversed) {
                continue;
            }
            let here = number_here(reversed);
            if let Some(by) = self.reversed.get(&here) {
                let reason =
                    format!("operation {by} of the store undid operation {here}, or restored");
                return Some(ConflictReason::from(format!("{reason} it, too")));
            }
            next.extend(self.undoes_there.get(&reversed).into_iter().flatten());
        }
        None
    }
}

fn effects_of<'a>(changes: impl Iterator<Item = &'a Change>) -> Effects {
    let mut effects = Effects::default();
    for change in changes {
        effects.add(change);
        // A change of a prompt records both the name and the tags before it, even if it changes only
        // one of them. Neither may differ.
        if let Change::Prompt { id, .. } = change {
            effects
                .writes
                .extend([EffectKey::Name(*id), EffectKey::Tags(*id)]);
        }
    }
    effects
}

/// Describes the part of the store's state that a key means.
fn part(key: &EffectKey) -> ConflictReason {
    let reason = ConflictReason::default();
    match key {
        EffectKey::Prompt(id) => reason.text("whether ").prompt(*id).text(" exists"),
        EffectKey::Name(id) | EffectKey::Tags(id) => {
            reason.text("the name or tags of ").prompt(*id)
        }
        EffectKey::Version(id) => reason.text("whether ").version(*id).text(" exists"),
        EffectKey::Environment(id, name) => reason.text(format!("{name} of ")).prompt(*id),
        EffectKey::EnvironmentList => reason.text("the environment list"),
    }
}
