//! The state of a write transaction, and the rows that it looks up, counts and inserts.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;

use rusqlite::{Connection, OptionalExtension, Params, Row, ToSql};

use super::row_ids::RowIdCache;
use super::version_count::VersionCount;
use crate::model::id::{BlobId, PromptId, VersionId};
use crate::model::record::{Change, Operation};
use crate::storage::sqlite::archive::{ArchivedSegment, RowPosition};
use crate::storage::sqlite::columns::limit;
use crate::storage::sqlite::error::{SqliteContext, SqliteResult};
use crate::storage::sqlite::ids::{blob_is, version_is};
use crate::storage::sqlite::index::SqliteIndex;
use crate::storage::sqlite::interned::Interned;
use crate::storage::sqlite::read_connection::ReadConnection;
use crate::storage::sqlite::write_lock::WriteLock;
use crate::storage::sqlite::{connection, interned};
use crate::storage::{
    AppendedBody, AppendedPlace, StorageError, StorageErrorKind, VersionReads as _,
};

/// A write transaction. Dropping it without a commit rolls it back.
pub(crate) struct SqliteTransaction<'a> {
    pub(super) write_lock: WriteLock<'a>,
    pub(super) keys: RowIdCache,
    /// The key of the body that was stored last. The next change mostly uses it.
    pub(super) blob: Cell<Option<(BlobId, i64)>>,
    /// The rows of the bodies that the operation being applied stored.
    pub(super) appended: RefCell<HashMap<BlobId, StoredRow>>,
    /// The prompts whose versions the current operation created, deleted or restored, until it is
    /// applied.
    pub(super) version_counts: RefCell<BTreeMap<i64, VersionCount>>,
    /// Bodies that versions may have although they are not stored.
    pub(super) absent: HashSet<BlobId>,
    /// The end of the history and the value of `absent` at the savepoint, in addition to SQLite's
    /// own.
    pub(super) savepoint: Option<(Option<RowPosition>, HashSet<BlobId>)>,
    pub(super) committed: bool,
    pub(super) index: &'a SqliteIndex,
}

/// The row of a body that was just stored.
#[derive(Clone, Copy)]
pub(super) struct StoredRow {
    pub(super) key: i64,
    /// Whether the row was inserted, with the number of versions that it will have. So it is not
    /// written twice.
    is_counted: bool,
}

/// The row of a body.
pub(super) struct BlobUse {
    key: i64,
    pub(super) size: i64,
    stored: bool,
}

impl<'a> SqliteTransaction<'a> {
    pub(crate) fn begin(
        mut write_lock: WriteLock<'a>,
        index: &'a SqliteIndex,
    ) -> SqliteResult<Self> {
        write_lock.begin()?;
        write_lock.tables().reset();
        let write = Self {
            keys: mem::take(&mut write_lock.writer.keys),
            write_lock,
            blob: Cell::new(None),
            appended: RefCell::default(),
            version_counts: RefCell::default(),
            absent: HashSet::new(),
            savepoint: None,
            committed: false,
            index,
        };
        // Within the transaction, so that the schema stays as it was checked.
        index.check_schema(write.connection())?;
        Ok(write)
    }

    pub(crate) fn tables(&self) -> &ReadConnection {
        self.write_lock.tables()
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.tables().connection
    }

    /// Runs a statement. Fails as corrupt unless it changes exactly one row.
    pub(super) fn change_one(
        &self,
        doing: &str,
        sql: &str,
        params: impl Params,
    ) -> SqliteResult<()> {
        let changed = self
            .connection()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .context(doing)?;
        match changed {
            1 => Ok(()),
            _ => Err(StorageError::new(
                StorageErrorKind::Corrupt,
                format!("index: {doing}: {changed} rows changed instead of one"),
            )),
        }
    }

