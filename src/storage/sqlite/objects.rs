//! The objects of an index's schema, compared with those that this release creates.
//!
//! A table, index, trigger or view that another program put into the file would change the meaning
//! of statements: a trigger or a cascade writes rows, a partial or expression index hides some. So
//! each object must have the text that this release gave it.

use rusqlite::Connection;

use super::error::{SqliteContext, SqliteResult};
use super::schema_text::statements;
use crate::storage::{StorageError, StorageErrorKind};

/// An object that the schema's text creates, as `sqlite_schema` contains it.
#[derive(Clone, Copy, Debug)]
struct SchemaObject {
    kind: &'static str,
    name: &'static str,
    sql: &'static str,
}

/// The objects that the schema's text creates.
///
/// Every opening compares them with those of the file, mostly in the same order.
struct ExpectedObjects {
    objects: Vec<SchemaObject>,
    /// Where the last one was found.
    last: usize,
}

impl ExpectedObjects {
    fn new() -> Self {
        Self {
            objects: statements().filter_map(object).collect(),
            last: 0,
        }
    }

    /// Returns the object with a name, looked for from the last one on.
    fn named(&mut self, name: &str) -> Option<SchemaObject> {
        let (before, rest) = self.objects.split_at(self.last);
        let objects = rest.iter().chain(before);
        let ahead = objects.clone().position(|object| object.name == name)?;
        self.last = (self.last + ahead) % self.objects.len();
        self.objects.get(self.last).copied()
    }
}

/// The tables that FTS5 creates for a contentless table, by the ends of their names. FTS5
/// determines their text.
const SHADOWS: [(&str, &[&str]); 2] = [
    ("search_text", &["_config", "_data", "_docsize", "_idx"]),
    ("search_message", &["_config", "_data", "_idx"]),
];

/// The indexes that SQLite creates for UNIQUE and for the primary key of a table that has rowids.
const AUTOMATIC: [&str; 3] = [
    "sqlite_autoindex_prompt_1",
    "sqlite_autoindex_interned_1",
    "sqlite_autoindex_version_1",
];

/// Returns the object that a statement creates, if it creates one.
fn object(sql: &'static str) -> Option<SchemaObject> {
    let rest = sql.strip_prefix("CREATE ")?;
    let (kind, rest) = match rest.strip_prefix("INDEX ") {
        Some(rest) => ("index", rest),
        None => {
            let rest = rest.strip_prefix("VIRTUAL ").unwrap_or(rest);
            ("table", rest.strip_prefix("TABLE ")?)
        }
    };
    let (name, _) = rest.split_once(' ')?;
    Some(SchemaObject { kind, name, sql })
}

/// Compares the schema of a file with this release's.
///
/// Returns a line for each object that is missing, added or changed.
pub(super) fn differences(connection: &Connection) -> SqliteResult<Vec<String>> {
    let doing = "reading the schema";
    let mut statement = connection
        .prepare_cached("SELECT type, name, sql FROM sqlite_schema")
        .context(doing)?;
    let mut rows = statement.query([]).context(doing)?;
    let (mut wrong, mut found) = (Vec::new(), 0);
    let mut all = ExpectedObjects::new();
    while let Some(row) = rows.next().context(doing)? {
        let text = |at| -> SqliteResult<Option<&str>> {
            let value = row.get_ref(at).context(doing)?;
            value
                .as_str_or_null()
                .map_err(rusqlite::Error::from)
                .context(doing)
        };
        let kind = text(0)?.unwrap_or_default();
        let name = text(1)?.unwrap_or_default();
        let sql = text(2)?;
        match all.named(name) {
            Some(expected) if expected.kind == kind && Some(expected.sql) == sql => {
                found += 1;
            }
            Some(_) => {
                found += 1;
                wrong.push(format!("the schema's {kind} {name} is not this release's"));
            }
            None if is_automatic(kind, name, sql) => {}
            None => wrong.push(format!(
                "the schema has a {kind} {name}, which no release makes"
            )),
        }
    }
    if found < all.objects.len() {
        let mut exists = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1)")
            .context(doing)?;
        for SchemaObject { kind, name, .. } in all.objects {
            let is_there: bool = exists.query_row([name], |row| row.get(0)).context(doing)?;
            if !is_there {
                wrong.push(format!("the schema has no {kind} {name}"));
            }
        }
    }
    Ok(wrong)
}

