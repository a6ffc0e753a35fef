//! Interned texts: texts that many versions have, such as authors, are stored once.
//!
//! Versions contain the key of the text.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};

/// Maximum number of interned texts. If there are more, each is repeated by few versions.
const MOST: i64 = 4096;

/// The texts of keys that a connection has read. A committed row never changes.
#[derive(Debug, Default)]
pub(crate) struct InternedTexts(RefCell<HashMap<i64, Arc<str>, foldhash::fast::RandomState>>);

impl InternedTexts {
    /// Returns the text of a column that contains a key, the text itself, or NULL.
    pub(crate) fn text(
        &self,
        connection: &Connection,
        row: &Row<'_>,
        column: usize,
    ) -> rusqlite::Result<Option<String>> {
        match row.get_ref(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(key) => self.of(connection, key, column).map(Some),
            text => Ok(Some(text.as_str()?.to_owned())),
        }
    }

    fn of(&self, connection: &Connection, key: i64, column: usize) -> rusqlite::Result<String> {
        if let Some(text) = self.0.borrow().get(&key) {
            return Ok(text.as_ref().to_owned());
        }
        let found: Option<String> = connection
            .prepare_cached("SELECT text FROM interned WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        let text = found.ok_or_else(|| {
            let missing = format!("text {key} is missing").into();
            rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, missing)
        })?;
        self.0.borrow_mut().insert(key, text.as_str().into());
        Ok(text)
    }

    /// Forgets all texts, because some may never be committed.
    pub(crate) fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}

/// What is written in the place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interned<'a> {
    Key(i64),
    Text(&'a str),
}

impl ToSql for Interned<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Key(key) => key.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}

/// Returns what to write in the place of a text, which is interned if there is room.
///
/// Requires a write transaction.
pub(crate) fn intern<'a>(connection: &Connection, text: &'a str) -> rusqlite::Result<Interned<'a>> {
    let known: Option<i64> = connection
        .prepare_cached("SELECT key FROM interned WHERE text = ?1")?
        .query_row([text], |row| row.get(0))
        .optional()?;
    if let Some(key) = known {
        return Ok(Interned::Key(key));
    }
    let sql = "INSERT INTO interned (text) SELECT ?1
               WHERE (SELECT ifnull(max(key), 0) FROM interned) < ?2";
    match connection.prepare_cached(sql)?.execute((text, MOST))? {
        0 => Ok(Interned::Text(text)),
        _ => Ok(Interned::Key(connection.last_insert_rowid())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::lock::policy::LockPolicy;
    use crate::model::record::Settings;
    use crate::storage::sqlite::index::SqliteIndex;
    use crate::storage::sqlite::open_mode::OpenMode;
    use crate::storage::sqlite::read_connection::ReadConnection;
    use crate::storage::sqlite::transaction::SqliteTransaction;
    use crate::storage::{StorageError, Transaction as _};

    fn index(directory: &std::path::Path) -> SqliteIndex {
        let path = directory.join("index.db");
        let policy = LockPolicy::default();
        SqliteIndex::create(&path, Settings::default(), &policy, || {
            Ok::<_, StorageError>(())
        })
        .unwrap();
        let probed = SqliteIndex::probe(&path, OpenMode::Write, &policy).unwrap();
        SqliteIndex::open(&path, OpenMode::Write, probed, &policy).unwrap()
    }

    fn begin(index: &SqliteIndex) -> SqliteTransaction<'_> {
        SqliteTransaction::begin(index.write_lock().unwrap(), index).unwrap()
    }

    /// Interns a text. Returns its key, and the text that is read for the key.
    fn key_and_back(tables: &ReadConnection, text: &str) -> (i64, String) {
        let Interned::Key(key) = intern(&tables.connection, text).unwrap() else {
            panic!("{text:?} has no key");
        };
        let back = tables.interned.of(&tables.connection, key, 0).unwrap();
        (key, back)
    }

    /// The key of a text that was not committed is given to another text.
    #[test]
    fn uncommitted_texts_are_not_remembered() {
        let directory = tempfile::tempdir().unwrap();
        let index = index(directory.path());
        let dropped = begin(&index);
        assert_eq!(key_and_back(dropped.tables(), "a"), (1, "a".to_owned()));
        drop(dropped);
        let mut write = begin(&index);
        assert_eq!(key_and_back(write.tables(), "b"), (1, "b".to_owned()));
        write.savepoint().unwrap();
        assert_eq!(key_and_back(write.tables(), "c"), (2, "c".to_owned()));
        write.roll_back().unwrap();
        assert_eq!(key_and_back(write.tables(), "d"), (2, "d".to_owned()));
        assert_eq!(key_and_back(write.tables(), "b"), (1, "b".to_owned()));
        Box::new(write).commit().unwrap();
        let write = begin(&index);
        assert_eq!(key_and_back(write.tables(), "d"), (2, "d".to_owned()));
    }

    #[test]
    fn texts_beyond_the_limit_are_not_interned() {
        let directory = tempfile::tempdir().unwrap();
        let index = index(directory.path());
        let write = begin(&index);
        let connection = &write.tables().connection;
        for number in 1..=MOST {
            let text = number.to_string();
            assert_eq!(intern(connection, &text).unwrap(), Interned::Key(number));
        }
        assert_eq!(intern(connection, "more").unwrap(), Interned::Text("more"));
        assert_eq!(intern(connection, "7").unwrap(), Interned::Key(7));
    }
}
