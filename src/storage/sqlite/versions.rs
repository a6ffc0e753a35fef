//! Reads of versions and their bodies.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params, Row};
use semver::VersionReq;

use super::columns::{
    bytes, collect, limit, micros, moment, optional_bytes, optional_moment, parsed,
};
use super::error::{SqliteContext, SqliteResult};
use super::ids::{blob_is, version_is};
use super::read_connection::ReadConnection;
use crate::model::contract_digest::ContractDigest;
use crate::model::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::model::record::Version;
use crate::model::selector::{admits, majors};
use crate::model::version_number::VersionNumber;
use crate::storage::{
    JournaledBodies, Numbering, OldestJournaled, ReleasedBefore, StoredBlob, Unreferenced,
    VersionRow,
};

/// Selects the columns that [`version`] maps, by a condition.
///
/// The statement is one constant text, so it is not assembled at each call. Environments are one
/// text, one name per line, in the order of their table's key. Names contain no control characters.
macro_rules! select_versions {
    ($($condition:tt)+) => {
        concat!(
            "SELECT v.id, p.id, v.major, v.minor, v.model, v.message, v.author, b.id, v.created_at, o.hash, o.size,
                (SELECT group_concat(e.name, char(10)) FROM environment e
                 WHERE e.prompt = v.prompt AND e.version = v.key),
                v.contract, v.deleted_at
             FROM version v JOIN prompt p ON p.key = v.prompt JOIN blob o ON o.key = v.blob
                LEFT JOIN version b ON b.key = v.base ",
            $($condition)+
        )
    };
}

pub(super) fn version(tables: &ReadConnection, row: &Row<'_>) -> rusqlite::Result<Version> {
    let text = |column| tables.interned.text(&tables.connection, row, column);
    let base = optional_bytes(row, 7)?.map(VersionId::from_bytes);
    let environments = match row.get_ref(11)? {
        rusqlite::types::ValueRef::Null => Vec::new(),
        names => names
            .as_str()?
            .split('\n')
            .map(environment_name)
            .collect::<rusqlite::Result<_>>()?,
    };
    Ok(Version {
        id: VersionId::from_bytes(bytes(row, 0)?),
        prompt_id: parsed(row, 1)?,
        number: VersionNumber::new(row.get(2)?, row.get(3)?),
        model: text(4)?,
        message: row.get(5)?,
        author: text(6)?.unwrap_or_default(),
        base,
        created_at: moment(row, 8)?,
        blob: BlobId::from_bytes(bytes(row, 9)?),
        size: row.get::<_, u32>(10)?.into(),
        contract: contract(row, 12)?,
        environments,
    })
}

pub(super) fn contract(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ContractDigest>> {
    optional_bytes(row, column).map(|bytes| bytes.map(ContractDigest::from_bytes))
}

/// Returns a version as it was created, and the time of its deletion.
pub(super) fn row(tables: &ReadConnection, row: &Row<'_>) -> rusqlite::Result<VersionRow> {
    let mut version = version(tables, row)?;
    version.environments.clear();
    Ok(VersionRow {
        version: Arc::new(version),
        deleted_at: optional_moment(row, 13)?,
    })
}

fn environment_name(text: &str) -> rusqlite::Result<EnvironmentName> {
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(11, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn one(tables: &ReadConnection, sql: &str, params: impl Params) -> SqliteResult<Option<Version>> {
    tables
        .connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            let found = statement.query_row(params, |row| version(tables, row));
            found.optional()
        })
        .context("reading a version")
}

pub(super) fn get(tables: &ReadConnection, id: VersionId) -> SqliteResult<Option<Version>> {
    let sql = select_versions!("WHERE v.deleted_at IS NULL AND ", version_is!("v", "?1"));
    one(tables, sql, [id.as_bytes()])
}

/// Returns a version, deleted or not.
pub(super) fn ever(tables: &ReadConnection, id: VersionId) -> SqliteResult<Option<VersionRow>> {
    tables
        .connection
        .prepare_cached(select_versions!("WHERE ", version_is!("v", "?1")))
        .and_then(|mut statement| {
            let found = statement.query_row([id.as_bytes()], |found| row(tables, found));
            found.optional()
        })
        .context("looking up a version")
}

/// Returns the body of a version, deleted or not, if the body is not stored.
pub(super) fn missing_body_of(
    connection: &Connection,
    id: VersionId,
) -> SqliteResult<Option<BlobId>> {
    let sql = concat!(
        "SELECT o.hash FROM version v JOIN blob o ON o.key = v.blob WHERE o.stored = 0 AND ",
        version_is!("v", "?1")
    );
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            let found = statement.query_row([id.as_bytes()], |row| bytes(row, 0));
            found.optional()
        })
        .context("looking for a version's body")
        .map(|hash| hash.map(BlobId::from_bytes))
}

pub(super) fn numbered(
    tables: &ReadConnection,
    prompt: PromptId,
    number: VersionNumber,
) -> SqliteResult<Option<Version>> {
    one(
        tables,
        select_versions!(
            "WHERE p.id = ?1 AND v.major = ?2 AND v.minor = ?3 AND v.deleted_at IS NULL"
        ),
        (prompt.as_str(), number.major, number.minor),
    )
}

pub(super) fn in_environment(
    tables: &ReadConnection,
    prompt: PromptId,
    name: &EnvironmentName,
) -> SqliteResult<Option<Version>> {
    one(
        tables,
        select_versions!(
            "JOIN environment n ON n.prompt = p.key AND n.version = v.key WHERE p.id = ?1 AND n.name = ?2"
        ),
        (prompt.as_str(), name.as_str()),
    )
}

