//! The lookup of what a move of an environment depends on, by one statement.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row};

use super::columns::{bytes, parsed};
use super::error::{SqliteContext, SqliteResult};
use super::ids::version_is;
use super::read_connection::ReadConnection;
use super::versions::contract;
use crate::model::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::model::version_number::VersionNumber;
use crate::storage::VersionSummary;

/// Returns a version, and the one that an environment of its prompt points to.
pub(super) fn of_move(
    tables: &ReadConnection,
    version: VersionId,
    name: &EnvironmentName,
) -> SqliteResult<Option<(VersionSummary, Option<VersionSummary>)>> {
    let sql = concat!(
        "SELECT v.id, v.major, v.minor, o.hash, v.contract,
            c.id, c.major, c.minor, b.hash, c.contract, p.id
         FROM version v JOIN prompt p ON p.key = v.prompt JOIN blob o ON o.key = v.blob
            LEFT JOIN environment e ON e.prompt = v.prompt AND e.name = ?2
            LEFT JOIN version c ON c.key = e.version LEFT JOIN blob b ON b.key = c.blob
         WHERE v.deleted_at IS NULL AND ",
        version_is!("v", "?1")
    );
    let read = |row: &Row<'_>| {
        let prompt_id = parsed(row, 10)?;
        let current = match row.get_ref(5)? {
            ValueRef::Null => None,
            _ => Some(summary(row, 5, prompt_id)?),
        };
        Ok((summary(row, 0, prompt_id)?, current))
    };
    tables
        .connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            let parameters = (version.as_bytes(), name.as_str());
            statement.query_row(parameters, read).optional()
        })
        .context("looking up an environment")
}

/// Maps the columns of a version from `first` on.
fn summary(row: &Row<'_>, first: usize, prompt_id: PromptId) -> rusqlite::Result<VersionSummary> {
    Ok(VersionSummary {
        id: VersionId::from_bytes(bytes(row, first)?),
        prompt_id,
        number: VersionNumber::new(row.get(first + 1)?, row.get(first + 2)?),
        blob: BlobId::from_bytes(bytes(row, first + 3)?),
        contract: contract(row, first + 4)?,
    })
}
