//! A version read in parts, by a statement for each table.
//!
//! SQLite prepares these statements in half the time of one that joins the tables, and runs them
//! faster. The first read of a process prepares all that it needs.

use rusqlite::{OptionalExtension, Row};

use super::columns::{bytes, collect, moment, parsed};
use super::read_connection::ReadConnection;
use super::versions::contract;
use crate::model::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::model::record::Version;
use crate::model::selector::Selector;
use crate::model::version_number::VersionNumber;

/// A live prompt, as it is looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundPrompt {
    pub(super) key: i64,
    pub(super) id: PromptId,
    /// The key of the live version with the highest number.
    pub(super) latest: Option<i64>,
}

/// The row of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyRow {
    pub(super) key: i64,
    hash: BlobId,
    size: u64,
    pub(super) is_stored: bool,
}

/// The environments of a prompt, sorted by name.
#[derive(Debug)]
pub(super) enum PromptEnvironments {
    /// All of them, with the keys of their versions.
    Read(Vec<(i64, EnvironmentName)>),
    /// There are too many of them to read all.
    Many,
}

/// The number of a prompt's environments that are always read together.
pub(super) const MIN_READ_TOGETHER: usize = 16;

impl ReadConnection {
    /// Returns the live prompts with a name, newest first.
    pub(super) fn found_by_name(&self, name: &str) -> rusqlite::Result<Vec<FoundPrompt>> {
        let sql = "SELECT key, id, latest FROM prompt WHERE name = ?1 AND deleted_at IS NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut found = collect(statement.query([name])?, FoundPrompt::of)?;
        // There is rarely more than one, and SQLite would prepare a sorter.
        found.sort_unstable_by_key(|prompt| std::cmp::Reverse(prompt.key));
        Ok(found)
    }

    /// Returns the live prompt with an id.
    pub(super) fn found_by_id(&self, id: PromptId) -> rusqlite::Result<Option<FoundPrompt>> {
        let sql = "SELECT key, id, latest FROM prompt WHERE id = ?1 AND deleted_at IS NULL";
        self.connection
            .prepare_cached(sql)?
            .query_row([id.as_str()], FoundPrompt::of)
            .optional()
    }

    /// Returns the version of a prompt that it has as its latest, or that an environment points to.
    ///
    /// Another selector selects none.
    pub(super) fn selected(
        &self,
        prompt: &FoundPrompt,
        selector: &Selector,
    ) -> rusqlite::Result<Option<(Version, BodyRow)>> {
        let environments = self.environments_of(prompt.key, MIN_READ_TOGETHER)?;
        let key = match selector {
            Selector::Latest => prompt.latest,
            Selector::Environment(name) => match &environments {
                PromptEnvironments::Read(all) => all
                    .iter()
                    .find_map(|(version, of)| (of == name).then_some(*version)),
                PromptEnvironments::Many => self.pointed(prompt.key, name)?,
            },
            _ => None,
        };
        let Some(key) = key else { return Ok(None) };
        let (mut version, body) = self.version_at(prompt.id, key)?;
        version.environments = self.environments_at(prompt.key, key, &environments)?;
        Ok(Some((version, body)))
    }

    /// Returns a prompt's environments, unless there are more than `limit`.
    pub(super) fn environments_of(
        &self,
        prompt: i64,
        limit: usize,
    ) -> rusqlite::Result<PromptEnvironments> {
        let sql = "SELECT version, name FROM environment WHERE prompt = ?1 ORDER BY name";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([prompt])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            if found.len() == limit {
                return Ok(PromptEnvironments::Many);
            }
            found.push((row.get(0)?, parsed(row, 1)?));
        }
        Ok(PromptEnvironments::Read(found))
    }

    /// Returns the environments that point to a version, sorted by name.
    pub(super) fn environments_at(
        &self,
        prompt: i64,
        version: i64,
        environments: &PromptEnvironments,
    ) -> rusqlite::Result<Vec<EnvironmentName>> {
        if let PromptEnvironments::Read(all) = environments {
            let names = all.iter().filter(|(key, _)| *key == version);
            return Ok(names.map(|(_, name)| name.clone()).collect());
        }
        let sql = "SELECT name FROM environment WHERE version = ?2 AND prompt = ?1 ORDER BY name";
        let mut statement = self.connection.prepare_cached(sql)?;
        collect(statement.query((prompt, version))?, |row| parsed(row, 0))
    }

    /// Returns the key of the version that an environment points to.
    fn pointed(&self, prompt: i64, name: &EnvironmentName) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached("SELECT version FROM environment WHERE prompt = ?1 AND name = ?2")?
            .query_row((prompt, name.as_str()), |row| row.get(0))
            .optional()
    }

    /// Returns the version with a key, without its environments, and the row of its body.
    fn version_at(&self, prompt: PromptId, key: i64) -> rusqlite::Result<(Version, BodyRow)> {
        // Names without a table's are resolved in half the time.
        let mut statement = self.connection.prepare_cached(
            "SELECT id, major, minor, model, message, author, base, created_at, contract, blob
             FROM version WHERE key = ?1",
        )?;
        let (mut version, base, body) = statement.query_row([key], |row| {
            let body = self.body_row(row.get(9)?)?;
            let version = self.version_row(prompt, row, body.hash, body.size)?;
            Ok((version, row.get::<_, Option<i64>>(6)?, body))
        })?;
        if let Some(base) = base {
            let id = |row: &Row<'_>| Ok(VersionId::from_bytes(bytes(row, 0)?));
            version.base = statement.query_row([base], id).optional()?;
        }
        Ok((version, body))
    }

    /// Maps a row to a version without its base and its environments.
    ///
    /// The row begins with `id, major, minor, model, message, author, base, created_at, contract`.
    pub(super) fn version_row(
        &self,
        prompt: PromptId,
        row: &Row<'_>,
        blob: BlobId,
        size: u64,
    ) -> rusqlite::Result<Version> {
        let text = |column| self.interned.text(&self.connection, row, column);
        Ok(Version {
            id: VersionId::from_bytes(bytes(row, 0)?),
            prompt_id: prompt,
            number: VersionNumber::new(row.get(1)?, row.get(2)?),
            model: text(3)?,
            message: row.get(4)?,
            author: text(5)?.unwrap_or_default(),
            base: None,
            created_at: moment(row, 7)?,
            blob,
            size,
            contract: contract(row, 8)?,
            environments: Vec::new(),
        })
    }

    fn body_row(&self, key: i64) -> rusqlite::Result<BodyRow> {
        self.connection
            .prepare_cached("SELECT hash, size, stored FROM blob WHERE key = ?1")?
            .query_row([key], |row| {
                Ok(BodyRow {
                    key,
                    hash: BlobId::from_bytes(bytes(row, 0)?),
                    size: row.get::<_, u32>(1)?.into(),
                    is_stored: row.get(2)?,
                })
            })
    }
}

impl FoundPrompt {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key: row.get(0)?,
            id: parsed(row, 1)?,
            latest: row.get(2)?,
        })
    }
}
