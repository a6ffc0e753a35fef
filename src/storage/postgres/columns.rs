//! Conversion of columns to values, and of values to parameters.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::error::{PostgresContext, corrupt};
use crate::model::invalid_argument::InvalidArgument;
use crate::storage::StorageResult;

/// What is being done when a column cannot be read.
const READING: &str = "reading a row";

/// Returns a moment in microseconds. Records contain no finer ones.
pub(super) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

pub(super) fn moment(row: &Row, column: usize) -> StorageResult<DateTime<Utc>> {
    optional_moment(row, column)?.ok_or_else(|| corrupt("reading a moment"))
}

pub(super) fn optional_moment(row: &Row, column: usize) -> StorageResult<Option<DateTime<Utc>>> {
    let micros: Option<i64> = row.try_get(column).context(READING)?;
    let moment = |micros| DateTime::from_timestamp_micros(micros);
    micros
        .map(|micros| moment(micros).ok_or_else(|| corrupt("reading a moment")))
        .transpose()
}

pub(super) fn number(row: &Row, column: usize) -> StorageResult<u64> {
    Ok(optional_number(row, column)?.unwrap_or(0))
}

pub(super) fn optional_number(row: &Row, column: usize) -> StorageResult<Option<u64>> {
    let number: Option<i64> = row.try_get(column).context(READING)?;
    Ok(number.map(i64::unsigned_abs))
}

/// Returns a number of at most 32 bits: half of a version's number.
pub(super) fn short(row: &Row, column: usize) -> StorageResult<u32> {
    u32::try_from(number(row, column)?).map_err(|_| corrupt("reading a version's number"))
}

pub(super) fn raw(row: &Row, column: usize) -> StorageResult<&[u8]> {
    row.try_get(column).context(READING)
}

pub(super) fn optional_raw(row: &Row, column: usize) -> StorageResult<Option<&[u8]>> {
    row.try_get(column).context(READING)
}

/// Returns a hash or a UUID: exactly `N` bytes.
pub(super) fn bytes<const N: usize>(row: &Row, column: usize) -> StorageResult<[u8; N]> {
    raw(row, column)?
        .try_into()
        .map_err(|_| corrupt("reading an id"))
}

pub(super) fn text(row: &Row, column: usize) -> StorageResult<&str> {
    as_text(raw(row, column)?)
}

pub(super) fn as_text(bytes: &[u8]) -> StorageResult<&str> {
    std::str::from_utf8(bytes).map_err(|error| corrupt(READING).because(error))
}

/// Parses the text of a column as an id or a name.
pub(super) fn parsed<T>(row: &Row, column: usize) -> StorageResult<T>
where
    T: std::str::FromStr<Err = InvalidArgument>,
{
    text(row, column)?.parse::<T>().context(READING)
}

/// Returns a number as Postgres has it. One that is too large becomes the largest.
pub(super) fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
