//! Writes of the same rows as the store's.

use std::path::Path;

use promptbook::{BlobId, Store};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::connect;
use crate::bench;
use crate::support::{body, new_prompt, new_version};

pub(crate) struct Floor {
    connection: Connection,
    operation: i64,
    blob: i64,
    version: i64,
    prompt: i64,
    /// The model and the author of all versions.
    said: [Value; 2],
    texts: Texts,
}

/// The text of an operation of each kind, as in a store.
struct Texts {
    create: String,
    commit: String,
    moved: String,
}

impl Texts {
    fn taken_from_a_store() -> Self {
        let directory = bench::temporary();
        let store = Store::create(directory.path()).unwrap();
        let id = store.create_prompt(new_prompt(0)).unwrap().prompt.id;
        store.commit(new_version(id, 0, 1)).unwrap();
        let moved = store.set_environment(id, "production", "1.1");
        moved.unwrap();
        drop(store);
        let connection = connect(directory.path());
        let text = |number: i64| {
            let sql = "SELECT content FROM operation WHERE number = ?1";
            connection
                .query_row(sql, [number], |row| row.get(0))
                .unwrap()
        };
        Self {
            create: text(1),
            commit: text(2),
            moved: text(3),
        }
    }
}

/// A prompt to which versions are committed.
pub(crate) struct Line {
    prompt: i64,
    pub(crate) latest: i64,
    minor: i64,
}

/// The data of a new version, prepared in advance.
pub(crate) struct Rows {
    hash: [u8; 32],
    size: i64,
    body: String,
    message: String,
}

impl Rows {
    pub(crate) fn new(prompt: u64, version: u64) -> Self {
        Self::of(body(prompt, version), version)
    }

    /// Returns a version with this body.
    pub(crate) fn of(body: String, version: u64) -> Self {
        Self {
            hash: *BlobId::of(body.as_bytes()).as_bytes(),
            size: body.len().try_into().unwrap(),
            body,
            message: format!("Edit {version}"),
        }
    }
}

/// Microseconds since 1970; the same for all rows.
const NOW: i64 = 1_700_000_000_000_000;

/// Inserts a model and an author into a store without versions.
fn repeated(connection: &Connection) -> [Value; 2] {
    let key = |text: &str| {
        let sql = "INSERT INTO interned (text) VALUES (?1)";
        connection.execute(sql, [text]).unwrap();
        Value::Integer(connection.last_insert_rowid())
    };
    [key("gpt-4o"), key("somebody")]
}

