//! Old operations, many to a row: a chunk has the texts of operations of consecutive numbers, and the id of the last.
//!
//! The other ids follow from the one before the chunk and the texts, and the last one proves all that was read: damage
//! anywhere in a chunk, or in a row that it refers to, is [`Corrupt`](crate::backend::ErrorKind::Corrupt), and never
//! another operation.

mod gather;
mod text;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Deserialize;

pub(super) use self::gather::{Gathered, Sizes, gather};
use self::text::Texts;
use super::error::{Context, Result};
use super::stored::{bytes, micros};
use crate::backend::{Error, ErrorKind};
use crate::id::OperationId;

/// A place in the history: an operation, and the latest moment up to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) number: i64,
    pub(super) id: OperationId,
    pub(super) latest: i64,
}

impl Place {
    /// Before the first operation, which is later than any moment.
    pub(super) const START: Self = Self {
        number: 0,
        id: OperationId::ROOT,
        latest: i64::MIN,
    };

    /// The place behind the next operation, which has this text.
    fn followed_by(self, text: &str) -> Result<Self> {
        let told = serde_json::from_str::<Told>(text).context("reading an operation's moment")?;
        Ok(Self {
            number: self.number + 1,
            id: self.id.followed_by(text.as_bytes()),
            latest: self.latest.max(micros(told.at)),
        })
    }
}

#[derive(Deserialize)]
struct Told {
    at: DateTime<Utc>,
}

/// A chunk that was read and proved.
#[derive(Debug)]
pub(super) struct Chunk {
    before: Place,
    /// The place of its last operation, as its row says.
    pub(super) end: Place,
    ids: Vec<OperationId>,
    texts: Texts,
}

impl Chunk {
    pub(super) fn first(&self) -> i64 {
        self.before.number + 1
    }

    /// Its operations, in order.
    pub(super) fn operations(&self) -> impl DoubleEndedIterator<Item = (i64, OperationId, &str)> {
        let first = self.before.number + 1;
        let ids = self.ids.iter().enumerate();
        ids.filter_map(move |(at, id)| {
            let number = first + i64::try_from(at).ok()?;
            Some((number, *id, self.texts.get(at)?))
        })
    }

    /// One of its operations.
    pub(super) fn operation(&self, number: i64) -> Option<(OperationId, &str)> {
        let at = usize::try_from(number - self.before.number - 1).ok()?;
        Some((*self.ids.get(at)?, self.texts.get(at)?))
    }

    /// The last of its operations before the first that is later than a moment, or the one before it.
    pub(super) fn last_by(&self, moment: i64) -> Result<i64> {
        let mut place = self.before;
        for text in self.texts.iter() {
            let next = place.followed_by(text)?;
            if next.latest > moment {
                break;
            }
            place = next;
        }
        Ok(place.number)
    }

    /// Whether its row says the latest moment that its operations tell.
    pub(super) fn tells_its_latest(&self) -> Result<bool> {
        let mut place = self.before;
        for text in self.texts.iter() {
            place = place.followed_by(text)?;
        }
        Ok(place.latest == self.end.latest)
    }

    fn size(&self) -> usize {
        self.texts.bytes() + self.ids.len() * size_of::<OperationId>()
    }
}

/// Selects what [`read`] maps of a chunk and the one before it, by a condition.
macro_rules! select_chunks {
    ($condition:literal) => {
        concat!(
            "SELECT c.last, c.hash, c.latest, c.operations, c.content, b.last, b.hash, b.latest
             FROM operation_chunk c LEFT JOIN operation_chunk b ON b.last = c.last - c.operations ",
            $condition
        )
    };
}

/// The first chunk that has operations of a number above `after`, read anew from the file.
pub(super) fn next(connection: &Connection, after: i64) -> Result<Option<Chunk>> {
    let doing = "reading a chunk of operations";
    let sql = select_chunks!("WHERE c.last > ?1 ORDER BY c.last LIMIT 1");
    let mut statement = connection.prepare_cached(sql).context(doing)?;
    let mut rows = statement.query([after]).context(doing)?;
    match rows.next().context(doing)? {
        Some(row) => read(connection, row).map(Some),
        None => Ok(None),
    }
}

