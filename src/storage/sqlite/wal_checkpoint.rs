//! WAL checkpoints: when the log is checkpointed, while the index is in use and at its end.

use std::sync::atomic::Ordering;
use std::sync::{OnceLock, PoisonError};

use super::connection;
use super::error::SqliteResult;
use super::index::SqliteIndex;
use super::paths::{beside, file_size};
use super::read_connection::ReadConnection;
use crate::storage::StorageErrorKind;

/// Number of pages at which the write-ahead log is checkpointed. The log is then overwritten from
/// its start, which is cheaper than growing a file.
///
/// With fewer pages, more of the commits would wait for a checkpoint.
const MAX_WAL_PAGES: i64 = 2000;

/// The same limit beside commits to a large index, of which an import changes pages here and there:
/// 64 MB.
///
/// A page that several commits change is then written to the file once, and files are flushed less
/// often. The limit is this part of the index's pages, so that the log of a small index stays small.
const MAX_WAL_PAGES_OF_LARGE: i64 = 16_000;
const LARGE_PAGES_PER_WAL_PAGE: i64 = 8;

/// The same limit when an index that was written to is closed. It is lower, because the next
/// process that opens the index reads all pages that are left.
const MAX_WAL_PAGES_AT_CLOSE: i64 = 128;

/// The size of the log's file, in bytes, from which it is truncated when an index that was written
/// to is closed, even if few of its pages are in use.
///
/// The log of a small index stays below half of this if it is checkpointed in time.
const MAX_WAL_BYTES_AT_CLOSE: u64 = 16 * 1024 * 1024;

impl SqliteIndex {
    /// Checkpoints the log if it is long, or if the file is to get shorter.
    pub(super) fn checkpoint_long_wal(&self, reader: &ReadConnection) -> SqliteResult<()> {
        self.checkpoint_wal_of(reader, MAX_WAL_PAGES)
    }

    /// Checkpoints the log beside commits if it is long for the size of the index.
    pub(super) fn checkpoint_wal_beside_commits(
        &self,
        reader: &ReadConnection,
    ) -> SqliteResult<()> {
        let (_, used) = connection::pages(&reader.connection)?;
        let part = used / LARGE_PAGES_PER_WAL_PAGE;
        self.checkpoint_wal_of(reader, part.clamp(MAX_WAL_PAGES, MAX_WAL_PAGES_OF_LARGE))
    }

    fn checkpoint_wal_of(&self, reader: &ReadConnection, limit: i64) -> SqliteResult<()> {
        let pages_left = || connection::pages_to_checkpoint(&reader.connection);
        if self.shrinks_at_checkpoint.load(Ordering::Relaxed) || pages_left()? >= limit {
            self.checkpoint_wal(reader)?;
            // A reader of an earlier state prevents a complete checkpoint.
            self.shrinks_at_checkpoint
                .fetch_and(pages_left()? > 0, Ordering::Relaxed);
        }
        Ok(())
    }

    fn checkpoint_wal(&self, checkpointer: &ReadConnection) -> SqliteResult<()> {
        // The lock ensures that the log can be relied on, as before a commit.
        drop(self.write_lock()?);
        // Most of the log is checkpointed while writers continue. The few pages that were added
        // meanwhile follow while none writes, after which the next writer restarts the log.
        let most = connection::checkpoint(&checkpointer.connection);
        let write_lock = self.write_lock()?;
        let all = most.and_then(|()| connection::checkpoint(&checkpointer.connection));
        if all
            .as_ref()
            .is_err_and(|error| error.kind() == StorageErrorKind::Io)
        {
            self.note_failed_flush(&write_lock);
        }
        all
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
        if let Some(writer) = self.writer.as_ref().and_then(OnceLock::get) {
            let writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            // A log that stays only costs time.
            let connection = &writer.snapshot.tables().connection;
            let is_large = file_size(&beside(&self.path, "-wal")) > MAX_WAL_BYTES_AT_CLOSE;
            let pages = if is_large { 1 } else { MAX_WAL_PAGES_AT_CLOSE };
            let _ = connection::empty_log(connection, pages);
            self.note_sound_log(connection);
        }
    }
}