    /// Runs a statement and reads the changed row that it returns. Fails as corrupt if there is none.
    pub(super) fn change_row<T>(
        &self,
        doing: &str,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> SqliteResult<T> {
        let mut statement = self.connection().prepare_cached(sql).context(doing)?;
        let changed = statement.query_row(params, read).optional();
        changed.context(doing)?.ok_or_else(|| {
            StorageError::new(
                StorageErrorKind::Corrupt,
                format!("index: {doing}: 0 rows changed instead of one"),
            )
        })
    }

    pub(super) fn change_any(
        &self,
        doing: &str,
        sql: &str,
        params: impl Params,
    ) -> SqliteResult<()> {
        self.connection()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .context(doing)
            .map(drop)
    }

    /// Returns the key of a row by its id. Fails as corrupt if there is none.
    fn key(&self, sql: &str, id: impl ToSql) -> SqliteResult<i64> {
        let doing = "looking up a row that a change refers to";
        self.connection()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
            .context(doing)?
            .ok_or_else(|| {
                StorageError::new(
                    StorageErrorKind::Corrupt,
                    format!("index: {doing}: it is missing"),
                )
            })
    }

    /// Returns the key of a prompt, deleted or not.
    pub(super) fn prompt_key(&self, id: PromptId) -> SqliteResult<i64> {
        if let Some(key) = self.keys.prompts.get(&id) {
            return Ok(key);
        }
        let key = self.key("SELECT key FROM prompt WHERE id = ?1", id.as_str())?;
        self.keys.prompts.put(id, key);
        Ok(key)
    }

    /// Returns the key of a version, deleted or not.
    pub(super) fn version_key(&self, id: VersionId) -> SqliteResult<i64> {
        if let Some(key) = self.keys.versions.get(&id) {
            return Ok(key);
        }
        let key = self.key(
            concat!(
                "SELECT key FROM version WHERE ",
                version_is!("version", "?1")
            ),
            id.as_bytes(),
        )?;
        self.keys.versions.put(id, key);
        Ok(key)
    }

    /// Returns what to write in the place of a text that other versions may have, too.
    pub(super) fn intern<'t>(&self, text: &'t str) -> SqliteResult<Interned<'t>> {
        if let Some(key) = self.keys.texts.get(text) {
            return Ok(Interned::Key(key));
        }
        let place = interned::intern(self.connection(), text);
        let place = place.context("interning a text")?;
        if let Interned::Key(key) = place {
            self.keys.texts.put(text.into(), key);
        }
        Ok(place)
    }

    /// Returns the key of a body that is stored, or that versions may have nevertheless.
    pub(super) fn blob_key(&self, id: BlobId) -> SqliteResult<i64> {
        if let Some((_, key)) = self.blob.get().filter(|(last, _)| *last == id) {
            return Ok(key);
        }
        if let Some(row) = self.appended.borrow().get(&id) {
            return Ok(row.key);
        }
        let sql = if self.absent.contains(&id) {
            concat!("SELECT key FROM blob WHERE ", blob_is!("blob", "?1"))
        } else {
            concat!(
                "SELECT key FROM blob WHERE stored = 1 AND ",
                blob_is!("blob", "?1")
            )
        };
        let key = self.key(sql, id.as_bytes())?;
        self.blob.set(Some((id, key)));
        Ok(key)
    }

    /// Stores the bodies of an operation, and returns those that were not stored before.
    ///
    /// The row of a new body counts the versions that the operation will create.
    pub(super) fn store_appended(
        &self,
        operation: &Operation,
        bodies: &[AppendedBody<'_>],
    ) -> SqliteResult<Vec<BlobId>> {
        let mut created: HashMap<BlobId, i64> = HashMap::new();
        for change in &operation.content.changes {
            if let Change::VersionCreated(version) = change {
                *created.entry(version.blob).or_default() += 1;
            }
        }
        let mut stored = Vec::new();
        for body in bodies {
            let size = match body.place {
                AppendedPlace::Journal(bytes) => limit(bytes.len()),
                AppendedPlace::Pack(size) => i64::try_from(size).unwrap_or(i64::MAX),
            };
            let versions = created.get(&body.id).copied().unwrap_or_default();
            let Some(new) = self.store_body(body.id, size, versions)? else {
                continue;
            };
            if let AppendedPlace::Journal(bytes) = body.place {
                self.journal(new.key, bytes)?;
            }
            self.appended.borrow_mut().insert(body.id, new);
            stored.push(body.id);
        }
        Ok(stored)
    }

    pub(super) fn journal(&self, blob: i64, bytes: &[u8]) -> SqliteResult<()> {
        self.change_one(
            "journaling a body",
            "INSERT INTO blob_journal VALUES (?1, ?2)",
            (blob, bytes),
        )
    }

    /// Marks a body as stored. Returns its row if it was not stored before.
    ///
    /// A row that is inserted for it counts `live` versions.
    pub(super) fn store_body(
        &self,
        id: BlobId,
        size: i64,
        live: i64,
    ) -> SqliteResult<Option<StoredRow>> {
        let row = match self.known_blob(id)? {
            Some(BlobUse { stored: true, .. }) => return Ok(None),
            Some(BlobUse { key, .. }) => {
                let sql = "UPDATE blob SET stored = 1 WHERE key = ?1";
                self.change_one("recording a body", sql, [key])?;
                StoredRow {
                    key,
                    is_counted: false,
                }
            }
            None => StoredRow {
                key: self.insert_blob(id, size, true, live)?,
                is_counted: true,
            },
        };
        self.blob.set(Some((id, row.key)));
        Ok(Some(row))
    }

    /// Returns a body's row, whether it is stored or not.
    pub(super) fn known_blob(&self, id: BlobId) -> SqliteResult<Option<BlobUse>> {
        let sql = concat!(
            "SELECT key, size, stored FROM blob WHERE ",
            blob_is!("blob", "?1")
        );
        self.connection()
            .prepare_cached(sql)
            .and_then(|mut statement| {
                let found = statement.query_row([id.as_bytes()], |row| {
                    Ok(BlobUse {
                        key: row.get(0)?,
                        size: row.get(1)?,
                        stored: row.get(2)?,
                    })
                });
                found.optional()
            })
            .context("looking a body up")
    }

    /// Inserts the row of a body.
    ///
    /// The caller must know that there is none, because no index prevents a second one.
    pub(super) fn insert_blob(
        &self,
        id: BlobId,
        size: i64,
        stored: bool,
        live: i64,
    ) -> SqliteResult<i64> {
        self.change_one(
            "recording a body",
            "INSERT INTO blob (hash, size, stored, live) VALUES (?1, ?2, ?3, ?4)",
            (id.as_bytes(), size, stored, live),
        )?;
        Ok(self.connection().last_insert_rowid())
    }

    /// Counts a version that has this body.
    pub(super) fn count_version_of(&self, id: BlobId, blob: i64) -> SqliteResult<()> {
        let appended = self.appended.borrow().get(&id).copied();
        if appended.is_some_and(|row| row.is_counted) {
            return Ok(());
        }
        self.change_one(
            "counting a body's versions",
            "UPDATE blob SET live = live + 1, unused_since = NULL WHERE key = ?1",
            [blob],
        )
    }

    /// Replaces archived operations by their segment.
    ///
    /// Returns false if another process has done so meanwhile.
    pub(crate) fn archive(&mut self, segment: &ArchivedSegment) -> SqliteResult<bool> {
        segment.put(self.connection())
    }

    /// Checks whether a version may have a body that is not stored.
    pub(super) fn may_lack_its_body(&self, version: VersionId) -> SqliteResult<bool> {
        if self.absent.is_empty() {
            return Ok(false);
        }
        let found = self
            .write_lock
            .writer
            .snapshot
            .version_even_deleted(version)?;
        Ok(found.is_some_and(|row| self.absent.contains(&row.version.blob)))
    }

    /// Fails as corrupt if a live version would be left without its body.
    pub(super) fn check_absent(&self) -> SqliteResult<()> {
        let doing = "looking for versions without a body";
        let sql = concat!(
            "SELECT live FROM blob WHERE stored = 0 AND live > 0 AND ",
            blob_is!("blob", "?1")
        );
        for id in &self.absent {
            let mut statement = self.connection().prepare_cached(sql).context(doing)?;
            if statement.exists([id.as_bytes()]).context(doing)? {
                let reason = format!("index: live versions have body {id}, which is not stored");
                return Err(StorageError::new(StorageErrorKind::Corrupt, reason));
            }
        }
        Ok(())
    }
}

impl Drop for SqliteTransaction<'_> {
    fn drop(&mut self) {
        if !self.committed {
            self.tables().interned.forget();
        }
        if !self.connection().is_autocommit() {
            // A connection that cannot even roll back holds the lock. The next `BEGIN` on it
            // returns the error.
            let _ = connection::run(self.connection(), "ROLLBACK");
        }
    }
}
