//! The rows of one prompt, indexed for single lookups, and the effect of each change on them.
//!
//! This module defines the meaning of operations. The memory index stores prompts this way;
//! `verify`, undo and reads of an earlier moment replay a prompt's operations into such rows.
//! Clones share their data, so the cost of a clone does not depend on the size.

use std::sync::Arc;

use archery::ArcTK;
use chrono::{DateTime, Utc};
use rpds::{
    HashTrieMap, RedBlackTreeMapSync as Map, RedBlackTreeSetSync as Set, VectorSync as Vector,
};
use semver::VersionReq;

use super::Numbering;
use super::folded;
use super::prompt_table::{PromptTable, VersionRow};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Change, Environment, PromptState, Version, VersionFilter};
use crate::model::selector::{admits, majors};
use crate::model::version_number::VersionNumber;
use crate::model::work_counter;

/// A map from versions, without an order.
pub(super) type IndexedById<V> = HashTrieMap<VersionId, V, ArcTK, foldhash::fast::RandomState>;

/// A prompt with its environments and all its versions, deleted ones included.
#[derive(Clone, Debug)]
pub(crate) struct PromptRows {
    id: PromptId,
    created_at: DateTime<Utc>,
    /// The time of the last change.
    updated_at: DateTime<Utc>,
    /// Its name and tags; `None` if the prompt is deleted.
    state: Option<Arc<PromptState>>,
    /// The name in one letter case. A deleted prompt keeps it, as a position in lists by name.
    folded: Arc<str>,
    /// The versions in the order of their commits. A version's place here never changes.
    versions: Vector<VersionRow>,
    places: IndexedById<usize>,
    /// The places of all versions by number. These numbers are never assigned again.
    numbers: Map<VersionNumber, usize>,
    live: Set<usize>,
    live_numbers: Map<VersionNumber, usize>,
    environments: Map<EnvironmentName, (VersionId, DateTime<Utc>)>,
    /// The environments that point to a version, for each version that has any.
    pointed: IndexedById<Set<EnvironmentName>>,
}

impl PromptRows {
    /// Returns the rows of a prompt that a change at this time is about to create.
    pub(crate) fn new(id: PromptId, created_at: DateTime<Utc>) -> Self {
        Self {
            id,
            created_at,
            updated_at: created_at,
            state: None,
            folded: Arc::default(),
            versions: Vector::new_sync(),
            places: IndexedById::default(),
            numbers: Map::new_sync(),
            live: Set::new_sync(),
            live_numbers: Map::new_sync(),
            environments: Map::new_sync(),
            pointed: IndexedById::default(),
        }
    }

    pub(crate) fn id(&self) -> PromptId {
        self.id
    }

    pub(crate) fn created_at(&self) -> DateTime<Utc> {
        self.created_at
    }

    pub(crate) fn updated_at(&self) -> DateTime<Utc> {
        self.updated_at
    }

    /// Returns the last name in one letter case, even if the prompt is deleted.
    pub(crate) fn folded(&self) -> &str {
        &self.folded
    }

    pub(crate) fn state(&self) -> Option<&PromptState> {
        self.state.as_deref()
    }

    /// Returns a version, deleted or not.
    pub(crate) fn version(&self, id: VersionId) -> Option<&VersionRow> {
        self.versions.get(*self.places.get(&id)?)
    }

    pub(crate) fn live_version(&self, id: VersionId) -> Option<&Version> {
        let row = self.version(id)?;
        row.deleted_at.is_none().then_some(&*row.version)
    }

    /// Returns the live versions, in the order of their commits.
    pub(crate) fn live(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.live.iter().filter_map(|place| self.at(*place))
    }

    /// Returns the number of versions, deleted ones included.
    pub(crate) fn version_count(&self) -> usize {
        self.versions.len()
    }

    pub(crate) fn live_count(&self) -> usize {
        self.live.size()
    }

    fn at(&self, place: usize) -> Option<&Version> {
        work_counter::step();
        self.versions.get(place).map(|row| &*row.version)
    }

    /// Returns the live version with this number.
    pub(crate) fn numbered(&self, number: VersionNumber) -> Option<&Version> {
        work_counter::step();
        self.at(*self.live_numbers.get(&number)?)
    }

