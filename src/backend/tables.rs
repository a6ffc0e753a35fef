//! All prompts of one moment, as the operations up to it make them.
//!
//! The memory index keeps its prompts so, and what an earlier moment was is read from such tables too.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rpds::{RedBlackTreeMapSync as Map, VectorSync as Vector};
use semver::VersionReq;
use unicase::UniCase;

use super::index::Numbering;
use super::prompt_table::{PromptTable, VersionRow};
use crate::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::number::{VersionNumber, admits};
use crate::record::{Change, Environment, Prompt, PromptFilter, Version, VersionFilter};

/// Prompts with all that is known of them, deleted ones too; cloning shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct PromptTables {
    prompts: Map<PromptId, Arc<PromptTable>>,
    /// Prompts in the order they were created.
    created: Vector<PromptId>,
    /// Which prompt a version is of.
    owners: Map<VersionId, PromptId>,
}

impl PromptTables {
    /// Applies one change; the text of an error says what contradicts what, and leaves the tables good for nothing.
    pub(crate) fn apply(&mut self, at: DateTime<Utc>, change: &Change) -> Result<(), String> {
        let id = change.prompt();
        if let Change::VersionCreated(version) = change {
            if self.owners.contains_key(&version.id) {
                return Err(format!("version id {} is taken", version.id));
            }
            self.owners.insert_mut(version.id, id);
        }
        if !self.prompts.contains_key(&id) {
            self.created.push_back_mut(id);
            self.prompts
                .insert_mut(id, Arc::new(PromptTable::new(id, at)));
        }
        match self.prompts.get_mut(&id) {
            Some(table) => Arc::make_mut(table).apply(at, change),
            None => Ok(()),
        }
    }

    /// All that is known of a prompt, deleted or not.
    pub(crate) fn table(&self, id: PromptId) -> Option<&Arc<PromptTable>> {
        self.prompts.get(&id)
    }

