//! The lookups that are answered by fewer statements than the reads that they consist of.
//!
//! A process that resolves one spec spends more time on preparing statements than on running them.

use rusqlite::OptionalExtension;
use rusqlite::types::ValueRef;

use super::columns::{collect, parsed};
use super::error::{SqliteContext, SqliteResult};
use super::operations;
use super::read_connection::ReadConnection;
use super::snapshot::SqliteSnapshot;
use super::versions;
use crate::model::id::PromptId;
use crate::model::record::Version;
use crate::model::selector::Selector;
use crate::model::version_spec::{PromptRef, VersionSpec};
use crate::storage::snapshot::resolve_by_parts;
use crate::storage::{LookupReads, PromptReads as _, Resolution, StoredBlob};

impl LookupReads for SqliteSnapshot<'_> {
    fn resolve(
        &self,
        spec: &VersionSpec,
        is_known: &dyn Fn(&Version) -> bool,
    ) -> SqliteResult<Resolution> {
        let Some(sql) = statement(spec) else {
            return resolve_by_parts(self, spec, is_known);
        };
        let (name, environment) = (text(&spec.prompt), environment(&spec.selector));
        let last = operations::last(self.tables())?;
        let mut found = self.tables().selected(sql, (name, environment))?;
        if let Some(PromptRef::IdOrName(id)) = &spec.prompt
            && !found.iter().any(|(prompt, _)| prompt == id)
            && self.prompt_exists(*id)?
        {
            // If there is no prompt with this name, the text is an id.
            return resolve_by_parts(self, spec, is_known);
        }
        let prompts = found.iter().map(|(prompt, _)| *prompt).collect();
        let selected = match &mut found[..] {
            [(_, selected)] => selected.take(),
            _ => None,
        };
        let body = match &selected {
            Some((version, place)) if !is_known(version) => self.tables().body(version, *place)?,
            _ => None,
        };
        Ok(Resolution {
            last,
            prompts,
            version: selected.map(|(version, _)| version),
            body,
        })
    }
}

/// The row of a body, and whether the body is stored.
type BodyRow = (i64, bool);

/// A prompt, and its selected version.
type Selected = (PromptId, Option<(Version, BodyRow)>);

/// Selects each prompt that meets a condition, with the version that a join adds.
macro_rules! select_resolved {
    ($version:expr, $condition:literal) => {
        concat!(
            "SELECT v.id, p.id, v.major, v.minor, v.model, v.message, v.author,
                (SELECT id FROM version WHERE key = v.base), v.created_at, o.hash, o.size,
                (SELECT group_concat(e.name, char(10)) FROM environment e
                 WHERE e.prompt = v.prompt AND e.version = v.key),
                v.contract, o.key, o.stored
             FROM prompt p ",
            $version,
            " LEFT JOIN blob o ON o.key = v.blob
             WHERE p.deleted_at IS NULL AND ",
            $condition,
            " ORDER BY p.key DESC"
        )
    };
}

macro_rules! in_environment {
    () => {
        "LEFT JOIN environment n ON n.prompt = p.key AND n.name = ?2
         LEFT JOIN version v ON v.key = n.version"
    };
}

macro_rules! latest {
    () => {
        "LEFT JOIN version v ON v.key = p.latest AND ?2 IS NULL"
    };
}

/// Returns the statement that resolves a spec, if one can.
fn statement(spec: &VersionSpec) -> Option<&'static str> {
    let is_id = matches!(spec.prompt.as_ref()?, PromptRef::Id(_));
    Some(match (&spec.selector, is_id) {
        (Selector::Environment(_), true) => select_resolved!(in_environment!(), "p.id = ?1"),
        (Selector::Environment(_), false) => select_resolved!(in_environment!(), "p.name = ?1"),
        (Selector::Latest, true) => select_resolved!(latest!(), "p.id = ?1"),
        (Selector::Latest, false) => select_resolved!(latest!(), "p.name = ?1"),
        _ => return None,
    })
}

fn text(prompt: &Option<PromptRef>) -> Option<&str> {
    Some(match prompt.as_ref()? {
        PromptRef::Name(name) => name.as_str(),
        PromptRef::Id(id) | PromptRef::IdOrName(id) => id.as_str(),
    })
}

fn environment(selector: &Selector) -> Option<&str> {
    match selector {
        Selector::Environment(name) => Some(name.as_str()),
        _ => None,
    }
}

impl ReadConnection {
    fn selected(
        &self,
        sql: &str,
        parameters: (Option<&str>, Option<&str>),
    ) -> SqliteResult<Vec<Selected>> {
        let read = || -> rusqlite::Result<Vec<Selected>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            collect(statement.query(parameters)?, |row| {
                let version = match row.get_ref(0)? {
                    ValueRef::Null => None,
                    _ => {
                        let place = (row.get(13)?, row.get(14)?);
                        Some((versions::version(self, row)?, place))
                    }
                };
                Ok((parsed(row, 1)?, version))
            })
        };
        read().context("resolving a version")
    }

    /// Returns the place of a version's body.
    fn body(
        &self,
        version: &Version,
        (key, is_stored): BodyRow,
    ) -> SqliteResult<Option<StoredBlob>> {
        if !is_stored {
            return Ok(None);
        }
        let journaled: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT body FROM blob_journal WHERE blob = ?1")
            .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional())
            .context("reading a body")?;
        Ok(Some(match journaled {
            Some(body) => StoredBlob::Journaled(body),
            None => StoredBlob::Settled(version.size),
        }))
    }
}
