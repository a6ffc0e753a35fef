//! The lookups of the rows that the texts of a segment refer to.

use std::cell::RefCell;

use rusqlite::types::FromSql;
use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql};

use super::text::OperationTexts;
use crate::model::id::{BlobId, VersionId};
use crate::storage::sqlite::columns::bytes;
use crate::storage::sqlite::error::{SqliteContext, SqliteResult};
use crate::storage::sqlite::ids::{blob_is, version_is};

/// The lookups of rows on a connection, whose statements are prepared once for all of them.
pub(super) struct RowLookups<'c> {
    version_key: LookupStatement<'c>,
    version_id: RefCell<IdReader<'c, 16>>,
    blob_key: LookupStatement<'c>,
    blob_id: RefCell<IdReader<'c, 32>>,
}

/// A statement that looks up one column of a row. It is prepared when it is needed first.
struct LookupStatement<'c> {
    connection: &'c Connection,
    sql: &'static str,
    statement: RefCell<Option<CachedStatement<'c>>>,
}

/// The largest number of ids that are read at a time.
const MAX_AHEAD: usize = 64;

/// A reader of ids by key.
///
/// Operations mostly refer to rows in the order of their keys, so it reads the next rows as well:
/// more and more of them while they are needed.
struct IdReader<'c, const N: usize> {
    connection: &'c Connection,
    sql: &'static str,
    statement: Option<CachedStatement<'c>>,
    /// The rows that were read last, ascending by key.
    rows: Vec<(i64, [u8; N])>,
    /// The position in `rows` after the one that was found last.
    next: usize,
}

impl<'c> RowLookups<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        let statement = |sql| LookupStatement {
            connection,
            sql,
            statement: RefCell::default(),
        };
        Self {
            version_key: statement(concat!(
                "SELECT key FROM version WHERE ",
                version_is!("version", "?1")
            )),
            version_id: IdReader::new(
                connection,
                "SELECT key, id FROM version WHERE key >= ?1 ORDER BY key LIMIT ?2",
            ),
            blob_key: statement(concat!(
                "SELECT key FROM blob WHERE ",
                blob_is!("blob", "?1")
            )),
            blob_id: IdReader::new(
                connection,
                "SELECT key, hash FROM blob WHERE key >= ?1 ORDER BY key LIMIT ?2",
            ),
        }
    }
}

const DOING: &str = "looking up a row that operations refer to";

impl LookupStatement<'_> {
    fn find<T: FromSql>(&self, by: impl ToSql) -> SqliteResult<Option<T>> {
        let mut prepared = self.statement.borrow_mut();
        let find = || {
            let statement = match &mut *prepared {
                Some(statement) => statement,
                none => none.insert(self.connection.prepare_cached(self.sql)?),
            };
            statement.query_row([by], |row| row.get(0)).optional()
        };
        find().context(DOING)
    }
}

impl<'c, const N: usize> IdReader<'c, N> {
    fn new(connection: &'c Connection, sql: &'static str) -> RefCell<Self> {
        RefCell::new(Self {
            connection,
            sql,
            statement: None,
            rows: Vec::new(),
            next: 0,
        })
    }

    fn find(&mut self, key: i64) -> SqliteResult<Option<[u8; N]>> {
        let is_next = self.rows.get(self.next).is_some_and(|row| row.0 == key);
        if !is_next {
            match self.rows.binary_search_by_key(&key, |row| row.0) {
                Ok(at) => self.next = at,
                Err(_) => self.read(key).context(DOING)?,
            }
        }
        let found = self.rows.get(self.next).filter(|row| row.0 == key);
        let id = found.map(|row| row.1);
        self.next += 1;
        Ok(id)
    }

    /// Reads the row with a key, and others after it if the ones before were needed.
    fn read(&mut self, key: i64) -> rusqlite::Result<()> {
        let were_needed = self.next >= self.rows.len()
            && self
                .rows
                .last()
                .is_some_and(|row| row.0.checked_add(1) == Some(key));
        let count = if were_needed {
            (2 * self.rows.len()).min(MAX_AHEAD)
        } else {
            1
        };
        let statement = match &mut self.statement {
            Some(statement) => statement,
            none => none.insert(self.connection.prepare_cached(self.sql)?),
        };
        self.rows.clear();
        self.next = 0;
        let mut rows = statement.query((key, i64::try_from(count).unwrap_or(1)))?;
        while let Some(row) = rows.next()? {
            self.rows.push((row.get(0)?, bytes(row, 1)?));
        }
        Ok(())
    }
}

impl OperationTexts for RowLookups<'_> {
    fn version_key(&self, id: VersionId) -> SqliteResult<Option<i64>> {
        self.version_key.find(id.as_bytes())
    }

    fn version_id(&self, key: i64) -> SqliteResult<Option<VersionId>> {
        let id = self.version_id.borrow_mut().find(key)?;
        Ok(id.map(VersionId::from_bytes))
    }

    fn blob_key(&self, id: BlobId) -> SqliteResult<Option<i64>> {
        self.blob_key.find(id.as_bytes())
    }

    fn blob_id(&self, key: i64) -> SqliteResult<Option<BlobId>> {
        let hash = self.blob_id.borrow_mut().find(key)?;
        Ok(hash.map(BlobId::from_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(connection: &Connection) -> RefCell<IdReader<'_, 2>> {
        IdReader::new(
            connection,
            "SELECT key, id FROM t WHERE key >= ?1 ORDER BY key LIMIT ?2",
        )
    }

    #[test]
    fn each_key_has_its_own_id_in_any_order() {
        let connection = Connection::open_in_memory().unwrap();
        let rows = "CREATE TABLE t (key INTEGER PRIMARY KEY, id BLOB);
             WITH RECURSIVE n (key) AS (SELECT 1 UNION ALL SELECT key + 1 FROM n WHERE key < 500)
             INSERT INTO t SELECT key, CAST(format('%02d', key % 97) AS BLOB) FROM n
             WHERE key % 7 <> 0";
        connection.execute_batch(rows).unwrap();
        let expected = |key: i64| {
            let has_row = (1..=500).contains(&key) && key % 7 != 0;
            has_row.then(|| <[u8; 2]>::try_from(format!("{:02}", key % 97).as_bytes()).unwrap())
        };
        let orders: [Vec<i64>; 5] = [
            (-3..510).collect(),
            (-3..510).rev().collect(),
            (0..600).step_by(3).collect(),
            (0..2000).map(|turn| turn * 7919 % 503).collect(),
            (0..400)
                .flat_map(|key| [key, 400 - key, key, key + 1])
                .collect(),
        ];
        for keys in orders {
            let mut reader = reader(&connection).into_inner();
            for key in keys {
                assert_eq!(reader.find(key).unwrap(), expected(key), "{key}");
            }
        }
    }

    #[test]
    fn rows_are_read_ahead_only_in_order() {
        let connection = Connection::open_in_memory().unwrap();
        let rows = "CREATE TABLE t (key INTEGER PRIMARY KEY, id BLOB);
             WITH RECURSIVE n (key) AS (SELECT 1 UNION ALL SELECT key + 1 FROM n WHERE key < 500)
             INSERT INTO t SELECT key, x'0102' FROM n";
        connection.execute_batch(rows).unwrap();
        let mut reader = reader(&connection).into_inner();
        for key in 1..400 {
            reader.find(key).unwrap();
        }
        assert_eq!(reader.rows.len(), MAX_AHEAD);
        for key in [500, 20, 300, 100] {
            reader.find(key).unwrap();
            assert_eq!(reader.rows.len(), 1, "{key}");
        }
    }
}
