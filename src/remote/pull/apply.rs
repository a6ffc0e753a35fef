//! Application of a remote's changes, in the transaction that compares the two sides.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::fetch::{FetchedPrompt, theirs};
use super::ours::{all_versions, ours};
use super::summary::{FailedPrompt, PromptPull, PullOutcome, RenumberedVersion};
use crate::bundle::{PortableChanges, PortablePrompt, PortableVersion};
use crate::model::shown::Quoted;
use crate::remote::helicone::ServiceVersion;
use crate::remote::plan::{PromptChange, PromptSide, Settlement, ThreeWay, compare};
use crate::remote::state::{LinkedPrompt, RemoteState, VersionLink};
use crate::storage::Snapshot;
use crate::{Batch, Body, Error, Result, VersionId, VersionNumber};

/// The author of versions of which the remote does not say who committed them.
const AUTHOR: &str = "helicone";

/// The bodies that were downloaded; none for a version that was deleted meanwhile.
pub(super) type Downloads = HashMap<VersionId, Option<Body>>;

/// A prompt's sides, and what they need.
pub(in crate::remote) struct ComparedPrompt {
    pub(in crate::remote) ours: Option<PromptSide>,
    pub(in crate::remote) theirs: Option<PromptSide>,
    pub(in crate::remote) comparison: ThreeWay,
}

/// What becomes of a prompt.
pub(super) enum PulledPrompt {
    /// The sides are equal.
    Unchanged(Option<LinkedPrompt>),
    /// The report, and the new link. `Some(None)` removes the link.
    Changed(Box<PromptPull>, Option<Option<LinkedPrompt>>),
    Failed(FailedPrompt),
}

/// Compares the sides of a prompt with a snapshot of the store.
pub(in crate::remote) fn compared(
    snapshot: &dyn Snapshot,
    fetched: &FetchedPrompt,
    linked: Option<&LinkedPrompt>,
    settlement: Option<Settlement>,
) -> Result<ComparedPrompt> {
    let listed = fetched.there.as_ref();
    let mut there = listed.map(|(prompt, listing)| theirs(prompt, listing, linked, None));
    let none = BTreeMap::new();
    let numbers = there.as_ref().map_or(&none, |there| &there.versions);
    let here = ours(snapshot, fetched.here, numbers)?;
    if let (Some((prompt, listing)), Some(here)) = (listed, &here) {
        there = Some(theirs(prompt, listing, linked, Some(&here.tags)));
    }
    let mut base = linked.map(|linked| linked.seen.clone());
    // A prompt that was deleted here without a record of what the remote had then.
    if base.is_none() && here.is_none() && snapshot.prompt_id_taken(fetched.here)? {
        base.clone_from(&there);
    }
    let is_mapped = linked.is_some_and(|linked| linked.is_mapped);
    let mut comparison = compare(
        base.as_ref(),
        here.as_ref(),
        there.as_ref(),
        settlement,
        is_mapped,
    );
    if let (PromptChange::Restored, Some(there)) = (comparison.here.prompt, &there) {
        // A version that is new there may have a number that another version had here.
        let all = all_versions(snapshot, fetched.here)?;
        let new = there
            .versions
            .iter()
            .filter(|(id, _)| !all.contains_key(id));
        let taken = new.filter(|(_, number)| all.values().any(|used| used == *number));
        comparison.renumbered.extend(taken.map(|(id, _)| *id));
    }
    Ok(ComparedPrompt {
        ours: here,
        theirs: there,
        comparison,
    })
}

/// Returns the versions whose bodies are needed to change the store.
pub(super) fn needed<'a>(
    fetched: &'a FetchedPrompt,
    compared: &ComparedPrompt,
    linked: Option<&LinkedPrompt>,
) -> Vec<&'a ServiceVersion> {
    let Some((_, listing)) = &fetched.there else {
        return Vec::new();
    };
    let comparison = &compared.comparison;
    if !comparison.conflicts.is_empty() {
        return Vec::new();
    }
    let is_needed = |version: &&ServiceVersion| match comparison.here.prompt {
        PromptChange::Created | PromptChange::Restored => true,
        PromptChange::Deleted => false,
        PromptChange::Kept => {
            let here = linked.map_or(version.id, |linked| linked.here(version.id));
            comparison.here.new.contains(&here)
        }
    };
    listing.versions.iter().filter(is_needed).collect()
}

