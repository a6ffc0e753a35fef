//! Consistency checks of the index: SQLite's own, and those of data that is stored twice for speed.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::check_history;
use super::columns::collect;
use super::connection;
use super::error::{SqliteContext, SqliteResult};
use super::indexed_messages::IndexedMessages;
use super::objects;
use super::prompts;
use crate::storage::{StorageError, StorageErrorKind, folded};

type IndexCheck = fn(&Connection) -> SqliteResult<Vec<String>>;

/// The checks, each with the data that it reads.
const CHECKS: [(&str, IndexCheck); 9] = [
    ("the schema", objects::differences),
    ("the whole file", integrity),
    ("references between tables", dangling),
    ("the count of prompts", prompt_counter),
    ("names of prompts", folded_names),
    ("interned texts", missing_texts),
    ("ids of bodies and versions", duplicate_ids),
    ("operations and their lists", check_history::differences),
    ("the search index", search_rows),
];

/// Returns a line for each inconsistency.
///
/// The checks look rows of one table up in another, so they read with a larger cache.
pub(super) fn all(connection: &Connection) -> SqliteResult<Vec<String>> {
    // If the schema is damaged, the size cannot be set, and the checks say why.
    let cache = connection::enlarge_cache(connection);
    let wrong = all_cached(connection);
    if let Ok(cache) = cache {
        connection::set_cache(connection, cache)?;
    }
    wrong
}

fn all_cached(connection: &Connection) -> SqliteResult<Vec<String>> {
    let mut wrong = Vec::new();
    for (what, check) in CHECKS {
        match check(connection) {
            // A check that cannot continue has found an inconsistency. The other checks still run.
            Err(error) if error.kind() == StorageErrorKind::Corrupt => {
                wrong.push(unread(what, &error))
            }
            found => wrong.extend(found?),
        }
    }
    Ok(wrong)
}

fn unread(what: &str, error: &StorageError) -> String {
    let reason = error.to_string();
    format!(
        "{what} cannot be read: {}",
        reason.trim_start_matches("index: ")
    )
}

