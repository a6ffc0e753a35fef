//! The reads of the operations.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::PostgresSnapshot;
use crate::model::id::{OperationId, PromptId};
use crate::model::record::{Operation, OperationFilter};
use crate::storage::postgres::columns::{bytes, micros, number, signed, text};
use crate::storage::{LogReads, OperationVisitor, StorageResult, read_operation};

/// The number of operations that are read at once.
const READ_TOGETHER: i64 = 500;

/// A visitor of operations that can fail.
type OperationRowVisitor<'a> =
    dyn FnMut(u64, OperationId, &str) -> StorageResult<ControlFlow<()>> + 'a;

/// The operations below a number, newest first.
const ALL: &str = "SELECT number, hash, content FROM operation
    WHERE number < $1 AND $3::bytea IS NULL ORDER BY number DESC LIMIT $2";
const OF_PROMPT: &str = "SELECT o.number, o.hash, o.content
    FROM operation_prompt p JOIN operation o ON o.number = p.operation
    WHERE p.prompt = $3::bytea AND p.operation < $1 ORDER BY p.operation DESC LIMIT $2";
const OF_ENVIRONMENT: &str = "SELECT o.number, o.hash, o.content
    FROM operation_environment e JOIN operation o ON o.number = e.operation
    WHERE e.name = $3::bytea AND e.operation < $1 ORDER BY e.operation DESC LIMIT $2";

fn head(row: &Row) -> StorageResult<(u64, OperationId)> {
    Ok((number(row, 0)?, OperationId::from_bytes(bytes(row, 1)?)))
}

impl PostgresSnapshot<'_> {
    /// Visits the operations that may pass the filter, newest first, until the visitor stops.
    fn each_candidate(
        &self,
        filter: &OperationFilter,
        before: i64,
        most: usize,
        visit: &mut OperationRowVisitor<'_>,
    ) -> StorageResult<()> {
        let (sql, of) = match (&filter.prompt, &filter.environment) {
            (Some(prompt), _) => (OF_PROMPT, Some(prompt.as_str())),
            (None, Some(name)) => (OF_ENVIRONMENT, Some(name.as_str())),
            (None, None) => (ALL, None),
        };
        let of = of.map(str::as_bytes);
        let (mut before, most) = (before, signed(most).clamp(1, READ_TOGETHER));
        loop {
            let rows = self.rows("listing operations", sql, &[&before, &most, &of])?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            before = last.get(0);
            for row in &rows {
                let (number, id) = head(row)?;
                if visit(number, id, text(row, 2)?)?.is_break() {
                    return Ok(());
                }
            }
            if signed(rows.len()) < most {
                return Ok(());
            }
        }
    }
}

impl LogReads for PostgresSnapshot<'_> {
    fn last_operation(&self) -> StorageResult<Option<(u64, OperationId)>> {
        let sql = "SELECT last_number, last_hash FROM head";
        let row = self.row("reading the end of the history", sql, &[])?;
        let last = row.map(|row| head(&row)).transpose()?;
        Ok(last.filter(|(number, _)| *number > 0))
    }

    fn last_operation_by(&self, moment: DateTime<Utc>, up_to: u64) -> StorageResult<u64> {
        let sql = "SELECT max(number) FROM operation WHERE at <= $1 AND number <= $2";
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&micros(moment), &signed(up_to)];
        let row = self.row("looking for an operation by its time", sql, &params)?;
        row.map_or(Ok(0), |row| number(&row, 0))
    }

    fn first_operation_between(
        &self,
        after: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> StorageResult<Option<u64>> {
        let sql = "SELECT number FROM operation WHERE at > $1 AND at <= $2 ORDER BY number LIMIT 1";
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&micros(after), &micros(by)];
        let row = self.row("looking for an operation by its time", sql, &params)?;
        row.map(|row| number(&row, 0)).transpose()
    }

    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> StorageResult<Vec<Operation>> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        let before = before.map_or(i64::MAX, signed);
        self.each_candidate(filter, before, limit, &mut |number, id, text| {
            let content = read_operation(number, text)?;
            let operation = Operation {
                number,
                id,
                content,
            };
            if filter.admits(&operation) {
                found.push(operation);
            }
            if found.len() == limit {
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    fn each_operation(&self, after: u64, visit: &mut OperationVisitor<'_>) -> StorageResult<()> {
        let sql = "SELECT number, hash, content FROM operation
            WHERE number > $1 ORDER BY number LIMIT $2";
        let mut after = signed(after);
        loop {
            let rows = self.rows(
                "reading operations in order",
                sql,
                &[&after, &READ_TOGETHER],
            )?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.get(0);
            for row in &rows {
                let (number, id) = head(row)?;
                if visit(number, id, text(row, 2)?).is_break() {
                    return Ok(());
                }
            }
        }
    }

    fn each_operation_of(
        &self,
        prompt: PromptId,
        until: u64,
        visit: &mut OperationVisitor<'_>,
    ) -> StorageResult<()> {
        let filter = OperationFilter::default().prompt(prompt);
        let before = signed(until).saturating_add(1);
        let mut visit = |number, id, text: &str| Ok(visit(number, id, text));
        self.each_candidate(&filter, before, usize::MAX, &mut visit)
    }
}