/// The prompts that a transaction is about.
pub(super) struct Application<'a> {
    pub(super) state: &'a RemoteState,
    pub(super) settlement: Option<Settlement>,
    pub(super) downloads: &'a Downloads,
}

impl Application<'_> {
    /// Compares a prompt again, and changes the store as the remote requires.
    ///
    /// An error is one of the store, after which nothing of the batch is committed.
    pub(super) fn apply(
        &self,
        batch: &mut Batch<'_>,
        fetched: &FetchedPrompt,
    ) -> Result<PulledPrompt> {
        let linked = self.state.prompts.get(&fetched.here);
        let compared = compared(batch.index_snapshot(), fetched, linked, self.settlement)?;
        let ready = self.ready(batch, fetched, &compared);
        let change = match ready {
            Ok(change) => change,
            Err(failed) => return Ok(PulledPrompt::Failed(failed)),
        };
        let changed = match change {
            Ready::Nothing => Ok(()),
            Ready::Create(prompt) => batch.import(&prompt).map(drop),
            Ready::Change(changes) => batch.import_changes(&changes),
            Ready::Delete => batch.delete_prompt(fetched.here).map(drop),
        };
        match changed {
            Ok(()) => {}
            Err(error) if is_of_prompt(&error) => {
                return Ok(PulledPrompt::Failed(failed(fetched, error.to_string())));
            }
            Err(error) => return Err(error),
        }
        self.outcome(batch.index_snapshot(), fetched, compared)
    }

    /// Returns what is to be done, with the bodies that were downloaded.
    fn ready(
        &self,
        batch: &Batch<'_>,
        fetched: &FetchedPrompt,
        compared: &ComparedPrompt,
    ) -> std::result::Result<Ready, FailedPrompt> {
        let comparison = &compared.comparison;
        if !comparison.conflicts.is_empty() || comparison.here.is_empty() {
            return Ok(Ready::Nothing);
        }
        let linked = self.state.prompts.get(&fetched.here);
        let Some((prompt, listing)) = &fetched.there else {
            return Ok(Ready::Delete);
        };
        let mut bodies = BTreeMap::new();
        for version in needed(fetched, compared, linked) {
            match self.downloads.get(&version.id) {
                Some(Some(body)) => drop(bodies.insert(version.id, body.clone())),
                // A version that was deleted while it was read is not there any more.
                Some(None) => {}
                None => {
                    let reason = "it was changed here during the pull; pull again";
                    return Err(failed(fetched, reason.into()));
                }
            }
        }
        let have = |version: &&ServiceVersion| bodies.contains_key(&version.id);
        let portable = |version: &ServiceVersion| PortableVersion {
            id: Some(linked.map_or(version.id, |linked| linked.here(version.id))),
            number: Some(version.number),
            message: version.message.clone(),
            author: Some(AUTHOR.into()),
            created_at: Some(version.created_at),
            environments: Some(version.environments.clone()),
            inputs: Vec::new(),
            body: bodies[&version.id].clone(),
        };
        let versions = listing.versions.iter().filter(have);
        if comparison.here.prompt == PromptChange::Created {
            return Ok(Ready::Create(Box::new(PortablePrompt {
                id: Some(fetched.here),
                name: prompt.name.clone(),
                tags: prompt.tags.clone(),
                created_at: Some(prompt.created_at),
                versions: versions.map(portable).collect(),
            })));
        }
        let is_restored = comparison.here.prompt == PromptChange::Restored;
        let mut changes = PortableChanges::of(fetched.here);
        changes.name = comparison.here.name.clone();
        changes.tags.clone_from(&comparison.here.tags);
        changes.deleted.extend(&comparison.here.deleted);
        let environments = comparison.here.environments.iter();
        changes.environments = environments.map(|(name, to)| (name.clone(), *to)).collect();
        if is_restored {
            changes.name = Some(prompt.name.clone());
            changes.tags = Some(prompt.tags.clone());
            let there = compared.theirs.iter().flat_map(|there| &there.environments);
            changes.environments = there.map(|(name, to)| (name.clone(), Some(*to))).collect();
        }
        for version in versions.map(portable) {
            let Some(id) = version.id else { continue };
            let known = batch.index_snapshot().version_even_deleted(id);
            match known {
                Ok(Some(_)) => changes.restored.push((id, version.body)),
                Ok(None) => changes.versions.push(version),
                Err(error) => return Err(failed(fetched, error.to_string())),
            }
        }
        renumber(batch.index_snapshot(), comparison, &mut changes)
            .map_err(|error| failed(fetched, error.to_string()))?;
        let exists: BTreeSet<VersionId> = changes
            .versions
            .iter()
            .filter_map(|new| new.id)
            .chain(changes.restored.iter().map(|one| one.0))
            .chain(
                compared
                    .ours
                    .iter()
                    .flat_map(|ours| ours.versions.keys().copied()),
            )
            .collect();
        changes
            .environments
            .retain(|(_, to)| to.is_none_or(|to| exists.contains(&to)));
        Ok(Ready::Change(Box::new(changes)))
    }

    /// Describes what was done, and how the prompt is linked from now on.
    fn outcome(
        &self,
        snapshot: &dyn Snapshot,
        fetched: &FetchedPrompt,
        compared: ComparedPrompt,
    ) -> Result<PulledPrompt> {
        let linked = self.state.prompts.get(&fetched.here);
        let mut report = match describe(fetched, &compared) {
            Some(report) => report,
            None => {
                return Ok(PulledPrompt::Unchanged(relinked(
                    fetched, &compared, linked,
                )));
            }
        };
        if report.outcome == PullOutcome::Conflict {
            return Ok(PulledPrompt::Changed(Box::new(report), None));
        }
        let mut link = relinked(fetched, &compared, linked);
        for renumbered in &mut report.renumbered {
            let version = snapshot.version(renumbered.id)?;
            renumbered.here = version.map(|version| version.number);
            if let Some(link) = &mut link {
                let there = link.there(renumbered.id);
                let to = VersionLink {
                    id: there,
                    number: renumbered.there,
                };
                link.links.insert(renumbered.id, to);
                link.is_mapped = true;
            }
        }
        Ok(PulledPrompt::Changed(Box::new(report), Some(link)))
    }
}

