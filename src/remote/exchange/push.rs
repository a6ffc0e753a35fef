//! The push to a served store.

use super::incoming::{IncomingBundle, own_tally};
use super::relation::HistoryRelation;
use super::service::SentBundle;
use super::target::{ExchangeTarget, refuse_selection};
use crate::bundle::ExportOptions;
use crate::history::LogPosition;
use crate::remote::error::RemoteError;
use crate::remote::pull::PullOutcome;
use crate::remote::push::{PromptPush, PushOptions, PushOutcome, PushSummary};
use crate::remote::state::RemoteState;

/// The size in bytes of the bundles in which a history is pushed.
///
/// A server refuses a request of more than 50 MiB, and a part may be larger than this.
const PART_BYTES: u64 = 4 * 1024 * 1024;

/// Sends the store's own operations, if the remote has none that the store lacks.
pub(in crate::remote) fn push(
    target: &ExchangeTarget<'_>,
    mut state: RemoteState,
    mut options: PushOptions<'_>,
) -> Result<PushSummary, RemoteError> {
    refuse_selection(&options.status.prompts)?;
    let first = target.relation(&state)?;
    if !first.is_ahead() {
        target.saw(&mut state, first.common)?;
        let unchanged = target.store.prompts().count()?;
        return Ok(PushSummary {
            unchanged,
            ..PushSummary::default()
        });
    }
    let is_known = !first.is_behind() || has_all(target, &first)?;
    if is_known && first.is_behind() && first.is_permuted() {
        return summary(target, first.ours, PushOutcome::Pushed);
    }
    if !is_known || options.is_dry_run {
        let outcome = if is_known {
            PushOutcome::Pushed
        } else {
            PushOutcome::Behind
        };
        return summary(target, first.common, outcome);
    }
    options
        .status
        .progress
        .expect(first.ours.number() - first.common.number());
    let (mut relation, mut attempt) = (first, 0);
    while relation.is_ahead() {
        if options.status.stop.is_stopped() {
            return Err(RemoteError::Stopped);
        }
        // If the remote has its own operations in another order, all are sent and merged there.
        let merges = relation.is_behind();
        let mut part = Vec::new();
        let mut range = ExportOptions::new().after(relation.common);
        if !merges {
            range = range.bytes(PART_BYTES);
        }
        target.store.export_bundle_with(&mut part, range)?;
        match target.remote.send(&part, merges)? {
            SentBundle::Imported(imported) if merges => {
                if imported.appended == 0 {
                    return summary(target, relation.ours, PushOutcome::Pushed);
                }
                break;
            }
            SentBundle::Imported(_) => attempt = 0,
            SentBundle::Refused(text) => {
                let now = target.relation(&state)?;
                if now.is_behind() {
                    return summary(target, first.common, PushOutcome::Behind);
                }
                if now == relation {
                    return Err(target.remote.refused(text));
                }
            }
            SentBundle::Unknown => {
                attempt += 1;
                if attempt >= target.remote.http.attempts() {
                    return Err(target.remote.unanswered());
                }
                target.remote.http.wait_after(attempt)?;
            }
        }
        relation = target.relation(&state)?;
        if relation.is_behind() && !merges {
            return summary(target, first.common, PushOutcome::Behind);
        }
        target.saw(&mut state, relation.common)?;
        let done = relation.common.number() - first.common.number();
        options.status.progress.at(done)?;
    }
    summary(target, first.common, PushOutcome::Pushed)
}

/// Returns whether the store has all operations of the remote, in whatever order.
pub(super) fn has_all(
    target: &ExchangeTarget<'_>,
    relation: &HistoryRelation,
) -> Result<bool, RemoteError> {
    let bundle = IncomingBundle::of_rest(target.remote, relation)?;
    match bundle.check(target) {
        Ok(checked) => Ok(checked.appended == 0),
        Err(RemoteError::Contradiction { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Describes the store's operations after a position.
fn summary(
    target: &ExchangeTarget<'_>,
    after: LogPosition,
    outcome: PushOutcome,
) -> Result<PushSummary, RemoteError> {
    let snapshot = target.store.index_snapshot()?;
    let own = own_tally(target.store, after, None)?.described(&*snapshot)?;
    let mut summary = PushSummary::default();
    for prompt in own {
        if outcome == PushOutcome::Pushed {
            summary.versions += prompt.new_versions;
        }
        summary.prompts.push(PromptPush {
            id: prompt.id,
            there: (prompt.outcome != PullOutcome::Created).then_some(prompt.id),
            steps: prompt.described(),
            name: prompt.name,
            outcome,
            numbers: Vec::new(),
            is_briefly_in_production: false,
            conflicts: Vec::new(),
        });
    }
    let changed = summary.prompts.len() as u64;
    summary.unchanged = target.store.prompts().count()?.saturating_sub(changed);
    Ok(summary)
}
