//! The comparison with a served store.

use std::collections::BTreeMap;

use super::incoming::{IncomingBundle, own_tally};
use super::target::{ExchangeTarget, refuse_selection};
use crate::PromptId;
use crate::remote::error::RemoteError;
use crate::remote::options::StatusOptions;
use crate::remote::pull::PromptPull;
use crate::remote::push::{PromptSync, SyncState, SyncStatus};
use crate::remote::state::RemoteState;

/// Compares both sides, prompt by prompt. Neither is changed.
pub(in crate::remote) fn status(
    target: &ExchangeTarget<'_>,
    state: &RemoteState,
    options: &StatusOptions<'_>,
) -> Result<SyncStatus, RemoteError> {
    refuse_selection(&options.prompts)?;
    let relation = target.relation(state)?;
    let snapshot = target.store.index_snapshot()?;
    let mut own = own_tally(target.store, relation.common, None)?.described(&*snapshot)?;
    let (mut theirs, mut conflict) = (Vec::new(), None);
    if relation.is_behind() {
        let mut bundle = IncomingBundle::of_rest(target.remote, &relation)?;
        match bundle.check(target) {
            // The store has all of them, in another order.
            Ok(checked) if checked.appended == 0 => {
                if relation.is_permuted() {
                    own.clear();
                }
            }
            Ok(_) => theirs = bundle.tally(relation.common)?.described(&*snapshot)?,
            Err(RemoteError::Contradiction {
                operation, reason, ..
            }) => {
                let prompts = bundle.prompts_of(relation.common, operation)?;
                if prompts.is_empty() {
                    let host = target.remote.host().to_owned();
                    return Err(RemoteError::Contradiction {
                        host,
                        operation,
                        reason,
                    });
                }
                conflict = Some((prompts, reason));
                theirs = bundle.tally(relation.common)?.described(&*snapshot)?;
            }
            Err(error) => return Err(error),
        }
    }
    let mut sides: BTreeMap<PromptId, (Option<PromptPull>, Option<PromptPull>)> = BTreeMap::new();
    for prompt in own {
        let id = prompt.id;
        sides.entry(id).or_default().0 = Some(prompt);
    }
    for prompt in theirs {
        let id = prompt.id;
        sides.entry(id).or_default().1 = Some(prompt);
    }
    let mut status = SyncStatus::default();
    for (id, (ours, theirs)) in sides {
        let Some(name) = ours
            .as_ref()
            .or(theirs.as_ref())
            .map(|one| one.name.clone())
        else {
            continue;
        };
        let conflicts = conflict
            .iter()
            .filter(|(prompts, _)| prompts.contains(&id))
            .map(|(_, reason)| reason.clone())
            .collect::<Vec<_>>();
        let state = match (&ours, &theirs) {
            _ if !conflicts.is_empty() => SyncState::Conflict,
            (Some(_), None) => SyncState::Ahead,
            (None, _) => SyncState::Behind,
            (Some(_), Some(_)) => SyncState::Diverged,
        };
        let described = |side: Option<PromptPull>| side.map(|side| side.described());
        status.prompts.push(PromptSync {
            id,
            name,
            state,
            ahead: described(ours).unwrap_or_default(),
            behind: described(theirs).unwrap_or_default(),
            conflicts,
        });
    }
    let differ = status.prompts.len() as u64;
    status.equal = target.store.prompts().count()?.saturating_sub(differ);
    Ok(status)
}
