//! Reads of prompts, tags and environments.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::columns::{bytes, collect, json_list, limit, moment, parsed};
use super::error::{SqliteContext, SqliteResult};
use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::record::{Environment, Prompt, PromptFilter, PromptOrder};
use crate::model::version_number::VersionNumber;
use crate::storage::folded;

/// Selects the columns that [`prompt`] maps, by a condition.
///
/// The statement is one constant text, so it is not assembled at each call. Tags are a JSON list,
/// which is built only if there are any.
macro_rules! select_prompts {
    ($condition:literal) => {
        concat!(
            "SELECT p.id, p.name, p.created_at, p.versions, v.major, v.minor,
                iif(EXISTS (SELECT 1 FROM tag t WHERE t.prompt = p.key),
                    (SELECT json_group_array(t.tag ORDER BY t.position) FROM tag t WHERE t.prompt = p.key), '[]'),
                p.updated_at, p.key
             FROM prompt p LEFT JOIN version v ON v.key = p.latest ",
            $condition
        )
    };
}

/// Maps a row to a prompt without its environments, and its key.
fn prompt(row: &Row<'_>) -> rusqlite::Result<(Prompt, i64)> {
    let number = |major: u32| Ok::<_, rusqlite::Error>(VersionNumber::new(major, row.get(5)?));
    let tags = row.get_ref(6)?.as_str()?;
    let prompt = Prompt {
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
        updated_at: moment(row, 7)?,
        environments: Vec::new(),
    };
    Ok((prompt, row.get(8)?))
}

/// Reads the environments of these prompts by one statement, and adds them.
fn with_environments(
    connection: &Connection,
    mut found: Vec<(Prompt, i64)>,
) -> rusqlite::Result<Vec<Prompt>> {
    const ALL: &str = "SELECT e.prompt, e.name, v.id, v.major, v.minor, e.moved_at
         FROM environment e JOIN version v ON v.key = e.version";
    let mut by_key: Vec<usize> = (0..found.len()).collect();
    by_key.sort_unstable_by_key(|at| found[*at].1);
    let (Some(first), Some(last)) = (by_key.first(), by_key.last()) else {
        return Ok(Vec::new());
    };
    let (first, last) = (found[*first].1, found[*last].1);
    // The newest prompts are neighbours, and one scan is faster than a search for each.
    let is_dense = last - first < 2 * limit(found.len());
    let sql = if is_dense {
        format!("{ALL} WHERE e.prompt BETWEEN ?1 AND ?2 ORDER BY e.prompt, e.name")
    } else {
        format!(
            "{ALL} WHERE e.prompt IN (SELECT value FROM json_each(?1)) ORDER BY e.prompt, e.name"
        )
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = if is_dense {
        statement.query((first, last))?
    } else {
        let keys: Vec<String> = found.iter().map(|(_, key)| key.to_string()).collect();
        statement.query([format!("[{}]", keys.join(","))])?
    };
    let mut next = by_key.into_iter().peekable();
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        while next.next_if(|at| found[*at].1 < key).is_some() {}
        let Some((prompt, of)) = next.peek().map(|at| &mut found[*at]) else {
            break;
        };
        if *of == key {
            let environment = environment(row, prompt.id)?;
            prompt.environments.push(environment);
        }
    }
    Ok(found.into_iter().map(|(prompt, _)| prompt).collect())
}

/// Maps a row to an environment. The first column is ignored.
fn environment(row: &Row<'_>, prompt: PromptId) -> rusqlite::Result<Environment> {
    Ok(Environment {
        name: parsed(row, 1)?,
        prompt_id: prompt,
        version_id: VersionId::from_bytes(bytes(row, 2)?),
        number: VersionNumber::new(row.get(3)?, row.get(4)?),
        moved_at: moment(row, 5)?,
    })
}

pub(super) fn get(connection: &Connection, id: PromptId) -> SqliteResult<Option<Prompt>> {
    connection
        .prepare_cached(select_prompts!("WHERE p.id = ?1 AND p.deleted_at IS NULL"))
        .and_then(|mut statement| statement.query_row([id.as_str()], prompt).optional())
        .and_then(|found| with_environments(connection, found.into_iter().collect()))
        .map(|found| found.into_iter().next())
        .context("reading a prompt")
}

pub(super) fn exists(connection: &Connection, id: PromptId) -> SqliteResult<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM prompt WHERE id = ?1 AND deleted_at IS NULL)")
        .and_then(|mut statement| statement.query_row([id.as_str()], |row| row.get(0)))
        .context("looking up a prompt")
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

/// Returns the conditions of a filter, which use the parameters `:text` and `:tags`.
fn conditions(filter: &PromptFilter) -> String {
    let mut conditions = String::from("p.deleted_at IS NULL");
    conditions += if filter.name_contains.is_empty() {
        " AND :text IS NOT NULL"
    } else {
        " AND instr(p.folded, :text) > 0"
    };
    conditions += if filter.tags.is_empty() {
        " AND :tags IS NOT NULL"
    } else {
        " AND p.key IN (SELECT t.prompt FROM tag t JOIN json_each(:tags) w ON t.tag = w.value)"
    };
    conditions
}

pub(super) fn list(
    connection: &Connection,
    filter: &PromptFilter,
    before: Option<PromptId>,
    rows: usize,
) -> SqliteResult<Vec<Prompt>> {
    let (after, order) = match filter.order {
        PromptOrder::Newest => (
            "p.key < (SELECT key FROM prompt WHERE id = :before)",
            "p.key DESC",
        ),
        PromptOrder::Name => (
            "EXISTS (SELECT 1 FROM prompt b WHERE b.id = :before
                 AND (p.folded, -p.key) > (b.folded, -b.key))",
            "p.folded, p.key DESC",
        ),
        PromptOrder::LastChange => (
            "(p.updated_at, p.key) < (SELECT updated_at, key FROM prompt WHERE id = :before)",
            "p.updated_at DESC, p.key DESC",
        ),
    };
    let sql = format!(
        "{} {} AND {} ORDER BY {order} LIMIT :limit",
        select_prompts!("WHERE"),
        conditions(filter),
        match before {
            Some(_) => after,
            None => ":before IS NULL",
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
            with_environments(connection, collect(rows, prompt)?)
        })
        .context("listing prompts")
}

/// Returns the number of live prompts that pass the filter.
pub(super) fn count_of(connection: &Connection, filter: &PromptFilter) -> SqliteResult<u64> {
    if filter.admits_all() {
        return count(connection);
    }
    let sql = format!("SELECT count(*) FROM prompt p WHERE {}", conditions(filter));
    let tags = json_list(&filter.tags)?;
    connection
        .prepare_cached(&sql)
        .and_then(|mut statement| {
            let parameters =
                named_params! { ":text": folded(&filter.name_contains), ":tags": tags };
            statement.query_row(parameters, |row| row.get::<_, u32>(0))
        })
        .context("counting prompts")
        .map(u64::from)
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
    connection
        .prepare_cached(
            "SELECT e.prompt, e.name, v.id, v.major, v.minor, e.moved_at
             FROM prompt p JOIN environment e ON e.prompt = p.key JOIN version v ON v.key = e.version
             WHERE p.id = ?1 ORDER BY e.name",
        )
                .and_then(|mut statement| {
            collect(statement.query([id.as_str()])?, |row| environment(row, id))
        })
        .context("listing environments")
}
