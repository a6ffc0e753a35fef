//! Maintenance of an index: archiving of old operations, and free pages.

use std::sync::atomic::Ordering;

use super::archive::{ArchivedSegment, SegmentSizes, archive, end, last_row};
use super::connection;
use super::error::{SqliteContext as _, SqliteResult};
use super::index::SqliteIndex;
use super::read_connection::ReadConnection;
use super::search;
use super::transaction::SqliteTransaction;
use crate::model::record::Durability;
use crate::storage::Transaction as _;

/// Maximum number of transactions that archive in one call: about 65,000 operations, in about a
/// second.
const MAX_ARCHIVING_TURNS: usize = 8;

/// Maximum number of segments that are written while the write lock is held once, for some
/// milliseconds.
///
/// With fewer, an import adds operations faster than they are archived in the turns between its
/// transactions.
const MAX_SEGMENTS_IN_A_TURN: usize = 64;

/// Fewer free pages than this, or than half of the others, are left for later writes.
///
/// The journal frees pages at each checkpoint and takes them again, so a smaller part would be
/// rewritten again and again.
const MIN_FREE_PAGES: i64 = 128;

/// Rewriting more pages than this would block writers too long: a third of a second.
const MAX_USED_PAGES: i64 = 16 * 1024;

/// With more unindexed operations than this, free pages are left for the search index, which takes
/// them soon. An import adds operations faster than they are indexed.
const MAX_UNINDEXED: i64 = 64;

impl SqliteIndex {
    pub(super) fn maintain_by(&self, reader: &ReadConnection) -> SqliteResult<bool> {
        let more = self.archive(reader, SegmentSizes::USUAL)?;
        if !more && self.compact(reader)? {
            self.shrinks_at_checkpoint.store(true, Ordering::Relaxed);
        }
        self.checkpoint_long_wal(reader)?;
        Ok(more)
    }

    /// Archives old operations into segments. Returns whether there may be more.
    ///
    /// Segments are made while writers continue. Some of them at a time then wait for the write
    /// lock, and hold it only briefly.
    pub(super) fn archive(
        &self,
        reader: &ReadConnection,
        sizes: SegmentSizes,
    ) -> SqliteResult<bool> {
        for _ in 0..MAX_ARCHIVING_TURNS {
            let archived = next_segments(reader, sizes)?;
            if archived.is_empty() {
                return Ok(false);
            }
            // A loss of this commit costs nothing: the rows would be archived again.
            let mut write_lock = self.write_lock()?;
            write_lock.set_durability(Durability::Relaxed)?;
            let mut write = SqliteTransaction::begin(write_lock, self)?;
            for segment in &archived {
                if !write.archive(segment)? {
                    return Ok(false);
                }
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
        if free < MIN_FREE_PAGES || free < used / 2 || used > MAX_USED_PAGES {
            return Ok(false);
        }
        let indexed = i64::try_from(search::up_to(&reader.connection)?).unwrap_or(i64::MAX);
        let last = last_row(&reader.connection)?;
        if last.is_some_and(|last| last - indexed > MAX_UNINDEXED) {
            return Ok(false);
        }
        let mut write_lock = self.write_lock()?;
        write_lock.set_durability(Durability::Relaxed)?;
        connection::compact(&write_lock.tables().connection)?;
        Ok(true)
    }
}

/// Makes the next segments of operations that have rows.
fn next_segments(
    reader: &ReadConnection,
    sizes: SegmentSizes,
) -> SqliteResult<Vec<ArchivedSegment>> {
    let (connection, doing) = (&reader.connection, "looking for operations to archive");
    connection::run(connection, "BEGIN").context(doing)?;
    let mut segments = Vec::new();
    let mut start = end(connection)?;
    while segments.len() < MAX_SEGMENTS_IN_A_TURN {
        let Some(segment) = archive(connection, start, sizes)? else {
            break;
        };
        start = segment.end();
        segments.push(segment);
    }
    connection::run(connection, "COMMIT").context(doing)?;
    Ok(segments)
}
