//! The comparison of a prompt's two sides with what they had in common.

use std::collections::{BTreeMap, BTreeSet};

use super::conflict::SyncConflict;
use super::side::PromptSide;
use crate::{EnvironmentName, PromptName, VersionId, VersionNumber};

/// Which side is taken in a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// What the store has. The next push sends it.
    Ours,
    /// What the remote has.
    Theirs,
}

/// What happens to a prompt as a whole on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::remote) enum PromptChange {
    /// It stays.
    #[default]
    Kept,
    /// It is created there, with all that the other side has.
    Created,
    /// It is restored, and then as the other side has it.
    Restored,
    Deleted,
}

/// The changes that one side needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::remote) struct SideChanges {
    pub(in crate::remote) prompt: PromptChange,
    pub(in crate::remote) name: Option<PromptName>,
    pub(in crate::remote) tags: Option<Vec<String>>,
    /// The versions that the other side has, in the order of their ids.
    pub(in crate::remote) new: BTreeSet<VersionId>,
    pub(in crate::remote) deleted: BTreeSet<VersionId>,
    pub(in crate::remote) environments: BTreeMap<EnvironmentName, Option<VersionId>>,
}

impl SideChanges {
    pub(in crate::remote) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::remote) struct ThreeWay {
    /// What the store needs in order to have what the remote changed.
    pub(in crate::remote) here: SideChanges,
    /// What the remote needs in order to have what the store changed.
    pub(in crate::remote) there: SideChanges,
    /// The contradictions that were not settled. If there is one, neither side is to be changed.
    pub(in crate::remote) conflicts: Vec<SyncConflict>,
    /// The new versions whose number is used here by another version, and is to be replaced.
    pub(in crate::remote) renumbered: BTreeSet<VersionId>,
}

/// Compares a prompt's two sides with what they had in common when they were last synchronised.
///
/// `None` means that a side does not have the prompt. Without a common state, everything that only
/// one side has is new there, and what both have must be equal. `is_mapped` is whether the numbers
/// of the two sides may differ.
pub(in crate::remote) fn compare(
    base: Option<&PromptSide>,
    ours: Option<&PromptSide>,
    theirs: Option<&PromptSide>,
    settlement: Option<Settlement>,
    is_mapped: bool,
) -> ThreeWay {
    let mut found = ThreeWay::default();
    match (base, ours, theirs) {
        (_, None, None) => {}
        (None, Some(_), None) => found.there.prompt = PromptChange::Created,
        (None, None, Some(_)) => found.here.prompt = PromptChange::Created,
        (Some(base), Some(ours), None) => match settlement {
            _ if base.is_equal(ours) => found.here.prompt = PromptChange::Deleted,
            Some(Settlement::Theirs) => found.here.prompt = PromptChange::Deleted,
            // It is deleted there for good, so it becomes a new prompt.
            Some(Settlement::Ours) => found.there.prompt = PromptChange::Created,
            None => found.conflicts.push(SyncConflict::DeletedThere),
        },
        (Some(base), None, Some(theirs)) => match settlement {
            // This also takes back a deletion that only this side made.
            Some(Settlement::Theirs) => found.here.prompt = PromptChange::Restored,
            Some(Settlement::Ours) => found.there.prompt = PromptChange::Deleted,
            None if base.is_equal(theirs) => found.there.prompt = PromptChange::Deleted,
            None => found.conflicts.push(SyncConflict::DeletedHere),
        },
        (base, Some(ours), Some(theirs)) => {
            let sides = Sides {
                base,
                ours,
                theirs,
                settlement,
            };
            sides.compare(is_mapped, &mut found);
        }
    }
    found
}

/// The sides of a prompt that both have.
struct Sides<'a> {
    base: Option<&'a PromptSide>,
    ours: &'a PromptSide,
    theirs: &'a PromptSide,
    settlement: Option<Settlement>,
}

/// Which side's value is taken.
enum Taken {
    Both,
    Ours,
    Theirs,
    Neither,
}

