//! What changed since a place in the history, in order.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::engine::read::bodies::Bodies;
use crate::engine::search::PartialUsers;
use crate::engine::write::operation_text;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, OperationId, PromptId};
use crate::model::invalid_argument::Invalid;
use crate::model::record::{Change, Operation, OperationFilter};
use crate::storage::Snapshot;

/// A place in a store's history: behind one of its operations. As text: the operation's number and id, `12-9f86…`.
///
/// It has the id so that a place in another history, such as that of a store which was put back from an older copy, is
/// told from one in this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    number: u64,
    id: OperationId,
}

impl Cursor {
    /// Before the first operation of any store.
    pub const START: Self = Self {
        number: 0,
        id: OperationId::ROOT,
    };

    /// The number of the operation that it is behind, 0 for the start.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl From<&Operation> for Cursor {
    /// Behind this operation.
    fn from(operation: &Operation) -> Self {
        Self {
            number: operation.number,
            id: operation.id,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.number, self.id)
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts = text.split_once('-');
        let parsed = parts.and_then(|(number, id)| {
            let (number, id) = (number.parse().ok()?, id.parse().ok()?);
            Some(Self { number, id })
        });
        parsed.ok_or_else(|| {
            let reason = "expected an operation's number and id, as 12-9f86…";
            Invalid::new("cursor", text, reason)
        })
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An operation, as those who watch a store are told of it.
///
/// As JSON: `{cursor, operation, affected}`, the cursor as text, the operation as [`Operation`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// Where to go on from.
    pub cursor: Cursor,
    /// What changed.
    pub operation: Operation,
    /// Prompts that are rendered otherwise since, as partials of theirs moved, their own or those inside partials; sorted.
    /// These are prompts whose current versions name the partial when the event is read: of an event that is read late, what
    /// was changed since counts.
    pub affected: Vec<PromptId>,
}

/// Where the history ends.
pub(crate) fn end(snapshot: &dyn Snapshot) -> Result<Cursor> {
    let last = snapshot.last_operation()?;
    Ok(last.map_or(Cursor::START, |(number, id)| Cursor { number, id }))
}

/// The operations behind a place, in order, `limit` at most.
pub(crate) fn operations_since(
    snapshot: &dyn Snapshot,
    cursor: Cursor,
    limit: usize,
) -> Result<Vec<Operation>> {
    if cursor != Cursor::START {
        let before = cursor.number.checked_add(1);
        let found = snapshot.operations(&OperationFilter::default(), before, 1)?;
        if found.first().map(Cursor::from) != Some(cursor) {
            return Err(Error::CursorNotFound { cursor });
        }
    }
    let mut operations = Vec::new();
    if limit == 0 {
        return Ok(operations);
    }
    snapshot.each_operation(cursor.number, &mut |number, id, text| {
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

/// The operations behind a place, and whom they affect.
pub(crate) fn events_since(
    snapshot: &dyn Snapshot,
    bodies: &Bodies,
    cursor: Cursor,
    limit: usize,
) -> Result<Vec<Event>> {
    let operations = operations_since(snapshot, cursor, limit)?;
    let moves = operations
        .iter()
        .any(|operation| moved_by(operation).next().is_some());
    let users = match moves {
        true => Some(PartialUsers::of(snapshot, bodies)?),
        false => None,
    };
    let events = operations.into_iter().map(|operation| {
        let affected = match &users {
            Some(users) => affected_by(users, &operation)?,
            None => Vec::new(),
        };
        Ok(Event {
            cursor: Cursor::from(&operation),
            affected,
            operation,
        })
    });
    events.collect()
}

/// The pointers that an operation moved.
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

/// The prompts that hang on the pointers that an operation moved.
fn affected_by(users: &PartialUsers<'_>, operation: &Operation) -> Result<Vec<PromptId>> {
    let versions = users.affected(moved_by(operation).collect())?;
    let prompts: BTreeSet<PromptId> = versions.iter().map(|one| one.prompt_id).collect();
    Ok(prompts.into_iter().collect())
}
