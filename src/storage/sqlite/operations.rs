//! Reads of operations and of recorded inputs.

use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row};

use super::archive;
use super::archive::{LogSegment, RowPosition};
use super::columns::{bytes, collect, micros, moment, parsed};
use super::error::{SqliteContext, SqliteResult};
use super::ids::version_is;
use super::read_connection::ReadConnection;
use super::row_operations::{CandidateVisitor, each_row, head};
use crate::model::id::{EnvironmentName, OperationId, PromptId, VersionId};
use crate::model::operation_text::PromptMention;
use crate::model::record::{Operation, OperationFilter, RecordedInputs};
use crate::storage::{OperationVisitor, read_operation};

pub(super) fn last(tables: &ReadConnection) -> SqliteResult<Option<(u64, OperationId)>> {
    let end = end(tables)?;
    Ok((end.number > 0).then_some((end.number.unsigned_abs(), end.id)))
}

/// Returns the end of the history. It is in a row, unless all operations are archived.
pub(super) fn end(tables: &ReadConnection) -> SqliteResult<RowPosition> {
    if let Some(end) = tables.end.get() {
        return Ok(end);
    }
    let end = tables
        .connection
        .prepare_cached("SELECT number, hash FROM operation ORDER BY number DESC LIMIT 1")
        .and_then(|mut statement| {
            let end = statement.query_row([], |row| {
                let id = OperationId::from_bytes(bytes(row, 1)?);
                Ok(RowPosition {
                    number: row.get(0)?,
                    id,
                })
            });
            end.optional()
        })
        .context("reading the end of the history")?;
    let end = end.map_or_else(|| archive::end(&tables.connection), Ok)?;
    tables.end.set(Some(end));
    Ok(end)
}

/// Returns the last operation up to the number `up_to` that was made by `moment`, or 0.
pub(super) fn last_by(
    tables: &ReadConnection,
    moment: DateTime<Utc>,
    up_to: u64,
) -> SqliteResult<u64> {
    let (moment, up_to) = (micros(moment), i64::try_from(up_to).unwrap_or(i64::MAX));
    let sql = "SELECT number FROM operation WHERE at <= ?1 AND number <= ?2
               ORDER BY number DESC LIMIT 1";
    let found = match by_moment(&tables.connection, sql, (moment, up_to))? {
        // Archived operations come before those that have rows.
        None => tables.segments.last_by(&tables.connection, moment, up_to)?,
        found => found,
    };
    Ok(found.unwrap_or(0).unsigned_abs())
}

/// Returns the first operation that was made after `after`, but not after `by`.
pub(super) fn first_between(
    tables: &ReadConnection,
    after: DateTime<Utc>,
    by: DateTime<Utc>,
) -> SqliteResult<Option<u64>> {
    let (after, by) = (micros(after), micros(by));
    let connection = &tables.connection;
    let sql = "SELECT number FROM operation WHERE at > ?1 AND at <= ?2 ORDER BY number LIMIT 1";
    let found = match tables.segments.first_between(connection, after, by)? {
        None => by_moment(connection, sql, (after, by))?,
        found => found,
    };
    Ok(found.map(i64::unsigned_abs))
}

fn by_moment(connection: &Connection, sql: &str, params: (i64, i64)) -> SqliteResult<Option<i64>> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(params, |row| row.get(0)).optional())
        .context("looking for an operation by its time")
}

/// Visits the operations above a number in order.
///
/// Archived ones come first. They are read only if the next operation has no row.
pub(super) fn each(
    connection: &Connection,
    after: i64,
    visit: &mut OperationVisitor<'_>,
) -> SqliteResult<()> {
    if each_following_row(connection, after, true, visit)? {
        return Ok(());
    }
    let mut read = after;
    while let Some(segment) = archive::next(connection, read)? {
        for (number, id, text) in segment.operations() {
            if number > after && visit(number.unsigned_abs(), id, text).is_break() {
                return Ok(());
            }
        }
        read = segment.end.number;
    }
    each_following_row(connection, read, false, visit).map(drop)
}

