//! The remote's side of the prompts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::select::SelectedPrompts;
use super::summary::FailedPrompt;
use crate::list::{PromptFilter, VersionFilter};
use crate::model::progress::Reporter;
use crate::remote::error::RemoteError;
use crate::remote::helicone::{Helicone, ServicePrompt, VersionListing};
use crate::remote::http::in_parallel;
use crate::remote::plan::PromptSide;
use crate::remote::state::{LinkedPrompt, RemoteState};
use crate::template::javascript;
use crate::{PromptId, PromptName, Store, VersionId};

/// A prompt of the remote with its versions, without their bodies.
#[derive(Clone, Debug)]
pub(in crate::remote) struct FetchedPrompt {
    /// The id here.
    pub(in crate::remote) here: PromptId,
    /// The prompt; none if the remote does not have it any more.
    pub(in crate::remote) there: Option<(ServicePrompt, VersionListing)>,
}

/// What a remote has.
#[derive(Debug, Default)]
pub(in crate::remote) struct FetchedOrganisation {
    /// In the order of their creation there; those that are gone come last.
    pub(in crate::remote) prompts: Vec<FetchedPrompt>,
    pub(in crate::remote) failed: Vec<FailedPrompt>,
    /// The ids and the names of all prompts there.
    pub(in crate::remote) names: Vec<(PromptId, PromptName)>,
}

/// Reads the selected prompts of a remote with their versions.
///
/// If `with_own` is set, the prompts that only the store has come last.
pub(in crate::remote) fn fetch(
    remote: &Helicone,
    store: &Store,
    state: &RemoteState,
    wanted: &[String],
    with_own: bool,
    progress: &mut Reporter<'_>,
) -> Result<FetchedOrganisation, RemoteError> {
    let (listed, unread) = remote.prompts()?;
    let linked: HashMap<PromptId, PromptId> = state
        .prompts
        .iter()
        .map(|(here, linked)| (linked.there, *here))
        .collect();
    let here = |there: PromptId| linked.get(&there).copied();
    let snapshot = store.index_snapshot()?;
    let named = listed.iter().map(|prompt| (prompt.id, &prompt.name));
    let selection = SelectedPrompts::of(wanted, &*snapshot, named, here)?;
    let mut own = Vec::new();
    if with_own {
        let prompts = snapshot.prompts(&PromptFilter::default(), None, usize::MAX);
        let prompts = prompts.map_err(crate::Error::from)?;
        own.extend(prompts.iter().rev().map(|prompt| prompt.id));
    }
    drop(snapshot);

    let mut found = FetchedOrganisation::default();
    let names = listed.iter().map(|prompt| (prompt.id, prompt.name.clone()));
    found.names = names.collect();
    found
        .failed
        .extend(unread.into_iter().map(|unread| FailedPrompt {
            prompt: unread.prompt,
            reason: unread.reason,
        }));
    let there: HashSet<PromptId> = listed.iter().map(|prompt| prompt.id).collect();
    let mut jobs: Vec<(PromptId, PromptId, Option<ServicePrompt>)> = Vec::new();
    for prompt in listed {
        let id = here(prompt.id).unwrap_or(prompt.id);
        let is_other = here(prompt.id).is_none()
            && state
                .prompts
                .get(&id)
                .is_some_and(|linked| linked.there != prompt.id);
        if is_other {
            found.failed.push(FailedPrompt {
                prompt: prompt.id.to_string(),
                reason: "its id is that of another prompt here".into(),
            });
        } else {
            jobs.push((id, prompt.id, Some(prompt)));
        }
    }
    // A list may miss a prompt, because its pages shift. So each missing one is asked for.
    let missing = state
        .prompts
        .iter()
        .filter(|(_, one)| !there.contains(&one.there));
    jobs.extend(missing.map(|(here, linked)| (*here, linked.there, None)));
    jobs.retain(|(here, _, _)| selection.contains(*here));

    progress.expect(jobs.len() as u64);
    let mut results: BTreeMap<usize, FetchedPrompt> = BTreeMap::new();
    let mut stopped = None;
    let mut done = 0;
    let numbered: Vec<_> = jobs.into_iter().enumerate().collect();
    in_parallel(
        &numbered,
        |(_, (here, there, prompt))| {
            let prompt = match prompt {
                Some(prompt) => Some(prompt.clone()),
                None => remote.prompt(*there)?,
            };
            let linked = state.prompts.get(here);
            fetch_one(remote, store, *here, prompt, linked)
        },
        |(at, (_, there, prompt)), result| {
            done += 1;
            match result {
                Ok(fetched) => drop(results.insert(*at, fetched)),
                Err(error) if error.is_of_remote() => {
                    stopped.get_or_insert(error);
                }
                Err(error) => found.failed.push(FailedPrompt {
                    prompt: label(*there, prompt.as_ref()),
                    reason: error.to_string(),
                }),
            }
            if let Err(error) = progress.at(done) {
                stopped.get_or_insert(error.into());
            }
            stopped.is_none()
        },
    );
    match stopped {
        Some(error) => Err(error),
        None => {
            found.prompts.extend(results.into_values());
            let read: HashSet<PromptId> = numbered.iter().map(|(_, (here, ..))| *here).collect();
            let own = own.into_iter().filter(|here| selection.contains(*here));
            let own = own.filter(|here| !read.contains(here));
            let only_here = |here| FetchedPrompt { here, there: None };
            found.prompts.extend(own.map(only_here));
            Ok(found)
        }
    }
}

