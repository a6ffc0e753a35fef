//! The tables, and how a store of an older format becomes one of today's.

use rusqlite::{Connection, OptionalExtension};

use super::error::{Context, Result};
use crate::backend::{Error, ErrorKind};
use crate::number::VersionNumber;
use crate::record::{Policy, Settings};

/// `application_id` of a store: "PmBk" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x506d_426b;

/// The format this release writes: how many migrations it knows.
#[allow(clippy::cast_possible_truncation)] // A constant of a few.
pub(crate) const FORMAT: u32 = MIGRATIONS.len() as u32;

/// Append-only: the migration at index `n` turns format `n` into `n + 1`.
const MIGRATIONS: &[&str] = &[FIRST, SECOND];

/// Keys are in the order of creation, so "newest first" is by key. A deleted row keeps its place: its id
/// and number stay taken.
const FIRST: &str = "
    CREATE TABLE setting (
        name  TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE counter (
        name  TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO counter VALUES ('prompts', 0);

    CREATE TABLE prompt (
        key        INTEGER PRIMARY KEY,
        id         TEXT NOT NULL UNIQUE,
        name       TEXT NOT NULL,
        folded     TEXT NOT NULL,               -- the name in one letter case, for search
        created_at INTEGER NOT NULL,            -- microseconds since 1970, as every moment here
        deleted_at INTEGER,
        versions   INTEGER NOT NULL DEFAULT 0,  -- how many are live
        latest     INTEGER REFERENCES version   -- the live one of the highest number
    ) STRICT;
    CREATE INDEX prompt_by_name ON prompt (name) WHERE deleted_at IS NULL;

    CREATE TABLE tag (
        prompt   INTEGER NOT NULL REFERENCES prompt,
        position INTEGER NOT NULL,
        tag      TEXT NOT NULL,
        PRIMARY KEY (prompt, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tag_by_text ON tag (tag, prompt);

    CREATE TABLE blob (
        key          INTEGER PRIMARY KEY,
        hash         BLOB NOT NULL UNIQUE,
        size         INTEGER NOT NULL,
        stored       INTEGER NOT NULL,          -- 1: in the journal or the blob store; 0: collected
        live         INTEGER NOT NULL,          -- how many live versions have it
        unused_since INTEGER                    -- when the last of them went
    ) STRICT;
    CREATE INDEX blob_unused ON blob (unused_since) WHERE live = 0 AND stored = 1;

    CREATE TABLE blob_journal (
        blob INTEGER PRIMARY KEY REFERENCES blob,
        body BLOB NOT NULL
    ) STRICT;

    CREATE TABLE version (
        key        INTEGER PRIMARY KEY,
        id         BLOB NOT NULL UNIQUE,
        prompt     INTEGER NOT NULL REFERENCES prompt,
        major      INTEGER NOT NULL,
        minor      INTEGER NOT NULL,
        model      TEXT,
        message    TEXT NOT NULL,
        author     TEXT NOT NULL,
        base       INTEGER REFERENCES version,
        blob       INTEGER NOT NULL REFERENCES blob,
        created_at INTEGER NOT NULL,
        deleted_at INTEGER,
        UNIQUE (prompt, major, minor)
    ) STRICT;
    CREATE INDEX version_by_prompt ON version (prompt) WHERE deleted_at IS NULL;

    CREATE TABLE environment (
        prompt   INTEGER NOT NULL REFERENCES prompt,
        name     TEXT NOT NULL,
        version  INTEGER NOT NULL REFERENCES version,
        moved_at INTEGER NOT NULL,
        PRIMARY KEY (prompt, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX environment_by_name ON environment (name);

    CREATE TABLE operation (
        number  INTEGER PRIMARY KEY,
        hash    BLOB NOT NULL,
        content TEXT NOT NULL
    ) STRICT;

    CREATE TABLE operation_prompt (
        prompt    INTEGER NOT NULL REFERENCES prompt,
        operation INTEGER NOT NULL REFERENCES operation,
        PRIMARY KEY (prompt, operation)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE operation_environment (
        name      TEXT NOT NULL,
        operation INTEGER NOT NULL REFERENCES operation,
        prompt    INTEGER NOT NULL REFERENCES prompt,
        PRIMARY KEY (name, operation, prompt)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE request_inputs (
        version     INTEGER NOT NULL REFERENCES version,
        request     TEXT NOT NULL,
        inputs      TEXT NOT NULL,
        environment TEXT,
        recorded_at INTEGER NOT NULL,
        PRIMARY KEY (version, request)
    ) STRICT, WITHOUT ROWID;
";

/// Where "as of" a moment is in the history: the latest moment of an operation and of all before it. And full text
/// search, which has been told nothing yet: it is told of all operations that were made, then of each that is.
const SECOND: &str = "
    ALTER TABLE operation ADD COLUMN latest INTEGER NOT NULL DEFAULT 0;
    UPDATE operation SET latest = up_to.latest FROM (
        SELECT number, max(moment) OVER (ORDER BY number) AS latest FROM (
            SELECT number, ifnull(unixepoch(substr(at, 1, 19)) * 1000000, 0)
                + CAST(substr(rtrim(substr(at, 21), 'Z') || '000000', 1, 6) AS INTEGER) AS moment
            FROM (SELECT number, content ->> '$.at' AS at FROM operation)
        )
    ) AS up_to WHERE up_to.number = operation.number;

    INSERT INTO counter VALUES ('searchable', 0);   -- the operation that search was told of last

    CREATE VIRTUAL TABLE search_text USING fts5(
        name, text, content = '', contentless_delete = 1, tokenize = 'ascii'
    );
    CREATE VIRTUAL TABLE search_message USING fts5(message, content = '', tokenize = 'ascii');

    CREATE TABLE searchable (           -- what has a row in search_text
        row    INTEGER PRIMARY KEY,     -- a current version's key; of a prompt without versions its own, below 0
        prompt INTEGER NOT NULL REFERENCES prompt
    ) STRICT;
    CREATE INDEX searchable_by_prompt ON searchable (prompt);

    CREATE TABLE partial_use (
        partial     TEXT NOT NULL,      -- the id that a body names, be it a prompt's or not
        environment TEXT NOT NULL,
        version     INTEGER NOT NULL REFERENCES version,
        PRIMARY KEY (partial, environment, version)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX partial_use_by_version ON partial_use (version);
";

/// Makes the tables of a new store, in one transaction; `rest` is done before it is committed.
pub(super) fn create(
    connection: &Connection,
    settings: Settings,
    rest: impl FnOnce() -> crate::Result<()>,
) -> crate::Result<()> {
    require_fts5(connection)?;
    let context = "creating the tables";
    connection
        .execute_batch("BEGIN EXCLUSIVE")
        .context(context)?;
    migrate_steps(connection, 0)?;
    let policy = match settings.policy {
        Policy::Enforced => "enforced",
        Policy::Free => "free",
    };
    connection
        .execute(
            "INSERT INTO setting VALUES ('first version', ?1), ('policy', ?2)",
            (settings.first_version.to_string(), policy),
        )
        .context(context)?;
    rest()?;
    connection
        .execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; COMMIT"))
        .context(context)?;
    Ok(())
}

/// Brings an older store up to today's format, in one transaction.
pub(super) fn migrate(connection: &Connection, found: u32) -> Result<()> {
    if found >= FORMAT {
        return Ok(());
    }
    let context = "migrating the tables";
    connection
        .execute_batch("BEGIN EXCLUSIVE")
        .context(context)?;
    // Another process may have migrated while this one waited, to a newer format at that.
    let found = format_of(connection)?;
    if found < FORMAT {
        migrate_steps(connection, found)?;
    }
    connection.execute_batch("COMMIT").context(context)
}

/// Search needs a part of SQLite that may be left out of a system's.
pub(super) fn require_fts5(connection: &Connection) -> Result<()> {
    if cfg!(feature = "bundled") {
        return Ok(());
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_module_list WHERE name = 'fts5')";
    let found = connection.query_row(sql, [], |row| row.get(0));
    match found.context("looking for FTS5")? {
        true => Ok(()),
        false => Err(Error::new(
            ErrorKind::Other,
            "the SQLite that is linked was compiled without FTS5 (SQLITE_ENABLE_FTS5)",
        )),
    }
}

fn migrate_steps(connection: &Connection, from: u32) -> Result<()> {
    for step in MIGRATIONS.iter().skip(from as usize) {
        connection
            .execute_batch(step)
            .context("migrating the tables")?;
    }
    connection
        .execute_batch(&format!("PRAGMA user_version = {FORMAT}"))
        .context("setting the format")
}

/// The format of a store: `user_version`.
pub(super) fn format_of(connection: &Connection) -> Result<u32> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .context("reading the format")
}

/// `application_id`: tells a store from any other SQLite file.
pub(super) fn application_of(connection: &Connection) -> Result<i32> {
    connection
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .context("reading the application id")
}

/// What the store was made with.
pub(super) fn settings(connection: &Connection) -> Result<Settings> {
    let setting = |name: &str| -> Result<String> {
        connection
            .prepare_cached("SELECT value FROM setting WHERE name = ?1")
            .and_then(|mut statement| statement.query_row([name], |row| row.get(0)))
            .context("reading the settings")
    };
    let first_version = setting("first version")?.parse::<VersionNumber>();
    let first_version = first_version.context("reading the settings")?;
    let policy = match setting("policy")?.as_str() {
        "free" => Policy::Free,
        _ => Policy::Enforced,
    };
    Ok(Settings {
        first_version,
        policy,
    })
}

/// A secret is a setting behind this prefix, which no other setting's name has.
pub(super) const SECRET: &str = "secret ";

/// The secret of this name.
pub(super) fn secret(connection: &Connection, name: &str) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM setting WHERE name = ?1 || ?2")
        .and_then(|mut statement| {
            let found = statement.query_row([SECRET, name], |row| row.get(0));
            found.optional()
        })
        .context("reading a secret")
}

/// Whether there is no table yet.
pub(super) fn is_empty(connection: &Connection) -> Result<bool> {
    connection
        .query_row(
            "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)",
            [],
            |row| row.get(0),
        )
        .context("reading the schema")
}
