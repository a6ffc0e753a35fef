//! The pull: it reads what the remote has, downloads the bodies, and changes the store.

use std::collections::BTreeSet;

use super::apply::{Application, Downloads, PulledPrompt, compared, describe, failed, needed};
use super::fetch::{FetchedPrompt, fetch};
use super::pending::settle_pending;
use super::summary::{LackingVersions, PromptPull, PullSummary};
use super::target::TransferTarget;
use crate::model::progress::Reporter;
use crate::remote::error::RemoteError;
use crate::remote::helicone::{Helicone, ServiceVersion};
use crate::remote::http::in_parallel;
use crate::remote::options::StatusOptions;
use crate::remote::plan::Settlement;
use crate::remote::state::{LinkedPrompt, RemoteState};
use crate::{PromptId, Store};

/// The number of versions that are downloaded and then committed together.
const MAX_CHUNK_VERSIONS: usize = 512;

/// The options of a pull.
#[derive(Debug, Default)]
pub struct PullOptions<'a> {
    pub(in crate::remote) status: StatusOptions<'a>,
    settlement: Option<Settlement>,
    pub(in crate::remote) is_dry_run: bool,
    pub(in crate::remote) renumbers: bool,
}

impl<'a> PullOptions<'a> {
    /// Returns the default options: all prompts, and conflicts are left alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the key, the prompts, the stop flag and the progress.
    #[must_use]
    pub fn with(mut self, options: StatusOptions<'a>) -> Self {
        self.status = options;
        self
    }

    /// Settles the conflicts of the selected prompts.
    ///
    /// [`Settlement::Theirs`] also restores a selected prompt that was deleted here only.
    #[must_use]
    pub fn settle(mut self, settlement: Settlement) -> Self {
        self.settlement = Some(settlement);
        self
    }

    /// Gives own versions other numbers, if the remote is a store that has used their numbers.
    ///
    /// This is the only way in which the number of a version changes. It is refused if one of them
    /// was pushed to a remote. It has no effect on the pull from a Helicone organisation.
    #[must_use]
    pub fn renumber(mut self, renumbers: bool) -> Self {
        self.renumbers = renumbers;
        self
    }

    /// Changes nothing, and returns what a pull would do.
    #[must_use]
    pub fn dry_run(mut self, is_dry_run: bool) -> Self {
        self.is_dry_run = is_dry_run;
        self
    }
}

/// Pulls, and updates the state after each part.
pub(in crate::remote) fn pull(
    target: &TransferTarget<'_>,
    mut state: RemoteState,
    mut options: PullOptions<'_>,
) -> Result<PullSummary, RemoteError> {
    let progress = &mut options.status.progress;
    let store = target.store.grouped();
    settle_pending(target, &mut state)?;
    let fetched = fetch(
        target.remote,
        &store,
        &state,
        &options.status.prompts,
        false,
        progress,
    )?;
    progress.next_phase();
    let mut summary = PullSummary {
        failed: fetched.failed,
        ..PullSummary::default()
    };
    summary.legacy = match target.remote.legacy_prompts() {
        Err(RemoteError::Stopped) => return Err(RemoteError::Stopped),
        legacy => legacy.unwrap_or_default(),
    };
    summary.lacking = lacking(&fetched.prompts);
    note(&fetched.prompts, &mut summary);
    let work = planned(&store, &state, &fetched.prompts, options.settlement)?;
    if options.is_dry_run {
        for (prompt, _) in &work {
            let linked = state.prompts.get(&prompt.here);
            let snapshot = store.index_snapshot()?;
            let compared = compared(&*snapshot, prompt, linked, options.settlement)?;
            match describe(prompt, &compared) {
                Some(report) => count(&mut summary, report),
                None => summary.unchanged += 1,
            }
        }
        return Ok(summary);
    }
    let bodies: usize = work.iter().map(|(_, versions)| versions.len()).sum();
    progress.expect((fetched.prompts.len() + bodies) as u64);
    let mut done = 0;
    let mut rest = &work[..];
    while !rest.is_empty() {
        let (chunk, next) = rest.split_at(chunk_length(rest));
        rest = next;
        let (downloads, unread) = download(target.remote, chunk, &mut done, progress)?;
        let chunk: Vec<&FetchedPrompt> = chunk
            .iter()
            .map(|(prompt, _)| *prompt)
            .filter(|prompt| !unread.iter().any(|(here, _)| *here == prompt.here))
            .collect();
        summary
            .failed
            .extend(unread.into_iter().map(|(_, failed)| failed));
        apply(
            target,
            &store,
            &mut state,
            &chunk,
            &downloads,
            options.settlement,
            &mut summary,
        )?;
    }
    Ok(summary)
}

/// A prompt, and the versions whose bodies are to be downloaded.
type PlannedPrompt<'a> = (&'a FetchedPrompt, Vec<&'a ServiceVersion>);

