//! The end of the history as a handle saw it, by which it notices that the server lost changes.
//!
//! A failover to a standby without the last commits cuts off the end of a history. A handle remembers
//! the last operation that it saw. If the operation with that number is another one, or none, the
//! handle refuses all further work: what it answered before is no longer true.

use std::sync::{Mutex, PoisonError};

use tokio_postgres::Row;

use super::columns::{bytes, number, optional_raw, raw, signed};
use super::error::corrupt;
use crate::model::id::OperationId;
use crate::storage::{ChangeMark, StorageError, StorageErrorKind, StorageResult};

/// Selects the end of the history, and the id of the operation with a number.
pub(super) const HISTORY_END: &str = "SELECT last_number, last_hash, mark,
    CASE WHEN last_number = $1::bigint THEN last_hash
        ELSE (SELECT hash FROM operation WHERE number = $1::bigint) END FROM head";

/// The end of the history, and what the history has in the place of an operation.
pub(super) struct HistoryEnd {
    pub(super) number: u64,
    pub(super) id: OperationId,
    pub(super) mark: Option<ChangeMark>,
    /// The id of the operation that has the number which was asked for.
    in_place: Option<OperationId>,
}

impl HistoryEnd {
    /// Maps the row of [`HISTORY_END`].
    pub(super) fn of(rows: &[Row]) -> StorageResult<Self> {
        let Some(row) = rows.first() else {
            return Err(corrupt("reading the end of the history: it is missing"));
        };
        let in_place = match optional_raw(row, 3)? {
            Some(_) => Some(OperationId::from_bytes(bytes(row, 3)?)),
            None => None,
        };
        Ok(Self {
            number: number(row, 0)?,
            id: OperationId::from_bytes(bytes(row, 1)?),
            mark: ChangeMark::new(raw(row, 2)?),
            in_place,
        })
    }
}

/// The number and the id of an operation.
pub(super) type OperationPlace = (u64, OperationId);

/// The last operation that a handle saw.
#[derive(Debug, Default)]
pub(super) struct SeenOperation(Mutex<SeenState>);

#[derive(Clone, Copy, Debug, Default)]
struct SeenState {
    last: Option<OperationPlace>,
    is_lost: bool,
}

impl SeenState {
    fn add(&mut self, seen: OperationPlace) {
        // Before the first operation the number is 0.
        if self.last.map_or(0, |(number, _)| number) < seen.0 {
            self.last = Some(seen);
        }
    }
}

impl SeenOperation {
    /// Returns the last operation, to be passed to [`check`](Self::check) with an end that is read
    /// afterwards.
    ///
    /// # Errors
    ///
    /// [`Replaced`](StorageErrorKind::Replaced) if an earlier check failed.
    pub(super) fn last(&self) -> StorageResult<Option<OperationPlace>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_lost {
            return Err(lost(state.last));
        }
        Ok(state.last)
    }

    /// Compares an operation that was seen with an end of the history that was read afterwards, and
    /// remembers the end.
    ///
    /// # Errors
    ///
    /// [`Replaced`](StorageErrorKind::Replaced) if the history lost the operation.
    pub(super) fn check(
        &self,
        seen: Option<OperationPlace>,
        end: &HistoryEnd,
    ) -> StorageResult<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((number, id)) = seen
            && (end.number < number || end.in_place != Some(id))
        {
            state.is_lost = true;
            return Err(lost(seen));
        }
        state.add((end.number, end.id));
        Ok(())
    }

    /// Remembers the last operation of a transaction that this handle committed.
    pub(super) fn add(&self, last: OperationPlace) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.add(last);
    }
}

/// Returns the number of an operation for the parameter of [`HISTORY_END`].
pub(super) fn number_of(seen: Option<OperationPlace>) -> i64 {
    seen.map_or(0, |(number, _)| signed(number))
}

fn lost(seen: Option<OperationPlace>) -> StorageError {
    let (number, id) = seen.unwrap_or((0, OperationId::ROOT));
    let reason = format!(
        "postgres: operation {number} ({id}), which this handle saw, is no longer in the history; the \
         server lost its last changes, as a failover to a standby can; open the store again to go \
         on without them"
    );
    StorageError::new(StorageErrorKind::Replaced, reason)
}
