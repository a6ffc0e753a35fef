//! The reads of the operations.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};

use crate::model::id::{OperationId, PromptId};
use crate::model::record::{Operation, OperationFilter};
use crate::storage::StorageResult;

/// A callback that receives an operation's number, its id and the text that was hashed.
///
/// It returns whether to continue.
pub type OperationVisitor<'a> = dyn FnMut(u64, OperationId, &str) -> ControlFlow<()> + 'a;

/// Reads of the operations.
///
/// # Errors
///
/// As those of a [`Snapshot`](crate::storage::Snapshot), which has these methods too.
pub trait LogReads {
    /// Returns the number and the id of the last operation; `None` in a new store.
    fn last_operation(&self) -> StorageResult<Option<(u64, OperationId)>>;

    /// Returns the number of the last operation that was made at `moment` or before it.
    ///
    /// Only operations with numbers up to `up_to` are considered, each by the time that it contains
    /// itself. The times of the operations before and after it do not matter. The answer is 0 if
    /// there is no such operation.
    fn last_operation_by(&self, moment: DateTime<Utc>, up_to: u64) -> StorageResult<u64>;

    /// Returns the number of the first operation made after `after`, and at `by` or before it.
    ///
    /// Each operation is considered by the time that it contains itself.
    fn first_operation_between(
        &self,
        after: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> StorageResult<Option<u64>>;

    /// Returns at most `limit` operations that pass the filter, newest first.
    ///
    /// With `before`, only operations with lower numbers are returned.
    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> StorageResult<Vec<Operation>>;

    /// Visits operations in order, starting above the number `after`, until the visitor stops.
    ///
    /// The visitor receives each operation's content as the text that was hashed.
    fn each_operation(&self, after: u64, visit: &mut OperationVisitor<'_>) -> StorageResult<()>;

    /// Visits a prompt's operations up to the number `until`, newest first, until the visitor stops.
    ///
    /// The visitor receives the text as in [`each_operation`](Self::each_operation), and may
    /// receive operations that only mention the prompt.
    fn each_operation_of(
        &self,
        prompt: PromptId,
        until: u64,
        visit: &mut OperationVisitor<'_>,
    ) -> StorageResult<()>;
}
