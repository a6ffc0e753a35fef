//! The environment list, which is a setting that operations change.

use rusqlite::{Connection, OptionalExtension};

use super::error::{SqliteContext, SqliteResult};
use crate::model::id::EnvironmentName;
use crate::storage::{StorageError, StorageErrorKind};

/// Returns the environment list; none if environments can have any name.
pub(super) fn read(connection: &Connection) -> SqliteResult<Option<Vec<EnvironmentName>>> {
    let doing = "reading the environment list";
    let text = connection
        .prepare_cached("SELECT value FROM setting WHERE name = 'environments'")
        .and_then(|mut statement| {
            let found = statement.query_row([], |row| row.get::<_, String>(0));
            found.optional()
        })
        .context(doing)?;
    let parse = |text: String| {
        serde_json::from_str(&text).map_err(|error| {
            StorageError::new(StorageErrorKind::Corrupt, format!("index: {doing}")).because(error)
        })
    };
    text.map(parse).transpose()
}

/// Replaces the environment list. The caller has compared it with the list before.
pub(super) fn write(connection: &Connection, list: Option<&[EnvironmentName]>) -> SqliteResult<()> {
    let doing = "changing the environment list";
    let changed = match list {
        Some(names) => {
            let text = serde_json::to_string(names).map_err(|error| {
                let context = format!("index: {doing}");
                StorageError::new(StorageErrorKind::Other, context).because(error)
            })?;
            let sql = "INSERT INTO setting VALUES ('environments', ?1)
                       ON CONFLICT (name) DO UPDATE SET value = ?1";
            connection.execute(sql, [text])
        }
        None => connection.execute("DELETE FROM setting WHERE name = 'environments'", []),
    };
    changed.context(doing).map(drop)
}