fn planned<'a>(
    store: &Store,
    state: &RemoteState,
    fetched: &'a [FetchedPrompt],
    settlement: Option<Settlement>,
) -> Result<Vec<PlannedPrompt<'a>>, RemoteError> {
    let snapshot = store.index_snapshot()?;
    let planned = fetched.iter().map(|prompt| {
        let linked = state.prompts.get(&prompt.here);
        let compared = compared(&*snapshot, prompt, linked, settlement)?;
        Ok((prompt, needed(prompt, &compared, linked)))
    });
    planned.collect()
}

/// Returns the number of prompts whose versions are downloaded together, at least one.
fn chunk_length(work: &[PlannedPrompt<'_>]) -> usize {
    let mut versions = 0;
    let fits = work.iter().take_while(|(_, needed)| {
        versions += needed.len();
        versions <= MAX_CHUNK_VERSIONS
    });
    fits.count().max(1)
}

/// The prompts of which a body cannot be read.
type UnreadPrompts = Vec<(PromptId, super::summary::FailedPrompt)>;

fn download(
    remote: &Helicone,
    chunk: &[PlannedPrompt<'_>],
    done: &mut u64,
    progress: &mut Reporter<'_>,
) -> Result<(Downloads, UnreadPrompts), RemoteError> {
    let jobs = chunk
        .iter()
        .flat_map(|(prompt, versions)| versions.iter().map(move |version| (*prompt, *version)));
    let jobs: Vec<_> = jobs.collect();
    let mut downloads = Downloads::new();
    let mut unread = UnreadPrompts::new();
    let mut stopped = None;
    in_parallel(
        &jobs,
        |(_, version)| remote.body(version.id, version.url.as_deref()),
        |(prompt, version), body| {
            *done += 1;
            match body {
                Ok(body) => drop(downloads.insert(version.id, body)),
                Err(error) if error.is_of_remote() => {
                    stopped.get_or_insert(error);
                }
                Err(error) if unread.iter().any(|(here, _)| *here == prompt.here) => drop(error),
                Err(error) => {
                    let reason = format!("version {}: {error}", version.number);
                    unread.push((prompt.here, failed(prompt, reason)));
                }
            }
            if let Err(error) = progress.at(*done) {
                stopped.get_or_insert(error.into());
            }
            stopped.is_none()
        },
    );
    match stopped {
        Some(error) => Err(error),
        None => Ok((downloads, unread)),
    }
}

/// Changes the store, and then the state.
///
/// If the process ends in between, the next pull finds the versions by their ids.
fn apply(
    target: &TransferTarget<'_>,
    store: &Store,
    state: &mut RemoteState,
    chunk: &[&FetchedPrompt],
    downloads: &Downloads,
    settlement: Option<Settlement>,
    summary: &mut PullSummary,
) -> Result<(), RemoteError> {
    let application = Application {
        state,
        settlement,
        downloads,
    };
    let applied = store.batch(|batch| {
        let applied = chunk.iter().map(|prompt| application.apply(batch, prompt));
        applied.collect::<crate::Result<Vec<_>>>()
    })?;
    let before = state.prompts.clone();
    for (prompt, applied) in chunk.iter().zip(applied) {
        match applied {
            PulledPrompt::Unchanged(link) => {
                summary.unchanged += 1;
                link_prompt(state, prompt.here, link);
            }
            PulledPrompt::Changed(report, link) => {
                count(summary, *report);
                if let Some(link) = link {
                    link_prompt(state, prompt.here, link);
                }
            }
            PulledPrompt::Failed(failed) => summary.failed.push(failed),
        }
    }
    if state.prompts != before {
        target.save(state)?;
    }
    Ok(())
}

fn link_prompt(state: &mut RemoteState, here: PromptId, link: Option<LinkedPrompt>) {
    match link {
        Some(link) => drop(state.prompts.insert(here, link)),
        None => drop(state.prompts.remove(&here)),
    }
}

fn count(summary: &mut PullSummary, report: PromptPull) {
    if report.conflicts.is_empty() {
        summary.versions += report.new_versions;
    }
    summary.prompts.push(report);
}

/// Returns the versions that the remote may have and did not deliver.
pub(in crate::remote) fn lacking(fetched: &[FetchedPrompt]) -> Vec<LackingVersions> {
    let there = fetched
        .iter()
        .filter_map(|prompt| Some((prompt.here, prompt.there.as_ref()?)));
    let lacking = there.filter(|(_, (_, listing))| listing.withheld > 0);
    let lacking = lacking.map(|(id, (prompt, listing))| LackingVersions {
        id,
        name: prompt.name.clone(),
        withheld: listing.withheld,
        numbers: listing.lacking.iter().map(ToString::to_string).collect(),
    });
    lacking.collect()
}

/// Notes the environments that were left out.
fn note(fetched: &[FetchedPrompt], summary: &mut PullSummary) {
    for (there, listing) in fetched.iter().filter_map(|prompt| prompt.there.as_ref()) {
        let versions = listing.versions.iter();
        let unusable: BTreeSet<&String> = versions.flat_map(|version| &version.unusable).collect();
        for name in unusable {
            let (prompt, name) = (there.name.as_str(), name.as_str());
            summary.notes.push(format!(
                "the environment {name:?} of {prompt:?} has a name that no store accepts, and was left out"
            ));
        }
    }
}
