//! The tables of an index: their creation, and the migration of older formats.

use rusqlite::Connection;

use super::error::{SqliteContext, SqliteResult};
use super::schema_text::statements;
use crate::model::record::{BumpPolicy, Settings};
use crate::model::version_number::VersionNumber;
use crate::storage::{StorageError, StorageErrorKind};

/// `application_id` of a store: "Prmb" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x5072_6d62;

/// `application_id` of stores that unreleased builds made: "PmBk" in ASCII. Their formats have
/// numbers of their own.
pub(super) const UNRELEASED_APPLICATION_ID: i32 = 0x506d_426b;

/// The format of the stores that this release creates, in `user_version`.
pub(crate) const FORMAT: u32 = FIRST_FORMAT + MIGRATIONS.len() as u32;

const FIRST_FORMAT: u32 = 1;

/// The migrations. Append-only: the step at index `n` turns format `n + 1` into `n + 2`.
///
/// The result must have the text of `schema.sql`, to the byte, because every opening compares the
/// two.
const MIGRATIONS: &[&str] = &[];

/// Creates the tables of a new store in one transaction. `rest` runs before the commit.
pub(super) fn create<E: From<StorageError>>(
    connection: &Connection,
    settings: Settings,
    rest: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    require_fts5(connection)?;
    let context = "creating the tables";
    connection
        .execute_batch("BEGIN EXCLUSIVE")
        .context(context)?;
    for statement in statements() {
        connection.execute_batch(statement).context(context)?;
    }
    let policy = match settings.policy {
        BumpPolicy::Enforced => "enforced",
        BumpPolicy::Free => "free",
    };
    connection
        .execute(
            "INSERT INTO setting VALUES ('first version', ?1), ('policy', ?2)",
            (settings.first_version.to_string(), policy),
        )
        .context(context)?;
    rest()?;
    connection
        .execute_batch(&format!(
            "PRAGMA user_version = {FORMAT}; PRAGMA application_id = {APPLICATION_ID}; COMMIT"
        ))
        .context(context)?;
    Ok(())
}

/// Migrates an older store to the newest format, in one transaction.
pub(super) fn migrate(connection: &Connection) -> SqliteResult<()> {
    migrate_by(connection, MIGRATIONS)
}

fn migrate_by(connection: &Connection, steps: &[&str]) -> SqliteResult<()> {
    let run = |sql: &str| {
        connection
            .execute_batch(sql)
            .context("migrating the tables")
    };
    // A migration replaces a table that others refer to:
    // <https://sqlite.org/lang_altertable.html#otheralter>.
    run("PRAGMA foreign_keys = OFF; BEGIN EXCLUSIVE")?;
    // Another process may have migrated the store while this one waited.
    let found = format_of(connection)?;
    for (format, step) in (FIRST_FORMAT..).zip(steps) {
        if format >= found {
            run(step)?;
            run(&format!("PRAGMA user_version = {}", format + 1))?;
        }
    }
    run("COMMIT; PRAGMA foreign_keys = ON")
}

/// Fails if the linked SQLite lacks FTS5, which search needs and a system's SQLite may omit.
pub(super) fn require_fts5(connection: &Connection) -> SqliteResult<()> {
    if cfg!(feature = "bundled") {
        return Ok(());
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_module_list WHERE name = 'fts5')";
    let found = connection.query_row(sql, [], |row| row.get::<_, bool>(0));
    if found.context("looking for FTS5")? {
        return Ok(());
    }
    Err(StorageError::new(
        StorageErrorKind::Other,
        "the linked SQLite was compiled without FTS5 (SQLITE_ENABLE_FTS5)",
    ))
}

/// Returns the format of a store: `user_version`.
pub(super) fn format_of(connection: &Connection) -> SqliteResult<u32> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .context("reading the format")
}

/// Returns the number of schema changes: `schema_version`.
///
/// Every program that changes the schema increments it.
pub(super) fn changes(connection: &Connection) -> SqliteResult<i64> {
    connection
        .prepare_cached("PRAGMA schema_version")
        .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i32>(0)))
        .map(i64::from)
        .context("reading the schema's version")
}

/// Returns `application_id`, which distinguishes a store from any other SQLite file.
pub(super) fn application_of(connection: &Connection) -> SqliteResult<i32> {
    connection
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .context("reading the application id")
}

/// Returns the settings that the store was created with.
pub(super) fn settings(connection: &Connection) -> SqliteResult<Settings> {
    let setting = |name: &str| -> SqliteResult<String> {
        connection
            .prepare_cached("SELECT value FROM setting WHERE name = ?1")
            .and_then(|mut statement| statement.query_row([name], |row| row.get(0)))
            .context("reading the settings")
    };
    let first_version = setting("first version")?.parse::<VersionNumber>();
    let first_version = first_version.context("reading the settings")?;
    let policy = match setting("policy")?.as_str() {
        "free" => BumpPolicy::Free,
        _ => BumpPolicy::Enforced,
    };
    Ok(Settings {
        first_version,
        policy,
    })
}

/// Checks whether there is no table yet.
pub(super) fn is_empty(connection: &Connection) -> SqliteResult<bool> {
    connection
        .query_row(
            "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)",
            [],
            |row| row.get(0),
        )
        .context("reading the schema")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_runs_once_on_the_format_before_it() {
        let connection = Connection::open_in_memory().unwrap();
        let made = "CREATE TABLE t (a); INSERT INTO t VALUES (1); PRAGMA user_version = 1";
        connection.execute_batch(made).unwrap();
        let steps = ["UPDATE t SET a = a + 10", "UPDATE t SET a = a * 2"];
        let state = || {
            let value: i64 = connection
                .query_row("SELECT a FROM t", [], |row| row.get(0))
                .unwrap();
            (value, format_of(&connection).unwrap())
        };
        migrate_by(&connection, &steps[..1]).unwrap();
        assert_eq!(state(), (11, 2));
        for _ in 0..2 {
            migrate_by(&connection, &steps).unwrap();
            assert_eq!(state(), (22, 3));
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_format_before_it() {
        let connection = Connection::open_in_memory().unwrap();
        let made = "CREATE TABLE t (a); INSERT INTO t VALUES (1); PRAGMA user_version = 1";
        connection.execute_batch(made).unwrap();
        let steps = ["UPDATE t SET a = 2", "UPDATE missing SET a = 3"];
        assert!(migrate_by(&connection, &steps).is_err());
        connection.execute_batch("ROLLBACK").unwrap();
        assert_eq!(format_of(&connection).unwrap(), 1);
    }
}