impl Sides<'_> {
    fn compare(&self, is_mapped: bool, found: &mut ThreeWay) {
        let (ours, theirs) = (self.ours, self.theirs);
        match self.take(self.base.map(|base| &base.name), &ours.name, &theirs.name) {
            Taken::Both => {}
            Taken::Ours => found.there.name = Some(ours.name.clone()),
            Taken::Theirs => found.here.name = Some(theirs.name.clone()),
            Taken::Neither => found.conflicts.push(SyncConflict::Name {
                ours: ours.name.clone(),
                theirs: theirs.name.clone(),
            }),
        }
        match self.take(self.base.map(|base| &base.tags), &ours.tags, &theirs.tags) {
            Taken::Both => {}
            Taken::Ours => found.there.tags = Some(ours.tags.clone()),
            Taken::Theirs => found.here.tags = Some(theirs.tags.clone()),
            Taken::Neither => found.conflicts.push(SyncConflict::Tags {
                ours: ours.tags.clone(),
                theirs: theirs.tags.clone(),
            }),
        }
        let mut merged = self.versions(found);
        self.environments(&mut merged, found);
        self.numbers(is_mapped, found);
    }

    fn take<T: PartialEq>(&self, base: Option<&T>, ours: &T, theirs: &T) -> Taken {
        match (base, self.settlement) {
            _ if ours == theirs => Taken::Both,
            (Some(base), _) if ours == base => Taken::Theirs,
            (Some(base), _) if theirs == base => Taken::Ours,
            (_, Some(Settlement::Ours)) => Taken::Ours,
            (_, Some(Settlement::Theirs)) => Taken::Theirs,
            (_, None) => Taken::Neither,
        }
    }

    /// Compares which versions exist, and returns those that both sides are to have.
    fn versions(&self, found: &mut ThreeWay) -> BTreeSet<VersionId> {
        let (ours, theirs) = (&self.ours.versions, &self.theirs.versions);
        let mut merged = BTreeSet::new();
        let all: BTreeSet<VersionId> = ours.keys().chain(theirs.keys()).copied().collect();
        for id in all {
            // A version that was deleted here came from there, also if that is not recorded.
            let was_common = self
                .base
                .is_some_and(|base| base.versions.contains_key(&id))
                || self.ours.deleted.contains_key(&id);
            match (ours.contains_key(&id), theirs.contains_key(&id)) {
                (true, true) => drop(merged.insert(id)),
                (true, false) if was_common => drop(found.here.deleted.insert(id)),
                (false, _) if was_common => drop(found.there.deleted.insert(id)),
                (true, _) => {
                    merged.insert(id);
                    found.there.new.insert(id);
                }
                (false, _) => {
                    merged.insert(id);
                    found.here.new.insert(id);
                }
            }
        }
        merged
    }

    fn environments(&self, merged: &mut BTreeSet<VersionId>, found: &mut ThreeWay) {
        let (ours, theirs) = (&self.ours.environments, &self.theirs.environments);
        let names: BTreeSet<&EnvironmentName> = ours.keys().chain(theirs.keys()).collect();
        for name in names {
            let at = |side: &BTreeMap<EnvironmentName, VersionId>| side.get(name).copied();
            let before = self.base.map(|base| at(&base.environments));
            // Without a common state, an environment of one side is new there.
            let before = before.or_else(|| {
                let is_of_one = ours.contains_key(name) != theirs.contains_key(name);
                is_of_one.then_some(None)
            });
            let (here, there) = (at(ours), at(theirs));
            let (to, is_ours) = match self.take(before.as_ref(), &here, &there) {
                Taken::Both => (here, true),
                Taken::Ours => {
                    found.there.environments.insert(name.clone(), here);
                    (here, true)
                }
                Taken::Theirs => {
                    found.here.environments.insert(name.clone(), there);
                    (there, false)
                }
                Taken::Neither => {
                    let number = |id| self.number(id);
                    found.conflicts.push(SyncConflict::Environment {
                        name: name.clone(),
                        ours: here.map(number),
                        theirs: there.map(number),
                    });
                    continue;
                }
            };
            let Some(lost) = to.filter(|to| !merged.contains(to)) else {
                continue;
            };
            self.deleted_target(name, lost, is_ours, merged, found);
        }
    }

    /// Settles that an environment is to point to a version that the other side deleted.
    fn deleted_target(
        &self,
        name: &EnvironmentName,
        lost: VersionId,
        is_ours: bool,
        merged: &mut BTreeSet<VersionId>,
        found: &mut ThreeWay,
    ) {
        let (ours, theirs) = (self.ours, self.theirs);
        let at = |side: &PromptSide| side.environments.get(name).copied();
        let (here, there) = (at(ours), at(theirs));
        found.here.environments.remove(name);
        found.there.environments.remove(name);
        // The environment becomes as it is on the side that is taken. The other side gets the
        // version again.
        match self.settlement {
            None => found.conflicts.push(SyncConflict::VersionDeleted {
                number: self.number(lost),
                environment: name.clone(),
                is_deleted_here: !is_ours,
            }),
            Some(Settlement::Ours) => {
                if here != there {
                    found.there.environments.insert(name.clone(), here);
                }
                if let Some(kept) = here.filter(|kept| merged.insert(*kept)) {
                    found.here.deleted.remove(&kept);
                    found.there.new.insert(kept);
                }
            }
            Some(Settlement::Theirs) => {
                if here != there {
                    found.here.environments.insert(name.clone(), there);
                }
                if let Some(kept) = there.filter(|kept| merged.insert(*kept)) {
                    found.there.deleted.remove(&kept);
                    found.here.new.insert(kept);
                }
            }
        }
    }

    /// Compares the numbers of new versions with those that are used here.
    fn numbers(&self, is_mapped: bool, found: &mut ThreeWay) {
        let new_here: Vec<VersionId> = found.here.new.iter().copied().collect();
        // A deleted version that is restored keeps its number.
        let is_restored = |id: &VersionId| self.ours.deleted.contains_key(id);
        let used = self.ours.used_numbers();
        for id in new_here.into_iter().filter(|id| !is_restored(id)) {
            let Some(number) = self.theirs.versions.get(&id).copied() else {
                continue;
            };
            if !used.contains(&number) {
                continue;
            }
            // Only a version that the remote does not have can be a second one of that number.
            let holder = self.ours.versions.iter().find(|(_, held)| **held == number);
            let is_contested = holder.is_none_or(|(holder, _)| found.there.new.contains(holder));
            if self.settlement.is_some() || is_mapped && !is_contested {
                found.renumbered.insert(id);
            } else {
                found.conflicts.push(SyncConflict::Number { number });
            }
        }
    }

    /// Returns the number of a version, here if it has one.
    fn number(&self, id: VersionId) -> VersionNumber {
        let sides = [Some(self.ours), Some(self.theirs), self.base];
        let found = sides.into_iter().flatten().find_map(|side| {
            let live = side.versions.get(&id);
            live.or_else(|| side.deleted.get(&id)).copied()
        });
        found.unwrap_or(VersionNumber::new(0, 0))
    }
}
