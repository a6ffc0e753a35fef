//! Reading of segments, and their cache.

use crate::storage::sqlite::archive::text;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row};

use super::row_lookups::RowLookups;
use super::text::SegmentText;
use crate::model::id::OperationId;
use crate::model::operation_text;
use crate::storage::sqlite::columns::{bytes, micros};
use crate::storage::sqlite::error::{SqliteContext, SqliteResult};
use crate::storage::{StorageError, StorageErrorKind};

/// A position in the history: the number and the id of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowPosition {
    pub(crate) number: i64,
    pub(crate) id: OperationId,
}

impl RowPosition {
    /// The position before the first operation.
    pub(crate) const START: Self = Self {
        number: 0,
        id: OperationId::ROOT,
    };

    /// Returns the position after the next operation, which has this text.
    pub(super) fn followed_by(self, text: &str) -> Self {
        Self {
            number: self.number + 1,
            id: self.id.followed_by(text.as_bytes()),
        }
    }
}

/// Returns the moment at which an operation was made, by the clock of the process that made it.
pub(crate) fn moment_of(text: &str) -> SqliteResult<i64> {
    let at = operation_text::moment(text).map_err(|error| {
        StorageError::new(StorageErrorKind::Corrupt, "reading an operation's time").because(error)
    })?;
    Ok(micros(at))
}

/// The earliest and the latest moment of some operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentSpan {
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
}

impl SegmentSpan {
    /// The span of no operation.
    pub(crate) const NONE: Self = Self {
        earliest: i64::MAX,
        latest: i64::MIN,
    };

    pub(crate) fn and(self, moment: i64) -> Self {
        Self {
            earliest: self.earliest.min(moment),
            latest: self.latest.max(moment),
        }
    }
}

/// A segment that was read and verified.
#[derive(Debug)]
pub(crate) struct LogSegment {
    before: RowPosition,
    /// The position of its last operation, as its row says.
    pub(crate) end: RowPosition,
    /// The moments of its operations, as its row says.
    span: SegmentSpan,
    ids: Vec<OperationId>,
    texts: SegmentText,
}

impl LogSegment {
    pub(crate) fn first(&self) -> i64 {
        self.before.number + 1
    }

    /// Returns its operations, in order.
    pub(crate) fn operations(&self) -> impl DoubleEndedIterator<Item = (i64, OperationId, &str)> {
        let first = self.before.number + 1;
        let ids = self.ids.iter().enumerate();
        ids.filter_map(move |(at, id)| {
            let number = first + i64::try_from(at).ok()?;
            Some((number, *id, self.texts.get(at)?))
        })
    }

    /// Returns one of its operations.
    pub(crate) fn operation(&self, number: i64) -> Option<(OperationId, &str)> {
        let at = usize::try_from(number - self.before.number - 1).ok()?;
        Some((*self.ids.get(at)?, self.texts.get(at)?))
    }