pub(super) fn highest(
    tables: &ReadConnection,
    prompt: PromptId,
    requirement: Option<&VersionReq>,
) -> SqliteResult<Option<Version>> {
    let Some(requirement) = requirement else {
        let sql = select_versions!("WHERE p.id = ?1 AND v.key = p.latest");
        return one(tables, sql, [prompt.as_str()]);
    };
    let number = highest_number(&tables.connection, prompt, requirement)
        .context("searching for a version")?;
    match number {
        Some(number) => numbered(tables, prompt, number),
        None => Ok(None),
    }
}

/// Walks the numbers downwards from the highest major number that can meet the requirement.
fn highest_number(
    connection: &Connection,
    prompt: PromptId,
    requirement: &VersionReq,
) -> rusqlite::Result<Option<VersionNumber>> {
    let (low, high) = majors(requirement);
    let mut statement = connection.prepare_cached(
        "SELECT major, minor FROM version
         WHERE prompt = (SELECT key FROM prompt WHERE id = ?1) AND major BETWEEN ?2 AND ?3
             AND deleted_at IS NULL
         ORDER BY major DESC, minor DESC",
    )?;
    let mut rows = statement.query((prompt.as_str(), low, high))?;
    while let Some(row) = rows.next()? {
        let number = VersionNumber::new(row.get(0)?, row.get(1)?);
        if admits(requirement, number) {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

pub(super) fn numbering(
    connection: &Connection,
    prompt: PromptId,
    major: u32,
) -> SqliteResult<Numbering> {
    connection
        .prepare_cached(
            "SELECT (SELECT max(major) FROM version WHERE prompt = p.key),
                    (SELECT max(minor) FROM version WHERE prompt = p.key AND major = ?2)
             FROM prompt p WHERE p.id = ?1",
        )
        .and_then(|mut statement| {
            let numbering = |row: &Row<'_>| {
                Ok(Numbering {
                    highest_major: row.get(0)?,
                    highest_minor: row.get(1)?,
                })
            };
            statement
                .query_row((prompt.as_str(), major), numbering)
                .optional()
        })
        .context("reading the numbers in use")
        .map(Option::unwrap_or_default)
}

/// Selects the columns that [`stored`] maps, of stored bodies, by a condition.
macro_rules! select_blobs {
    ($($condition:tt)+) => {
        concat!(
            "SELECT o.hash, o.size, j.body, o.live FROM blob o LEFT JOIN blob_journal j ON j.blob = o.key
             WHERE o.stored = 1 ",
            $($condition)+
        )
    };
}
pub(super) use select_blobs;

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<StoredBlob> {
    Ok(match row.get::<_, Option<Vec<u8>>>(2)? {
        Some(body) => StoredBlob::Journaled(body),
        None => StoredBlob::Settled(row.get::<_, u32>(1)?.into()),
    })
}

pub(super) fn blob(connection: &Connection, id: BlobId) -> SqliteResult<Option<StoredBlob>> {
    connection
        .prepare_cached(select_blobs!("AND ", blob_is!("o", "?1")))
        .and_then(|mut statement| statement.query_row([id.as_bytes()], stored).optional())
        .context("reading a body")
}

pub(super) fn waiting(connection: &Connection) -> SqliteResult<OldestJournaled> {
    connection
        .prepare_cached("SELECT count(*), ifnull(sum(length(body)), 0) FROM blob_journal")
        .and_then(|mut statement| {
            statement.query_row([], |row| {
                Ok(OldestJournaled {
                    bodies: row.get::<_, u32>(0)?.into(),
                    bytes: row.get::<_, i64>(1)?.unsigned_abs(),
                })
            })
        })
        .context("measuring the journal")
}

pub(super) fn journal(
    connection: &Connection,
    after: u64,
    most: usize,
) -> SqliteResult<Vec<JournaledBodies>> {
    let read = || -> rusqlite::Result<Vec<JournaledBodies>> {
        let mut statement = connection.prepare_cached(
            "SELECT j.blob, o.hash, j.body FROM blob_journal j JOIN blob o ON o.key = j.blob
             WHERE j.blob > ?1 ORDER BY j.blob",
        )?;
        let mut rows = statement.query([i64::try_from(after).unwrap_or(i64::MAX)])?;
        let mut batch: Vec<JournaledBodies> = Vec::new();
        let mut sum = 0;
        while let Some(row) = rows.next()? {
            let body: Vec<u8> = row.get(2)?;
            if !batch.is_empty() && sum + body.len() > most {
                break;
            }
            sum += body.len();
            batch.push(JournaledBodies {
                position: row.get::<_, i64>(0)?.unsigned_abs(),
                id: BlobId::from_bytes(bytes(row, 1)?),
                bytes: body,
            });
        }
        Ok(batch)
    };
    read().context("reading the journal")
}

pub(super) fn unreferenced(
    connection: &Connection,
    unused: ReleasedBefore,
    rows: usize,
) -> SqliteResult<Vec<Unreferenced>> {
    let unreferenced = |row: &Row<'_>| {
        Ok(Unreferenced {
            id: BlobId::from_bytes(bytes(row, 0)?),
            size: row.get::<_, u32>(1)?.into(),
        })
    };
    connection
        .prepare_cached(
            "SELECT hash, size FROM blob
             WHERE live = 0 AND stored = 1 AND unused_since <= ?1 AND unused_by < ?2 LIMIT ?3",
        )
        .and_then(|mut statement| {
            let before = i64::try_from(unused.before).unwrap_or(i64::MAX);
            let rows = statement.query((micros(unused.since), before, limit(rows)))?;
            collect(rows, unreferenced)
        })
        .context("searching for unreferenced bodies")
}