    /// Every prompt ever made.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<PromptTable>> {
        self.prompts.values()
    }

    fn live_table(&self, id: PromptId) -> Option<&PromptTable> {
        let table = self.prompts.get(&id)?;
        table.state.is_some().then_some(table.as_ref())
    }

    /// Live prompts, newest first.
    fn newest_first(&self) -> impl Iterator<Item = &PromptTable> {
        let positions = (0..self.created.len()).rev();
        positions.filter_map(|at| self.live_table(*self.created.get(at)?))
    }

    pub(crate) fn version_ever(&self, id: VersionId) -> Option<&Arc<VersionRow>> {
        let table = self.prompts.get(self.owners.get(&id)?)?;
        table.versions.iter().find(|row| row.version.id == id)
    }

    pub(crate) fn prompt(&self, id: PromptId) -> Option<Prompt> {
        self.live_table(id).and_then(prompt_of)
    }

    pub(crate) fn prompts_named(&self, name: &PromptName) -> Vec<PromptId> {
        let named = |table: &&PromptTable| {
            let state = table.state.as_ref();
            state.is_some_and(|state| state.name == *name)
        };
        self.newest_first()
            .filter(named)
            .map(|table| table.id)
            .collect()
    }

    pub(crate) fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> Vec<Prompt> {
        let end = match before {
            Some(id) => self
                .created
                .iter()
                .position(|other| *other == id)
                .unwrap_or(0),
            None => self.created.len(),
        };
        let text = folded(&filter.name_contains);
        let wanted = |prompt: &Prompt| {
            folded(prompt.name.as_str()).contains(&text)
                && (filter.tags.is_empty()
                    || prompt.tags.iter().any(|tag| filter.tags.contains(tag)))
        };
        (0..end)
            .rev()
            .filter_map(|at| prompt_of(self.live_table(*self.created.get(at)?)?))
            .filter(wanted)
            .take(limit)
            .collect()
    }

    pub(crate) fn prompt_count(&self) -> u64 {
        self.newest_first().count() as u64
    }

    pub(crate) fn tags(&self) -> Vec<String> {
        let states = self.newest_first().filter_map(|table| table.state.as_ref());
        let mut tags: Vec<String> = states.flat_map(|state| state.tags.clone()).collect();
        tags.sort();
        tags.dedup();
        tags
    }

    pub(crate) fn environment_names(&self) -> Vec<EnvironmentName> {
        let tables = self.newest_first();
        let mut names: Vec<_> = tables
            .flat_map(|table| table.environments.keys().cloned())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    pub(crate) fn version(&self, id: VersionId) -> Option<Version> {
        let table = self
            .owners
            .get(&id)
            .and_then(|owner| self.live_table(*owner));
        table.and_then(|table| Some(placed(table, table.live_version(id)?)))
    }

    pub(crate) fn version_numbered(
        &self,
        prompt: PromptId,
        number: VersionNumber,
    ) -> Option<Version> {
        self.live_table(prompt).and_then(|table| {
            let version = table.live().find(|version| version.number == number)?;
            Some(placed(table, version))
        })
    }

    pub(crate) fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> Option<Version> {
        let admitted =
            |version: &&Version| requirement.is_none_or(|wanted| admits(wanted, version.number));
        self.live_table(prompt).and_then(|table| {
            let highest = table
                .live()
                .filter(admitted)
                .max_by_key(|version| version.number)?;
            Some(placed(table, highest))
        })
    }

    pub(crate) fn version_in(&self, prompt: PromptId, name: &EnvironmentName) -> Option<Version> {
        self.live_table(prompt).and_then(|table| {
            let (id, _) = table.environments.get(name)?;
            Some(placed(table, table.live_version(*id)?))
        })
    }

    pub(crate) fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> Vec<Version> {
        let Some(table) = self.live_table(prompt) else {
            return Vec::new();
        };
        let end = match before {
            Some(id) => table
                .versions
                .iter()
                .position(|row| row.version.id == id)
                .unwrap_or(0),
            None => table.versions.len(),
        };
        let wanted = |version: &&Version| {
            filter
                .major
                .is_none_or(|major| version.number.major == major)
                && filter
                    .requirement
                    .as_ref()
                    .is_none_or(|wanted| admits(wanted, version.number))
        };
        table.versions[..end]
            .iter()
            .rev()
            .filter(|row| row.deleted_at.is_none())
            .map(|row| &row.version)
            .filter(wanted)
            .take(limit)
            .map(|version| placed(table, version))
            .collect()
    }

    pub(crate) fn environments(&self, prompt: PromptId) -> Vec<Environment> {
        let Some(table) = self.live_table(prompt) else {
            return Vec::new();
        };
        let environment = |(name, to): (&EnvironmentName, &(VersionId, DateTime<Utc>))| {
            Some(Environment {
                name: name.clone(),
                prompt_id: prompt,
                version_id: to.0,
                number: table.live_version(to.0)?.number,
                moved_at: to.1,
            })
        };
        table.environments.iter().filter_map(environment).collect()
    }

    pub(crate) fn numbering(&self, prompt: PromptId, major: u32) -> Numbering {
        let rows = self
            .prompts
            .get(&prompt)
            .map(|table| table.versions.as_slice());
        let numbers = rows
            .unwrap_or_default()
            .iter()
            .map(|row| row.version.number);
        numbers.fold(Numbering::default(), |used, number| Numbering {
            highest_major: used.highest_major.max(Some(number.major)),
            highest_minor: match number.major == major {
                true => used.highest_minor.max(Some(number.minor)),
                false => used.highest_minor,
            },
        })
    }
}

/// The version with the environments that point to it.
fn placed(table: &PromptTable, version: &Version) -> Version {
    let mut version = version.clone();
    version.environments = table
        .environments
        .iter()
        .filter(|(_, to)| to.0 == version.id)
        .map(|(name, _)| name.clone())
        .collect();
    version
}

fn prompt_of(table: &PromptTable) -> Option<Prompt> {
    let state = table.state.as_ref()?;
    Some(Prompt {
        id: table.id,
        name: state.name.clone(),
        tags: state.tags.clone(),
        created_at: table.created_at,
        versions: table.live().count() as u64,
        latest: table.latest(),
    })
}

fn folded(text: &str) -> String {
    UniCase::new(text).to_folded_case()
}
