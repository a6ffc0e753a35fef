//! Maintenance of an index: WAL checkpoints, free pages, and archiving of old operations.

use std::sync::atomic::Ordering;
use std::sync::{OnceLock, PoisonError};

use super::archive::{SegmentSizes, archive};
use super::connection;
use super::error::{SqliteContext as _, SqliteResult};
use super::index::SqliteIndex;
use super::read_connection::ReadConnection;
use super::transaction::SqliteTransaction;
use crate::model::record::Durability;
use crate::storage::Transaction as _;

/// Number of pages at which the write-ahead log is checkpointed. The log is then overwritten from
/// its start, which is cheaper than growing a file.
const MAX_WAL_PAGES: i64 = 1000;

/// The same limit when an index that was written to is closed. It is lower, because the next
/// process that opens the index reads all pages that are left.
const MAX_WAL_PAGES_AT_CLOSE: i64 = 128;

/// Maximum number of segments that are made in one call: about 65,000 operations, in about a
/// second.
const MAX_SEGMENTS_AT_ONCE: usize = 512;

/// Fewer free pages than this, or than a quarter of the others, are left for later writes.
const MIN_FREE_PAGES: i64 = 128;

/// Rewriting more pages than this would block writers too long: a third of a second.
const MAX_USED_PAGES: i64 = 16 * 1024;

impl SqliteIndex {
    pub(super) fn maintain_by(&self, reader: &ReadConnection) -> SqliteResult<bool> {
        let more = self.archive(reader, SegmentSizes::USUAL)?;
        if self.compact(reader)? {
            self.shrinks_at_checkpoint.store(true, Ordering::Relaxed);
        }
        let pages_left = || connection::pages_to_checkpoint(&reader.connection);
        if self.shrinks_at_checkpoint.load(Ordering::Relaxed) || pages_left()? >= MAX_WAL_PAGES {
            self.checkpoint_wal(reader)?;
            // A reader of an earlier state prevents a complete checkpoint.
            self.shrinks_at_checkpoint
                .fetch_and(pages_left()? > 0, Ordering::Relaxed);
        }
        Ok(more)
    }

    /// Archives old operations into segments. Returns whether there may be more.
    ///
    /// Segments are made while writers continue. Each one then waits for the write lock, and holds
    /// it only briefly.
    pub(super) fn archive(
        &self,
        reader: &ReadConnection,
        sizes: SegmentSizes,
    ) -> SqliteResult<bool> {
        for _ in 0..MAX_SEGMENTS_AT_ONCE {
            let doing = "looking for operations to archive";
            connection::run(&reader.connection, "BEGIN").context(doing)?;
            let archived = archive(&reader.connection, sizes)?;
            connection::run(&reader.connection, "COMMIT").context(doing)?;
            let Some(archived) = archived else {
                return Ok(false);
            };
            // A loss of this commit costs nothing: the rows would be archived again.
            let mut write_lock = self.write_lock()?;
            write_lock.set_durability(Durability::Relaxed)?;
            let mut write = SqliteTransaction::begin(write_lock, self)?;
            if !write.archive(&archived)? {
                return Ok(false);
            }
            Box::new(write).commit()?;
        }
        Ok(true)
    }

    /// Gives free pages back if there are many and the others are few. Returns whether it did.
    ///
    /// Writers wait while the other pages are rewritten.
    fn compact(&self, reader: &ReadConnection) -> SqliteResult<bool> {
        let (free, used) = connection::pages(&reader.connection)?;
        if free < MIN_FREE_PAGES || free < used / 4 || used > MAX_USED_PAGES {
            return Ok(false);
        }
        let mut write_lock = self.write_lock()?;
        write_lock.set_durability(Durability::Relaxed)?;
        connection::compact(&write_lock.tables().connection)?;
        Ok(true)
    }

    fn checkpoint_wal(&self, checkpointer: &ReadConnection) -> SqliteResult<()> {
        // Most of the log is checkpointed while writers continue. The few pages that were added
        // meanwhile follow while none writes, after which the next writer restarts the log.
        connection::checkpoint(&checkpointer.connection)?;
        let _write_lock = self.write_lock()?;
        connection::checkpoint(&checkpointer.connection)
    }
}

impl Drop for SqliteIndex {
    /// Checkpoints the log if it is long.
    ///
    /// SQLite knows which pages are checkpointed only as long as any process has the index open.
    /// For the next process, the whole log is new: it would be read to its end and not overwritten,
    /// and would grow with each process.
    fn drop(&mut self) {
        if self.usable().is_err() {
            return;
        }
        if let Some(writer) = self.writer.as_mut().and_then(OnceLock::get_mut) {
            let writer = writer.get_mut().unwrap_or_else(PoisonError::into_inner);
            // A log that stays only costs time.
            let _ =
                connection::empty_log(&writer.snapshot.tables().connection, MAX_WAL_PAGES_AT_CLOSE);
        }
    }
}
