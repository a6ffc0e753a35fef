//! The steps of a verification, its report, and its violations.

use crate::engine::verify::bodies;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::bodies::BodyCheck;
use super::replay::{Replay, ReplayError};
use crate::engine::search::ExpectedIndex;
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, OperationId, PromptId};
use crate::model::progress::Reporter;
use crate::model::record::{OperationContent, PromptState};
use crate::storage::{Blobs, Index, PromptTable, Snapshot, StorageErrorKind};

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Operations whose hash in the chain was checked.
    pub operations: u64,
    /// Prompts, deleted ones included, whose rows were compared with a replay of their operations.
    pub prompts: u64,
    /// Versions among those rows.
    pub versions: u64,
    /// Bodies whose bytes were compared with their address.
    pub bodies: u64,
    /// Total size of those bodies in bytes.
    pub bytes: u64,
    /// The id of the last operation, which covers the whole history.
    pub head: Option<OperationId>,
    /// The violations that were found; none in an intact store.
    pub violations: Vec<Violation>,
}

impl VerifyReport {
    /// Returns true if no violation was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

impl VerifyReport {
    pub(super) fn index_is_damaged(&mut self, detail: String) {
        // The text of an index's error begins with the same prefix as the violation's.
        let detail = detail.trim_start_matches("index: ").to_owned();
        self.violations.push(Violation::Index { detail });
    }
}

/// A violation of one of the store's invariants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "violation")]
#[non_exhaustive]
pub enum Violation {
    /// The index's own check failed.
    Index {
        /// The result of the check.
        detail: String,
    },
    /// An operation is missing, or its id is not the hash of its content and predecessor.
    Chain {
        /// The operation's number.
        operation: u64,
        /// What is wrong.
        detail: String,
    },
    /// A pinned operation is not in the history, which was rewritten or cut off.
    Pin {
        /// The operation's id.
        pin: OperationId,
    },
    /// A prompt's rows differ from the result of its operations.
    Rows {
        /// The prompt.
        prompt: PromptId,
        /// The differences.
        detail: String,
    },
    /// A pack is damaged. Bodies that cannot be read from it are reported separately.
    Pack {
        /// The pack, and what is wrong with it.
        detail: String,
    },
    /// A body is missing, or the hash of its bytes is not its address.
    Body {
        /// The body's address.
        blob: BlobId,
        /// What is wrong.
        detail: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index { detail } => write!(f, "index: {detail}"),
            Self::Chain { operation, detail } => write!(f, "operation {operation}: {detail}"),
            Self::Pin { pin } => write!(f, "history: the pinned operation {pin} is missing"),
            Self::Rows { prompt, detail } => write!(f, "prompt {prompt}: {detail}"),
            Self::Pack { detail } => write!(f, "pack: {detail}"),
            Self::Body { blob, detail } => write!(f, "body {blob}: {detail}"),
        }
    }
}

/// The extent of a verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Checks that all bodies exist and that packs have intact indexes; reads no body.
    Quick,
    /// Checks everything.
    #[default]
    Full,
}

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
        let report = verify_snapshot(index, &**snapshot, blobs, depth, pins, progress);
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

/// Describes an error that is caused by damage; returns any other error.
pub(super) fn damage(error: Error) -> Result<String> {
    match error {
        Error::Storage(error) if error.kind() == StorageErrorKind::Corrupt => Ok(error.in_full()),
        error => Err(error),
    }
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
            live: None,
        };
        bodies.check(snapshot, &mut None, &mut report, progress)?;
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
    let live = match check_prompts(snapshot, replay, &mut search, &mut report, progress) {
        Ok(live) => Some(live),
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
        live,
    };
    bodies.check(snapshot, &mut search, &mut report, progress)?;
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

fn check_packs(blobs: &dyn Blobs, depth: Depth, report: &mut VerifyReport) -> Result<()> {
    let wrong = blobs.check_packs(depth == Depth::Full)?.into_iter();
    let details = wrong.map(|detail| Violation::Pack { detail });
    report.violations.extend(details);
    Ok(())
}

/// Checks that the operations have no gaps, form a hash chain, and contain all pins.
///
/// The id of an operation is the hash of the id before it and of its content. If an operation
/// cannot be read, those after it cannot be verified.
fn check_chain(
    snapshot: &dyn Snapshot,
    pins: &[OperationId],
    replay: &mut Replay,
    report: &mut VerifyReport,
    progress: &mut Reporter<'_>,
) -> Result<()> {
    let mut pins: HashSet<OperationId> = pins.iter().copied().collect();
    let (mut number, mut id) = (0, OperationId::ROOT);
    let visited = snapshot.each_operation(0, &mut |found_number, found_id, content| {
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
        match serde_json::from_str::<OperationContent>(content) {
            Ok(content) => replay.expect(&content.changes),
            Err(error) => wrong(format!("its content can't be read: {error}")),
        }
        (number, id) = (found_number, found_id);
        Ok(ControlFlow::Continue(()))
    });
    if let Err(error) = visited {
        report.violations.push(Violation::Chain {
            operation: number + 1,
            detail: damage(error)?,
        });
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
/// Returns how many live versions each body has.
fn check_prompts(
    snapshot: &dyn Snapshot,
    mut replay: Replay,
    search: &mut Option<ExpectedIndex>,
    report: &mut VerifyReport,
    progress: &mut Reporter<'_>,
) -> Result<HashMap<BlobId, u64>> {
    let mut live: HashMap<BlobId, u64> = HashMap::new();
    replay.prepare(snapshot)?;
    snapshot.each_prompt(&mut |found| {
        progress.pulse()?;
        report.prompts += 1;
        report.versions += found.versions.len() as u64;
        if let Some(search) = search {
            search.prompt(&found);
        }
        for version in found.live() {
            *live.entry(version.blob).or_default() += 1;
        }
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
    })?;
    Ok(live)
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
