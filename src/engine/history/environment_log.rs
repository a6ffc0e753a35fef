//! The environment log: the versions that an environment pointed to, when, and why.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::error::Result;
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Change, Operation, OperationFilter, OperationKind};
use crate::model::version_number::VersionNumber;
use crate::storage::Snapshot;

/// A period in which an environment pointed to one version.
///
/// It starts with the operation that pointed the environment to the version, and ends with the next
/// one that changed the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EnvironmentLogEntry {
    /// The version, which may have been deleted since.
    pub version_id: VersionId,
    /// The version's number.
    pub number: VersionNumber,
    /// The start of the period.
    pub from: DateTime<Utc>,
    /// The end of the period; `None` if the environment still points to the version.
    pub until: Option<DateTime<Utc>>,
    /// The author of the operation that pointed the environment to the version.
    pub author: String,
    /// The reason for the change.
    ///
    /// Without an explicit reason, it is the message of a version committed to the environment.
    pub reason: Option<String>,
    /// The number of that operation.
    pub operation: u64,
    /// The kind of that operation.
    pub kind: OperationKind,
}

/// Returns the environment log, newest entry first, at most `limit` entries.
///
/// A period in which the environment pointed to no version is a gap between two entries.
pub(crate) fn environment_log(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    environment: &EnvironmentName,
    limit: usize,
) -> Result<Vec<EnvironmentLogEntry>> {
    let (mut found, mut until) = (Vec::new(), None);
    each_change(snapshot, prompt, environment, |operation, change| {
        let EnvironmentStep { from, to, reason } = change;
        if found.len() == limit {
            return Ok(ControlFlow::Break(()));
        }
        if from == to {
            // The operation changed the environment and changed it back.
            return Ok(ControlFlow::Continue(()));
        }
        if let Some(to) = to
            && let Some(row) = snapshot.version_even_deleted(to)?
        {
            found.push(EnvironmentLogEntry {
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
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Checks whether an environment ever pointed to a version.
pub(crate) fn has_pointed_to(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    environment: &EnvironmentName,
    version: VersionId,
) -> Result<bool> {
    let mut is_found = false;
    each_change(snapshot, prompt, environment, |_, change| {
        is_found = [change.from, change.to].contains(&Some(version));
        Ok(if is_found {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    })?;
    Ok(is_found)
}

const PAGE_SIZE: usize = 100;

/// A change of an environment by one operation.
struct EnvironmentStep<'a> {
    from: Option<VersionId>,
    to: Option<VersionId>,
    reason: Option<&'a str>,
}

/// Visits the operations that changed an environment, newest first, until the visitor stops.
fn each_change(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    environment: &EnvironmentName,
    mut visit: impl FnMut(&Operation, EnvironmentStep<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let filter = OperationFilter::default()
        .prompt(prompt)
        .environment(environment.clone());
    let mut before = None;
    loop {
        let page = snapshot.operations(&filter, before, PAGE_SIZE)?;
        before = page.last().map(|operation| operation.number);
        for operation in &page {
            if let Some(change) = environment_change(operation, prompt, environment)
                && visit(operation, change)?.is_break()
            {
                return Ok(());
            }
        }
        if page.len() < PAGE_SIZE {
            return Ok(());
        }
    }
}

/// Returns the version before and after an operation that changed the environment, and the reason.
fn environment_change<'a>(
    operation: &'a Operation,
    prompt: PromptId,
    environment: &EnvironmentName,
) -> Option<EnvironmentStep<'a>> {
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
    let reason = reason_of(changes, to, reason);
    Some(EnvironmentStep { from, to, reason })
}

/// Returns the explicit reason, or else the message of the version if the operation created it.
fn reason_of<'a>(
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