/// Gives the versions whose number is used here the next free minor number of their major.
fn renumber(
    snapshot: &dyn Snapshot,
    comparison: &ThreeWay,
    changes: &mut PortableChanges,
) -> Result<()> {
    let is_renumbered =
        |id: &Option<VersionId>| id.is_some_and(|id| comparison.renumbered.contains(&id));
    let versions = changes.versions.iter();
    let kept = versions.filter(|version| !is_renumbered(&version.id));
    let mut taken: BTreeSet<VersionNumber> = kept.filter_map(|version| version.number).collect();
    for version in changes
        .versions
        .iter_mut()
        .filter(|version| is_renumbered(&version.id))
    {
        let major = version.number.map_or(0, |number| number.major);
        let used = snapshot.numbering(changes.prompt, major)?.highest_minor;
        let of_major = taken.iter().filter(|number| number.major == major);
        let highest = of_major.map(|number| number.minor).max().max(used);
        let next = highest.map_or(Some(0), |highest| highest.checked_add(1));
        // Without a number, the store chooses one.
        version.number = next.map(|minor| VersionNumber::new(major, minor));
        taken.extend(version.number);
    }
    Ok(())
}

/// A change of the store that has all that it needs.
enum Ready {
    Nothing,
    Create(Box<PortablePrompt>),
    Change(Box<PortableChanges>),
    Delete,
}

