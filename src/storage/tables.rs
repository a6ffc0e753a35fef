//! All prompts at one moment, as the operations up to it define them.
//!
//! The memory index stores its prompts this way, and historical snapshots are read from such
//! tables.

use std::cmp::Reverse;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rpds::{RedBlackTreeMapSync as Map, RedBlackTreeSetSync as Set, VectorSync as Vector};
use semver::VersionReq;

use super::Numbering;
use super::folded;
use super::prompt_table::VersionRow;
use super::rows::{IndexedById, PromptRows};
use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::record::{
    Change, Environment, Prompt, PromptFilter, PromptOrder, PromptState, Version, VersionFilter,
};
use crate::model::version_number::VersionNumber;
use crate::model::work_counter;

/// All rows of all prompts, deleted ones included. Clones share their data.
#[derive(Clone, Debug, Default)]
pub(crate) struct PromptTables {
    prompts: Map<PromptId, Ordered>,
    /// The prompts in the order of their creation.
    created: Vector<PromptId>,
    /// The places of live prompts in `created`.
    live: Set<usize>,
    /// The places of live prompts in `created`, by name.
    named: Set<(PromptName, usize)>,
    /// The prompt of each version.
    owners: IndexedById<PromptId>,
}

/// A prompt, and its place in the order of creation.
#[derive(Clone, Debug)]
struct Ordered {
    place: usize,
    rows: Arc<PromptRows>,
}

impl PromptTables {
    /// Applies one change. A change of the store itself has no effect on prompts.
    ///
    /// If the change contradicts the tables, the error says how, and the tables must be discarded.
    pub(crate) fn apply(&mut self, at: DateTime<Utc>, change: &Change) -> Result<(), String> {
        let Some(id) = change.prompt() else {
            return Ok(());
        };
        if let Change::VersionCreated(version) = change {
            if self.owners.contains_key(&version.id) {
                return Err(format!("version id {} is already used", version.id));
            }
            self.owners.insert_mut(version.id, id);
        }
        if !self.prompts.contains_key(&id) {
            let place = self.created.len();
            let rows = Arc::new(PromptRows::new(id, at));
            self.created.push_back_mut(id);
            self.prompts.insert_mut(id, Ordered { place, rows });
        }
        let Some(Ordered { place, rows }) = self.prompts.get_mut(&id) else {
            return Ok(());
        };
        let place = *place;
        Arc::make_mut(rows).apply(at, change)?;
        if let Change::Prompt { before, after, .. } = change {
            self.list(place, before.as_ref(), after.as_ref());
        }
        Ok(())
    }

    /// Updates the lists of live prompts and of names after a change of a prompt.
    fn list(&mut self, place: usize, before: Option<&PromptState>, after: Option<&PromptState>) {
        if let Some(state) = before {
            self.named.remove_mut(&(state.name.clone(), place));
        }
        match after {
            Some(state) => {
                self.named.insert_mut((state.name.clone(), place));
                self.live.insert_mut(place);
            }
            None => {
                self.live.remove_mut(&place);
            }
        }
    }

    /// Returns the rows of a prompt, deleted or not.
    pub(crate) fn rows(&self, id: PromptId) -> Option<&PromptRows> {
        self.prompts.get(&id).map(|prompt| &*prompt.rows)
    }

    /// Returns the rows of every prompt that was ever created.
    pub(crate) fn all(&self) -> impl Iterator<Item = &PromptRows> {
        self.prompts.values().map(|prompt| {
            work_counter::step();
            &*prompt.rows
        })
    }

    fn live_rows(&self, id: PromptId) -> Option<&PromptRows> {
        self.rows(id).filter(|rows| rows.state().is_some())
    }

    /// Returns the live prompts before a place, newest first.
    fn newest_first(&self, before: usize) -> impl Iterator<Item = &PromptRows> {
        let places = self.live.range(..before).rev();
        places.filter_map(|place| {
            work_counter::step();
            self.rows(*self.created.get(*place)?)
        })
    }

    pub(crate) fn version_even_deleted(&self, id: VersionId) -> Option<&VersionRow> {
        self.rows(*self.owners.get(&id)?)?.version(id)
    }

    pub(crate) fn prompt(&self, id: PromptId) -> Option<Prompt> {
        self.live_rows(id).and_then(prompt_of)
    }

    pub(crate) fn prompt_exists(&self, id: PromptId) -> bool {
        self.live_rows(id).is_some()
    }

    pub(crate) fn prompts_named(&self, name: &PromptName) -> Vec<PromptId> {
        let places = (name.clone(), 0)..=(name.clone(), usize::MAX);
        let newest_first = self.named.range(places).rev();
        newest_first
            .filter_map(|(_, place)| {
                work_counter::step();
                self.created.get(*place).copied()
            })
            .collect()
    }

