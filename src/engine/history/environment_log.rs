//! Who held a pointer, from when to when, and why.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::model::error::Result;
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Change, Operation, OperationFilter, OperationKind};
use crate::model::version_number::VersionNumber;
use crate::storage::Snapshot;

/// A version that an environment pointed to, from one operation to the next that moved it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Holding {
    /// The version, which may be deleted since.
    pub version_id: VersionId,
    /// Its number.
    pub number: VersionNumber,
    /// Since when.
    pub from: DateTime<Utc>,
    /// Until when; none where it still is.
    pub until: Option<DateTime<Utc>>,
    /// Who pointed there.
    pub author: String,
    /// Why: what was said at the move, or the commit message where a version was committed to the environment.
    pub reason: Option<String>,
    /// The number of the operation that pointed there.
    pub operation: u64,
    /// What kind of operation that was.
    pub kind: OperationKind,
}

/// The holders of an environment, newest first, `limit` at most. Where it pointed nowhere there is a gap between two.
pub(crate) fn holders(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    environment: &EnvironmentName,
    limit: usize,
) -> Result<Vec<Holding>> {
    let filter = OperationFilter::default();
    let filter = filter.prompt(prompt).environment(environment.clone());
    let (mut found, mut until, mut before) = (Vec::new(), None, None);
    loop {
        let page = snapshot.operations(&filter, before, PAGE)?;
        before = page.last().map(|operation| operation.number);
        for operation in &page {
            if found.len() == limit {
                return Ok(found);
            }
            let Some((from, to, reason)) = pointed(operation, prompt, environment) else {
                continue;
            };
            if from == to {
                continue; // It went away and came back.
            }
            if let Some(to) = to
                && let Some(row) = snapshot.version_ever(to)?
            {
                found.push(Holding {
                    version_id: to,
                    number: row.version.number,
                    from: operation.content.at,
                    until,
                    author: operation.content.author.clone(),
                    reason: reason.map(str::to_owned),
                    operation: operation.number,
                    kind: operation.content.kind,
                });
            }
            until = Some(operation.content.at);
        }
        if page.len() < PAGE {
            return Ok(found);
        }
    }
}

const PAGE: usize = 100;

/// Where a pointer was before an operation, where it was after, and why.
fn pointed<'a>(
    operation: &'a Operation,
    prompt: PromptId,
    environment: &EnvironmentName,
) -> Option<(Option<VersionId>, Option<VersionId>, Option<&'a str>)> {
    let changes = &operation.content.changes;
    let mut moves = changes.iter().filter_map(|change| match change {
        Change::Environment {
            prompt: of,
            name,
            before,
            after,
            reason,
        } if *of == prompt && name == environment => Some((*before, *after, reason.as_deref())),
        _ => None,
    });
    let (from, mut to, mut reason) = moves.next()?;
    if let Some((_, last, why)) = moves.next_back() {
        (to, reason) = (last, why);
    }
    Some((from, to, why_of(changes, to, reason)))
}

/// Why a pointer moved: as was said, or as the version was committed that it moved to.
fn why_of<'a>(
    changes: &'a [Change],
    to: Option<VersionId>,
    reason: Option<&'a str>,
) -> Option<&'a str> {
    let committed = changes.iter().find_map(|change| match change {
        Change::VersionCreated(version) if Some(version.id) == to => Some(version.message.as_str()),
        _ => None,
    });
    reason.or(committed).filter(|why| !why.is_empty())
}
