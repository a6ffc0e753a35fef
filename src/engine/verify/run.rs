//! The steps of a verification.

use std::collections::HashMap;

use super::bodies;
use super::bodies::{BodyCheck, NamedUses, check_packs};
use super::chain::check_chain;
use super::replay::Replay;
use super::report::{Depth, VerifyReport, damage};
use super::rows::check_prompts;
use super::sound::verify_sound;
use crate::engine::search::ExpectedIndex;
use crate::model::error::Result;
use crate::model::id::{BlobId, OperationId};
use crate::model::progress::Reporter;
use crate::storage::{Blobs, Index, PromptTable, Snapshot};

/// Verifies one state of a store, to the given depth.
///
/// A step is a body that was checked. Damage is a violation in the report; an error means that the
/// verification itself failed or was cancelled.
pub(crate) fn verify(
    index: &dyn Index,
    blobs: &dyn Blobs,
    depth: Depth,
    pins: &[OperationId],
    progress: &mut Reporter<'_>,
) -> Result<VerifyReport> {
    progress.report()?;
    if depth == Depth::Full
        && let Some(report) = verify_sound(index, blobs, pins, progress)?
    {
        return Ok(report);
    }
    loop {
        let snapshot = index.snapshot()?;
        let report = verify_snapshot(index, &*snapshot, blobs, depth, pins, progress);
        if snapshot.is_consistent() {
            return report;
        }
    }
}

/// Verifies everything although the index is damaged, and adds the result to a report.
///
/// The violations that the report has already stay in front.
pub(crate) fn verify_damaged(
    index: &dyn Index,
    blobs: &dyn Blobs,
    pins: &[OperationId],
    report: &mut VerifyReport,
    progress: &mut Reporter<'_>,
) -> Result<()> {
    let found = verify(index, blobs, Depth::Full, pins, progress)?;
    let known = std::mem::replace(report, found).violations;
    report.violations.splice(..0, known);
    Ok(())
}

/// Verifies the bodies of a store whose index cannot be read.
pub(crate) fn verify_bodies(
    blobs: &dyn Blobs,
    report: &mut VerifyReport,
    progress: &mut Reporter<'_>,
) -> Result<()> {
    check_packs(blobs, Depth::Full, report)?;
    bodies::check_loose(blobs, report, progress)
}

fn verify_snapshot(
    index: &dyn Index,
    snapshot: &dyn Snapshot,
    blobs: &dyn Blobs,
    depth: Depth,
    pins: &[OperationId],
    progress: &mut Reporter<'_>,
) -> Result<VerifyReport> {
    progress.report()?;
    let mut report = VerifyReport::default();
    if depth == Depth::Quick {
        check_packs(blobs, depth, &mut report)?;
        match snapshot.last_operation() {
            Ok(last) => report.head = last.map(|(_, id)| id),
            Err(error) => report.index_is_damaged(damage(error.into())?),
        }
        let bodies = BodyCheck {
            index,
            blobs,
            depth,
        };
        let mut uses = NamedUses {
            live: None,
            search: &mut None,
        };
        bodies.check(snapshot, &mut uses, &mut report, progress)?;
        return Ok(report);
    }
    match snapshot.self_check() {
        Ok(wrong) => wrong
            .into_iter()
            .for_each(|detail| report.index_is_damaged(detail)),
        Err(error) => report.index_is_damaged(damage(error.into())?),
    }
    let mut replay = Replay::default();
    check_chain(snapshot, pins, &mut replay, &mut report, progress)?;
    // Without the operations, the expected search index is unknown. Damage to them is in the report
    // already.
    let mut search = ExpectedIndex::new(snapshot).ok();
    let mut live: HashMap<BlobId, u64> = HashMap::new();
    let mut add = |table: &PromptTable| {
        for version in table.live() {
            *live.entry(version.blob).or_default() += 1;
        }
        if let Some(search) = &mut search {
            search.prompt(table);
        }
    };
    let checked = replay
        .prepare(snapshot)
        .and_then(|()| check_prompts(snapshot, &mut replay, &mut add, &mut report, progress));
    let live = match checked {
        Ok(()) => Some(live),
        Err(error) => {
            report.index_is_damaged(damage(error)?);
            // The bodies that must exist, and the expected search index, are unknown as well.
            search = None;
            None
        }
    };
    progress.report()?;
    check_packs(blobs, depth, &mut report)?;
    let bodies = BodyCheck {
        index,
        blobs,
        depth,
    };
    let mut uses = NamedUses {
        live,
        search: &mut search,
    };
    bodies.check(snapshot, &mut uses, &mut report, progress)?;
    if let Some(search) = search {
        match search.compare(snapshot) {
            Ok(wrong) => wrong
                .into_iter()
                .for_each(|detail| report.index_is_damaged(detail)),
            Err(error) => report.index_is_damaged(damage(error)?),
        }
    }
    Ok(report)
}
