//! Reads of prompts, tags and environments.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use unicase::UniCase;

use super::columns::{collect, json_list, limit, moment, parsed};
use super::error::{SqliteContext, SqliteResult};
use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::record::{Environment, Prompt, PromptFilter};
use crate::model::version_number::VersionNumber;

/// Selects the columns that [`prompt`] maps, by a condition.
///
/// The statement is one constant text, so it is not assembled at each call. Tags are a JSON list,
/// which is built only if there are any.
macro_rules! select_prompts {
    ($condition:literal) => {
        concat!(
            "SELECT p.id, p.name, p.created_at, p.versions, v.major, v.minor,
                iif(EXISTS (SELECT 1 FROM tag t WHERE t.prompt = p.key),
                    (SELECT json_group_array(t.tag ORDER BY t.position) FROM tag t WHERE t.prompt = p.key), '[]')
             FROM prompt p LEFT JOIN version v ON v.key = p.latest ",
            $condition
        )
    };
}

fn prompt(row: &Row<'_>) -> rusqlite::Result<Prompt> {
    let number = |major: u32| Ok::<_, rusqlite::Error>(VersionNumber::new(major, row.get(5)?));
    let tags = row.get_ref(6)?.as_str()?;
    Ok(Prompt {
        id: parsed(row, 0)?,
        name: parsed(row, 1)?,
        created_at: moment(row, 2)?,
        versions: row.get::<_, u32>(3)?.into(),
        latest: row.get::<_, Option<u32>>(4)?.map(number).transpose()?,
        tags: match tags {
            "[]" => Vec::new(),
            _ => serde_json::from_str(tags).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    6,
                    rusqlite::types::Type::Text,
                    Box::new(error),
                )
            })?,
        },
    })
}

pub(super) fn get(connection: &Connection, id: PromptId) -> SqliteResult<Option<Prompt>> {
    connection
        .prepare_cached(select_prompts!("WHERE p.id = ?1 AND p.deleted_at IS NULL"))
        .and_then(|mut statement| statement.query_row([id.as_str()], prompt).optional())
        .context("reading a prompt")
}

pub(super) fn id_taken(connection: &Connection, id: PromptId) -> SqliteResult<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM prompt WHERE id = ?1)")
        .and_then(|mut statement| statement.query_row([id.as_str()], |row| row.get(0)))
        .context("looking up a prompt's id")
}

pub(super) fn named(connection: &Connection, name: &PromptName) -> SqliteResult<Vec<PromptId>> {
    connection
        .prepare_cached(
            "SELECT id FROM prompt WHERE name = ?1 AND deleted_at IS NULL ORDER BY key DESC",
        )
        .and_then(|mut statement| collect(statement.query([name.as_str()])?, |row| parsed(row, 0)))
        .context("looking up a prompt's name")
}

pub(super) fn list(
    connection: &Connection,
    filter: &PromptFilter,
    before: Option<PromptId>,
    rows: usize,
) -> SqliteResult<Vec<Prompt>> {
    let sql = format!(
        "{} {} {} {} ORDER BY p.key DESC LIMIT :limit",
        select_prompts!("WHERE p.deleted_at IS NULL"),
        match before {
            Some(_) => "AND p.key < (SELECT key FROM prompt WHERE id = :before)",
            None => "AND :before IS NULL",
        },
        if filter.name_contains.is_empty() {
            "AND :text IS NOT NULL"
        } else {
            "AND instr(p.folded, :text) > 0"
        },
        if filter.tags.is_empty() {
            "AND :tags IS NOT NULL"
        } else {
            "AND p.key IN (SELECT t.prompt FROM tag t JOIN json_each(:tags) w ON t.tag = w.value)"
        },
    );
    let tags = json_list(&filter.tags)?;
    connection
        .prepare_cached(&sql)
        .and_then(|mut statement| {
            let rows = statement.query(named_params! {
                ":before": before.as_ref().map(PromptId::as_str),
                ":text": folded(&filter.name_contains),
                ":tags": tags,
                ":limit": limit(rows),
            })?;
            collect(rows, prompt)
        })
        .context("listing prompts")
}

pub(super) fn count(connection: &Connection) -> SqliteResult<u64> {
    connection
        .prepare_cached("SELECT value FROM counter WHERE name = 'prompts'")
        .and_then(|mut statement| statement.query_row([], |row| row.get::<_, u32>(0)))
        .context("counting prompts")
        .map(u64::from)
}

/// Lists the distinct values of a column.
///
/// Steps from one value to the next, instead of reading every row.
fn distinct<T>(
    connection: &Connection,
    table: &str,
    column: &str,
    map: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> SqliteResult<Vec<T>> {
    let sql = format!(
        "WITH RECURSIVE step (value) AS (
            SELECT min({column}) FROM {table}
            UNION ALL
            SELECT (SELECT min({column}) FROM {table} WHERE {column} > value)
            FROM step WHERE value IS NOT NULL
         )
         SELECT value FROM step WHERE value IS NOT NULL"
    );
    connection
        .prepare_cached(&sql)
        .and_then(|mut statement| collect(statement.query([])?, map))
        .context("listing distinct values")
}

pub(super) fn tags(connection: &Connection) -> SqliteResult<Vec<String>> {
    distinct(connection, "tag", "tag", |row| row.get(0))
}

pub(super) fn environment_names(connection: &Connection) -> SqliteResult<Vec<EnvironmentName>> {
    distinct(connection, "environment", "name", |row| parsed(row, 0))
}

pub(super) fn environments(
    connection: &Connection,
    id: PromptId,
) -> SqliteResult<Vec<Environment>> {
    let environment = |row: &Row<'_>| {
        Ok(Environment {
            name: parsed(row, 0)?,
            prompt_id: id,
            version_id: VersionId::from_bytes(super::columns::bytes(row, 1)?),
            number: VersionNumber::new(row.get(2)?, row.get(3)?),
            moved_at: moment(row, 4)?,
        })
    };
    connection
        .prepare_cached(
            "SELECT e.name, v.id, v.major, v.minor, e.moved_at
             FROM prompt p JOIN environment e ON e.prompt = p.key JOIN version v ON v.key = e.version
             WHERE p.id = ?1 ORDER BY e.name",
        )
        .and_then(|mut statement| collect(statement.query([id.as_str()])?, environment))
        .context("listing environments")
}

/// Returns a text in the letter case in which names are searched.
pub(super) fn folded(text: &str) -> String {
    UniCase::new(text).to_folded_case()
}
