//! The change mark: what the last commit drew, read in one round trip.

use super::columns::raw;
use super::connection::Connection;
use crate::storage::{ChangeMark, StorageResult};

/// Reads the current mark.
pub(super) fn read(connection: &Connection) -> StorageResult<Option<ChangeMark>> {
    let rows = connection.rows("reading the change mark", "SELECT mark FROM head", &[])?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(ChangeMark::new(raw(row, 0)?))
}
