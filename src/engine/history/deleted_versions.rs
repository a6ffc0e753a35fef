//! The versions that a prompt had when it was deleted, which its deletion does not name.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::historical::{MAX_LISTED_PROMPTS, contradiction};
use crate::engine::visit;
use crate::model::error::Result;
use crate::model::id::{PromptId, VersionId};
use crate::model::operation_text::LiveChange;
use crate::model::record::Operation;
use crate::storage::{Snapshot, StorageError, StorageResult, read_live_changes};

/// Returns the versions that a prompt had just before `operation` deleted it.
///
/// The key is the position of the deleting change in the operation. The versions are in the order
/// of their commits.
pub(super) fn versions_deleted_with(
    snapshot: &dyn Snapshot,
    operation: &Operation,
) -> Result<HashMap<usize, Vec<VersionId>>> {
    let changes = &operation.content.changes;
    let changes: Vec<LiveChange> = changes.iter().map(LiveChange::from).collect();
    let deleted: BTreeSet<PromptId> = changes.iter().filter_map(deleted_prompt).collect();
    let mut deleted_versions = HashMap::new();
    if deleted.is_empty() {
        return Ok(deleted_versions);
    }
    let mut live = replayed(snapshot, &deleted, operation.number - 1)?;
    for (position, change) in changes.iter().enumerate() {
        let prompt = change.prompt();
        let Some(versions) = prompt.and_then(|prompt| live.get_mut(&prompt)) else {
            continue;
        };
        if deleted_prompt(change).is_some() {
            deleted_versions.insert(position, versions.list());
        }
        // The change was applied when it was made, so it cannot fail here.
        let _ = versions.apply(change);
    }
    Ok(deleted_versions)
}

/// Returns the prompt if the change deletes one.
fn deleted_prompt(change: &LiveChange) -> Option<PromptId> {
    match change {
        LiveChange::Prompt { id, after: None } => Some(*id),
        _ => None,
    }
}

/// Replays the operations of these prompts up to `until`.
fn replayed(
    snapshot: &dyn Snapshot,
    prompts: &BTreeSet<PromptId>,
    until: u64,
) -> StorageResult<HashMap<PromptId, LiveVersions>> {
    let mut live: HashMap<PromptId, LiveVersions> = HashMap::new();
    let mut apply = |number, prompt, change: &LiveChange| {
        let applied = live.entry(prompt).or_default().apply(change);
        applied.map_err(|detail| contradiction(number, detail))
    };
    if prompts.len() > MAX_LISTED_PROMPTS {
        let mut apply_all = |number, text: &str| {
            if number > until {
                return Ok(ControlFlow::Break(()));
            }
            let changes = read_live_changes(number, text)?;
            let of_prompts = changes.iter().filter_map(|one| Some((one.prompt()?, one)));
            let mut wanted = of_prompts.filter(|(prompt, _)| prompts.contains(prompt));
            wanted.try_for_each(|(prompt, change)| apply(number, prompt, change))?;
            Ok(ControlFlow::Continue(()))
        };
        visit::fallible::<StorageError>(|keep| {
            snapshot.each_operation(0, &mut |number, _, text| keep(apply_all(number, text)))
        })?;
        return Ok(live);
    }
    for prompt in prompts {
        let mut newest_first = Vec::new();
        let mut add = |number, text: &str| {
            let changes = read_live_changes(number, text)?.into_iter().rev();
            let wanted = changes.filter(|change| change.prompt() == Some(*prompt));
            newest_first.extend(wanted.map(|change| (number, change)));
            Ok(ControlFlow::Continue(()))
        };
        visit::fallible::<StorageError>(|keep| {
            let mut add = |number, _, text: &str| keep(add(number, text));
            snapshot.each_operation_of(*prompt, until, &mut add)
        })?;
        let mut oldest_first = newest_first.iter().rev();
        oldest_first.try_for_each(|(number, change)| apply(*number, *prompt, change))?;
    }
    Ok(live)
}

/// The versions of a prompt, and which of them are live: all that a deletion needs of the replayed
/// [rows](crate::storage::PromptRows), in a fraction of their time.
#[derive(Default)]
struct LiveVersions {
    /// All versions, in the order of their commits.
    created: Vec<VersionId>,
    places: HashMap<VersionId, usize, foldhash::fast::RandomState>,
    /// The places of live versions in `created`.
    live: BTreeSet<usize>,
}

impl LiveVersions {
    /// Applies one change of this prompt. If it contradicts the others, the error says how.
    fn apply(&mut self, change: &LiveChange) -> Result<(), String> {
        let is_sound = match change {
            LiveChange::VersionCreated { id, .. } => {
                let place = self.created.len();
                self.created.push(*id);
                self.live.insert(place);
                self.places.insert(*id, place).is_none()
            }
            LiveChange::VersionDeleted { id, .. } => {
                let place = self.places.get(id);
                place.is_some_and(|place| self.live.remove(place))
            }
            LiveChange::VersionRestored { id, .. } => {
                let place = self.places.get(id);
                place.is_some_and(|place| self.live.insert(*place))
            }
            LiveChange::Prompt { after: None, .. } => {
                self.live.clear();
                true
            }
            LiveChange::Prompt { .. }
            | LiveChange::Environment { .. }
            | LiveChange::EnvironmentList {} => true,
        };
        if is_sound {
            Ok(())
        } else {
            Err("a version was created, deleted or restored twice".into())
        }
    }

    fn list(&self) -> Vec<VersionId> {
        let live = self.live.iter();
        live.map(|place| self.created[*place]).collect()
    }
}