/// Checks whether an object is created automatically.
///
/// SQLite and FTS5 create objects for ours, and `ANALYZE` creates some for its statistics.
fn is_automatic(kind: &str, name: &str, sql: Option<&str>) -> bool {
    let is_shadow = || {
        SHADOWS.iter().any(|(table, ends)| {
            let end = name.strip_prefix(table);
            end.is_some_and(|end| ends.contains(&end))
        })
    };
    match kind {
        "index" => sql.is_none() && AUTOMATIC.contains(&name),
        "table" => is_shadow() || matches!(name, "sqlite_stat1" | "sqlite_stat4"),
        _ => false,
    }
}

/// Fails as corrupt if the schema of a file is not this release's. The error names the differences.
pub(super) fn check(connection: &Connection) -> SqliteResult<()> {
    let wrong = differences(connection)?;
    if wrong.is_empty() {
        return Ok(());
    }
    let reason = format!("index: {}", wrong.join("; "));
    Err(StorageError::new(StorageErrorKind::Corrupt, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Settings;
    use crate::storage::sqlite::schema;

    fn made() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        schema::create(&connection, Settings::default(), || {
            Ok::<_, StorageError>(())
        })
        .unwrap();
        connection
    }

    #[test]
    fn a_new_index_has_what_the_release_makes() {
        assert_eq!(differences(&made()).unwrap(), [""; 0]);
    }

    #[test]
    fn analyze_and_vacuum_make_no_difference() {
        let connection = made();
        connection.execute_batch("ANALYZE; VACUUM").unwrap();
        assert_eq!(differences(&connection).unwrap(), [""; 0]);
    }

    #[test]
    fn added_removed_and_changed_objects_are_named() {
        let cases = [
            (
                "CREATE TRIGGER evil AFTER INSERT ON operation BEGIN SELECT 1; END",
                "evil",
            ),
            ("CREATE VIEW evil AS SELECT 1", "evil"),
            ("CREATE TABLE evil (a)", "evil"),
            ("CREATE INDEX evil ON version (message)", "evil"),
            (
                "CREATE UNIQUE INDEX evil ON environment (name) WHERE name = 'production'",
                "evil",
            ),
            ("DROP INDEX version_by_prompt", "version_by_prompt"),
            ("DROP TABLE request_inputs", "request_inputs"),
            (
                "ALTER TABLE version ADD COLUMN evil INTEGER AS (1)",
                "version",
            ),
            ("ALTER TABLE tag RENAME COLUMN tag TO evil", "tag"),
            ("CREATE TABLE search_text_evil (a)", "search_text_evil"),
            (
                "DROP TABLE interned; CREATE VIEW interned AS SELECT 1 AS key, 'm' AS text",
                "interned",
            ),
            (
                "DROP TABLE environment; CREATE TABLE environment (
                    prompt INTEGER NOT NULL REFERENCES prompt ON DELETE CASCADE,
                    name TEXT NOT NULL,
                    version INTEGER NOT NULL REFERENCES version,
                    moved_at INTEGER NOT NULL,
                    PRIMARY KEY (prompt, name)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX environment_by_name ON environment (name)",
                "environment",
            ),
        ];
        for (change, name) in cases {
            let connection = made();
            connection.execute_batch(change).unwrap();
            let found = differences(&connection).unwrap();
            assert!(!found.is_empty(), "not found: {change}");
            let found = found.join("\n");
            assert!(found.contains(name), "{change}: {found}");
            assert_eq!(
                check(&connection).unwrap_err().kind(),
                StorageErrorKind::Corrupt
            );
        }
    }
}
