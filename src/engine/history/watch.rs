//! The changes of a store since a log position, in order.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::engine::read::bodies::BodyReader;
use crate::engine::search::Dependents;
use crate::engine::visit;
use crate::engine::write::operation_text;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, OperationId, PromptId};
use crate::model::invalid_argument::InvalidArgument;
use crate::model::record::{Change, Operation, OperationFilter};
use crate::storage::Snapshot;

/// A position in a store's history: after one of its operations.
///
/// As text, it is the operation's number and id: `12-9f86…`. The id distinguishes it from a
/// position in another history, such as that of a store that was restored from an older copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogPosition {
    number: u64,
    id: OperationId,
}

impl LogPosition {
    /// The position before the first operation of any store.
    pub const START: Self = Self {
        number: 0,
        id: OperationId::ROOT,
    };

    /// Returns the number of the operation before the position, or 0 for the start.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl From<&Operation> for LogPosition {
    /// Returns the position after this operation.
    fn from(operation: &Operation) -> Self {
        Self {
            number: operation.number,
            id: operation.id,
        }
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.number, self.id)
    }
}

impl FromStr for LogPosition {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let parts = text.split_once('-');
        let parsed = parts.and_then(|(number, id)| {
            let (number, id) = (number.parse().ok()?, id.parse().ok()?);
            Some(Self { number, id })
        });
        parsed.ok_or_else(|| {
            let reason = "expected an operation's number and id, such as 12-9f86…";
            InvalidArgument::new("position", text, reason)
        })
    }
}

impl<'de> Deserialize<'de> for LogPosition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Serialize for LogPosition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

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
    let last = snapshot.last_operation()?;
    Ok(last.map_or(LogPosition::START, |(number, id)| LogPosition {
        number,
        id,
    }))
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
            content: operation_text::read(number, text)?,
        });
        Ok(match operations.len() < limit {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        })
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
    let moves = operations
        .iter()
        .any(|operation| moved_by(operation).next().is_some());
    let users = match moves {
        true => Some(Dependents::of(snapshot, bodies)?),
        false => None,
    };
    let events = operations.into_iter().map(|operation| {
        let affected = match &users {
            Some(users) => affected_by(users, &operation)?,
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
fn moved_by(operation: &Operation) -> impl Iterator<Item = (PromptId, EnvironmentName)> {
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
fn affected_by(users: &Dependents<'_>, operation: &Operation) -> Result<Vec<PromptId>> {
    let versions = users.affected(moved_by(operation).collect())?;
    let prompts: BTreeSet<PromptId> = versions.iter().map(|one| one.prompt_id).collect();
    Ok(prompts.into_iter().collect())
}