/// Returns how a prompt is linked once both sides were compared without a conflict.
fn relinked(
    fetched: &FetchedPrompt,
    compared: &ComparedPrompt,
    linked: Option<&LinkedPrompt>,
) -> Option<LinkedPrompt> {
    let (prompt, _) = fetched.there.as_ref()?;
    let seen = compared.theirs.clone()?;
    let mut links = linked
        .map(|linked| linked.links.clone())
        .unwrap_or_default();
    links.retain(|here, _| seen.versions.contains_key(here));
    Some(LinkedPrompt {
        there: prompt.id,
        seen: PromptSide {
            deleted: BTreeMap::new(),
            ..seen
        },
        links,
        is_mapped: linked.is_some_and(|linked| linked.is_mapped),
    })
}

/// Describes what a comparison means for the store; none if it means nothing.
pub(in crate::remote) fn describe(
    fetched: &FetchedPrompt,
    compared: &ComparedPrompt,
) -> Option<PromptPull> {
    let ThreeWay {
        here,
        there,
        conflicts,
        renumbered,
    } = &compared.comparison;
    let outcome = match here.prompt {
        _ if !conflicts.is_empty() => PullOutcome::Conflict,
        PromptChange::Created => PullOutcome::Created,
        PromptChange::Restored => PullOutcome::Restored,
        PromptChange::Deleted => PullOutcome::Deleted,
        PromptChange::Kept if !here.is_empty() => PullOutcome::Updated,
        PromptChange::Kept if !there.is_empty() => PullOutcome::Ahead,
        PromptChange::Kept => return None,
    };
    // One of the sides exists, or the comparison would mean nothing.
    let side = match outcome {
        PullOutcome::Conflict | PullOutcome::Ahead => compared.ours.as_ref(),
        _ => compared.theirs.as_ref(),
    };
    let sides = [side, compared.theirs.as_ref(), compared.ours.as_ref()];
    let side = sides.into_iter().flatten().next()?;
    let numbers = |id: &VersionId| -> Option<VersionNumber> {
        let sides = [compared.theirs.as_ref(), compared.ours.as_ref()];
        sides
            .into_iter()
            .flatten()
            .find_map(|side| side.versions.get(id))
            .copied()
    };
    let mut changes = Vec::new();
    if let Some(name) = &here.name {
        changes.push(format!("named {}", Quoted(name.as_str())));
    }
    if let Some(tags) = &here.tags {
        changes.push(format!("tagged {tags:?}"));
    }
    for (name, to) in &here.environments {
        let to = to.as_ref().and_then(numbers);
        changes.push(match to {
            Some(to) => format!("{} at {to}", Quoted(name.as_str())),
            None => format!("{} removed", Quoted(name.as_str())),
        });
    }
    let all = compared
        .theirs
        .as_ref()
        .map_or(0, |theirs| theirs.versions.len());
    let is_whole = matches!(here.prompt, PromptChange::Created | PromptChange::Restored);
    let renumbered = renumbered.iter().filter_map(|id| {
        let there = compared.theirs.as_ref()?.versions.get(id).copied()?;
        Some(RenumberedVersion {
            id: *id,
            here: None,
            there,
        })
    });
    Some(PromptPull {
        id: fetched.here,
        name: side.name.clone(),
        outcome,
        new_versions: if is_whole {
            all as u64
        } else {
            here.new.len() as u64
        },
        deleted_versions: here.deleted.len() as u64,
        changes,
        renumbered: renumbered.collect(),
        conflicts: conflicts.iter().map(ToString::to_string).collect(),
        is_ahead: !there.is_empty(),
    })
}

/// Returns whether an error concerns one prompt, so that the others can be pulled.
fn is_of_prompt(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidArgument(_)
            | Error::InvalidBody(_)
            | Error::PromptIdTaken { .. }
            | Error::VersionIdTaken { .. }
            | Error::VersionNotFound { .. }
            | Error::NumbersExhausted { .. }
    )
}

pub(super) fn failed(fetched: &FetchedPrompt, reason: String) -> FailedPrompt {
    let prompt = match &fetched.there {
        Some((prompt, _)) => format!("{} ({})", prompt.name, fetched.here),
        None => fetched.here.to_string(),
    };
    FailedPrompt { prompt, reason }
}
