//! What the index can say against itself: SQLite's own checks, and what is kept twice for the sake of speed.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row};

use super::error::{Context, Result};
use super::prompts::{self, folded};
use super::stored::{collect, micros};

/// A line for each thing that is wrong.
pub(super) fn all(connection: &Connection) -> Result<Vec<String>> {
    let mut wrong = integrity(connection)?;
    wrong.extend(dangling(connection)?);
    wrong.extend(prompt_counter(connection)?);
    wrong.extend(folded_names(connection)?);
    wrong.extend(environment_listing(connection)?);
    wrong.extend(latest_moments(connection)?);
    wrong.extend(search_rows(connection)?);
    Ok(wrong)
}

fn lines(
    connection: &Connection,
    sql: &str,
    line: impl Fn(&Row<'_>) -> rusqlite::Result<String>,
) -> Result<Vec<String>> {
    connection
        .prepare(sql)
        .and_then(|mut statement| collect(statement.query([])?, line))
        .context("checking the index")
}

fn integrity(connection: &Connection) -> Result<Vec<String>> {
    // A look into each, at which FTS5 forgets what it knew of the table before somebody else changed it: its check
    // alone does not.
    for table in ["search_text", "search_message"] {
        let look = format!("SELECT EXISTS (SELECT 1 FROM {table})");
        lines(connection, &look, |_| Ok(String::new()))?;
    }
    let mut found = lines(connection, "PRAGMA integrity_check", |row| row.get(0))?;
    found.retain(|line| line != "ok");
    Ok(found)
}

fn dangling(connection: &Connection) -> Result<Vec<String>> {
    lines(connection, "PRAGMA foreign_key_check", |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!(
            "a row of {table} refers to a missing row of {parent}"
        ))
    })
}

fn prompt_counter(connection: &Connection) -> Result<Option<String>> {
    let counted: u32 = connection
        .query_row(
            "SELECT count(*) FROM prompt WHERE deleted_at IS NULL",
            [],
            |row| row.get(0),
        )
        .context("checking the index")?;
    let kept = prompts::count(connection)?;
    Ok((kept != u64::from(counted))
        .then(|| format!("{kept} prompts are counted, there are {counted}")))
}

/// Names are searched in one letter case, which is kept beside them.
fn folded_names(connection: &Connection) -> Result<Vec<String>> {
    let mut found = lines(connection, "SELECT id, name, folded FROM prompt", |row| {
        let (id, name, kept): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(match kept == folded(&name) {
            true => String::new(),
            false => format!("prompt {id} is searched as {kept:?}, its name is {name:?}"),
        })
    })?;
    found.retain(|line| !line.is_empty());
    Ok(found)
}

/// Operations are listed by the environments that they move.
fn environment_listing(connection: &Connection) -> Result<Vec<String>> {
    lines(
        connection,
        "WITH moved (operation, name, prompt) AS (
            SELECT o.number, c.value ->> '$.environment.name', c.value ->> '$.environment.prompt'
            FROM operation o, json_each(o.content, '$.changes') c
            WHERE json_valid(o.content) AND c.value -> '$.environment' IS NOT NULL
         ), listed (operation, name, prompt) AS (
            SELECT e.operation, e.name, p.id FROM operation_environment e JOIN prompt p ON p.key = e.prompt
         )
         SELECT operation, name, prompt FROM (SELECT * FROM moved EXCEPT SELECT * FROM listed)
         UNION ALL
         SELECT operation, name, prompt FROM (SELECT * FROM listed EXCEPT SELECT * FROM moved)",
        |row| {
            let (operation, name, prompt): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(format!("operation {operation} is listed wrongly under {name} of prompt {prompt}"))
        },
    )
}

/// The history is searched by the latest moment that each operation and those before it tell.
fn latest_moments(connection: &Connection) -> Result<Vec<String>> {
    let doing = "checking the index";
    let sql = "SELECT number, latest, content ->> '$.at' FROM operation
               WHERE json_valid(content) ORDER BY number";
    let mut statement = connection.prepare(sql).context(doing)?;
    let mut rows = statement.query([]).context(doing)?;
    let (mut wrong, mut latest) = (Vec::new(), i64::MIN);
    while let Some(row) = rows.next().context(doing)? {
        let (number, kept): (i64, i64) = (row.get(0).context(doing)?, row.get(1).context(doing)?);
        let at: Option<String> = row.get(2).context(doing)?;
        // What can't be read is told where the chain is checked.
        if let Some(Ok(at)) = at.map(|at| at.parse::<DateTime<Utc>>()) {
            latest = latest.max(micros(at));
            if kept != latest {
                wrong.push(format!(
                    "the moment by which operation {number} is found is wrong"
                ));
            }
        }
    }
    Ok(wrong)
}

/// What search looks into is listed, so that it goes when it is outdated. Its files are checked with all others.
fn search_rows(connection: &Connection) -> Result<Vec<String>> {
    lines(
        connection,
        "SELECT row, 'is missing' FROM searchable WHERE row NOT IN (SELECT id FROM search_text_docsize)
         UNION ALL
         SELECT id, 'is not listed' FROM search_text_docsize WHERE id NOT IN (SELECT row FROM searchable)",
        |row| {
            let (key, what): (i64, String) = (row.get(0)?, row.get(1)?);
            Ok(format!("row {key} of the texts that are searched {what}"))
        },
    )
}
