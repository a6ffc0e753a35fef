//! The push, and the comparison of both sides without a transfer.

use std::fmt;

use super::execute::PromptPusher;
use super::steps::{PushPlan, plan};
use super::summary::{PromptPush, PromptSync, PushOutcome, PushSummary, SyncState, SyncStatus};
use crate::list::VersionFilter;
use crate::remote::error::RemoteError;
use crate::remote::options::StatusOptions;
use crate::remote::plan::PromptChange;
use crate::remote::pull::{
    ComparedPrompt, FailedPrompt, FetchedPrompt, TransferTarget, compared, describe, fetch,
    fetch_one, lacking, settle_pending,
};
use crate::remote::state::RemoteState;
use crate::{Prompt, PromptName, Version};

/// A closure that is called before a prompt is sent.
type Announcement<'a> = Box<dyn FnMut(&PromptPush) + 'a>;

/// The options of a push.
#[derive(Default)]
pub struct PushOptions<'a> {
    pub(in crate::remote) status: StatusOptions<'a>,
    pub(in crate::remote) is_dry_run: bool,
    maps_numbers: bool,
    deletes: bool,
    announce: Option<Announcement<'a>>,
}

impl fmt::Debug for PushOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushOptions")
            .field("status", &self.status)
            .field("is_dry_run", &self.is_dry_run)
            .field("maps_numbers", &self.maps_numbers)
            .field("deletes", &self.deletes)
            .finish_non_exhaustive()
    }
}

impl<'a> PushOptions<'a> {
    /// Returns the default options: all prompts, no other numbers, and no deletions.
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

    /// Sends nothing, and returns what a push would do.
    #[must_use]
    pub fn dry_run(mut self, is_dry_run: bool) -> Self {
        self.is_dry_run = is_dry_run;
        self
    }

    /// Accepts that versions get other numbers there than here.
    #[must_use]
    pub fn map_numbers(mut self, maps_numbers: bool) -> Self {
        self.maps_numbers = maps_numbers;
        self
    }

    /// Calls a closure with each prompt before the first request that changes it there.
    #[must_use]
    pub fn announce(mut self, closure: impl FnMut(&PromptPush) + 'a) -> Self {
        self.announce = Some(Box::new(closure));
        self
    }

    /// Also deletes there what was deleted here, for good.
    #[must_use]
    pub fn delete(mut self, deletes: bool) -> Self {
        self.deletes = deletes;
        self
    }
}

/// Compares both sides. Only the result of an unanswered push is recorded.
pub(in crate::remote) fn status(
    target: &TransferTarget<'_>,
    mut state: RemoteState,
    mut options: StatusOptions<'_>,
) -> Result<SyncStatus, RemoteError> {
    settle_pending(target, &mut state)?;
    let progress = &mut options.progress;
    let fetched = fetch(
        target.remote,
        target.store,
        &state,
        &options.prompts,
        true,
        progress,
    )?;
    let mut status = SyncStatus {
        failed: fetched.failed,
        lacking: lacking(&fetched.prompts),
        ..SyncStatus::default()
    };
    for prompt in &fetched.prompts {
        let read = OwnPrompt::read(target, prompt)?;
        let compared = compare(target, &state, prompt)?;
        let plan = read.plan(&compared);
        let three_way = &compared.comparison;
        let sync = match (three_way.here.is_empty(), three_way.there.is_empty()) {
            _ if !three_way.conflicts.is_empty() => SyncState::Conflict,
            (true, true) => {
                status.equal += u64::from(compared.ours.is_some() || compared.theirs.is_some());
                continue;
            }
            (true, false) => SyncState::Ahead,
            (false, true) => SyncState::Behind,
            (false, false) => SyncState::Diverged,
        };
        let Some(name) = name_of(&compared) else {
            continue;
        };
        let pull = describe(prompt, &compared);
        status.prompts.push(PromptSync {
            id: prompt.here,
            name,
            state: sync,
            ahead: plan
                .steps
                .iter()
                .map(ToString::to_string)
                .chain(plan.problem.map(str::to_owned))
                .collect(),
            behind: pull
                .as_ref()
                .map(|pull| pull.described())
                .unwrap_or_default(),
            conflicts: three_way
                .conflicts
                .iter()
                .map(ToString::to_string)
                .collect(),
        });
    }
    Ok(status)
}