impl Floor {
    /// Opens a store that no other handle has open.
    pub(crate) fn open(directory: &Path) -> Self {
        let connection = connect(directory);
        let last = |table: &str, key: &str| -> i64 {
            let sql = format!("SELECT ifnull(max({key}), 0) FROM {table}");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        Self {
            operation: last("operation", "number"),
            blob: last("blob", "key"),
            version: last("version", "key"),
            prompt: last("prompt", "key"),
            said: connection
                .query_row(
                    "SELECT model, author FROM version ORDER BY key DESC LIMIT 1",
                    [],
                    |row| Ok([row.get(0)?, row.get(1)?]),
                )
                .optional()
                .unwrap()
                .unwrap_or_else(|| repeated(&connection)),
            texts: Texts::taken_from_a_store(),
            connection,
        }
    }

    fn run(&self, sql: &str, params: impl rusqlite::Params) {
        let mut statement = self.connection.prepare_cached(sql).unwrap();
        statement.execute(params).unwrap();
    }

    /// Runs one transaction, which is flushed at its end.
    pub(crate) fn transaction(&mut self, work: impl FnOnce(&mut Self)) {
        self.run("BEGIN IMMEDIATE", []);
        work(self);
        self.run("COMMIT", []);
    }

    /// Runs the WAL checkpoint that the store runs in a pause.
    pub(crate) fn rest(&self) {
        let fold = "PRAGMA wal_checkpoint(PASSIVE)";
        self.connection.query_row(fold, [], |_| Ok(())).unwrap();
    }

    /// Returns an existing prompt by its id.
    pub(crate) fn line(&self, prompt: &str) -> Line {
        let sql = "SELECT p.key, v.key, v.minor FROM prompt p JOIN version v ON v.key = p.latest WHERE p.id = ?1";
        let line = self.connection.query_row(sql, [prompt], |row| {
            Ok(Line {
                prompt: row.get(0)?,
                latest: row.get(1)?,
                minor: row.get(2)?,
            })
        });
        line.unwrap()
    }

    /// Inserts a prompt and its first version, in `production`.
    pub(crate) fn create_prompt(&mut self, name: &str, rows: &Rows) -> Line {
        self.prompt += 1;
        let mut line = Line {
            prompt: self.prompt,
            latest: 0,
            minor: -1,
        };
        self.run(
            "INSERT INTO prompt (key, id, name, folded, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?3, ?4, ?4)",
            params![line.prompt, random_text(), name, NOW],
        );
        self.insert_operation(|texts| &texts.create, line.prompt);
        self.run(
            "UPDATE counter SET value = value + 1 WHERE name = 'prompts'",
            [],
        );
        self.insert_version(&mut line, rows);
        self.run(
            "INSERT INTO environment VALUES (?1, 'production', ?2, ?3)",
            params![line.prompt, line.latest, NOW],
        );
        self.list_by_environment(line.prompt);
        line
    }

    pub(crate) fn commit(&mut self, line: &mut Line, rows: &Rows) {
        self.insert_operation(|texts| &texts.commit, line.prompt);
        self.insert_version(line, rows);
    }

    /// Points `production` to a version.
    pub(crate) fn point(&mut self, line: &Line, to: i64) {
        self.insert_operation(|texts| &texts.moved, line.prompt);
        self.run(
            "UPDATE environment SET version = ?2, moved_at = ?3 WHERE prompt = ?1 AND name = 'production'",
            params![line.prompt, to, NOW],
        );
        self.run(
            "UPDATE prompt SET updated_at = ?2 WHERE key = ?1",
            params![line.prompt, NOW],
        );
        self.list_by_environment(line.prompt);
    }

    fn insert_operation(&mut self, text: impl Fn(&Texts) -> &str, prompt: i64) {
        self.operation += 1;
        let hash: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
        self.run(
            "INSERT INTO operation (number, hash, content, at) VALUES (?1, ?2, ?3, ?4)",
            params![self.operation, hash, text(&self.texts), NOW],
        );
        self.run(
            "INSERT INTO operation_prompt VALUES (?1, ?2)",
            [prompt, self.operation],
        );
    }

    fn list_by_environment(&self, prompt: i64) {
        self.run(
            "INSERT INTO operation_environment VALUES ('production', ?1, ?2)",
            [self.operation, prompt],
        );
    }

    fn insert_version(&mut self, line: &mut Line, rows: &Rows) {
        self.blob += 1;
        self.version += 1;
        self.run(
            "INSERT INTO blob (key, hash, size, stored, live) VALUES (?1, ?2, ?3, 1, 1)",
            params![self.blob, rows.hash, rows.size],
        );
        self.run(
            "INSERT INTO blob_journal VALUES (?1, ?2)",
            params![self.blob, rows.body.as_bytes()],
        );
        line.minor += 1;
        let base = (line.minor > 0).then_some(line.latest);
        self.run(
            "INSERT INTO version (key, id, prompt, major, minor, model, message, author, base, blob, created_at)
             VALUES (?1, ?2, ?3, 1, ?4, ?9, ?5, ?10, ?6, ?7, ?8)",
            params![
                self.version,
                self.version_id(),
                line.prompt,
                line.minor,
                rows.message,
                base,
                self.blob,
                NOW,
                self.said[0],
                self.said[1],
            ],
        );
        line.latest = self.version;
        self.run(
            "UPDATE prompt SET versions = versions + 1, latest = ?2, updated_at = ?3 WHERE key = ?1",
            params![line.prompt, line.latest, NOW],
        );
    }

    /// Returns an id that sorts by time, as the store's do.
    fn version_id(&self) -> [u8; 16] {
        let millis = u128::MAX >> 81; // Later than every id of the store.
        let order = millis << 80 | u128::from(self.version.unsigned_abs()) << 32;
        (order | u128::from(fastrand::u32(..))).to_be_bytes()
    }
}

/// Returns six characters, like a prompt's id.
fn random_text() -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(6)
        .collect()
}