fn lines(
    connection: &Connection,
    sql: &str,
    line: impl Fn(&Row<'_>) -> rusqlite::Result<String>,
) -> SqliteResult<Vec<String>> {
    connection
        .prepare(sql)
        .and_then(|mut statement| collect(statement.query([])?, line))
        .context("checking the index")
}

fn integrity(connection: &Connection) -> SqliteResult<Vec<String>> {
    // Query each table first, so that FTS5 drops what it cached before another connection changed
    // the table. Its check alone does not.
    for table in ["search_text", "search_message"] {
        let look = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE {table} MATCH 'a')");
        // The check reports what is wrong.
        let _ = lines(connection, &look, |_| Ok(String::new()));
    }
    let doing = "checking the index";
    let mut statement = connection
        .prepare("PRAGMA integrity_check")
        .context(doing)?;
    let mut rows = statement.query([]).context(doing)?;
    let mut found = Vec::new();
    loop {
        // What was found before the check stopped is reported, too.
        match rows.next().context(doing) {
            Ok(Some(row)) => {
                let text: String = row.get(0).context(doing)?;
                let lines = text.lines().filter(|line| *line != "ok");
                let lines = lines.filter(|line| !line.starts_with("***"));
                found.extend(lines.map(str::to_owned));
            }
            Ok(None) => break,
            Err(error) if error.kind() == StorageErrorKind::Corrupt => {
                found.push(unread("the rest of the file", &error));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let trees = trees(connection);
    found.iter_mut().for_each(|line| name_tree(line, &trees));
    Ok(found)
}

/// Returns the tables and indexes that can be read, by their root pages.
fn trees(connection: &Connection) -> Vec<(u32, String)> {
    let mut trees = vec![(1, "the schema".to_owned())];
    let sql = "SELECT rootpage, type || ' ' || name FROM sqlite_schema WHERE rootpage > 0";
    if let Ok(mut statement) = connection.prepare(sql)
        && let Ok(mut rows) = statement.query([])
    {
        while let Ok(Some(row)) = rows.next() {
            trees.extend(row.get(0).and_then(|root| Ok((root, row.get(1)?))));
        }
    }
    trees
}

/// Names the table or index in a line that begins like "Tree 7 page 9".
fn name_tree(line: &mut String, trees: &[(u32, String)]) {
    let rest = line
        .strip_prefix("Tree ")
        .and_then(|rest| rest.split_once(' '));
    if let Some((root, rest)) = rest
        && let Some((_, name)) = trees.iter().find(|(tree, _)| tree.to_string() == root)
    {
        *line = format!("{name}: {rest}");
    }
}

fn dangling(connection: &Connection) -> SqliteResult<Vec<String>> {
    lines(connection, "PRAGMA foreign_key_check", |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!(
            "a row of {table} refers to a missing row of {parent}"
        ))
    })
}

fn prompt_counter(connection: &Connection) -> SqliteResult<Vec<String>> {
    let counted: u32 = connection
        .query_row(
            "SELECT count(*) FROM prompt WHERE deleted_at IS NULL",
            [],
            |row| row.get(0),
        )
        .context("checking the index")?;
    let kept = prompts::count(connection)?;
    let wrong = kept != u64::from(counted);
    let line = wrong.then(|| format!("{kept} prompts are counted, but there are {counted}"));
    Ok(line.into_iter().collect())
}

/// Checks the names in one letter case, which are stored beside the names for searches.
fn folded_names(connection: &Connection) -> SqliteResult<Vec<String>> {
    let mut found = lines(connection, "SELECT id, name, folded FROM prompt", |row| {
        let (id, name, kept): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(if kept == folded(&name) {
            String::new()
        } else {
            format!("prompt {id} is searched as {kept:?}, its name is {name:?}")
        })
    })?;
    found.retain(|line| !line.is_empty());
    Ok(found)
}

fn missing_texts(connection: &Connection) -> SqliteResult<Vec<String>> {
    lines(
        connection,
        "SELECT DISTINCT key FROM (SELECT author AS key FROM version UNION ALL SELECT model FROM version)
         WHERE typeof(key) = 'integer' AND key NOT IN (SELECT key FROM interned)",
        |row| Ok(format!("versions refer to text {}, which is missing", row.get::<_, i64>(0)?)),
    )
}

/// Checks that ids are unique: they are looked up by a part, so no index ensures it.
///
/// The index lists the parts in order, and the integrity check compares it with the rows. Only the
/// rows whose parts are equal are read.
fn duplicate_ids(connection: &Connection) -> SqliteResult<Vec<String>> {
    let mut found = repeated_ids(
        connection,
        "SELECT substr(hash, 1, 4) FROM blob ORDER BY substr(hash, 1, 4)",
        "SELECT 'body', lower(hex(hash)), count(*) FROM blob
         WHERE substr(hash, 1, 4) = ?1 GROUP BY hash HAVING count(*) > 1",
    )?;
    found.extend(repeated_ids(
        connection,
        "SELECT substr(id, 3, 6) FROM version ORDER BY substr(id, 3, 6)",
        "SELECT 'version', lower(hex(id)), count(*) FROM version
         WHERE substr(id, 3, 6) = ?1 GROUP BY id HAVING count(*) > 1",
    )?);
    Ok(found)
}

/// Returns a line for each id that several rows have.
///
/// `parts` lists a part of each id in order, and `ids` the ids with a part that several rows have.
fn repeated_ids(connection: &Connection, parts: &str, ids: &str) -> SqliteResult<Vec<String>> {
    let doing = "checking the index";
    let mut parts = connection.prepare(parts).context(doing)?;
    let mut parts = parts.query([]).context(doing)?;
    let mut ids = connection.prepare(ids).context(doing)?;
    let mut found = Vec::new();
    let (mut last, mut is_repeated) = (Vec::new(), false);
    while let Some(row) = parts.next().context(doing)? {
        let part = match row.get_ref(0).context(doing)? {
            ValueRef::Blob(part) => part,
            // The integrity check reports a value of another type.
            _ => continue,
        };
        if part != last {
            last.clear();
            last.extend_from_slice(part);
            is_repeated = false;
        } else if !std::mem::replace(&mut is_repeated, true) {
            let lines = ids.query([part]).and_then(|ids| {
                collect(ids, |row| {
                    let (what, id): (String, String) = (row.get(0)?, row.get(1)?);
                    Ok(format!("{what} {id} has {} rows", row.get::<_, i64>(2)?))
                })
            });
            found.extend(lines.context(doing)?);
        }
    }
    Ok(found)
}

/// Checks the lists of what is indexed for search, by which outdated documents are removed.
///
/// The integrity check covers the full text index itself.
fn search_rows(connection: &Connection) -> SqliteResult<Vec<String>> {
    let mut found = lines(
        connection,
        "SELECT DISTINCT prompt, 'is missing' FROM searchable WHERE prompt NOT IN (SELECT id FROM search_text_docsize)
         UNION ALL
         SELECT id, 'has no prompt' FROM search_text_docsize WHERE id NOT IN (SELECT key FROM prompt)",
        |row| {
            let (key, what): (i64, String) = (row.get(0)?, row.get(1)?);
            Ok(format!("row {key} of the search index {what}"))
        },
    )?;
    let without_version = IndexedMessages::of(connection)
        .and_then(|messages| messages.without_version(connection))
        .context("checking the index")?;
    let of_messages = without_version.into_iter();
    found.extend(
        of_messages
            .map(|key| format!("row {key} of the search index of the messages has no version")),
    );
    Ok(found)
}