fn read(connection: &Connection, row: &Row<'_>) -> Result<Chunk> {
    let doing = "reading a chunk of operations";
    let end = place(row, 0).context(doing)?;
    let operations: i64 = row.get(3).context(doing)?;
    let refused = |error: Error| {
        let first = end.number.saturating_sub(operations).saturating_add(1);
        let context = format!("index: reading operations {first} to {}", end.number);
        Error::new(error.kind(), context).because(error)
    };
    let damaged = |what: &str| refused(Error::new(ErrorKind::Corrupt, what));
    let before = match end.number == operations {
        true => Place::START,
        false if row.get_ref(5).context(doing)? == rusqlite::types::ValueRef::Null => {
            return Err(damaged("those before them are missing"));
        }
        false => place(row, 5).context(doing)?,
    };
    let content = row.get_ref(4).and_then(|content| Ok(content.as_blob()?));
    let texts = text::read(content.context(doing)?, connection).map_err(refused)?;
    let mut id = before.id;
    let ids: Vec<OperationId> = texts
        .iter()
        .map(|text| {
            id = id.followed_by(text.as_bytes());
            id
        })
        .collect();
    if i64::try_from(ids.len()) != Ok(operations) || id != end.id {
        return Err(damaged("they are not what the last one's id is a hash of"));
    }
    Ok(Chunk {
        before,
        end,
        ids,
        texts,
    })
}

/// The place whose number, hash and latest moment these columns have.
fn place(row: &Row<'_>, first: usize) -> rusqlite::Result<Place> {
    Ok(Place {
        number: row.get(first)?,
        id: OperationId::from_bytes(bytes(row, first + 1)?),
        latest: row.get(first + 2)?,
    })
}

/// The last operation that is in a chunk.
pub(super) fn end(connection: &Connection) -> Result<Place> {
    let sql = "SELECT last, hash, latest FROM operation_chunk ORDER BY last DESC LIMIT 1";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([], |row| place(row, 0)).optional())
        .context("reading where the chunks of operations end")
        .map(|end| end.unwrap_or(Place::START))
}

/// Of an operation in a chunk: that chunk's first operation, its last, and the latest moment up to that.
fn head(connection: &Connection, number: i64) -> Result<(i64, i64, i64)> {
    let sql = "SELECT last - operations + 1, last, latest FROM operation_chunk
               WHERE last >= ?1 ORDER BY last LIMIT 1";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement.query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        })
        .context("looking for a chunk of operations")
}

/// Chunks that were read last, of all connections: they never change.
#[derive(Debug, Default)]
pub(super) struct Chunks(Mutex<VecDeque<Arc<Chunk>>>);

/// So many bytes of them are kept: the history of one prompt may be all over that of the store.
const KEPT: usize = 16 * 1024 * 1024;

impl Chunks {
    /// The chunk that an operation is in.
    pub(super) fn of(&self, connection: &Connection, number: i64) -> Result<Arc<Chunk>> {
        if let Some(chunk) = self.kept(number) {
            return Ok(chunk);
        }
        let found = next(connection, number - 1)?.filter(|chunk| chunk.before.number < number);
        let chunk = Arc::new(found.ok_or_else(|| {
            let context = format!("index: operation {number} is missing");
            Error::new(ErrorKind::Corrupt, context)
        })?);
        self.keep(&chunk);
        Ok(chunk)
    }

    fn kept(&self, number: i64) -> Option<Arc<Chunk>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept
            .iter()
            .position(|chunk| chunk.operation(number).is_some())?;
        let chunk = kept.remove(at)?;
        kept.push_front(Arc::clone(&chunk));
        Some(chunk)
    }

    fn keep(&self, chunk: &Arc<Chunk>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(Arc::clone(chunk));
        let mut bytes = 0;
        kept.retain(|chunk| {
            bytes += chunk.size();
            bytes <= KEPT
        });
    }

    /// The last operation before the first one that is later than a moment, which is in a chunk.
    pub(super) fn last_by(&self, connection: &Connection, moment: i64) -> Result<i64> {
        let mut after = end(connection)?.number;
        let (mut by, mut first) = (0, after + 1);
        loop {
            let (start, last, latest) = head(connection, by + 1 + (first - by - 1) / 2)?;
            // Also in a table that is damaged it comes to an end.
            if latest <= moment {
                by = last.max(by + 1);
            } else {
                (first, after) = (start.min(first - 1), last);
            }
            if first <= by.saturating_add(1) {
                return self.of(connection, after)?.last_by(moment);
            }
        }
    }
}

#[cfg(test)]
mod tests;
