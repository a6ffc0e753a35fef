//! Lists of a prompt's versions.
//!
//! What a row shares with others is read once: the prompt's environments, and the ids of bases,
//! most of which are in the list themselves.

use rusqlite::{OptionalExtension, Row};

use super::columns::bytes;
use super::error::{SqliteContext, SqliteResult};
use super::ids::version_is;
use super::read_connection::ReadConnection;
use super::version_parts::MIN_READ_TOGETHER;
use crate::model::id::{BlobId, PromptId, VersionId};
use crate::model::record::{Version, VersionFilter};
use crate::model::version_number::VersionNumber;

/// Selects the columns that [`ReadConnection::listed`] maps, newest first.
macro_rules! select_listed {
    ($($condition:tt)+) => {
        concat!(
            "SELECT v.id, v.major, v.minor, v.model, v.message, v.author, v.base, v.created_at, v.contract,
                v.key, o.hash, o.size
             FROM version v JOIN blob o ON o.key = v.blob
             WHERE v.prompt = ?1 AND v.deleted_at IS NULL AND v.key < ?2 AND ",
            $($condition)+
        )
    };
}

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
        let page = limit.min(MAX_EXPECTED);
        let (mut listed, mut keys) = (Vec::with_capacity(page), Vec::with_capacity(page));
        while listed.len() < limit {
            let Some(row) = rows.next()? else { break };
            let version = tables.listed(prompt, row)?;
            if filter.admits(&version) {
                let (key, base) = (row.get(9)?, row.get(6)?);
                let id = version.id;
                keys.push(ListedKeys { key, id, base });
                listed.push(version);
            }
        }
        tables.complete(key, &mut listed, &keys)?;
        Ok(listed)
    };
    read().context("listing versions")
}

/// Maximum number of rows for which memory is allocated in advance.
const MAX_EXPECTED: usize = 64;

/// The keys of a listed version and of its base.
struct ListedKeys {
    key: i64,
    id: VersionId,
    base: Option<i64>,
}

impl ReadConnection {
    /// Maps a row to a version without its base and its environments.
    fn listed(&self, prompt: PromptId, row: &Row<'_>) -> rusqlite::Result<Version> {
        let blob = BlobId::from_bytes(bytes(row, 10)?);
        self.version_row(prompt, row, blob, row.get::<_, u32>(11)?.into())
    }

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

    /// Adds the bases and the environments to listed versions.
    ///
    /// The keys are descending.
    fn complete(
        &self,
        prompt: i64,
        listed: &mut [Version],
        keys: &[ListedKeys],
    ) -> rusqlite::Result<()> {
        let environments = self.environments_of(prompt, listed.len().max(MIN_READ_TOGETHER))?;
        for (version, listed) in listed.iter_mut().zip(keys) {
            if let Some(base) = listed.base {
                let found = keys.binary_search_by(|other| base.cmp(&other.key));
                version.base = match found {
                    Ok(at) => Some(keys[at].id),
                    Err(_) => self.id_of(base)?,
                };
            }
            version.environments = self.environments_at(prompt, listed.key, &environments)?;
        }
        Ok(())
    }

    fn id_of(&self, version: i64) -> rusqlite::Result<Option<VersionId>> {
        self.connection
            .prepare_cached("SELECT id FROM version WHERE key = ?1")?
            .query_row([version], |row| Ok(VersionId::from_bytes(bytes(row, 0)?)))
            .optional()
    }
}
