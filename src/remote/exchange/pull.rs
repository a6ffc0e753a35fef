//! The pull from a served store.

use super::history_tally::HistoryTally;
use super::incoming::{IncomingBundle, own_tally};
use super::rebase::PreparedRebase;
use super::relation::{HistoryRelation, position_at};
use super::renumbering_plan::RenumberingPlan;
use super::target::{ExchangeTarget, refuse_selection};
use crate::bundle::ImportOptions;
use crate::history::LogPosition;
use crate::remote::error::RemoteError;
use crate::remote::http::StopFlag;
use crate::remote::pull::{PromptPull, PullOptions, PullOutcome, PullSummary};
use crate::remote::state::RemoteState;
use crate::{Error, Store};

/// The size in bytes of the bundles in which a history is pulled.
///
/// Each is imported before the next one is downloaded, so that an interrupted pull continues there.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// What became of a pull.
#[derive(Debug)]
pub(in crate::remote) enum ExchangePull {
    Done(PullSummary),
    /// Both sides have new operations, which can be brought together.
    Diverged(Box<PreparedRebase>),
}

/// Pulls what the remote has, if only the remote has new operations.
///
/// If both sides have, nothing is changed.
pub(in crate::remote) fn pull(
    target: &ExchangeTarget<'_>,
    mut state: RemoteState,
    mut options: PullOptions<'_>,
) -> Result<ExchangePull, RemoteError> {
    refuse_selection(&options.status.prompts)?;
    let store = target.store;
    let before = store.position()?;
    let mut has_pulled = false;
    loop {
        if options.status.stop.is_stopped() {
            return Err(RemoteError::Stopped);
        }
        let relation = target.relation(&state)?;
        if !options.is_dry_run {
            target.saw(&mut state, relation.common)?;
        }
        if !relation.is_behind() {
            return summary(store, before, &relation, has_pulled).map(ExchangePull::Done);
        }
        if relation.is_ahead() {
            return diverged(target, relation, &options);
        }
        options
            .status
            .progress
            .expect(relation.theirs.number() - before.number());
        if options.is_dry_run {
            let mut bundle = IncomingBundle::of_rest(target.remote, &relation)?;
            let tally = bundle.tally(relation.common)?;
            return planned(store, &tally, None).map(ExchangePull::Done);
        }
        if !pull_part(target, &relation, &options.status.stop)? {
            // Another handle has written to the store meanwhile.
            continue;
        }
        has_pulled = true;
        let done = store.position()?.number() - before.number();
        options.status.progress.at(done)?;
    }
}

/// Imports the next part. Returns whether the store could continue with it.
fn pull_part(
    target: &ExchangeTarget<'_>,
    relation: &HistoryRelation,
    stop: &StopFlag,
) -> Result<bool, RemoteError> {
    let file = tempfile::tempfile().map_err(|error| target.remote.malformed(error))?;
    target
        .remote
        .download(relation.common, Some(PART_BYTES), &file)?;
    if stop.is_stopped() {
        return Err(RemoteError::Stopped);
    }
    let options = ImportOptions::new().refuse_merges(true);
    match target.store.import_bundle_with(&file, options) {
        Ok(_) => Ok(true),
        Err(Error::BundleDiverged { .. } | Error::BundleGap { .. }) => Ok(false),
        Err(Error::File(error)) => Err(target.remote.malformed(error)),
        Err(error) => Err(error.into()),
    }
}

/// Compares the new operations of both sides, and prepares what brings them together.
fn diverged(
    target: &ExchangeTarget<'_>,
    relation: HistoryRelation,
    options: &PullOptions<'_>,
) -> Result<ExchangePull, RemoteError> {
    let mut bundle = IncomingBundle::of_rest(target.remote, &relation)?;
    let tally = bundle.tally(relation.common)?;
    let renumbering = if options.renumbers {
        let plan = RenumberingPlan::of(target.store, &mut bundle, relation.common)?;
        plan.refuse_pushed(target.store, target.folder, relation.common)?;
        plan
    } else {
        RenumberingPlan::default()
    };
    let host = target.remote.host();
    let checked = bundle.check_with(target.store, host, renumbering.aside.clone())?;
    if checked.appended == 0 {
        // An earlier merge has brought all of them here.
        let summary = summary(target.store, relation.ours, &relation, false)?;
        return Ok(ExchangePull::Done(summary));
    }
    let mut summary = planned(target.store, &tally, Some(relation.common))?;
    summary.reassigned = renumbering.named(target.store)?;
    if options.is_dry_run {
        return Ok(ExchangePull::Done(summary));
    }
    Ok(ExchangePull::Diverged(Box::new(PreparedRebase {
        bundle,
        relation,
        numbers: renumbering.numbers(),
        summary,
    })))
}

/// Returns the summary of operations that would be imported.
fn planned(
    store: &Store,
    tally: &HistoryTally,
    ahead_of: Option<LogPosition>,
) -> Result<PullSummary, RemoteError> {
    let snapshot = store.index_snapshot()?;
    let mut summary = PullSummary::default();
    summary.take(tally.described(&*snapshot)?);
    if let Some(common) = ahead_of {
        summary.add_ahead(own_tally(store, common, None)?.described(&*snapshot)?);
    }
    summary.count_unchanged(store)?;
    Ok(summary)
}

/// Returns the summary of what a pull has imported after a position.
fn summary(
    store: &Store,
    before: LogPosition,
    relation: &HistoryRelation,
    has_pulled: bool,
) -> Result<PullSummary, RemoteError> {
    let mut summary = PullSummary::default();
    let snapshot = store.index_snapshot()?;
    if has_pulled && position_at(store, before.number())? == Some(before) {
        let pulled = own_tally(store, before, Some(relation.common))?;
        if pulled.changes_list {
            summary
                .notes
                .push("the environment list was changed".into());
        }
        summary.take(pulled.described(&*snapshot)?);
    }
    if relation.is_ahead() {
        let ahead = own_tally(store, relation.common, None)?;
        summary.add_ahead(ahead.described(&*snapshot)?);
    }
    summary.count_unchanged(store)?;
    Ok(summary)
}

impl PullSummary {
    fn take(&mut self, prompts: Vec<PromptPull>) {
        self.versions = prompts.iter().map(|prompt| prompt.new_versions).sum();
        self.prompts = prompts;
    }

    /// Adds the prompts that only the store has changed, and marks those that both have.
    fn add_ahead(&mut self, own: Vec<PromptPull>) {
        for mut own in own {
            match self.prompts.iter_mut().find(|prompt| prompt.id == own.id) {
                Some(prompt) => prompt.is_ahead = true,
                None => {
                    own.outcome = PullOutcome::Ahead;
                    own.is_ahead = true;
                    (own.new_versions, own.deleted_versions) = (0, 0);
                    own.changes.clear();
                    self.prompts.push(own);
                }
            }
        }
    }

    fn count_unchanged(&mut self, store: &Store) -> Result<(), RemoteError> {
        let gone = |prompt: &&PromptPull| prompt.outcome != PullOutcome::Deleted;
        let changed = self.prompts.iter().filter(gone).count() as u64;
        self.unchanged = store.prompts().count()?.saturating_sub(changed);
        Ok(())
    }
}