    /// Returns the live version with the highest number.
    ///
    /// With a requirement, it is the highest number that meets it.
    pub(crate) fn highest(&self, requirement: Option<&VersionReq>) -> Option<&Version> {
        let Some(requirement) = requirement else {
            return self.at(*self.live_numbers.last()?.1);
        };
        let (low, high) = majors(requirement);
        if low > high {
            return None;
        }
        let range = VersionNumber::new(low, 0)..=VersionNumber::new(high, u32::MAX);
        let mut downwards = self.live_numbers.range(range).rev();
        let (_, place) = downwards.find(|(number, _)| {
            work_counter::step();
            admits(requirement, **number)
        })?;
        self.at(*place)
    }

    /// Returns at most `limit` live versions that pass the filter, newest commit first.
    ///
    /// With `before`, only versions that were committed before that one are returned.
    pub(crate) fn list(
        &self,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> Vec<Version> {
        let end = match before {
            Some(id) => self.places.get(&id).copied().unwrap_or(0),
            None => self.versions.len(),
        };
        let newest_first = self.live.range(..end).rev();
        newest_first
            .filter_map(|place| self.at(*place))
            .filter(|version| filter.admits(version))
            .take(limit)
            .map(|version| self.placed(version))
            .collect()
    }

    /// Returns the version with the environments that point to it.
    pub(crate) fn placed(&self, version: &Version) -> Version {
        let mut version = version.clone();
        let names = self.pointed.get(&version.id).into_iter().flatten();
        version.environments = names.cloned().collect();
        version
    }

    /// Returns the version that an environment points to.
    pub(crate) fn version_in(&self, name: &EnvironmentName) -> Option<&Version> {
        self.live_version(self.environments.get(name)?.0)
    }

    /// Returns the environments, sorted by name.
    pub(crate) fn environments(&self) -> impl Iterator<Item = Environment> {
        self.environments.iter().filter_map(|(name, to)| {
            Some(Environment {
                name: name.clone(),
                prompt_id: self.id,
                version_id: to.0,
                number: self.live_version(to.0)?.number,
                moved_at: to.1,
            })
        })
    }

    /// Returns the names of the environments, sorted.
    pub(crate) fn environment_names(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.environments.keys()
    }

    /// Returns the highest numbers that were used, deleted versions included.
    pub(crate) fn numbering(&self, major: u32) -> Numbering {
        let of_major = VersionNumber::new(major, 0)..=VersionNumber::new(major, u32::MAX);
        let highest_of_major = self.numbers.range(of_major).next_back();
        Numbering {
            highest_major: self.numbers.last().map(|(number, _)| number.major),
            highest_minor: highest_of_major.map(|(number, _)| number.minor),
        }
    }

    /// Returns all rows as plain data.
    pub(crate) fn to_table(&self) -> PromptTable {
        let environments = self.environments.iter();
        PromptTable {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            state: self.state().cloned(),
            versions: self.versions.iter().cloned().collect(),
            environments: environments.map(|(name, to)| (name.clone(), *to)).collect(),
        }
    }

    /// Applies one change of this prompt. If it contradicts the rows, the error says how.
    pub(crate) fn apply(&mut self, at: DateTime<Utc>, change: &Change) -> Result<(), String> {
        self.updated_at = at;
        match change {
            Change::Prompt { before, after, .. } => {
                self.set_state(at, before.as_ref(), after.as_ref())
            }
            Change::VersionCreated(version) => self.add(version),
            Change::VersionDeleted { id, .. } => self.delete(at, *id),
            Change::VersionRestored { id, .. } => self.restore(*id),
            Change::Environment {
                name,
                before,
                after,
                ..
            } => self.point(at, name, *before, *after),
            Change::EnvironmentList { .. } => {
                let id = self.id;
                Err(format!("a change of the store is no change of prompt {id}"))
            }
        }
    }

    fn set_state(
        &mut self,
        at: DateTime<Utc>,
        before: Option<&PromptState>,
        after: Option<&PromptState>,
    ) -> Result<(), String> {
        if self.state() != before {
            return Err(format!(
                "prompt {} is not in the state that the operation expects",
                self.id
            ));
        }
        if after.is_none() {
            if let Some((name, _)) = self.environments.first() {
                return Err(format!(
                    "deleted prompt {} still has environment {name}",
                    self.id
                ));
            }
            for place in &self.live {
                if let Some(row) = self.versions.get_mut(*place) {
                    row.deleted_at = Some(at);
                }
            }
            self.live = Set::new_sync();
            self.live_numbers = Map::new_sync();
        }
        if let Some(state) = after
            && before.is_none_or(|before| before.name != state.name)
        {
            self.folded = folded(state.name.as_str()).into();
        }
        self.state = after.cloned().map(Arc::new);
        Ok(())
    }

    fn add(&mut self, version: &Version) -> Result<(), String> {
        if self.state.is_none() {
            return Err(format!(
                "prompt {} does not exist, so it cannot have version {}",
                self.id, version.id
            ));
        }
        let (number, id) = (version.number, version.id);
        if self.numbers.contains_key(&number) || self.places.contains_key(&id) {
            return Err(format!(
                "number {number} or version id {id} of prompt {} is already used",
                self.id
            ));
        }
        let place = self.versions.len();
        let mut version = version.clone();
        version.environments.clear();
        self.versions.push_back_mut(VersionRow {
            version: Arc::new(version),
            deleted_at: None,
        });
        self.places.insert_mut(id, place);
        self.numbers.insert_mut(number, place);
        self.live.insert_mut(place);
        self.live_numbers.insert_mut(number, place);
        Ok(())
    }

    fn delete(&mut self, at: DateTime<Utc>, id: VersionId) -> Result<(), String> {
        if let Some(name) = self.pointed.get(&id).and_then(Set::first) {
            return Err(format!(
                "environment {name} still points to deleted version {id}"
            ));
        }
        let missing =
            || format!("version {id} cannot be deleted: it does not exist, or is deleted already");
        let place = self.mark(id, Some(at)).ok_or_else(missing)?;
        self.live.remove_mut(&place);
        if let Some(number) = self.at(place).map(|version| version.number) {
            self.live_numbers.remove_mut(&number);
        }
        Ok(())
    }

    fn restore(&mut self, id: VersionId) -> Result<(), String> {
        if self.state.is_none() {
            return Err(format!(
                "prompt {} does not exist, so version {id} cannot be restored",
                self.id
            ));
        }
        let missing =
            || format!("version {id} cannot be restored: it does not exist, or is not deleted");
        let place = self.mark(id, None).ok_or_else(missing)?;
        self.live.insert_mut(place);
        if let Some(number) = self.at(place).map(|version| version.number) {
            self.live_numbers.insert_mut(number, place);
        }
        Ok(())
    }

    /// Sets or clears a version's deletion time, and returns the version's place.
    ///
    /// The answer is `None` if the version is unknown, or is already deleted or live as requested.
    fn mark(&mut self, id: VersionId, deleted_at: Option<DateTime<Utc>>) -> Option<usize> {
        let place = *self.places.get(&id)?;
        let row = self.versions.get(place)?;
        if row.deleted_at.is_some() == deleted_at.is_some() {
            return None;
        }
        self.versions.get_mut(place)?.deleted_at = deleted_at;
        Some(place)
    }

    fn point(
        &mut self,
        at: DateTime<Utc>,
        name: &EnvironmentName,
        before: Option<VersionId>,
        after: Option<VersionId>,
    ) -> Result<(), String> {
        if self.environments.get(name).map(|to| to.0) != before {
            return Err(format!(
                "environment {name} of {} does not point where the operation expects",
                self.id
            ));
        }
        if let Some(version) = after.filter(|id| self.live_version(*id).is_none()) {
            return Err(format!(
                "environment {name} of {} points to {version}, which is not a live version",
                self.id
            ));
        }
        if let Some(from) = before {
            let mut names = self.pointed.get(&from).cloned().unwrap_or_default();
            names.remove_mut(name);
            if names.is_empty() {
                self.pointed.remove_mut(&from);
            } else {
                self.pointed.insert_mut(from, names);
            }
        }
        match after {
            None => {
                self.environments.remove_mut(name);
            }
            Some(to) => {
                let mut names = self.pointed.get(&to).cloned().unwrap_or_default();
                names.insert_mut(name.clone());
                self.pointed.insert_mut(to, names);
                self.environments.insert_mut(name.clone(), (to, at));
            }
        }
        Ok(())
    }
}
