//! Operation references and moments, and their resolution to operation numbers.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::engine::visit;
use crate::model::error::{Error, Result};
use crate::model::id::OperationId;
use crate::model::invalid_argument::InvalidArgument;
use crate::model::record::{Operation, OperationFilter};
use crate::storage::Snapshot;

/// A reference to an operation, by number or by id. As text: `12`, or 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OperationRef {
    /// The operation's number, which counts from 1.
    Number(u64),
    /// The operation's id.
    Id(OperationId),
}

impl FromStr for OperationRef {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        text.parse().map(Self::Id).map_err(|_: InvalidArgument| {
            let reason = "expected a number such as 12, or an id of 64 hex digits";
            InvalidArgument::new("operation", text, reason)
        })
    }
}

impl fmt::Display for OperationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

impl From<u64> for OperationRef {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<OperationId> for OperationRef {
    fn from(id: OperationId) -> Self {
        Self::Id(id)
    }
}

impl From<&Operation> for OperationRef {
    fn from(operation: &Operation) -> Self {
        Self::Id(operation.id)
    }
}

/// A moment of a store's history.
///
/// As text: an RFC 3339 time such as `2025-06-01T12:00:00Z`, or an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moment {
    /// A time: the state after the last operation whose own time is not later.
    ///
    /// Operations are ordered by number, regardless of their times. All operations before that last
    /// one are included, and none after it.
    Time(DateTime<Utc>),
    /// The state after this operation. Number 0 is the empty store before the first operation.
    Operation(OperationRef),
}

impl FromStr for Moment {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Time(time.to_utc()));
        }
        text.parse().map(Self::Operation).map_err(|_: InvalidArgument| {
            let reason =
                "expected RFC 3339 such as 2025-06-01T12:00:00Z, or an operation's number or id";
            InvalidArgument::new("moment", text, reason)
        })
    }
}

impl From<DateTime<Utc>> for Moment {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

impl From<OperationRef> for Moment {
    fn from(operation: OperationRef) -> Self {
        Self::Operation(operation)
    }
}

impl From<u64> for Moment {
    fn from(number: u64) -> Self {
        Self::Operation(number.into())
    }
}

impl From<OperationId> for Moment {
    fn from(id: OperationId) -> Self {
        Self::Operation(id.into())
    }
}

impl From<&Operation> for Moment {
    fn from(operation: &Operation) -> Self {
        Self::Operation(operation.into())
    }
}

/// Returns the number of the last operation that a moment includes.
pub(crate) fn find_moment(snapshot: &dyn Snapshot, moment: &Moment) -> Result<u64> {
    match moment {
        Moment::Time(time) => Ok(snapshot.last_operation_by(*time, u64::MAX)?),
        Moment::Operation(OperationRef::Number(0)) => Ok(0),
        Moment::Operation(operation) => find_number(snapshot, operation),
    }
}

/// Returns the operation that a reference names.
pub(super) fn find_operation(
    snapshot: &dyn Snapshot,
    operation: &OperationRef,
) -> Result<Operation> {
    let number = find_number(snapshot, operation)?;
    let before = number.checked_add(1);
    let page = snapshot.operations(&OperationFilter::default(), before, 1)?;
    page.into_iter()
        .find(|found| found.number == number)
        .ok_or_else(|| not_found(operation))
}

fn find_number(snapshot: &dyn Snapshot, operation: &OperationRef) -> Result<u64> {
    let last = snapshot.last_operation()?.map_or(0, |(number, _)| number);
    match operation {
        OperationRef::Number(number) if (1..=last).contains(number) => Ok(*number),
        OperationRef::Number(_) => Err(not_found(operation)),
        OperationRef::Id(wanted) => {
            let mut found = None;
            visit::operations(snapshot, 0, |number, id, _| {
                if id != *wanted {
                    return Ok(ControlFlow::Continue(()));
                }
                found = Some(number);
                Ok(ControlFlow::Break(()))
            })?;
            found.ok_or_else(|| not_found(operation))
        }
    }
}

fn not_found(operation: &OperationRef) -> Error {
    Error::OperationNotFound {
        operation: operation.to_string(),
    }
}
