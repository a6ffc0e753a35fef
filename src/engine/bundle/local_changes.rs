//! Local changes: what a store did after the history that it has in common with a bundle.
//!
//! The state of a store can agree with a bundle's operations by chance: an environment may have
//! been changed and changed back, or a prompt may not have been deleted yet. For this reason the
//! effects of both sides are compared, and not the values. The comparison is symmetric: if one
//! store rejects the other's bundle, the other store rejects its bundle.

use std::collections::{HashMap, HashSet};

use super::shared_history::SharedHistory;
use crate::engine::history::{EffectKey, Effects};
use crate::model::record::Change;

/// The changes of a store that a bundle does not contain.
#[derive(Default)]
pub(crate) struct LocalChanges {
    /// The keys that were changed, each with the first operation that changed it.
    sets: HashMap<EffectKey, u64>,
    /// The keys that were required, each with the first operation that required it.
    needs: HashMap<EffectKey, u64>,
    /// The operations that were undone or restored, each with the local operation that did it.
    ///
    /// The numbers are the store's.
    turned: HashMap<u64, u64>,
    common: u64,
    /// The operations that the store's operations after the common ones undo.
    undoes_here: HashMap<u64, Vec<u64>>,
    /// The operations that the bundle's operations undo, by the bundle's numbers.
    undoes_there: HashMap<u64, Vec<u64>>,
    /// The operations undone or restored by the bundle's operations so far, by the bundle's numbers.
    seen: HashSet<u64>,
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
    /// `alone` is whether only the store has it. If the bundle has it too, only its `undoes` are
    /// recorded.
    pub(crate) fn add<'a>(
        &mut self,
        number: u64,
        alone: bool,
        undoes: &[u64],
        changes: impl Iterator<Item = &'a Change>,
    ) {
        if !undoes.is_empty() {
            self.undoes_here.insert(number, undoes.to_vec());
        }
        if !alone {
            return;
        }
        let footing = footing(changes);
        for fact in footing.sets {
            self.sets.entry(fact).or_insert(number);
        }
        for fact in footing.needs {
            self.needs.entry(fact).or_insert(number);
        }
        let mut next = undoes.to_vec();
        while let Some(turned) = next.pop() {
            if self.turned.insert(turned, number).is_none() {
                // The bundle has the common operations too.
                let undoes = match turned <= self.common {
                    true => self.undoes_there.get(&turned),
                    false => self.undoes_here.get(&turned),
                };
                next.extend(undoes.into_iter().flatten());
            }
        }
    }

    /// Returns the reason if an operation of the bundle conflicts with the store's local changes.
    ///
    /// The store must not have the operation yet.
    pub(crate) fn against(
        &mut self,
        number: u64,
        changes: &[Change],
        known: &SharedHistory,
    ) -> Option<String> {
        if self.sets.is_empty() && self.needs.is_empty() && self.turned.is_empty() {
            return None;
        }
        let footing = footing(changes.iter());
        let both = footing.sets.iter().filter_map(|fact| {
            let by = self.sets.get(fact)?;
            Some((
                *by,
                format!("operation {by} of the store changed {} too", told(fact)),
            ))
        });
        let below = footing.sets.iter().filter_map(|fact| {
            let by = self.needs.get(fact)?;
            let fact = told(fact);
            Some((
                *by,
                format!("it changed {fact}, on which operation {by} of the store depends"),
            ))
        });
        let above = footing.needs.iter().filter_map(|fact| {
            let by = self.sets.get(fact)?;
            let fact = told(fact);
            Some((
                *by,
                format!("it depends on {fact}, which operation {by} of the store changed"),
            ))
        });
        // Sets have no order. The minimum makes the reason the same for every import of a bundle.
        if let Some((_, reason)) = both.chain(below).chain(above).min() {
            return Some(reason);
        }
        let mut next = self.undoes_there.get(&number).cloned().unwrap_or_default();
        while let Some(turned) = next.pop() {
            if !self.seen.insert(turned) {
                continue;
            }
            let here = known.number(turned);
            if let Some(by) = self.turned.get(&here) {
                let reason =
                    format!("operation {by} of the store undid operation {here}, or restored");
                return Some(format!("{reason} it, too"));
            }
            next.extend(self.undoes_there.get(&turned).into_iter().flatten());
        }
        None
    }
}

fn footing<'a>(changes: impl Iterator<Item = &'a Change>) -> Effects {
    let mut footing = Effects::default();
    for change in changes {
        footing.add(change);
        // A change of a prompt records both the name and the tags before it, even if it changes only
        // one of them. Neither may differ.
        if let Change::Prompt { id, .. } = change {
            footing
                .sets
                .extend([EffectKey::Name(*id), EffectKey::Tags(*id)]);
        }
    }
    footing
}

fn told(fact: &EffectKey) -> String {
    match fact {
        EffectKey::Prompt(id) => format!("whether prompt {id} exists"),
        EffectKey::Name(id) | EffectKey::Tags(id) => format!("the name or tags of prompt {id}"),
        EffectKey::Version(id) => format!("whether version {id} exists"),
        EffectKey::Environment(id, name) => format!("{name} of prompt {id}"),
    }
}
