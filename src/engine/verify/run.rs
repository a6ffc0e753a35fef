//! TODO

use crate::engine::verify::bodies;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::ControlFlow;

use serde::Serialize;

use super::bodies::BodyCheck;
use super::replay::{Replay, ReplayError};
use crate::engine::search::Expected;
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, OperationId, PromptId};
use crate::model::record::{OperationContent, PromptState};
use crate::storage::{Blobs, ErrorKind, Index, PromptTable, Snapshot};

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Operations whose place in the hash chain was checked.
    pub operations: u64,
    /// Prompts, deleted ones too, whose rows were held against a replay of their operations.
    pub prompts: u64,
    /// Versions among those rows.
    pub versions: u64,
    /// Bodies whose bytes were held against their address.
    pub bodies: u64,
    /// Bytes of those bodies.
    pub bytes: u64,
    /// The id of the last operation: it stands for the whole history.
    pub head: Option<OperationId>,
    /// What is wrong; nothing in a sound store.
    pub violations: Vec<Violation>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

impl Report {
    pub(super) fn index_is_damaged(&mut self, detail: String) {
        // The text of an index's error begins as the violation's does.
        let detail = detail.trim_start_matches("index: ").to_owned();
        self.violations.push(Violation::Index { detail });
    }
}

/// One thing that is wrong with a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "violation")]
#[non_exhaustive]
pub enum Violation {
    /// The index's own check failed.
    Index {
        /// What it says.
        detail: String,
    },
    /// An operation is missing, or is not what its id is a hash of.
    Chain {
        /// The operation's number.
        operation: u64,
        /// What is wrong.
        detail: String,
    },
    /// An operation that was to be in the history is not: the history was rewritten, or cut off.
    Pin {
        /// Its id.
        pin: OperationId,
    },
    /// A prompt's rows are not what its operations make of it.
    Rows {
        /// The prompt.
        prompt: PromptId,
        /// What differs.
        detail: String,
    },
    /// A pack is damaged; bodies that can't be read from it any more are named besides.
    Pack {
        /// Which, and what is wrong.
        detail: String,
    },
    /// A body is missing, or its bytes are not those of its address.
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
            Self::Pin { pin } => write!(f, "history: operation {pin} is not in it"),
            Self::Rows { prompt, detail } => write!(f, "prompt {prompt}: {detail}"),
            Self::Pack { detail } => write!(f, "pack: {detail}"),
            Self::Body { blob, detail } => write!(f, "body {blob}: {detail}"),
        }
    }
}

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Whether every body is where it should be, and packs have whole indexes; no body is read.
    Quick,
    /// Everything.
    Full,
}

/// Checks everything, in one snapshot, or that every body is where it should be; `progress` is told how many bodies were
/// checked.
pub(crate) fn verify(
    index: &dyn Index,
    blobs: &dyn Blobs,
    depth: Depth,
    pins: &[OperationId],
    progress: &mut dyn FnMut(u64),
) -> Result<Report> {
    loop {
        let snapshot = index.snapshot()?;
        let report = verify_snapshot(index, &**snapshot, blobs, depth, pins, progress);
        if snapshot.is_consistent() {
            return report;
        }
    }
}

/// As [`verify`] of everything, for an index that is known to be damaged; what is found is added to a report.
pub(crate) fn verify_damaged(
    index: &dyn Index,
    blobs: &dyn Blobs,
    pins: &[OperationId],
    report: &mut Report,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let found = verify(index, blobs, Depth::Full, pins, progress)?;
    let known = std::mem::replace(report, found).violations;
    report.violations.splice(..0, known);
    Ok(())
}

/// Checks the bodies of a store whose index can't be read.
pub(crate) fn verify_bodies(
    blobs: &dyn Blobs,
    report: &mut Report,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    check_packs(blobs, Depth::Full, report)?;
    bodies::check_loose(blobs, report, progress)
}

/// Describes an error that is caused by damage. An error with another cause is returned.
pub(super) fn damage(error: Error) -> Result<String> {
    match error {
        Error::Backend(error) if error.kind() == ErrorKind::Corrupt => Ok(error.in_full()),
        error => Err(error),
    }
}

fn verify_snapshot(
    index: &dyn Index,
    snapshot: &dyn Snapshot,
    blobs: &dyn Blobs,
    depth: Depth,
    pins: &[OperationId],
    progress: &mut dyn FnMut(u64),
) -> Result<Report> {
    let mut report = Report::default();
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
    check_chain(snapshot, pins, &mut replay, &mut report)?;
    // Without the operations nothing says what is to be searched; that they are damaged is told already.
    let mut search = Expected::new(snapshot).ok();
    let live = match check_prompts(snapshot, replay, &mut search, &mut report) {
        Ok(live) => Some(live),
        Err(error) => {
            report.index_is_damaged(damage(error)?);
            // Nor is it known what bodies there must be and what is to be searched.
            search = None;
            None
        }
    };
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

fn check_packs(blobs: &dyn Blobs, depth: Depth, report: &mut Report) -> Result<()> {
    let wrong = blobs.check_packs(depth == Depth::Full)?.into_iter();
    let details = wrong.map(|detail| Violation::Pack { detail });
    report.violations.extend(details);
    Ok(())
}

/// Operations are numbered without gaps, and each id is the hash of the one before and the content. Where one can't be
/// read, nothing vouches for those behind it. What is pinned must be among them.
fn check_chain(
    snapshot: &dyn Snapshot,
    pins: &[OperationId],
    replay: &mut Replay,
    report: &mut Report,
) -> Result<()> {
    let mut pins: HashSet<OperationId> = pins.iter().copied().collect();
    let (mut number, mut id) = (0, OperationId::ROOT);
    let visited = snapshot.each_operation(0, &mut |found_number, found_id, content| {
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
                "its id is {found_id}, its content and what is before it give {expected}"
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

/// Each prompt's rows are what its operations make of it. Gives how many live versions each body has.
fn check_prompts(
    snapshot: &dyn Snapshot,
    mut replay: Replay,
    search: &mut Option<Expected>,
    report: &mut Report,
) -> Result<HashMap<BlobId, u64>> {
    let mut live: HashMap<BlobId, u64> = HashMap::new();
    replay.prepare(snapshot)?;
    snapshot.each_prompt(&mut |found| {
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
            Err(ReplayError::Backend(error)) => return Err(error),
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
            "it was created at {}, its operations say {}",
            found.created_at, replayed.created_at
        ));
    }
    // A deleted prompt's name and tags are of no consequence.
    if replayed.state != found.state {
        details.push(format!(
            "its name and tags are {}, its operations say {}",
            described(found.state.as_ref()),
            described(replayed.state.as_ref()),
        ));
    }
    if replayed.environments != found.environments {
        details.push(format!(
            "its environments are {:?}, its operations say {:?}",
            found.environments, replayed.environments
        ));
    }
    if replayed.versions.len() != found.versions.len() {
        let (found, replayed) = (found.versions.len(), replayed.versions.len());
        details.push(format!(
            "it has {found} versions, its operations say {replayed}"
        ));
    }
    let pairs = replayed.versions.iter().zip(&found.versions);
    for (replayed, found) in pairs.filter(|(replayed, found)| replayed != found) {
        details.push(format!(
            "version {found:?} is, by its operation, {replayed:?}"
        ));
    }
    details
}
