//! The floor: two tables and nothing else.
//!
//! SQLite is compiled as for promptbook, so it does not flush the directory in which it makes its log; promptbook does
//! so itself.

use std::path::Path;

use anyhow::Result;
use rusqlite::{Connection, params};

use crate::peer::{History, Peer, message};

pub struct Sqlite(Connection);

const SCHEMA: &str = "
    CREATE TABLE version (
        prompt TEXT NOT NULL, number INTEGER NOT NULL, message TEXT NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (prompt, number)
    );
    CREATE TABLE pointer (
        prompt TEXT NOT NULL, environment TEXT NOT NULL, number INTEGER NOT NULL,
        PRIMARY KEY (prompt, environment)
    ) WITHOUT ROWID;";

const INSERT: &str = "INSERT INTO version
    SELECT ?1, ifnull(max(number), 0) + 1, ?2, ?3 FROM version WHERE prompt = ?1 RETURNING number";
const POINT: &str = "INSERT OR REPLACE INTO pointer VALUES (?1, 'production', ?2)";
const RESOLVE: &str = "SELECT body FROM pointer JOIN version USING (prompt, number)
    WHERE prompt = ?1 AND environment = 'production'";
const NEWEST: &str =
    "SELECT number, message FROM version WHERE prompt = ?1 ORDER BY number DESC LIMIT ?2";

impl Peer for Sqlite {
    const NAME: &'static str = "sqlite";
    const LAYOUT: &'static str =
        "bare rusqlite: a table of versions with their bodies, a table of pointers";
    const DURABILITY: &'static str =
        "all of it (WAL, synchronous = FULL), but for the name of a new log";

    type Prompt = String;
    type Version = i64;

    fn prompt(name: &str) -> Result<String> {
        Ok(name.into())
    }

    fn create(directory: &Path) -> Result<Self> {
        let store = Self::open(directory)?;
        store.0.execute_batch(SCHEMA)?;
        Ok(store)
    }

    fn open(directory: &Path) -> Result<Self> {
        let connection = Connection::open(directory.join("prompts.db"))?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        Ok(Self(connection))
    }

    fn import(&self, histories: &[History]) -> Result<()> {
        let transaction = self.0.unchecked_transaction()?;
        for History { name, bodies } in histories {
            for (at, body) in bodies.iter().enumerate() {
                self.commit(name, body, &message(at + 1))?;
            }
            self.release(name, &i64::try_from(bodies.len())?)?;
        }
        Ok(transaction.commit()?)
    }

    fn commit(&self, prompt: &String, body: &str, message: &str) -> Result<i64> {
        let mut insert = self.0.prepare_cached(INSERT)?;
        let row = params![prompt, message, body.as_bytes()];
        Ok(insert.query_one(row, |row| row.get(0))?)
    }

    fn release(&self, prompt: &String, version: &i64) -> Result<()> {
        self.0
            .prepare_cached(POINT)?
            .execute(params![prompt, version])?;
        Ok(())
    }

    fn resolve<T>(&self, prompt: &String, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let mut query = self.0.prepare_cached(RESOLVE)?;
        Ok(query.query_row([prompt], |row| Ok(read(row.get_ref(0)?.as_blob()?)))?)
    }

    fn newest(&self, prompt: &String, limit: usize) -> Result<Vec<(i64, String)>> {
        let mut query = self.0.prepare_cached(NEWEST)?;
        let limit = i64::try_from(limit)?;
        let rows = query.query_map(params![prompt, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
