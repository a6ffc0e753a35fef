//! The changes of a store since a log position, in order.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::engine::read::bodies::BodyReader;
use crate::engine::search::Dependents;
use crate::engine::visit;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId};
use crate::model::log_position::LogPosition;
use crate::model::record::{Change, Operation, OperationFilter};
use crate::storage::{Snapshot, read_operation};

/// An operation, as reported to those who watch a store.
///
/// As JSON: `{position, operation, affected}`, with the position as text and the operation as
/// [`Operation`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The position from which to continue.
    pub position: LogPosition,
    /// The operation.
    pub operation: Operation,
    /// Prompts that render differently because an environment of a partial changed; sorted.
    ///
    /// The partial may be nested in others. These are the prompts whose current versions refer to
    /// it when the event is read. So if an event is read late, later changes of those prompts
    /// count.
    pub affected: Vec<PromptId>,
}

/// Returns the position after the last operation.
pub(crate) fn end(snapshot: &dyn Snapshot) -> Result<LogPosition> {
    Ok(LogPosition::after_last(snapshot.last_operation()?))
}

/// Returns the operations after a position, in order, at most `limit`.
///
/// Fails with [`Error::PositionNotFound`] if the position is not one of this history.
pub(crate) fn operations_since(
    snapshot: &dyn Snapshot,
    position: LogPosition,
    limit: usize,
) -> Result<Vec<Operation>> {
    if position != LogPosition::START {
        let before = position.number.checked_add(1);
        let found = snapshot.operations(&OperationFilter::default(), before, 1)?;
        if found.first().map(LogPosition::from) != Some(position) {
            return Err(Error::PositionNotFound { position });
        }
    }
    let mut operations = Vec::new();
    if limit == 0 {
        return Ok(operations);
    }
    visit::operations(snapshot, position.number, |number, id, text| {
        operations.push(Operation {
            number,
            id,
            content: read_operation(number, text)?,
        });
        if operations.len() >= limit {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(operations)
}

/// Returns the operations after a position, and the prompts that they affect.
pub(crate) fn events_since(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    position: LogPosition,
    limit: usize,
) -> Result<Vec<Event>> {
    let operations = operations_since(snapshot, position, limit)?;
    let changes_environments = operations
        .iter()
        .any(|operation| changed_environments(operation).next().is_some());
    let dependents = if changes_environments {
        Some(Dependents::of(snapshot, bodies)?)
    } else {
        None
    };
    let events = operations.into_iter().map(|operation| {
        let affected = match &dependents {
            Some(dependents) => affected_by(dependents, &operation)?,
            None => Vec::new(),
        };
        Ok(Event {
            position: LogPosition::from(&operation),
            affected,
            operation,
        })
    });
    events.collect()
}

/// Returns the environments that an operation changed.
fn changed_environments(
    operation: &Operation,
) -> impl Iterator<Item = (PromptId, EnvironmentName)> {
    let changes = operation.content.changes.iter();
    changes.filter_map(|change| match change {
        Change::Environment {
            prompt,
            name,
            before,
            after,
            ..
        } if before != after => Some((*prompt, name.clone())),
        _ => None,
    })
}

/// Returns the prompts that depend on the environments that an operation changed.
fn affected_by(dependents: &Dependents<'_>, operation: &Operation) -> Result<Vec<PromptId>> {
    let versions = dependents.affected(changed_environments(operation).collect())?;
    let prompts: BTreeSet<PromptId> = versions.iter().map(|one| one.prompt_id).collect();
    Ok(prompts.into_iter().collect())
}