    pub(crate) fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> Vec<Prompt> {
        let before = match before {
            None => None,
            Some(id) => match self.prompts.get(&id) {
                Some(before) => Some(before),
                None => return Vec::new(),
            },
        };
        if filter.order == PromptOrder::Newest {
            let end = before.map_or(self.created.len(), |before| before.place);
            let found = self.newest_first(end).filter(|rows| admits(filter, rows));
            return found.filter_map(prompt_of).take(limit).collect();
        }
        let live = self.live.iter().filter_map(|place| {
            work_counter::step();
            self.prompts.get(self.created.get(*place)?)
        });
        let after = before.map(|before| position(filter.order, before));
        let mut found: Vec<_> = live
            .filter(|prompt| admits(filter, &prompt.rows))
            .map(|prompt| (position(filter.order, prompt), &prompt.rows))
            .filter(|(position, _)| after.as_ref().is_none_or(|after| position > after))
            .collect();
        found.sort_unstable_by_key(|(position, _)| *position);
        let rows = found.into_iter().map(|(_, rows)| &**rows);
        rows.filter_map(prompt_of).take(limit).collect()
    }

    /// Returns the number of live prompts that pass the filter.
    pub(crate) fn prompt_count_of(&self, filter: &PromptFilter) -> u64 {
        if filter.admits_all() {
            return self.prompt_count();
        }
        let all = self.newest_first(usize::MAX);
        all.filter(|rows| admits(filter, rows)).count() as u64
    }

    pub(crate) fn prompt_count(&self) -> u64 {
        self.live.size() as u64
    }

    pub(crate) fn tags(&self) -> Vec<String> {
        let states = self.newest_first(usize::MAX).filter_map(PromptRows::state);
        let mut tags: Vec<String> = states.flat_map(|state| state.tags.clone()).collect();
        tags.sort();
        tags.dedup();
        tags
    }

    pub(crate) fn environment_names(&self) -> Vec<EnvironmentName> {
        let prompts = self.newest_first(usize::MAX);
        let mut names: Vec<_> = prompts
            .flat_map(PromptRows::environment_names)
            .cloned()
            .collect();
        names.sort();
        names.dedup();
        names
    }

    pub(crate) fn version(&self, id: VersionId) -> Option<Version> {
        let rows = self.live_rows(*self.owners.get(&id)?)?;
        Some(rows.placed(rows.live_version(id)?))
    }

    pub(crate) fn version_numbered(
        &self,
        prompt: PromptId,
        number: VersionNumber,
    ) -> Option<Version> {
        let rows = self.live_rows(prompt)?;
        Some(rows.placed(rows.numbered(number)?))
    }

    pub(crate) fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> Option<Version> {
        let rows = self.live_rows(prompt)?;
        Some(rows.placed(rows.highest(requirement)?))
    }

    pub(crate) fn version_in(&self, prompt: PromptId, name: &EnvironmentName) -> Option<Version> {
        let rows = self.live_rows(prompt)?;
        Some(rows.placed(rows.version_in(name)?))
    }

    pub(crate) fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> Vec<Version> {
        let rows = self.live_rows(prompt);
        rows.map_or_else(Vec::new, |rows| rows.list(filter, before, limit))
    }

    pub(crate) fn environments(&self, prompt: PromptId) -> Vec<Environment> {
        let rows = self.live_rows(prompt).into_iter();
        rows.flat_map(PromptRows::environments).collect()
    }

    pub(crate) fn numbering(&self, prompt: PromptId, major: u32) -> Numbering {
        let rows = self.rows(prompt);
        rows.map_or_else(Numbering::default, |rows| rows.numbering(major))
    }
}

/// A position in an order of prompts, such that lists are ascending.
type Position<'a> = (&'a str, Reverse<DateTime<Utc>>, Reverse<usize>);

fn position(order: PromptOrder, prompt: &Ordered) -> Position<'_> {
    let (name, changed) = match order {
        PromptOrder::Name => (prompt.rows.folded(), DateTime::<Utc>::MIN_UTC),
        PromptOrder::LastChange => ("", prompt.rows.updated_at()),
        PromptOrder::Newest => ("", DateTime::<Utc>::MIN_UTC),
    };
    (name, Reverse(changed), Reverse(prompt.place))
}

fn admits(filter: &PromptFilter, rows: &PromptRows) -> bool {
    let Some(state) = rows.state() else {
        return false;
    };
    rows.folded().contains(&folded(&filter.name_contains))
        && (filter.tags.is_empty() || state.tags.iter().any(|tag| filter.tags.contains(tag)))
}

fn prompt_of(rows: &PromptRows) -> Option<Prompt> {
    let state = rows.state()?;
    Some(Prompt {
        id: rows.id(),
        name: state.name.clone(),
        tags: state.tags.clone(),
        created_at: rows.created_at(),
        versions: rows.live_count() as u64,
        latest: rows.highest(None).map(|version| version.number),
        updated_at: rows.updated_at(),
        environments: rows.environments().collect(),
    })
}
