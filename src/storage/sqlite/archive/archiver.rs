//! Archiving: operations that have a row each are moved into a segment, and listed.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

use super::known_rows::KnownRows;
use super::segments::{RowPosition, SegmentSpan, moment_of};
use super::text;
use super::text::SegmentText;
use crate::model::id::{OperationId, PromptId};
use crate::model::operation_text;
use crate::storage::sqlite::columns::{bytes, limit};
use crate::storage::sqlite::error::{SqliteContext, SqliteResult};
use crate::storage::{StorageError, StorageErrorKind};

/// The sizes that determine what is archived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentSizes {
    /// Number of operations in a segment.
    pub(crate) operations: usize,
    /// A segment has fewer operations if their texts reach this number of bytes.
    pub(crate) bytes: usize,
    /// Number of the newest operations, which keep their rows.
    pub(crate) newest: usize,
}

impl SegmentSizes {
    /// The usual sizes.
    ///
    /// With more operations, segments would hardly be smaller, and all of a segment is read for any
    /// of them. A reader of recent operations reads no segment.
    pub(crate) const USUAL: Self = Self {
        operations: 128,
        bytes: 256 * 1024,
        newest: 32,
    };
}

/// A segment that is ready to be written, of operations that have rows.
pub(crate) struct ArchivedSegment {
    first: i64,
    end: RowPosition,
    span: SegmentSpan,
    content: Vec<u8>,
    lists: SegmentLists,
}

/// The lists by which the operations of a segment are found. Prompts are given by their keys.
#[derive(Default)]
struct SegmentLists {
    /// The prompts that the operations changed.
    prompts: BTreeSet<i64>,
    /// The changes of environments: the name, the operation's number and the prompt.
    environments: BTreeSet<(String, i64, i64)>,
}

/// Makes a segment of the operations that follow `start`; `None` if there are too few.
///
/// They must have rows. Damaged operations are not archived: they stay as they were found.
pub(crate) fn archive(
    connection: &Connection,
    start: RowPosition,
    sizes: SegmentSizes,
) -> SqliteResult<Option<ArchivedSegment>> {
    let old = last_row(connection)?.map_or(0, |last| last - limit(sizes.newest));
    if old <= start.number {
        return Ok(None);
    }
    let Some((end, span, texts)) = following(connection, start, old, sizes)? else {
        return Ok(None);
    };
    let rows = KnownRows::new(connection);
    let Some(content) = text::write(&texts, &rows)? else {
        return Ok(None);
    };
    if text::read(&content, &rows)? != texts {
        return Ok(None);
    }
    let lists = SegmentLists::of(connection, start.number + 1, &texts)?;
    Ok(lists.map(|lists| ArchivedSegment {
        first: start.number + 1,
        end,
        span,
        content,
        lists,
    }))
}

/// Returns the number of the last operation that has a row.
pub(crate) fn last_row(connection: &Connection) -> SqliteResult<Option<i64>> {
    connection
        .prepare_cached("SELECT max(number) FROM operation")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .context("looking for operations to archive")
}

/// Returns the next rows, enough for one segment, with the last position and the span of all.
///
/// `None` if a row does not follow from the one before it, or if those up to `old` are too few.
fn following(
    connection: &Connection,
    start: RowPosition,
    old: i64,
    sizes: SegmentSizes,
) -> SqliteResult<Option<(RowPosition, SegmentSpan, SegmentText)>> {
    let doing = "reading operations to archive";
    let sql = "SELECT number, hash, at, content FROM operation WHERE number BETWEEN ?1 AND ?2 ORDER BY number";
    let mut statement = connection.prepare_cached(sql).context(doing)?;
    let mut rows = statement.query([start.number + 1, old]).context(doing)?;
    let (mut place, mut span, mut texts) = (start, SegmentSpan::NONE, SegmentText::default());
    while texts.len() < sizes.operations && texts.bytes() < sizes.bytes {
        let Some(row) = rows.next().context(doing)? else {
            return Ok(None);
        };
        let number: i64 = row.get(0).context(doing)?;
        let id = OperationId::from_bytes(bytes(row, 1).context(doing)?);
        let at: i64 = row.get(2).context(doing)?;
        let content = row.get_ref(3).and_then(|text| Ok(text.as_str()?));
        let content = content.context(doing)?;
        let next = place.followed_by(content);
        let is_sound = (next.number, next.id) == (number, id);
        if !is_sound || !moment_of(content).is_ok_and(|moment| moment == at) {
            return Ok(None);
        }
        (place, span) = (next, span.and(at));
        texts.push(content);
    }
    Ok(Some((place, span, texts)))
}

impl SegmentLists {
    /// Returns the lists of operations with consecutive numbers from `first` on.
    ///
    /// Returns `None` if one cannot be read.
    fn of(connection: &Connection, first: i64, texts: &SegmentText) -> SqliteResult<Option<Self>> {
        let doing = "listing operations to archive";
        let mut statement = connection
            .prepare_cached("SELECT key FROM prompt WHERE id = ?1")
            .context(doing)?;
        let mut keys: HashMap<PromptId, i64> = HashMap::new();
        let mut lists = Self::default();
        for (number, text) in (first..).zip(texts.iter()) {
            let Ok(items) = operation_text::changed_items(text) else {
                return Ok(None);
            };
            for item in items {
                let Some(prompt) = item.prompt() else {
                    continue;
                };
                let key = match keys.entry(prompt) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(place) => {
                        let found = statement.query_row([prompt.as_str()], |row| row.get(0));
                        *place.insert(found.context(doing)?)
                    }
                };
                lists.prompts.insert(key);
                if let Some(name) = item.environment() {
                    lists.environments.insert((name.to_owned(), number, key));
                }
            }
        }
        Ok(Some(lists))
    }
}

impl ArchivedSegment {
    /// Returns the position of its last operation.
    pub(crate) fn end(&self) -> RowPosition {
        self.end
    }

    /// Replaces the rows by the segment, in the transaction of a connection.
    ///
    /// Returns false if another process has archived them meanwhile. Fails as corrupt if only some
    /// of the rows exist.
    pub(crate) fn put(&self, connection: &Connection) -> SqliteResult<bool> {
        let doing = "archiving operations";
        let run = |sql, params: &[&dyn rusqlite::ToSql]| {
            let statement = connection.prepare_cached(sql);
            statement
                .and_then(|mut statement| statement.execute(params))
                .context(doing)
        };
        let (first, last) = (self.first, self.end.number);
        let dropped = run(
            "DELETE FROM operation WHERE number BETWEEN ?1 AND ?2",
            &[&first, &last],
        )?;
        let operations = last - first + 1;
        match i64::try_from(dropped) {
            Ok(0) => return Ok(false),
            Ok(dropped) if dropped == operations => {}
            _ => {
                let context = format!("index: {doing}: some of {first} to {last} are missing");
                return Err(StorageError::new(StorageErrorKind::Corrupt, context));
            }
        }
        run(
            "INSERT INTO segment (last, operations, earliest, latest, hash, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                &last,
                &operations,
                &self.span.earliest,
                &self.span.latest,
                self.end.id.as_bytes(),
                &self.content,
            ],
        )?;
        for prompt in &self.lists.prompts {
            run(
                "INSERT INTO operation_prompt VALUES (?1, ?2)",
                &[prompt, &last],
            )?;
        }
        for (name, number, prompt) in &self.lists.environments {
            run(
                "INSERT INTO operation_environment VALUES (?1, ?2, ?3)",
                &[name, number, prompt],
            )?;
        }
        Ok(true)
    }
}
