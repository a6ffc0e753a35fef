//! What a store did of its own, behind what it has in common with a bundle.
//!
//! What is there may fit a bundle's operations by chance: a pointer that was moved away and back, a prompt that nobody
//! deleted yet. So it is not the values that are held against each other, but what either side has to do with them. That is
//! the same from both sides: where one store refuses the other's bundle, the other refuses its.

use std::collections::{HashMap, HashSet};

use super::shared_history::Known;
use crate::engine::history::{Fact, Footing};
use crate::model::record::Change;

/// What a store did that a bundle does not know.
#[derive(Default)]
pub(crate) struct Own {
    /// What was changed, and the first operation that did.
    sets: HashMap<Fact, u64>,
    /// What else must have been so.
    needs: HashMap<Fact, u64>,
    /// The operations that were taken back, or that this brought back, by the store's numbers.
    turned: HashMap<u64, u64>,
    common: u64,
    /// What the store's operations behind the common ones took back.
    undoes_here: HashMap<u64, Vec<u64>>,
    /// What the bundle's operations took back, by its numbers.
    undoes_there: HashMap<u64, Vec<u64>>,
    /// The bundle's operations that were turned by those so far, by its numbers.
    seen: HashSet<u64>,
}

impl Own {
    /// Of a store that has so many operations in common with a bundle whose operations took these back.
    pub(crate) fn new(common: u64, undoes_there: HashMap<u64, Vec<u64>>) -> Self {
        Self {
            common,
            undoes_there,
            ..Self::default()
        }
    }

    /// Adds the operation that comes next behind the common ones. The bundle may have it, too: then it is not
    /// `alone`.
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
                // The common ones are the bundle's, too.
                let undoes = match turned <= self.common {
                    true => self.undoes_there.get(&turned),
                    false => self.undoes_here.get(&turned),
                };
                next.extend(undoes.into_iter().flatten());
            }
        }
    }

    /// Why the bundle's operation of this number, which the store does not have, can't stand beside the store's own.
    pub(crate) fn against(
        &mut self,
        number: u64,
        changes: &[Change],
        known: &Known,
    ) -> Option<String> {
        if self.sets.is_empty() && self.needs.is_empty() && self.turned.is_empty() {
            return None;
        }
        let footing = footing(changes.iter());
        let both = footing.sets.iter().filter_map(|fact| {
            let by = self.sets.get(fact)?;
            Some((
                *by,
                format!("operation {by} here changed {}, too", told(fact)),
            ))
        });
        let below = footing.sets.iter().filter_map(|fact| {
            let by = self.needs.get(fact)?;
            let fact = told(fact);
            Some((
                *by,
                format!("it changed {fact}, on which operation {by} here rests"),
            ))
        });
        let above = footing.needs.iter().filter_map(|fact| {
            let by = self.sets.get(fact)?;
            let fact = told(fact);
            Some((
                *by,
                format!("it rests on {fact}, which operation {by} here changed"),
            ))
        });
        // The order of a set says nothing: one bundle, one reason.
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
                    format!("operation {by} here took operation {here} back, or brought it");
                return Some(format!("{reason} back, too"));
            }
            next.extend(self.undoes_there.get(&turned).into_iter().flatten());
        }
        None
    }
}

fn footing<'a>(changes: impl Iterator<Item = &'a Change>) -> Footing {
    let mut footing = Footing::default();
    for change in changes {
        footing.add(change);
        // It tells name and tags before, whichever it changes: neither may be another.
        if let Change::Prompt { id, .. } = change {
            footing.sets.extend([Fact::Name(*id), Fact::Tags(*id)]);
        }
    }
    footing
}

fn told(fact: &Fact) -> String {
    match fact {
        Fact::Prompt(id) => format!("whether prompt {id} is there"),
        Fact::Name(id) | Fact::Tags(id) => format!("the name or tags of prompt {id}"),
        Fact::Version(id) => format!("whether version {id} is there"),
        Fact::Environment(id, name) => format!("{name} of prompt {id}"),
    }
}
