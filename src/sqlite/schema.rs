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
const MIGRATIONS: &[&str] = &[FIRST, SECOND, THIRD, FOURTH];

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

/// A smaller file. What is looked up by a hash or a version's id has an index of a few bytes of it, which are compared
/// whole in the row: that both are unique is the writers' to see to, who come one at a time. What many versions say alike
/// stands once, see [`repeated`](super::repeated). Old operations are folded
/// into chunks, in maintenance: see [`chunks`](super::chunks).
const THIRD: &str = "
    CREATE TABLE blob_3 (
        key          INTEGER PRIMARY KEY,
        hash         BLOB NOT NULL,             -- unique
        size         INTEGER NOT NULL,
        stored       INTEGER NOT NULL,
        live         INTEGER NOT NULL,
        unused_since INTEGER
    ) STRICT;
    INSERT INTO blob_3 SELECT key, hash, size, stored, live, unused_since FROM blob ORDER BY key;
    DROP TABLE blob;
    ALTER TABLE blob_3 RENAME TO blob;
    CREATE INDEX blob_by_hash ON blob (substr(hash, 1, 4));
    -- A body that a version is about to have, as most do that come, is not in it.
    CREATE INDEX blob_unused ON blob (unused_since) WHERE live = 0 AND stored = 1 AND unused_since IS NOT NULL;

    CREATE TABLE repeated (
        key  INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE
    ) STRICT;
    INSERT INTO repeated (text) SELECT text FROM (SELECT author AS text FROM version UNION ALL SELECT model FROM version)
        WHERE text IS NOT NULL GROUP BY text HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT 1000;

    CREATE TABLE version_3 (
        key        INTEGER PRIMARY KEY,
        id         BLOB NOT NULL,               -- unique
        prompt     INTEGER NOT NULL REFERENCES prompt,
        major      INTEGER NOT NULL,
        minor      INTEGER NOT NULL,
        model      ANY,                     -- as the author; none where the body has none
        message    TEXT NOT NULL,
        author     ANY NOT NULL,            -- the text, or its key in repeated
        base       INTEGER REFERENCES version,
        blob       INTEGER NOT NULL REFERENCES blob,
        created_at INTEGER NOT NULL,
        deleted_at INTEGER,
        UNIQUE (prompt, major, minor)
    ) STRICT;
    INSERT INTO version_3 SELECT key, id, prompt, major, minor,
            ifnull((SELECT r.key FROM repeated r WHERE r.text = v.model), v.model), message,
            ifnull((SELECT r.key FROM repeated r WHERE r.text = v.author), v.author),
            base, blob, created_at, deleted_at
        FROM version v ORDER BY key;
    DROP TABLE version;
    ALTER TABLE version_3 RENAME TO version;
    -- The lower half of a UUIDv7's moment, and of what is random the first bits: new ones come last, and pages are full.
    CREATE INDEX version_by_id ON version (substr(id, 3, 6));
    CREATE INDEX version_by_prompt ON version (prompt) WHERE deleted_at IS NULL;

    CREATE TABLE operation_chunk (
        last       INTEGER PRIMARY KEY,         -- the number of its last operation
        operations INTEGER NOT NULL,            -- how many there are; their numbers have no gaps
        latest     INTEGER NOT NULL,            -- of the last one, as of an operation that has a row
        hash       BLOB NOT NULL,               -- of the last one; those before it follow from the content
        content    BLOB NOT NULL
    ) STRICT;

    CREATE TABLE operation_prompt_3 (
        prompt    INTEGER NOT NULL REFERENCES prompt,
        operation INTEGER NOT NULL,             -- of those in a chunk once, its last
        PRIMARY KEY (prompt, operation)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO operation_prompt_3 SELECT prompt, operation FROM operation_prompt ORDER BY prompt, operation;
    DROP TABLE operation_prompt;
    ALTER TABLE operation_prompt_3 RENAME TO operation_prompt;

    CREATE TABLE operation_environment_3 (
        name      TEXT NOT NULL,
        operation INTEGER NOT NULL,             -- in a chunk or not
        prompt    INTEGER NOT NULL REFERENCES prompt,
        PRIMARY KEY (name, operation, prompt)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO operation_environment_3 SELECT name, operation, prompt FROM operation_environment
        ORDER BY name, operation, prompt;
    DROP TABLE operation_environment;
    ALTER TABLE operation_environment_3 RENAME TO operation_environment;
";

/// Full text search holds the words of a prompt's current versions in one row, as they are much alike, and no lengths of
/// messages, by which nothing is ordered. It is told all anew, in maintenance as ever.
const FOURTH: &str = "
    DROP TABLE search_text;
    CREATE VIRTUAL TABLE search_text USING fts5(       -- a row a prompt, by its key
        name, text, content = '', contentless_delete = 1, tokenize = 'ascii'
    );
    DROP TABLE search_message;
    CREATE VIRTUAL TABLE search_message USING fts5(    -- a row a version whose message has words, by its key
        message, content = '', columnsize = 0, tokenize = 'ascii'
    );
    CREATE VIRTUAL TABLE search_message_word USING fts5vocab(search_message, instance);

    DROP TABLE searchable;
    CREATE TABLE searchable (           -- the versions whose words are in search_text
        prompt  INTEGER NOT NULL REFERENCES prompt,
        version INTEGER NOT NULL REFERENCES version,
        PRIMARY KEY (prompt, version)
    ) STRICT, WITHOUT ROWID;
    DELETE FROM partial_use;
    UPDATE counter SET value = 0 WHERE name = 'searchable';
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
    let run = |sql| {
        connection
            .execute_batch(sql)
            .context("migrating the tables")
    };
    // A table that others refer to is made anew: <https://sqlite.org/lang_altertable.html#otheralter>.
    run("PRAGMA foreign_keys = OFF; BEGIN EXCLUSIVE")?;
    // Another process may have migrated while this one waited, to a newer format at that.
    let found = format_of(connection)?;
    if found < FORMAT {
        migrate_steps(connection, found)?;
    }
    run("COMMIT; PRAGMA foreign_keys = ON")
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
