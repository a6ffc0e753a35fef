//! The lookups by which a resolve and a move of an environment begin.
//!
//! A process that resolves one spec spends more time on preparing statements than on running them.

use rusqlite::OptionalExtension;

use super::error::{SqliteContext, SqliteResult};
use super::operations;
use super::read_connection::ReadConnection;
use super::snapshot::SqliteSnapshot;
use super::version_parts::{BodyRow, FoundPrompt};
use super::version_summaries;
use crate::model::id::EnvironmentName;
use crate::model::record::Version;
use crate::model::selector::Selector;
use crate::model::version_spec::{PromptRef, VersionSpec};
use crate::storage::snapshot::{environment_by_parts, resolve_by_parts};
use crate::storage::{EnvironmentLookup, LookupReads, PromptReads as _, Resolution, StoredBlob};

impl LookupReads for SqliteSnapshot<'_> {
    fn resolve(
        &self,
        spec: &VersionSpec,
        is_last_needed: bool,
        is_known: &dyn Fn(&Version) -> bool,
    ) -> SqliteResult<Resolution> {
        let by_parts = || resolve_by_parts(self, spec, is_last_needed, is_known);
        let (Some(prompt), Selector::Environment(_) | Selector::Latest) =
            (&spec.prompt, &spec.selector)
        else {
            return by_parts();
        };
        let tables = self.tables();
        let doing = "resolving a version";
        let found = tables.found(prompt).context(doing)?;
        if let PromptRef::IdOrName(id) = prompt
            && !found.iter().any(|prompt| prompt.id == *id)
            && self.prompt_exists(*id)?
        {
            // If there is no prompt with this name, the text is an id.
            return by_parts();
        }
        let selected = match &found[..] {
            [prompt] => tables.selected(prompt, &spec.selector).context(doing)?,
            _ => None,
        };
        let body = match &selected {
            Some((version, row)) if !is_known(version) => tables.body(version, *row)?,
            _ => None,
        };
        let last = if is_last_needed {
            operations::last(tables)?
        } else {
            None
        };
        Ok(Resolution {
            last,
            prompts: found.iter().map(|prompt| prompt.id).collect(),
            version: selected.map(|(version, _)| version),
            body,
        })
    }

    fn environment(
        &self,
        prompt: &PromptRef,
        name: &EnvironmentName,
        to: Option<&Selector>,
    ) -> SqliteResult<EnvironmentLookup> {
        if let (PromptRef::Id(id), Some(Selector::Id(version))) = (prompt, to)
            && let Some((selected, current)) =
                version_summaries::of_move(self.tables(), *version, name)?
            // A version of the prompt exists, so the prompt does.
            && selected.prompt_id == *id
        {
            return Ok(EnvironmentLookup {
                prompts: vec![*id],
                selected: Some(selected),
                current,
            });
        }
        environment_by_parts(self, prompt, name, to)
    }
}

impl ReadConnection {
    /// Returns the live prompts with a name, newest first, or the one with an id.
    fn found(&self, prompt: &PromptRef) -> rusqlite::Result<Vec<FoundPrompt>> {
        match prompt {
            PromptRef::Id(id) => Ok(self.found_by_id(*id)?.into_iter().collect()),
            PromptRef::Name(name) => self.found_by_name(name.as_str()),
            PromptRef::IdOrName(id) => self.found_by_name(id.as_str()),
        }
    }

    /// Returns the place of a version's body.
    fn body(&self, version: &Version, row: BodyRow) -> SqliteResult<Option<StoredBlob>> {
        if !row.is_stored {
            return Ok(None);
        }
        let journaled: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT body FROM blob_journal WHERE blob = ?1")
            .and_then(|mut statement| statement.query_row([row.key], |row| row.get(0)).optional())
            .context("reading a body")?;
        Ok(Some(match journaled {
            Some(body) => StoredBlob::Journaled(body),
            None => StoredBlob::Settled(version.size),
        }))
    }
}