/// Visits the rows above a number in order.
///
/// Returns false, and visits none, if the first must have the next number and has another one.
fn each_following_row(
    connection: &Connection,
    after: i64,
    must_be_next: bool,
    visit: &mut OperationVisitor<'_>,
) -> SqliteResult<bool> {
    let doing = "reading operations in order";
    let sql = "SELECT number, hash, content FROM operation WHERE number > ?1 ORDER BY number";
    let mut statement = connection.prepare_cached(sql).context(doing)?;
    let mut rows = statement.query([after]).context(doing)?;
    let mut is_next = !must_be_next;
    while let Some(row) = rows.next().context(doing)? {
        let (number, id) = head(row).context(doing)?;
        is_next |= Some(number) == after.unsigned_abs().checked_add(1);
        if !is_next {
            break;
        }
        let content = row
            .get_ref(2)
            .and_then(|text| Ok(text.as_str()?))
            .context(doing)?;
        if visit(number, id, content).is_break() {
            break;
        }
    }
    Ok(is_next)
}

pub(super) fn list(
    tables: &ReadConnection,
    filter: &OperationFilter,
    before: Option<u64>,
    most: usize,
) -> SqliteResult<Vec<Operation>> {
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let mut found = Vec::new();
    if most == 0 {
        return Ok(found);
    }
    let _ = each_candidate(tables, filter, before, &mut |number, id, text| {
        let operation = operation(number, id, text)?;
        if filter.admits(&operation) {
            found.push(operation);
        }
        if found.len() == most {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Visits a prompt's operations up to a number, newest first, and others that mention it.
pub(super) fn each_of(
    tables: &ReadConnection,
    prompt: PromptId,
    until: u64,
    visit: &mut OperationVisitor<'_>,
) -> SqliteResult<()> {
    let filter = OperationFilter::default().prompt(prompt);
    let before = i64::try_from(until).map_or(i64::MAX, |until| until.saturating_add(1));
    let mut visit = |number, id, text: &str| Ok(visit(number, id, text));
    each_candidate(tables, &filter, before, &mut visit).map(drop)
}

/// Visits the operations that may pass the filter, newest first, until the visitor stops.
fn each_candidate(
    tables: &ReadConnection,
    filter: &OperationFilter,
    before: i64,
    visit: &mut CandidateVisitor<'_>,
) -> SqliteResult<ControlFlow<()>> {
    let (connection, by_prompt) = (&tables.connection, &tables.rows_by_prompt);
    let last = end(tables)?.id;
    if each_row(connection, by_prompt, last, filter, before, visit)?.is_break() {
        return Ok(ControlFlow::Break(()));
    }
    let reader = OperationReader {
        tables,
        filter,
        before,
    };
    reader.each(visit)
}

fn operation(number: u64, id: OperationId, text: &str) -> SqliteResult<Operation> {
    Ok(Operation {
        number,
        id,
        content: read_operation(number, text)?,
    })
}

/// A search in segments, newest first.
struct OperationReader<'a> {
    tables: &'a ReadConnection,
    filter: &'a OperationFilter,
    before: i64,
}

impl OperationReader<'_> {
    fn each(&self, visit: &mut CandidateVisitor<'_>) -> SqliteResult<ControlFlow<()>> {
        let last = archive::end(&self.tables.connection)?
            .number
            .min(self.before - 1);
        if last < 1 {
            return Ok(ControlFlow::Continue(()));
        }
        match (&self.filter.prompt, &self.filter.environment) {
            (None, None) => self.each_of_all(last, visit),
            (Some(prompt), _) => self.each_of_prompt(last, *prompt, visit),
            (None, Some(name)) => self.each_of_environment(last, name, visit),
        }
    }

    fn segment(&self, number: i64) -> SqliteResult<Arc<LogSegment>> {
        self.tables.segments.of(&self.tables.connection, number)
    }

    fn each_of_all(
        &self,
        last: i64,
        visit: &mut CandidateVisitor<'_>,
    ) -> SqliteResult<ControlFlow<()>> {
        let mut next = last;
        while next > 0 {
            let segment = self.segment(next)?;
            let operations = segment.operations().rev();
            for (number, id, text) in operations.filter(|(number, ..)| *number <= next) {
                if visit(number.unsigned_abs(), id, text)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            next = segment.first() - 1;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Visits the operations that mention a prompt.
    ///
    /// A prompt is listed once for each segment, under the segment's last number.
    fn each_of_prompt(
        &self,
        last: i64,
        prompt: PromptId,
        visit: &mut CandidateVisitor<'_>,
    ) -> SqliteResult<ControlFlow<()>> {
        let doing = "listing a prompt's operations";
        let sql =
            "SELECT p.operation FROM operation_prompt p JOIN segment c ON c.last = p.operation
                   WHERE p.prompt = (SELECT key FROM prompt WHERE id = ?1) AND p.operation <= ?2
                   ORDER BY p.operation DESC";
        let up_to = self.segment(last)?.end.number;
        let mention = PromptMention::of(prompt);
        let mut statement = self.tables.connection.prepare_cached(sql).context(doing)?;
        let mut rows = statement.query((prompt.as_str(), up_to)).context(doing)?;
        while let Some(row) = rows.next().context(doing)? {
            let segment = self.segment(row.get(0).context(doing)?)?;
            let operations = segment.operations().rev();
            for (number, id, text) in operations.filter(|(number, ..)| *number <= last) {
                if mention.is_in(text) && visit(number.unsigned_abs(), id, text)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn each_of_environment(
        &self,
        last: i64,
        name: &EnvironmentName,
        visit: &mut CandidateVisitor<'_>,
    ) -> SqliteResult<ControlFlow<()>> {
        let doing = "listing the operations of an environment";
        let sql = "SELECT DISTINCT operation FROM operation_environment
                   WHERE name = ?1 AND operation <= ?2 ORDER BY operation DESC";
        let mut statement = self.tables.connection.prepare_cached(sql).context(doing)?;
        let mut rows = statement.query((name.as_str(), last)).context(doing)?;
        while let Some(row) = rows.next().context(doing)? {
            let number: i64 = row.get(0).context(doing)?;
            let segment = self.segment(number)?;
            if let Some((id, text)) = segment.operation(number)
                && visit(number.unsigned_abs(), id, text)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Selects the columns that [`inputs_row`] reads, of inputs and their live version.
macro_rules! select_inputs {
    ($rest:literal) => {
        concat!(
            "SELECT i.request, i.inputs, i.environment, i.recorded_at
             FROM version v JOIN request_inputs i ON i.version = v.key
             WHERE v.deleted_at IS NULL AND ",
            version_is!("v", "?1"),
            " ",
            $rest
        )
    };
}

pub(super) fn inputs(
    connection: &Connection,
    version: VersionId,
    request: &str,
) -> SqliteResult<Option<RecordedInputs>> {
    connection
        .prepare_cached(select_inputs!("AND i.request = ?2"))
        .and_then(|mut statement| {
            let found = statement.query_row((version.as_bytes(), request), |row| {
                inputs_row(row, version)
            });
            found.optional()
        })
        .context("reading recorded inputs")
}

pub(super) fn inputs_of(
    connection: &Connection,
    version: VersionId,
) -> SqliteResult<Vec<RecordedInputs>> {
    connection
        .prepare_cached(select_inputs!("ORDER BY i.request"))
        .and_then(|mut statement| {
            let rows = statement.query([version.as_bytes()])?;
            collect(rows, |row| inputs_row(row, version))
        })
        .context("reading recorded inputs")
}

/// Lists deleted versions that have inputs and no stored body.
///
/// Steps from version to version by the key, not from request to request.
pub(super) fn lost_versions_with_inputs(connection: &Connection) -> SqliteResult<Vec<VersionId>> {
    let sql = "
        WITH RECURSIVE recorded (version) AS (
            SELECT min(version) FROM request_inputs
            UNION ALL
            SELECT (SELECT min(i.version) FROM request_inputs i WHERE i.version > recorded.version)
            FROM recorded WHERE version IS NOT NULL
        )
        SELECT v.id FROM recorded r JOIN version v ON v.key = r.version JOIN blob b ON b.key = v.blob
        WHERE v.deleted_at IS NOT NULL AND b.stored = 0";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            collect(statement.query([])?, |row| {
                Ok(VersionId::from_bytes(bytes(row, 0)?))
            })
        })
        .context("listing deleted versions that have inputs")
}

fn inputs_row(row: &Row<'_>, version_id: VersionId) -> rusqlite::Result<RecordedInputs> {
    let inputs = serde_json::from_str(row.get_ref(1)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(error))
    })?;
    Ok(RecordedInputs {
        request_id: row.get(0)?,
        version_id,
        inputs,
        environment: match row.get_ref(2)? {
            ValueRef::Null => None,
            _ => Some(parsed(row, 2)?),
        },
        recorded_at: moment(row, 3)?,
    })
}