/// Sends what the store changed, and records each request.
pub(in crate::remote) fn push(
    target: &TransferTarget<'_>,
    mut state: RemoteState,
    mut options: PushOptions<'_>,
) -> Result<PushSummary, RemoteError> {
    settle_pending(target, &mut state)?;
    let progress = &mut options.status.progress;
    let prompts = &options.status.prompts;
    let fetched = fetch(target.remote, target.store, &state, prompts, true, progress)?;
    progress.next_phase();
    progress.expect(2 * fetched.prompts.len() as u64);
    let mut summary = PushSummary {
        failed: fetched.failed,
        ..PushSummary::default()
    };
    for (done, prompt) in (1..).zip(&fetched.prompts) {
        if options.status.stop.is_stopped() {
            return Err(RemoteError::Stopped);
        }
        let read = OwnPrompt::read(target, prompt)?;
        let compared = compare(target, &state, prompt)?;
        let plan = read.plan(&compared);
        let is_mapped = state
            .prompts
            .get(&prompt.here)
            .is_some_and(|linked| linked.is_mapped);
        let outcome = outcome(
            &compared,
            &plan,
            is_mapped || options.maps_numbers,
            options.deletes,
        );
        let (Some(outcome), Some(name)) = (outcome, name_of(&compared)) else {
            summary.unchanged += 1;
            continue;
        };
        let there = prompt.there.as_ref().map(|(there, _)| there.id);
        let mut report = PromptPush {
            id: prompt.here,
            there,
            name,
            outcome,
            steps: plan.steps.iter().map(ToString::to_string).collect(),
            numbers: plan.numbers.clone(),
            is_briefly_in_production: plan.is_briefly_in_production(),
            conflicts: compared
                .comparison
                .conflicts
                .iter()
                .map(ToString::to_string)
                .collect(),
        };
        if outcome == PushOutcome::Pushed && !options.is_dry_run {
            if let Some(announce) = &mut options.announce {
                announce(&report);
            }
            let pusher = PromptPusher {
                target,
                state: &mut state,
                names: &fetched.names,
                here: prompt.here,
                prompt: read.prompt.as_ref(),
                live: &read.live,
            };
            match send(pusher, prompt, &plan, &mut report) {
                Ok(()) => {}
                Err(error) if error.is_of_remote() => return Err(error),
                Err(error) => {
                    let prompt = format!("{} ({})", report.name, report.id);
                    let reason = error.to_string();
                    summary.failed.push(FailedPrompt { prompt, reason });
                }
            }
            report.there = state.prompts.get(&prompt.here).map(|linked| linked.there);
        }
        if outcome == PushOutcome::Pushed {
            summary.versions += report.numbers.len() as u64;
        }
        summary.prompts.push(report);
        options.status.progress.at(done)?;
    }
    Ok(summary)
}

/// Sends a prompt, unless the remote's side changed since it was read.
fn send(
    mut pusher: PromptPusher<'_>,
    read: &FetchedPrompt,
    plan: &PushPlan,
    report: &mut PromptPush,
) -> Result<(), RemoteError> {
    if let Some((prompt, listing)) = &read.there {
        let target = pusher.target;
        let linked = pusher.state.prompts.get(&read.here);
        let now = target.remote.prompt(prompt.id)?;
        let now = fetch_one(target.remote, target.store, read.here, now, linked)?;
        let is_same = now
            .there
            .as_ref()
            .is_some_and(|(now, versions)| now == prompt && versions.is_equal(listing));
        if !is_same {
            report.outcome = PushOutcome::Behind;
            report.numbers.clear();
            return Ok(());
        }
    }
    report.numbers.clear();
    for step in &plan.steps {
        report.numbers.extend(pusher.perform(step)?);
    }
    Ok(())
}

/// The store's own prompt.
struct OwnPrompt {
    prompt: Option<Prompt>,
    /// The live versions, in commit order.
    live: Vec<Version>,
}

impl OwnPrompt {
    fn read(target: &TransferTarget<'_>, prompt: &FetchedPrompt) -> Result<Self, RemoteError> {
        let snapshot = target.store.index_snapshot()?;
        let read = || {
            let own = snapshot.prompt(prompt.here)?;
            let filter = VersionFilter::default();
            let mut live = snapshot.versions(prompt.here, &filter, None, usize::MAX)?;
            live.reverse();
            Ok::<_, crate::storage::StorageError>(Self { prompt: own, live })
        };
        Ok(read().map_err(crate::Error::from)?)
    }

    fn plan(&self, compared: &ComparedPrompt) -> PushPlan {
        let (ours, theirs) = (compared.ours.as_ref(), compared.theirs.as_ref());
        plan(&compared.comparison.there, ours, theirs, &self.live)
    }
}

fn compare(
    target: &TransferTarget<'_>,
    state: &RemoteState,
    prompt: &FetchedPrompt,
) -> Result<ComparedPrompt, RemoteError> {
    let linked = state.prompts.get(&prompt.here);
    let snapshot = target.store.index_snapshot()?;
    Ok(compared(&*snapshot, prompt, linked, None)?)
}

/// Returns what a push does with a prompt; none if there is nothing to send.
fn outcome(
    compared: &ComparedPrompt,
    plan: &PushPlan,
    maps_numbers: bool,
    deletes: bool,
) -> Option<PushOutcome> {
    let three_way = &compared.comparison;
    if !three_way.conflicts.is_empty() {
        return Some(PushOutcome::Conflict);
    }
    if plan.steps.is_empty() {
        return None;
    }
    Some(match three_way.here.prompt {
        _ if !three_way.here.is_empty() => PushOutcome::Behind,
        PromptChange::Kept if plan.maps_numbers() && !maps_numbers => PushOutcome::NeedsMapping,
        _ if plan.deletes() && !deletes => PushOutcome::NeedsDelete,
        _ => PushOutcome::Pushed,
    })
}

fn name_of(compared: &ComparedPrompt) -> Option<PromptName> {
    let sides = [compared.ours.as_ref(), compared.theirs.as_ref()];
    let side = sides.into_iter().flatten().next()?;
    Some(side.name.clone())
}
