//! The calls of a write transaction.

use std::mem;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};

use super::changes::Releasing;
use super::row_ids::RowIdCache;
use super::rows::SqliteTransaction;
use crate::model::id::{BlobId, EnvironmentName, OperationId, VersionId};
use crate::model::record::{Operation, RecordedInputs};
use crate::storage::sqlite::archive::RowPosition;
use crate::storage::sqlite::columns::{limit, micros};
use crate::storage::sqlite::error::{SqliteContext, SqliteResult, may_be_committed, not_committed};
use crate::storage::sqlite::ids::blob_is;
use crate::storage::sqlite::{connection, operations, search};
use crate::storage::{
    AppendedBody, Indexable, Snapshot, StorageError, StorageErrorKind, Transaction,
};

impl Transaction for SqliteTransaction<'_> {
    fn snapshot(&self) -> &dyn Snapshot {
        &self.write_lock.writer.snapshot
    }

    fn last_operation(&self) -> SqliteResult<(u64, OperationId)> {
        let end = operations::end(self.tables())?;
        Ok((end.number.unsigned_abs(), end.id))
    }

    fn append(
        &mut self,
        operation: &Operation,
        text: &str,
        now: DateTime<Utc>,
        bodies: &[AppendedBody<'_>],
    ) -> SqliteResult<Vec<BlobId>> {
        let number = i64::try_from(operation.number).unwrap_or(i64::MAX);
        let end = operations::end(self.tables())?;
        if number != end.number + 1 {
            let last = end.number;
            let reason = format!("index: operation {number} cannot follow operation {last}");
            return Err(StorageError::new(StorageErrorKind::Corrupt, reason));
        }
        let stored = self.store_appended(operation, bodies)?;
        let at = micros(operation.content.at);
        self.change_one(
            "appending an operation",
            "INSERT INTO operation (number, hash, at, content) VALUES (?1, ?2, ?3, ?4)",
            (number, operation.id.as_bytes(), at, text),
        )?;
        let end = RowPosition {
            number,
            id: operation.id,
        };
        self.tables().end.set(Some(end));
        let release = Releasing {
            number,
            at: micros(now),
        };
        // The archiver lists the operation by prompt and by environment.
        for change in &operation.content.changes {
            self.apply(change, at, release)?;
        }
        self.count_versions(at)?;
        self.appended.borrow_mut().clear();
        Ok(stored)
    }

    fn put_body(&mut self, id: BlobId, bytes: &[u8]) -> SqliteResult<()> {
        match self.store_body(id, limit(bytes.len()), 0)? {
            Some(new) => self.journal(new.key, bytes),
            None => Ok(()),
        }
    }

    fn journal_body(&mut self, id: BlobId, bytes: &[u8]) -> SqliteResult<()> {
        self.journal(self.blob_key(id)?, bytes)
    }

    fn put_packed_body(&mut self, id: BlobId, size: u64) -> SqliteResult<bool> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        Ok(self.store_body(id, size, 0)?.is_some())
    }

    fn put_absent_body(&mut self, id: BlobId, size: u64) -> SqliteResult<()> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        match self.known_blob(id)? {
            Some(known) if known.size != size => {
                let reason = format!("index: body {id} has {} bytes, not {size}", known.size);
                return Err(StorageError::new(StorageErrorKind::Corrupt, reason));
            }
            Some(_) => {}
            None => {
                self.insert_blob(id, size, false, 0)?;
            }
        }
        self.absent.insert(id);
        Ok(())
    }

    fn drop_journal(&mut self, ids: &[BlobId]) -> SqliteResult<()> {
        for id in ids {
            self.change_any(
                "removing a checkpointed body from the journal",
                concat!(
                    "DELETE FROM blob_journal WHERE blob = (SELECT key FROM blob WHERE ",
                    blob_is!("blob", "?1"),
                    ")"
                ),
                [id.as_bytes()],
            )?;
        }
        Ok(())
    }

    fn forget_blobs(&mut self, ids: &[BlobId]) -> SqliteResult<()> {
        self.drop_journal(ids)?;
        self.blob.set(None);
        for id in ids {
            self.change_one(
                "marking a body as removed",
                concat!(
                    "UPDATE blob SET stored = 0 WHERE live = 0 AND ",
                    blob_is!("blob", "?1")
                ),
                [id.as_bytes()],
            )?;
        }
        Ok(())
    }

    fn put_inputs(&mut self, inputs: &RecordedInputs) -> SqliteResult<()> {
        let text = serde_json::to_string(&inputs.inputs).context("writing inputs")?;
        self.change_one(
            "recording inputs",
            "INSERT OR REPLACE INTO request_inputs
             SELECT key, ?2, ?3, ?4, ?5 FROM version WHERE key = ?1",
            (
                self.version_key(inputs.version_id)?,
                &inputs.request_id,
                text,
                inputs.environment.as_ref().map(EnvironmentName::as_str),
                micros(inputs.recorded_at),
            ),
        )
    }

    fn drop_inputs(&mut self, version: VersionId, most: usize) -> SqliteResult<u64> {
        let key = self.version_key(version)?;
        let sql = "DELETE FROM request_inputs WHERE version = ?1 AND request IN
                       (SELECT request FROM request_inputs WHERE version = ?1 LIMIT ?2)";
        let statement = self.connection().prepare_cached(sql);
        let dropped = statement.and_then(|mut statement| statement.execute((key, limit(most))));
        Ok(dropped.context("dropping recorded inputs")? as u64)
    }

    fn index_documents(&mut self, news: &Indexable) -> SqliteResult<()> {
        search::index(self.connection(), news)
    }

    fn savepoint(&mut self) -> SqliteResult<()> {
        let earlier = self.savepoint.take();
        let run = |sql| connection::run(self.connection(), sql).context("setting a savepoint");
        if earlier.is_some() {
            run("RELEASE kept")?;
        }
        run("SAVEPOINT kept")?;
        self.savepoint = Some((self.tables().end.get(), self.absent.clone()));
        Ok(())
    }

    fn roll_back(&mut self) -> SqliteResult<()> {
        // After some failures, such as a full disk, SQLite has rolled back everything: then there
        // is no savepoint.
        connection::run(self.connection(), "ROLLBACK TO kept").context("rolling back")?;
        if let Some((end, absent)) = self.savepoint.clone() {
            self.tables().end.set(end);
            self.absent = absent;
        }
        // They may refer to rows that no longer exist.
        self.keys = RowIdCache::default();
        self.tables().interned.forget();
        self.blob.set(None);
        self.appended.take();
        self.version_counts.take();
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> SqliteResult<()> {
        self.check_absent()?;
        match connection::run(self.connection(), "COMMIT") {
            // The log may or may not contain the commit, and SQLite cannot say which. So the handle
            // is unusable from now on.
            Err(error) if may_be_committed(&error) => {
                self.index.note_failed_flush(&self.write_lock);
                self.index.poisoned.store(true, Ordering::Release);
                Err(
                    StorageError::new(StorageErrorKind::OutcomeUnknown, "index: committing")
                        .because(error),
                )
            }
            Ok(()) => {
                self.write_lock.writer.keys = mem::take(&mut self.keys);
                self.committed = true;
                match self.index.check_durable_files() {
                    // If no name leads to the file any more, the commit is lost with the last
                    // connection.
                    Err(error) if error.kind() == StorageErrorKind::Replaced => {
                        let context =
                            "index: the files were replaced while a transaction was committed";
                        Err(StorageError::new(StorageErrorKind::OutcomeUnknown, context)
                            .because(error))
                    }
                    // If the files cannot be inspected, nothing shows that they were replaced. The
                    // next write checks again.
                    _ => Ok(()),
                }
            }
            Err(error) => Err(not_committed(error)),
        }
    }
}
