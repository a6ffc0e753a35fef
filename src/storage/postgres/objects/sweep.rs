//! Deletion of forgotten objects, and the check of the objects that must exist.

use super::blobs::ObjectBlobs;
use super::placed_body::key;
use crate::storage::postgres::columns::{number, raw, signed};
use crate::storage::postgres::store_lock::SessionLock;
use crate::storage::{Blobs as _, StorageErrorKind, StorageResult};

/// The number of objects that are deleted together.
const DELETED_TOGETHER: i64 = 1000;

impl ObjectBlobs {
    /// Deletes the objects that were forgotten until a moment, in microseconds.
    ///
    /// Objects whose putting was interrupted are forgotten now, and deleted by a later call.
    pub(super) fn sweep_objects(&self, forgotten_until: i64) -> StorageResult<()> {
        let swept = self.forget_interrupted();
        loop {
            let sql = "SELECT number, key FROM object WHERE state = 2 AND since <= $1 ORDER BY number LIMIT $2";
            let rows = self.rows(
                "looking for forgotten objects",
                sql,
                &[&forgotten_until, &DELETED_TOGETHER],
            )?;
            if rows.is_empty() {
                return swept;
            }
            let (mut numbers, mut keys) = (Vec::new(), Vec::new());
            for row in &rows {
                numbers.push(signed(number(row, 0)?));
                keys.push(key(row, 1)?);
            }
            self.steps.begin()?;
            self.bucket.delete(&keys)?;
            let sql = "DELETE FROM object WHERE number = ANY($1) AND state = 2";
            self.rows("removing the rows of objects", sql, &[&numbers])?;
        }
    }

    /// Forgets the objects whose putting was interrupted, if no pack is being written.
    fn forget_interrupted(&self) -> StorageResult<()> {
        let Some(_lock) = SessionLock::try_take(&self.pool, self.locks.packs)? else {
            return Ok(());
        };
        let sql = "UPDATE object SET state = 2, since = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
            WHERE state = 0";
        self.rows("forgetting interrupted objects", sql, &[])
            .map(drop)
    }

    /// Returns a line for each object that is missing or damaged. Reads them only if `all` is set.
    pub(super) fn check_objects(&self, all: bool) -> StorageResult<Vec<String>> {
        let mut problems = self.tables.check_packs(all)?;
        let sql = "SELECT number, key, size, hash FROM object WHERE state = 1 ORDER BY number";
        let rows = self.rows("reading the rows of objects", sql, &[])?;
        if rows.is_empty() {
            return Ok(problems);
        }
        let listed = self.bucket.list()?;
        for row in &rows {
            let (key, size) = (key(row, 1)?, number(row, 2)?);
            // A listing may lag behind, so an object counts as missing only if it cannot be read.
            let found = match listed.get(&key) {
                Some(found) if *found != size => {
                    problems.push(format!("object {key} has {found} bytes instead of {size}"));
                    continue;
                }
                Some(_) if !all => continue,
                _ => match self.bucket.get(&key, 0..size) {
                    Err(error) if error.kind() == StorageErrorKind::Corrupt => {
                        problems.push(error.to_string());
                        continue;
                    }
                    found => found?,
                },
            };
            match found {
                None if self.is_stored(signed(number(row, 0)?))? => {
                    problems.push(format!("object {key} is missing"));
                }
                Some(bytes) if blake3::hash(&bytes).as_bytes()[..] != *raw(row, 3)? => {
                    problems.push(format!(
                        "object {key} is damaged: its bytes have another hash"
                    ));
                }
                _ => {}
            }
        }
        Ok(problems)
    }

    /// Returns whether an object still has its row, and is not forgotten.
    fn is_stored(&self, object: i64) -> StorageResult<bool> {
        let sql = "SELECT 1 FROM object WHERE number = $1 AND state = 1";
        Ok(!self
            .rows("looking for an object", sql, &[&object])?
            .is_empty())
    }
}