    /// Returns the last of its operations up to the number `up_to` that was made by `moment`.
    fn last_by(&self, moment: i64, up_to: i64) -> SqliteResult<Option<i64>> {
        let operations = self.operations().rev();
        for (number, _, text) in operations.filter(|(number, ..)| *number <= up_to) {
            if moment_of(text)? <= moment {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Returns the first of its operations that was made after `after`, but not after `by`.
    fn first_between(&self, after: i64, by: i64) -> SqliteResult<Option<i64>> {
        for (number, _, text) in self.operations() {
            let moment = moment_of(text)?;
            if moment > after && moment <= by {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Checks whether its row contains the span of its operations.
    pub(crate) fn has_its_span(&self) -> SqliteResult<bool> {
        let mut span = SegmentSpan::NONE;
        for text in self.texts.iter() {
            span = span.and(moment_of(text)?);
        }
        Ok(span == self.span)
    }

    fn size(&self) -> usize {
        self.texts.bytes() + self.ids.len() * size_of::<OperationId>()
    }
}

/// Selects the columns that [`read`] maps, of a segment and the one before it, by a condition.
macro_rules! select_segments {
    ($condition:literal) => {
        concat!(
            "SELECT c.last, c.hash, c.operations, c.content, b.last, b.hash, c.earliest, c.latest
             FROM segment c LEFT JOIN segment b ON b.last = c.last - c.operations ",
            $condition
        )
    };
}

/// Returns the first segment with an operation above the number `after`. Always reads the file.
pub(crate) fn next(connection: &Connection, after: i64) -> SqliteResult<Option<LogSegment>> {
    let doing = "reading a segment of operations";
    let sql = select_segments!("WHERE c.last > ?1 ORDER BY c.last LIMIT 1");
    let mut statement = connection.prepare_cached(sql).context(doing)?;
    let mut rows = statement.query([after]).context(doing)?;
    match rows.next().context(doing)? {
        Some(row) => read(connection, row).map(Some),
        None => Ok(None),
    }
}

fn read(connection: &Connection, row: &Row<'_>) -> SqliteResult<LogSegment> {
    let doing = "reading a segment of operations";
    let end = place(row, 0).context(doing)?;
    let operations: i64 = row.get(2).context(doing)?;
    let refused = |error: StorageError| {
        let first = end.number.saturating_sub(operations).saturating_add(1);
        let context = format!("index: reading operations {first} to {}", end.number);
        StorageError::new(error.kind(), context).because(error)
    };
    let damaged = |what: &str| refused(StorageError::new(StorageErrorKind::Corrupt, what));
    let before = if end.number == operations {
        RowPosition::START
    } else if row.get_ref(4).context(doing)? == rusqlite::types::ValueRef::Null {
        return Err(damaged("the operations before them are missing"));
    } else {
        place(row, 4).context(doing)?
    };
    let content = row.get_ref(3).and_then(|content| Ok(content.as_blob()?));
    let rows = RowLookups::new(connection);
    let texts = text::read(content.context(doing)?, &rows).map_err(refused)?;
    let mut id = before.id;
    let ids: Vec<OperationId> = texts
        .iter()
        .map(|text| {
            id = id.followed_by(text.as_bytes());
            id
        })
        .collect();
    if i64::try_from(ids.len()) != Ok(operations) || id != end.id {
        return Err(damaged("their hash is not the id of the last one"));
    }
    let span = SegmentSpan {
        earliest: row.get(6).context(doing)?,
        latest: row.get(7).context(doing)?,
    };
    Ok(LogSegment {
        before,
        end,
        span,
        ids,
        texts,
    })
}

/// Returns the position whose number and hash are in these columns.
fn place(row: &Row<'_>, first: usize) -> rusqlite::Result<RowPosition> {
    Ok(RowPosition {
        number: row.get(first)?,
        id: OperationId::from_bytes(bytes(row, first + 1)?),
    })
}

/// Returns the position of the last archived operation.
pub(crate) fn end(connection: &Connection) -> SqliteResult<RowPosition> {
    let sql = "SELECT last, hash FROM segment ORDER BY last DESC LIMIT 1";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([], |row| place(row, 0)).optional())
        .context("reading the end of the segments")
        .map(|end| end.unwrap_or(RowPosition::START))
}

/// The segments that were read last, by any connection. Segments never change.
#[derive(Debug, Default)]
pub(crate) struct SegmentCache(Mutex<VecDeque<Arc<LogSegment>>>);

/// Maximum size of the kept segments in bytes. The history of one prompt may be spread over that of
/// the store.
const MAX_CACHED_BYTES: usize = 16 * 1024 * 1024;

impl SegmentCache {
    /// Returns the segment that contains an operation.
    pub(crate) fn of(&self, connection: &Connection, number: i64) -> SqliteResult<Arc<LogSegment>> {
        if let Some(segment) = self.kept(number) {
            return Ok(segment);
        }
        let found = next(connection, number - 1)?.filter(|segment| segment.before.number < number);
        let segment = Arc::new(found.ok_or_else(|| {
            let context = format!("index: operation {number} is missing");
            StorageError::new(StorageErrorKind::Corrupt, context)
        })?);
        self.keep(&segment);
        Ok(segment)
    }

    fn kept(&self, number: i64) -> Option<Arc<LogSegment>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept
            .iter()
            .position(|segment| segment.operation(number).is_some())?;
        let segment = kept.remove(at)?;
        kept.push_front(Arc::clone(&segment));
        Some(segment)
    }

    fn keep(&self, segment: &Arc<LogSegment>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(Arc::clone(segment));
        let mut bytes = 0;
        kept.retain(|segment| {
            bytes += segment.size();
            bytes <= MAX_CACHED_BYTES
        });
    }

    /// Returns the last archived operation up to the number `up_to` that was made by `moment`.
    ///
    /// The rows show which segments have to be read: mostly one.
    pub(crate) fn last_by(
        &self,
        connection: &Connection,
        moment: i64,
        up_to: i64,
    ) -> SqliteResult<Option<i64>> {
        let sql = "SELECT last FROM segment
                   WHERE earliest <= ?1 AND last - operations < ?2 ORDER BY last DESC";
        self.first_found(connection, sql, (moment, up_to), |segment| {
            segment.last_by(moment, up_to)
        })
    }

    /// Returns the first archived operation that was made after `after`, but not after `by`.
    pub(crate) fn first_between(
        &self,
        connection: &Connection,
        after: i64,
        by: i64,
    ) -> SqliteResult<Option<i64>> {
        let sql = "SELECT last FROM segment
                   WHERE latest > ?1 AND earliest <= ?2 ORDER BY last";
        self.first_found(connection, sql, (after, by), |segment| {
            segment.first_between(after, by)
        })
    }

    /// Returns the first result of `find` in the segments that a query lists.
    fn first_found(
        &self,
        connection: &Connection,
        sql: &str,
        params: (i64, i64),
        find: impl Fn(&LogSegment) -> SqliteResult<Option<i64>>,
    ) -> SqliteResult<Option<i64>> {
        let doing = "looking for an operation by its time";
        let mut statement = connection.prepare_cached(sql).context(doing)?;
        let mut rows = statement.query(params).context(doing)?;
        while let Some(row) = rows.next().context(doing)? {
            let segment = self.of(connection, row.get(0).context(doing)?)?;
            if let Some(found) = find(&segment)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
