//! Conversion of values to columns and back.
//!
//! Numbers are `i64`, moments are microseconds since 1970.

use chrono::{DateTime, Utc};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Row, Rows};

use super::error::{SqliteContext, SqliteResult};
use crate::model::invalid_argument::InvalidArgument;

/// Returns a moment in microseconds. Records contain no finer ones.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

pub(crate) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    let micros = row.get(column)?;
    DateTime::from_timestamp_micros(micros)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, micros))
}

pub(crate) fn optional_moment(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<DateTime<Utc>>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => moment(row, column).map(Some),
    }
}

/// Parses the text of a column as an id or a name.
pub(crate) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err = InvalidArgument>,
{
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// Returns a hash or a UUID: exactly `N` bytes.
pub(crate) fn bytes<const N: usize>(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; N]> {
    array(row.get_ref(column)?.as_blob()?, column)
}

/// Returns exactly `N` bytes, or none for NULL.
pub(crate) fn optional_bytes<const N: usize>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<[u8; N]>> {
    let blob = row.get_ref(column)?.as_blob_or_null()?;
    blob.map(|blob| array(blob, column)).transpose()
}

fn array<const N: usize>(blob: &[u8], column: usize) -> rusqlite::Result<[u8; N]> {
    blob.try_into().map_err(|_| {
        let error = FromSqlError::InvalidBlobSize {
            expected_size: N,
            blob_size: blob.len(),
        };
        rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(error))
    })
}

/// Returns every row, mapped.
pub(crate) fn collect<T>(
    mut rows: Rows<'_>,
    map: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(map(row)?);
    }
    Ok(all)
}

/// Returns a list of texts as JSON, for `json_each`.
pub(crate) fn json_list(texts: &[String]) -> SqliteResult<String> {
    serde_json::to_string(texts).context("writing a list")
}

/// Returns a number of rows as SQLite counts them.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
