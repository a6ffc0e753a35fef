//! [`RenumberingPlan`], the own versions that get other numbers, and what forbids it.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::incoming::IncomingBundle;
use super::relation::position_at;
use super::renumbering::{NewNumbers, ReassignedNumber, Renumbering};
use crate::engine::visit;
use crate::history::{Change, LogPosition};
use crate::remote::error::RemoteError;
use crate::remote::state::{RemoteFolder, RemoteState};
use crate::storage::read_operation;
use crate::{Result, Store, VersionId, VersionNumber};

/// Added to the major numbers of the remote's versions while both sides are compared.
const ASIDE: u32 = 1 << 31;

/// The own versions that get other numbers.
#[derive(Debug, Default)]
pub(in crate::remote) struct RenumberingPlan {
    renumbering: Renumbering,
    /// Numbers that the remote's versions get while both sides are compared, so that only other
    /// contradictions are found.
    pub(in crate::remote) aside: HashMap<VersionId, VersionNumber>,
}

impl RenumberingPlan {
    /// Compares the numbers that both sides have given after the common operations.
    pub(in crate::remote) fn of(
        store: &Store,
        bundle: &mut IncomingBundle,
        common: LogPosition,
    ) -> Result<Self> {
        let (mut own, mut theirs) = (NewNumbers::default(), NewNumbers::default());
        bundle.each_operation(common, |content| theirs.add(&content))?;
        let snapshot = store.index_snapshot()?;
        visit::operations(&*snapshot, common.number(), |number, _, text| {
            own.add(&read_operation(number, text)?);
            Ok(ControlFlow::Continue(()))
        })?;
        let renumbering = Renumbering::of(&own, &theirs);
        let prompts: BTreeSet<_> = renumbering.changes.iter().map(|one| one.prompt).collect();
        let versions = prompts.iter().flat_map(|prompt| theirs.of(*prompt));
        let aside = versions
            .map(|(id, number)| {
                let major = number.major.saturating_add(ASIDE);
                (id, VersionNumber::new(major, number.minor))
            })
            .collect();
        Ok(Self { renumbering, aside })
    }

    /// Returns whether other numbers of own versions change nothing.
    pub(in crate::remote) fn is_empty(&self) -> bool {
        self.renumbering.changes.is_empty()
    }

    pub(in crate::remote) fn numbers(&self) -> HashMap<VersionId, VersionNumber> {
        self.renumbering.numbers()
    }

    /// Returns the renumbered versions with the names of their prompts.
    pub(in crate::remote) fn named(&self, store: &Store) -> Result<Vec<ReassignedNumber>> {
        let snapshot = store.index_snapshot()?;
        let mut named = Vec::new();
        for change in &self.renumbering.changes {
            let prompt = snapshot.prompt(change.prompt)?;
            let name = match prompt {
                Some(prompt) => Some(prompt.name),
                None => change.prompt.as_str().parse().ok(),
            };
            named.extend(name.map(|name| ReassignedNumber {
                prompt: change.prompt,
                name,
                version: change.version,
                from: change.from,
                to: change.to,
            }));
        }
        Ok(named)
    }

    /// Fails if a version that would be renumbered was pushed to a remote.
    pub(in crate::remote) fn refuse_pushed(
        &self,
        store: &Store,
        folder: &RemoteFolder,
        common: LogPosition,
    ) -> std::result::Result<(), RemoteError> {
        if self.is_empty() {
            return Ok(());
        }
        for remote in folder.names()? {
            let Some(state) = folder.read(&remote)? else {
                continue;
            };
            let pushed = pushed(store, &state, common)?;
            let mut changes = self.renumbering.changes.iter();
            if let Some(change) = changes.find(|change| pushed.contains(&change.version)) {
                let prompt = store.index_snapshot()?.prompt(change.prompt);
                let prompt = prompt.map_err(crate::Error::from)?;
                return Err(RemoteError::AlreadyPushed {
                    prompt: prompt.map_or_else(
                        || change.prompt.to_string(),
                        |prompt| prompt.name.to_string(),
                    ),
                    number: change.from,
                    remote,
                });
            }
        }
        Ok(())
    }
}

/// Returns the versions after the common operations that a remote is known to have.
fn pushed(store: &Store, state: &RemoteState, common: LogPosition) -> Result<BTreeSet<VersionId>> {
    let linked = state.prompts.values();
    let mut pushed: BTreeSet<VersionId> = linked
        .flat_map(|linked| linked.seen.versions.keys().chain(linked.links.keys()))
        .copied()
        .collect();
    pushed.extend(state.settings.pending.iter().map(|pending| pending.version));
    let Some(seen) = state.settings.seen else {
        return Ok(pushed);
    };
    if position_at(store, seen.number())? == Some(seen) {
        let snapshot = store.index_snapshot()?;
        visit::operations(&*snapshot, common.number(), |number, _, text| {
            if number > seen.number() {
                return Ok(ControlFlow::Break(()));
            }
            for change in read_operation(number, text)?.changes {
                if let Change::VersionCreated(version) = change {
                    pushed.insert(version.id);
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(pushed)
}
