//! The floor: the same rows and bytes as the store's, on its own tables, with bare rusqlite and `std::fs`, and without
//! a rule, a check or a hash.

use std::path::{Path, PathBuf};

use promptbook::{BlobId, Store};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};

pub struct Floor {
    connection: Connection,
    directory: PathBuf,
    operation: i64,
    blob: i64,
    version: i64,
}

/// What a version's rows hold, made beforehand.
pub struct Rows {
    pub id: [u8; 16],
    pub hash: [u8; 32],
    pub body: String,
    pub content: String,
}

impl Floor {
    /// Opens a store that nobody else has open.
    pub fn open(directory: &Path) -> Self {
        let connection = Connection::open(directory.join("index.db")).unwrap();
        connection.set_prepared_statement_cache_capacity(64);
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .unwrap();
        connection
            .execute_batch(
                "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000;
                 PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA cache_size = -16384;",
            )
            .unwrap();
        let last = |table: &str, key: &str| -> i64 {
            let sql = format!("SELECT ifnull(max({key}), 0) FROM {table}");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        let (operation, blob, version) = (
            last("operation", "number"),
            last("blob", "key"),
            last("version", "key"),
        );
        Self {
            connection,
            directory: directory.into(),
            operation,
            blob,
            version,
        }
    }

    /// The rows that the store would write for these bodies.
    pub fn rows(bodies: impl Iterator<Item = String>) -> Vec<Rows> {
        // An operation's text is taken from a real one.
        let store = Store::in_memory().unwrap();
        let id = store.create_prompt(super::new_prompt(0)).unwrap().prompt.id;
        store.commit(super::new_version(id, 0, 1)).unwrap();
        let operation = store
            .operations(&Default::default(), None, 1)
            .unwrap()
            .remove(0);
        let content = serde_json::to_string(&operation.content).unwrap();
        bodies
            .map(|body| Rows {
                id: fastrand::u128(..).to_be_bytes(),
                hash: *BlobId::of(body.as_bytes()).as_bytes(),
                body,
                content: content.clone(),
            })
            .collect()
    }

    fn run(&self, sql: &str, params: impl rusqlite::Params) {
        self.connection
            .prepare_cached(sql)
            .unwrap()
            .execute(params)
            .unwrap();
    }

    pub fn begin(&self) {
        self.run("BEGIN IMMEDIATE", []);
    }

    pub fn commit(&self) {
        self.run("COMMIT", []);
    }

    /// A version of the prompt of key 1.
    pub fn insert_version(&mut self, rows: &Rows) {
        self.operation += 1;
        self.blob += 1;
        self.version += 1;
        self.run(
            "INSERT INTO blob (key, hash, size, stored, live) VALUES (?1, ?2, ?3, 1, 1)",
            params![self.blob, rows.hash, rows.body.len() as i64],
        );
        self.run(
            "INSERT INTO blob_journal VALUES (?1, ?2)",
            params![self.blob, rows.body.as_bytes()],
        );
        self.run(
            "INSERT INTO operation (number, hash, content) VALUES (?1, ?2, ?3)",
            params![self.operation, rows.hash, rows.content],
        );
        self.run(
            "INSERT INTO version (key, id, prompt, major, minor, model, message, author, base, blob, created_at)
             VALUES (?1, ?2, 1, 1, ?1, 'gpt-4o', 'Edit 1', 'unknown', ?3, ?4, 1700000000000000)",
            params![self.version, rows.id, self.version - 1, self.blob],
        );
        self.run(
            "UPDATE prompt SET versions = versions + 1, latest = ?1 WHERE key = 1",
            [self.version],
        );
        self.run(
            "INSERT INTO operation_prompt VALUES (1, ?1)",
            [self.operation],
        );
    }

    /// `production` of the prompt of key 1.
    pub fn insert_move(&mut self, rows: &Rows, to: i64) {
        self.operation += 1;
        self.run(
            "INSERT INTO operation (number, hash, content) VALUES (?1, ?2, ?3)",
            params![self.operation, rows.hash, rows.content],
        );
        self.run(
            "UPDATE environment SET version = ?1, moved_at = 1700000000000000
             WHERE prompt = 1 AND name = 'production'",
            [to],
        );
        self.run(
            "INSERT INTO operation_prompt VALUES (1, ?1)",
            [self.operation],
        );
        self.run(
            "INSERT INTO operation_environment VALUES ('production', ?1, 1)",
            [self.operation],
        );
    }

    const COLUMNS: &str = "v.id, p.id, v.major, v.minor, v.model, v.message, v.author, b.id, v.created_at, o.hash,
        o.size, (SELECT group_concat(e.name, char(10)) FROM environment e WHERE e.prompt = v.prompt AND e.version = v.key)
        FROM version v JOIN prompt p ON p.key = v.prompt JOIN blob o ON o.key = v.blob
        LEFT JOIN version b ON b.key = v.base";

    /// The row and the body of `production`: the journal's bytes, or the file's.
    pub fn resolve(&self, prompt: &str) -> (usize, Vec<u8>) {
        let sql = format!(
            "SELECT {}, ",
            "(SELECT body FROM blob_journal WHERE blob = v.blob)"
        ) + Self::COLUMNS
            + " JOIN environment n ON n.prompt = p.key AND n.version = v.key WHERE p.id = ?1 AND n.name = 'production'";
        let mut statement = self.connection.prepare_cached(&sql).unwrap();
        let (size, hash, body) = statement
            .query_row([prompt], |row| {
                let texts: usize = (5..8)
                    .map(|at| row.get::<_, String>(at).map_or(0, |text| text.len()))
                    .sum();
                Ok((
                    texts,
                    row.get::<_, [u8; 32]>(10)?,
                    row.get::<_, Option<Vec<u8>>>(0)?,
                ))
            })
            .unwrap();
        let body = body.unwrap_or_else(|| {
            let hex = BlobId::from_bytes(hash).to_string();
            std::fs::read(self.directory.join("blobs").join(&hex[..2]).join(&hex[2..])).unwrap()
        });
        (size, body)
    }

    /// The newest 50 versions of a prompt.
    pub fn list(&self, prompt: &str) -> Vec<(Vec<u8>, String, String, String)> {
        let sql = format!(
            "SELECT {} WHERE v.prompt = (SELECT key FROM prompt WHERE id = ?1) AND v.deleted_at IS NULL
             ORDER BY v.key DESC LIMIT 50",
            Self::COLUMNS
        );
        let mut statement = self.connection.prepare_cached(&sql).unwrap();
        let rows = statement
            .query_map([prompt], |row| {
                Ok((row.get(0)?, row.get(4)?, row.get(5)?, row.get(6)?))
            })
            .unwrap();
        rows.map(Result::unwrap).collect()
    }
}