/// Names a prompt of the remote.
fn label(id: PromptId, prompt: Option<&ServicePrompt>) -> String {
    match prompt {
        Some(prompt) => format!("{} ({id})", prompt.name),
        None => id.to_string(),
    }
}

/// Reads one prompt of a remote; none if it does not exist there.
pub(in crate::remote) fn fetch_one(
    remote: &Helicone,
    store: &Store,
    here: PromptId,
    prompt: Option<ServicePrompt>,
    linked: Option<&LinkedPrompt>,
) -> Result<FetchedPrompt, RemoteError> {
    let Some(prompt) = prompt else {
        return Ok(FetchedPrompt { here, there: None });
    };
    let mut listing = remote.versions(prompt.id)?;
    // The versions of a prompt that was deleted meanwhile are none.
    if listing.versions.is_empty() && remote.prompt(prompt.id)?.is_none() {
        return Ok(FetchedPrompt { here, there: None });
    }
    if listing.withheld > 0 {
        // A known version that a cut list does not contain need not be deleted.
        let own = store.index_snapshot()?;
        let own = own.versions(here, &VersionFilter::default(), None, usize::MAX);
        let own = own.map_err(crate::Error::from)?;
        let seen = linked.map(|linked| linked.seen.versions.keys().copied());
        let known: BTreeSet<VersionId> = own
            .iter()
            .map(|version| version.id)
            .chain(seen.into_iter().flatten())
            .map(|id| linked.map_or(id, |linked| linked.there(id)))
            .collect();
        for id in known {
            if !listing.contains(id)
                && let Some(version) = remote.version(prompt.id, id)?
            {
                listing.add(version);
            }
        }
    }
    let there = Some((prompt, listing));
    Ok(FetchedPrompt { here, there })
}

/// Returns the remote's side of a prompt, with the ids that its versions have here.
pub(in crate::remote) fn theirs(
    prompt: &ServicePrompt,
    listing: &VersionListing,
    linked: Option<&LinkedPrompt>,
    ours: Option<&[String]>,
) -> PromptSide {
    let here = |id| linked.map_or(id, |linked| linked.here(id));
    let mut side = PromptSide {
        name: prompt.name.clone(),
        tags: prompt.tags.clone(),
        versions: BTreeMap::new(),
        environments: BTreeMap::new(),
        deleted: BTreeMap::new(),
    };
    // The service trims tags when they are set.
    if let Some(ours) = ours
        && trimmed(ours) == trimmed(&side.tags)
    {
        side.tags = ours.to_vec();
    }
    for version in &listing.versions {
        let id = here(version.id);
        side.versions.insert(id, version.number);
        for name in &version.environments {
            side.environments.insert(name.clone(), id);
        }
    }
    side
}

/// Returns tags as the service stores them: trimmed, without empty ones and duplicates.
fn trimmed(tags: &[String]) -> Vec<&str> {
    let mut seen = HashSet::new();
    let tags = tags
        .iter()
        .map(|tag| tag.trim_matches(javascript::is_space));
    tags.filter(|tag| !tag.is_empty() && seen.insert(*tag))
        .collect()
}
