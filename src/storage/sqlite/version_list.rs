//! Lists of a prompt's versions.
//!
//! What a row shares with others is read once: the prompt's environments, and the ids of bases,
//! most of which are in the list themselves.

use rusqlite::{OptionalExtension, Row};

use super::columns::{bytes, collect, limit as rows, moment, parsed};
use super::error::{SqliteContext, SqliteResult};
use super::ids::version_is;
use super::read_connection::ReadConnection;
use super::versions::contract;
use crate::model::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::model::record::{Version, VersionFilter};
use crate::model::version_number::VersionNumber;

/// Selects the columns that [`ListedVersion::read`] maps, newest first.
macro_rules! select_listed {
    ($($condition:tt)+) => {
        concat!(
            "SELECT v.key, v.id, v.major, v.minor, v.model, v.message, v.author, v.base, v.created_at, o.hash, o.size,
                v.contract
             FROM version v JOIN blob o ON o.key = v.blob
             WHERE v.prompt = ?1 AND v.deleted_at IS NULL AND v.key < ?2 AND ",
            $($condition)+
        )
    };
}

/// The number of a prompt's environments that are always read together, even for a short list.
const MIN_READ_TOGETHER: usize = 16;

pub(super) fn list(
    tables: &ReadConnection,
    prompt: PromptId,
    filter: &VersionFilter,
    before: Option<VersionId>,
    limit: usize,
) -> SqliteResult<Vec<Version>> {
    let read = || -> rusqlite::Result<Vec<Version>> {
        let Some(key) = tables.prompt_key(prompt)? else {
            return Ok(Vec::new());
        };
        let end = match before {
            None => (i64::MAX, i64::MAX),
            Some(id) => match tables.position(key, id)? {
                None => return Ok(Vec::new()),
                // Within a major number, numbers grow in the order of creation.
                Some((key, number)) if Some(number.major) == filter.major => {
                    (key, number.minor.into())
                }
                Some((key, _)) => (key, i64::MAX),
            },
        };
        let mut statement = tables.connection.prepare_cached(match filter.major {
            Some(_) => select_listed!("v.major = ?3 AND v.minor < ?4 ORDER BY v.minor DESC"),
            None => select_listed!("?3 IS NULL AND ?4 IS NOT NULL ORDER BY v.key DESC"),
        })?;
        let mut rows = statement.query((key, end.0, filter.major, end.1))?;
        let mut listed = Vec::new();
        while listed.len() < limit {
            let Some(row) = rows.next()? else { break };
            let version = ListedVersion::read(tables, prompt, row)?;
            if filter.admits(&version.version) {
                listed.push(version);
            }
        }
        tables.complete(key, listed)
    };
    read().context("listing versions")
}

/// A version without its base and its environments.
struct ListedVersion {
    key: i64,
    base: Option<i64>,
    version: Version,
}

impl ListedVersion {
    fn read(tables: &ReadConnection, prompt: PromptId, row: &Row<'_>) -> rusqlite::Result<Self> {
        let text = |column| tables.interned.text(&tables.connection, row, column);
        Ok(Self {
            key: row.get(0)?,
            base: row.get(7)?,
            version: Version {
                id: VersionId::from_bytes(bytes(row, 1)?),
                prompt_id: prompt,
                number: VersionNumber::new(row.get(2)?, row.get(3)?),
                model: text(4)?,
                message: row.get(5)?,
                author: text(6)?.unwrap_or_default(),
                base: None,
                created_at: moment(row, 8)?,
                blob: BlobId::from_bytes(bytes(row, 9)?),
                size: row.get::<_, u32>(10)?.into(),
                contract: contract(row, 11)?,
                environments: Vec::new(),
            },
        })
    }
}

impl ReadConnection {
    fn prompt_key(&self, prompt: PromptId) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached("SELECT key FROM prompt WHERE id = ?1")?
            .query_row([prompt.as_str()], |row| row.get(0))
            .optional()
    }

    /// Returns the position of a version, live or not, in its prompt's order of creation.
    fn position(
        &self,
        prompt: i64,
        id: VersionId,
    ) -> rusqlite::Result<Option<(i64, VersionNumber)>> {
        // The version is looked up by its id, because a prompt may have many.
        let sql = concat!(
            "SELECT v.key, v.major, v.minor FROM version v WHERE +v.prompt = ?2 AND ",
            version_is!("v", "?1")
        );
        self.connection
            .prepare_cached(sql)?
            .query_row((id.as_bytes(), prompt), |row| {
                Ok((row.get(0)?, VersionNumber::new(row.get(1)?, row.get(2)?)))
            })
            .optional()
    }

    /// Adds the bases and the environments to listed versions, which have descending keys.
    fn complete(&self, prompt: i64, listed: Vec<ListedVersion>) -> rusqlite::Result<Vec<Version>> {
        let ids: Vec<(i64, VersionId)> = listed
            .iter()
            .map(|listed| (listed.key, listed.version.id))
            .collect();
        let environments = self.environments_of(prompt, listed.len().max(MIN_READ_TOGETHER))?;
        let complete = |listed: ListedVersion| {
            let mut version = listed.version;
            if let Some(base) = listed.base {
                let found = ids.binary_search_by(|(key, _)| base.cmp(key));
                version.base = match found {
                    Ok(at) => Some(ids[at].1),
                    Err(_) => self.id_of(base)?,
                };
            }
            version.environments = match &environments {
                Some(all) => {
                    let names = all.iter().filter(|(key, _)| *key == listed.key);
                    names.map(|(_, name)| name.clone()).collect()
                }
                None => self.environments_at(prompt, listed.key)?,
            };
            Ok(version)
        };
        listed.into_iter().map(complete).collect()
    }

    fn id_of(&self, version: i64) -> rusqlite::Result<Option<VersionId>> {
        self.connection
            .prepare_cached("SELECT id FROM version WHERE key = ?1")?
            .query_row([version], |row| Ok(VersionId::from_bytes(bytes(row, 0)?)))
            .optional()
    }

    /// Returns a prompt's environments, sorted by name, with the keys of their versions.
    ///
    /// Returns `None` if there are more than `limit`.
    fn environments_of(
        &self,
        prompt: i64,
        limit: usize,
    ) -> rusqlite::Result<Option<Vec<(i64, EnvironmentName)>>> {
        let sql = "SELECT version, name FROM environment WHERE prompt = ?1 ORDER BY name LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query((prompt, rows(limit.saturating_add(1))))?;
        let found = collect(rows, |row| Ok((row.get(0)?, parsed(row, 1)?)))?;
        Ok((found.len() <= limit).then_some(found))
    }

    /// Returns the environments that point to a version, sorted by name.
    fn environments_at(&self, prompt: i64, version: i64) -> rusqlite::Result<Vec<EnvironmentName>> {
        let sql = "SELECT name FROM environment WHERE version = ?2 AND prompt = ?1 ORDER BY name";
        let mut statement = self.connection.prepare_cached(sql)?;
        collect(statement.query((prompt, version))?, |row| parsed(row, 0))
    }
}
