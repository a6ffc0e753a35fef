//! Operations and recorded inputs: what is read of them.

use chrono::{DateTime, Utc};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row};

use super::error::{Context, Result};
use super::stored::{bytes, collect, limit, micros, moment, parsed};
use crate::id::{EnvironmentName, OperationId, PromptId, VersionId};
use crate::record::{Operation, OperationFilter, RecordedInputs};

pub(super) fn last(connection: &Connection) -> Result<Option<(u64, OperationId)>> {
    connection
        .prepare_cached("SELECT number, hash FROM operation ORDER BY number DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], head).optional())
        .context("reading the last operation")
}

/// Where the history ends: the last operation's number, and the latest moment of all.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) number: i64,
    pub(super) latest: i64,
}

/// The end of the history; before the first operation it is operation 0, older than any.
pub(super) fn end(connection: &Connection) -> Result<End> {
    let end = connection
        .prepare_cached("SELECT number, latest FROM operation ORDER BY number DESC LIMIT 1")
        .and_then(|mut statement| {
            let end = statement.query_row([], |row| {
                let (number, latest) = (row.get(0)?, row.get(1)?);
                Ok(End { number, latest })
            });
            end.optional()
        })
        .context("reading where the history ends")?;
    Ok(end.unwrap_or(End {
        number: 0,
        latest: i64::MIN,
    }))
}

/// The last operation before the first one that was made after a moment: `latest` only grows, so it is searched by halves.
pub(super) fn last_by(connection: &Connection, moment: DateTime<Utc>) -> Result<u64> {
    let doing = "looking for an operation by its moment";
    let mut statement = connection
        .prepare_cached("SELECT latest <= ?2 FROM operation WHERE number = ?1")
        .context(doing)?;
    let (mut by, mut after) = (0, end(connection)?.number + 1);
    while by + 1 < after {
        let middle = by + (after - by) / 2;
        let is_by = statement.query_row((middle, micros(moment)), |row| row.get(0));
        match is_by.context(doing)? {
            true => by = middle,
            false => after = middle,
        }
    }
    Ok(by.unsigned_abs())
}

fn head(row: &Row<'_>) -> rusqlite::Result<(u64, OperationId)> {
    let number = row.get::<_, i64>(0)?.unsigned_abs();
    Ok((number, OperationId::from_bytes(bytes(row, 1)?)))
}

pub(super) fn list(
    connection: &Connection,
    filter: &OperationFilter,
    before: Option<u64>,
    rows: usize,
) -> Result<Vec<Operation>> {
    const OF_PROMPT: &str = "SELECT key FROM prompt WHERE id = ?2";
    let numbers = match (&filter.prompt, &filter.environment) {
        (None, None) => {
            "SELECT number AS operation FROM operation WHERE ?2 IS NULL AND ?3 IS NULL".to_owned()
        }
        (Some(_), None) => format!(
            "SELECT operation FROM operation_prompt WHERE prompt = ({OF_PROMPT}) AND ?3 IS NULL"
        ),
        (None, Some(_)) => {
            // Cut here: else SQLite reads all operations of the name for each page.
            "SELECT DISTINCT operation FROM operation_environment
             WHERE ?2 IS NULL AND name = ?3 AND operation < ?1 ORDER BY operation DESC LIMIT ?4"
                .to_owned()
        }
        // A prompt has fewer operations than an environment's name.
        (Some(_), Some(_)) => format!(
            "SELECT operation FROM operation_prompt p WHERE prompt = ({OF_PROMPT}) AND EXISTS
                (SELECT 1 FROM operation_environment e
                 WHERE e.name = ?3 AND e.operation = p.operation AND e.prompt = p.prompt)"
        ),
    };
    let sql = format!(
        "SELECT o.number, o.hash, o.content FROM ({numbers}) n JOIN operation o ON o.number = n.operation
         WHERE n.operation < ?1 ORDER BY n.operation DESC LIMIT ?4"
    );
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let rows = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| {
            let prompt = filter.prompt.as_ref().map(PromptId::as_str);
            let environment = filter.environment.as_ref().map(EnvironmentName::as_str);
            let found = statement.query((before, prompt, environment, limit(rows)))?;
            collect(found, |row| Ok((head(row)?, row.get::<_, String>(2)?)))
        })
        .context("listing operations")?;
    rows.into_iter()
        .map(|((number, id), text)| {
            Ok(Operation {
                number,
                id,
                content: serde_json::from_str(&text)
                    .context(&format!("reading operation {number}"))?,
            })
        })
        .collect()
}

/// Selects from inputs and their version what [`inputs_row`] reads, of live versions.
macro_rules! select_inputs {
    ($rest:literal) => {
        concat!(
            "SELECT i.request, i.inputs, i.environment, i.recorded_at
             FROM version v JOIN request_inputs i ON i.version = v.key
             WHERE v.id = ?1 AND v.deleted_at IS NULL ",
            $rest
        )
    };
}

pub(super) fn inputs(
    connection: &Connection,
    version: VersionId,
    request: &str,
) -> Result<Option<RecordedInputs>> {
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
) -> Result<Vec<RecordedInputs>> {
    connection
        .prepare_cached(select_inputs!("ORDER BY i.request"))
        .and_then(|mut statement| {
            let rows = statement.query([version.as_bytes()])?;
            collect(rows, |row| inputs_row(row, version))
        })
        .context("reading recorded inputs")
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
