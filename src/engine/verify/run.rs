//! The steps of a verification.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::bodies;
use super::bodies::{BodyCheck, NamedUses};
use super::environment_list::ReplayedList;
use super::replay::{Replay, ReplayError};
use super::report::{Depth, VerifyReport, Violation, damage};
use super::sound::verify_sound;
use crate::engine::search::ExpectedIndex;
use crate::engine::visit;
use crate::model::error::Result;
use crate::model::id::{BlobId, OperationId};
use crate::model::operation_text;
use crate::model::progress::Reporter;
use crate::model::record::PromptState;
use crate::storage::{Blobs, Index, PromptTable, Snapshot};

/// Verifies a store in one snapshot, to the given depth.
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
    if let Some(report) = verify_sound(index, snapshot, blobs, pins, progress)? {
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
    let live = match check_prompts(snapshot, replay, &mut add, &mut report, progress) {
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

pub(super) fn check_packs(
    blobs: &dyn Blobs,
    depth: Depth,
    report: &mut VerifyReport,
) -> Result<()> {
    let wrong = blobs.check_packs(depth == Depth::Full)?.into_iter();
    let details = wrong.map(|detail| Violation::Pack { detail });
    report.violations.extend(details);
    Ok(())
}

/// Checks that the operations have no gaps, form a hash chain, and contain all pins.
///
/// The id of an operation is the hash of the id before it and of its content. If an operation
/// cannot be read, those after it cannot be verified.
pub(super) fn check_chain(
    snapshot: &dyn Snapshot,
    pins: &[OperationId],
    replay: &mut Replay,
    report: &mut VerifyReport,
    progress: &mut Reporter<'_>,
) -> Result<()> {
    let mut pins: HashSet<OperationId> = pins.iter().copied().collect();
    let (mut number, mut id) = (0, OperationId::ROOT);
    let mut list = ReplayedList::default();
    let visited = visit::operations(snapshot, 0, |found_number, found_id, content| {
        progress.pulse()?;
        number += 1;
        report.operations += 1;
        let expected = id.followed_by(content.as_bytes());
        pins.remove(&expected);
        let mut wrong = |detail: String| {
            report.violations.push(Violation::Chain {
                operation: found_number,
                detail,
            });
        };
        if found_number != number {
            wrong(format!("operation {number} is missing before it"));
        } else if found_id != expected {
            wrong(format!(
                "its id is {found_id}, but the hash of its predecessor and content is {expected}"
            ));
        }
        match operation_text::read(content) {
            Ok(content) => {
                replay.expect(&content.changes);
                list.apply(&content.changes).unwrap_or_else(wrong);
            }
            Err(error) => wrong(format!("its content cannot be read: {error}")),
        }
        (number, id) = (found_number, found_id);
        Ok(ControlFlow::Continue(()))
    });
    match visited {
        Ok(()) => match snapshot.environment_list() {
            Ok(found) => {
                if let Some(detail) = list.compare(found) {
                    report.index_is_damaged(detail);
                }
            }
            Err(error) => report.index_is_damaged(damage(error.into())?),
        },
        Err(error) => report.violations.push(Violation::Chain {
            operation: number + 1,
            detail: damage(error)?,
        }),
    }
    report.head = (number > 0).then_some(id);
    let mut missing: Vec<OperationId> = pins.into_iter().collect();
    missing.sort();
    let rewritten = missing.into_iter().map(|pin| Violation::Pin { pin });
    report.violations.extend(rewritten);
    Ok(())
}

/// Checks that the rows of each prompt are the result of its operations.
///
/// Passes all that is stored of each prompt to `add`.
pub(super) fn check_prompts(
    snapshot: &dyn Snapshot,
    mut replay: Replay,
    add: &mut dyn FnMut(&PromptTable),
    report: &mut VerifyReport,
    progress: &mut Reporter<'_>,
) -> Result<()> {
    replay.prepare(snapshot)?;
    visit::prompts(snapshot, |found| {
        progress.pulse()?;
        report.prompts += 1;
        report.versions += found.versions.len() as u64;
        add(&found);
        let details = match replay.take(snapshot, found.id) {
            Ok(replayed) => differences(&replayed.to_table(), &found),
            Err(ReplayError::Contradiction(detail)) => vec![detail],
            Err(ReplayError::Storage(error)) => return Err(error),
        };
        let mut details = details;
        let counted = match snapshot.prompt(found.id) {
            Ok(prompt) => prompt.map_or((0, None), |prompt| (prompt.versions, prompt.latest)),
            Err(error) => {
                details.push(damage(error.into())?);
                (found.live().count() as u64, found.latest())
            }
        };
        if counted != (found.live().count() as u64, found.latest()) {
            details.push(format!(
                "{} versions are counted, the latest {:?}; there are {}, the latest {:?}",
                counted.0,
                counted.1,
                found.live().count(),
                found.latest()
            ));
        }
        report
            .violations
            .extend(details.into_iter().map(|detail| Violation::Rows {
                prompt: found.id,
                detail,
            }));
        Ok(())
    })
}

fn described(state: Option<&PromptState>) -> String {
    state.map_or_else(|| "none, as it is deleted".into(), PromptState::described)
}

fn differences(replayed: &PromptTable, found: &PromptTable) -> Vec<String> {
    let mut details = Vec::new();
    if replayed.created_at != found.created_at {
        details.push(format!(
            "it was created at {}, but its operations say {}",
            found.created_at, replayed.created_at
        ));
    }
    if replayed.updated_at != found.updated_at {
        details.push(format!(
            "it was changed last at {}, but its operations say {}",
            found.updated_at, replayed.updated_at
        ));
    }
    // A deleted prompt has no name and tags to compare.
    if replayed.state != found.state {
        details.push(format!(
            "its name and tags are {}, but its operations say {}",
            described(found.state.as_ref()),
            described(replayed.state.as_ref()),
        ));
    }
    if replayed.environments != found.environments {
        details.push(format!(
            "its environments are {:?}, but its operations say {:?}",
            found.environments, replayed.environments
        ));
    }
    if replayed.versions.len() != found.versions.len() {
        let (found, replayed) = (found.versions.len(), replayed.versions.len());
        details.push(format!(
            "it has {found} versions, but its operations say {replayed}"
        ));
    }
    let pairs = replayed.versions.iter().zip(&found.versions);
    for (replayed, found) in pairs.filter(|(replayed, found)| replayed != found) {
        details.push(format!(
            "a version is {found:?}, but its operations say {replayed:?}"
        ));
    }
    details
}
