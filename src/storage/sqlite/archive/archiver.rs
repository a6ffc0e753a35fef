//! Archiving: operations that have a row each are moved into a segment.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::segments::{RowPosition, SegmentSpan, end, moment_of};
use super::text;
use super::text::{RowLookups, SegmentText};
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
    /// The keys of the prompts that the operations changed.
    prompts: BTreeSet<i64>,
}

/// Makes a segment of the oldest operations that have rows; `None` if there are too few.
///
/// Damaged operations are not archived: they stay as they were found.
pub(crate) fn archive(
    connection: &Connection,
    sizes: SegmentSizes,
) -> SqliteResult<Option<ArchivedSegment>> {
    let start = end(connection)?;
    let last = last_row(connection)?;
    let enough = limit(sizes.operations + sizes.newest);
    if last.is_none_or(|last| last - start.number < enough) {
        return Ok(None);
    }
    let Some((end, span, texts)) = oldest(connection, start, sizes)? else {
        return Ok(None);
    };
    let rows = RowLookups::new(connection);
    let Some(content) = text::write(&texts, &rows)? else {
        return Ok(None);
    };
    if text::read(&content, &rows)? != texts {
        return Ok(None);
    }
    let prompts = prompts(connection, &texts)?;
    Ok(prompts.map(|prompts| ArchivedSegment {
        first: start.number + 1,
        end,
        span,
        content,
        prompts,
    }))
}

fn last_row(connection: &Connection) -> SqliteResult<Option<i64>> {
    connection
        .prepare_cached("SELECT max(number) FROM operation")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .context("looking for operations to archive")
}

/// Returns the oldest rows, enough for one segment, with the last position and the span of all.
///
/// `None` if a row does not follow from the one before it, or if there are too few.
fn oldest(
    connection: &Connection,
    start: RowPosition,
    sizes: SegmentSizes,
) -> SqliteResult<Option<(RowPosition, SegmentSpan, SegmentText)>> {
    let doing = "reading operations to archive";
    let sql = "SELECT number, hash, at, content FROM operation ORDER BY number";
    let mut statement = connection.prepare_cached(sql).context(doing)?;
    let mut rows = statement.query([]).context(doing)?;
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

/// Returns the keys of the prompts that operations changed; `None` if one cannot be read.
fn prompts(connection: &Connection, texts: &SegmentText) -> SqliteResult<Option<BTreeSet<i64>>> {
    let doing = "looking for the prompts of operations to archive";
    let mut ids = BTreeSet::new();
    for text in texts.iter() {
        let Ok(prompts) = operation_text::changed_prompts(text) else {
            return Ok(None);
        };
        ids.extend(prompts);
    }
    let mut statement = connection
        .prepare_cached("SELECT key FROM prompt WHERE id = ?1")
        .context(doing)?;
    let key = |id: &PromptId| {
        let found = statement.query_row([id.as_str()], |row| row.get(0));
        found.context(doing)
    };
    ids.iter().map(key).collect::<SqliteResult<_>>().map(Some)
}

impl ArchivedSegment {
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
        for prompt in &self.prompts {
            run(
                "DELETE FROM operation_prompt WHERE prompt = ?1 AND operation BETWEEN ?2 AND ?3",
                &[prompt, &first, &last],
            )?;
            run(
                "INSERT INTO operation_prompt VALUES (?1, ?2)",
                &[prompt, &last],
            )?;
        }
        Ok(true)
    }
}
