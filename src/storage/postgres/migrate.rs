//! Creation of a store's schema, and checks of one that exists.

use crate::model::id::OperationId;
use crate::model::record::{BumpPolicy, Settings};
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

use super::columns::{as_text, number, optional_raw, parsed, text};
use super::connection::Connection;
use super::snapshot::PostgresSnapshot;
use super::url::PostgresUrl;

/// The tables of the newest format.
const SCHEMA: &str = include_str!("schema.sql");

/// The format of the stores that this release creates.
const FORMAT: i64 = 1;

/// The lock under which schemas are created and migrated: "Prmb" in ASCII.
const MIGRATION_LOCK: i64 = 0x5072_6d62;

/// Returns whether the schema contains a store.
pub(super) fn exists(connection: &Connection, schema: &str) -> StorageResult<bool> {
    let doing = "looking for a store";
    let sql = "SELECT to_regclass($1) IS NOT NULL";
    let rows = connection.rows(doing, sql, &[&format!("\"{schema}\".setting")])?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Creates a store, unless there is one. Returns whether it was created.
pub(super) fn create(
    connection: &Connection,
    url: &PostgresUrl,
    settings: Settings,
) -> StorageResult<bool> {
    let doing = "creating the tables";
    let created = create_locked(connection, url, settings, doing);
    let end = if created.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    let ended = connection.batch(doing, end);
    let created = created?;
    ended?;
    Ok(created)
}

fn create_locked(
    connection: &Connection,
    url: &PostgresUrl,
    settings: Settings,
    doing: &str,
) -> StorageResult<bool> {
    let schema = &url.schema;
    connection.batch(
        doing,
        &format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
        ),
    )?;
    if exists(connection, schema)? {
        return Ok(false);
    }
    // Who may use a schema need not be allowed to create one.
    let there = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    if connection.rows(doing, there, &[&schema])?.is_empty() {
        connection.batch(doing, &format!("CREATE SCHEMA \"{schema}\""))?;
    }
    connection.batch(doing, SCHEMA)?;
    let policy = match settings.policy {
        BumpPolicy::Enforced => "enforced",
        BumpPolicy::Free => "free",
    };
    let id: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(16)
        .collect();
    let first_version = settings.first_version.to_string();
    connection.rows(
        doing,
        "INSERT INTO setting (format, id, first_version, policy, objects) VALUES ($1, $2, $3, $4, $5)",
        &[
            &FORMAT,
            &id,
            &first_version.as_bytes(),
            &policy.as_bytes(),
            &url.objects_text().map(String::into_bytes),
        ],
    )?;
    connection.rows(
        doing,
        "INSERT INTO head (commits, mark, last_number, last_hash, prompts, searchable)
         VALUES (0, $1, 0, $2, 0, 0)",
        &[&id, &&OperationId::ROOT.as_bytes()[..]],
    )?;
    Ok(true)
}

/// Checks the format of a store, and returns its random id.
pub(super) fn check(connection: &Connection) -> StorageResult<Vec<u8>> {
    let rows = connection.rows("reading the format", "SELECT format, id FROM setting", &[])?;
    let Some(row) = rows.first() else {
        return Err(super::error::corrupt("reading the format: it is missing"));
    };
    let found = number(row, 0)?;
    if found != FORMAT.unsigned_abs() {
        let reason = format!(
            "postgres: the store has format {found}, and this release reads format {FORMAT}"
        );
        return Err(StorageError::new(StorageErrorKind::Other, reason));
    }
    Ok(super::columns::raw(row, 1)?.to_vec())
}

/// Checks that a URL names the place of the store's objects, or records the place if it is new.
///
/// # Errors
///
/// The URL names no place, or another one than before without saying that the objects were moved.
pub(super) fn check_objects(connection: &Connection, url: &PostgresUrl) -> StorageResult<()> {
    let doing = "reading the place of objects";
    let rows = connection.rows(doing, "SELECT objects FROM setting", &[])?;
    let row = rows.first().ok_or_else(|| super::error::corrupt(doing))?;
    let recorded = optional_raw(row, 0)?.map(as_text).transpose()?;
    let refused =
        |reason: String| StorageError::new(StorageErrorKind::Other, format!("{url}: {reason}"));
    match (recorded, url.objects_text()) {
        (recorded, named) if recorded == named.as_deref() => Ok(()),
        (Some(recorded), None) => Err(refused(format!(
            "the bodies of this store are objects in {recorded}; add blobs={recorded} to the URL"
        ))),
        (Some(recorded), Some(named)) if !url.may_move_objects() => Err(refused(format!(
            "the bodies of this store are objects in {recorded}, and not in {named}; name that place, or \
             add blobs_moved=1 to the URL if all objects were copied to the new one"
        ))),
        (_, named) => {
            #[cfg(feature = "s3")]
            super::objects::probe(url)?;
            let named = named.map(String::into_bytes);
            let doing = "recording the place of objects";
            connection
                .rows(doing, "UPDATE setting SET objects = $1", &[&named])
                .map(drop)
        }
    }
}

/// Fails if the server does not flush what it acknowledges.
pub(super) fn check_durable(connection: &Connection) -> StorageResult<()> {
    let rows = connection.rows(
        "reading the server's settings",
        "SELECT current_setting('fsync')",
        &[],
    )?;
    let is_on = rows
        .first()
        .is_some_and(|row| row.get::<_, &str>(0) == "on");
    if is_on {
        return Ok(());
    }
    Err(StorageError::new(
        StorageErrorKind::Other,
        "postgres: the server has fsync = off, so it can lose acknowledged changes; set fsync = on, \
         or add allow_fsync_off=1 to the URL to use it all the same",
    ))
}

/// Returns the settings that the store was created with.
pub(super) fn settings(snapshot: &PostgresSnapshot<'_>) -> StorageResult<Settings> {
    let sql = "SELECT first_version, policy FROM setting";
    let rows = snapshot.rows("reading the settings", sql, &[])?;
    let Some(row) = rows.first() else {
        return Err(super::error::corrupt(
            "reading the settings: they are missing",
        ));
    };
    let policy = match text(row, 1)? {
        "free" => BumpPolicy::Free,
        _ => BumpPolicy::Enforced,
    };
    Ok(Settings {
        first_version: parsed(row, 0)?,
        policy,
    })
}
