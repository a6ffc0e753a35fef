//! One prompt's rows as plain data, and what each change makes of them.
//!
//! This is the meaning of the operations: the memory index keeps these tables, and `verify` folds a
//! prompt's operations into one and holds it against what an index says.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::id::{EnvironmentName, PromptId, VersionId};
use crate::number::VersionNumber;
use crate::record::{Change, PromptState, Version};

/// A prompt with all its versions, deleted ones too, and its pointers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptTable {
    /// The prompt's id.
    pub id: PromptId,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Its name and tags; none once it is deleted.
    pub state: Option<PromptState>,
    /// Its versions in the order they were committed.
    pub versions: Vec<Arc<VersionRow>>,
    /// Where its environments point, and since when.
    pub environments: BTreeMap<EnvironmentName, (VersionId, DateTime<Utc>)>,
}

/// A version and its deletion mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The version as it was made, its `environments` empty.
    pub version: Version,
    /// When it was deleted, itself or with its prompt.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl PromptTable {
    /// A prompt that a change at this moment is about to create.
    #[must_use]
    pub fn new(id: PromptId, created_at: DateTime<Utc>) -> Self {
        Self {
            id,
            created_at,
            state: None,
            versions: Vec::new(),
            environments: BTreeMap::new(),
        }
    }

    /// The live versions, in the order they were committed.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions
            .iter()
            .filter(|row| row.deleted_at.is_none())
            .map(|row| &row.version)
    }

    /// The live version of this id.
    #[must_use]
    pub fn live_version(&self, id: VersionId) -> Option<&Version> {
        self.live().find(|version| version.id == id)
    }

    /// The highest number of a live version.
    #[must_use]
    pub fn latest(&self) -> Option<VersionNumber> {
        self.live().map(|version| version.number).max()
    }

    /// Applies one change of this prompt; the text of an error says what contradicts what.
    pub fn apply(&mut self, at: DateTime<Utc>, change: &Change) -> Result<(), String> {
        match change {
            Change::Prompt { before, after, .. } => self.set_state(at, before, after),
            Change::VersionCreated(version) => self.add(version),
            Change::VersionDeleted { id, .. } => self.delete(at, *id),
            Change::VersionRestored { id, .. } => self.restore(*id),
            Change::Environment {
                name,
                before,
                after,
                ..
            } => self.point(at, name, *before, *after),
        }
    }

    fn set_state(
        &mut self,
        at: DateTime<Utc>,
        before: &Option<PromptState>,
        after: &Option<PromptState>,
    ) -> Result<(), String> {
        if self.state != *before {
            return Err(format!("prompt {} was not as the operation says", self.id));
        }
        if after.is_none() {
            if let Some(name) = self.environments.keys().next() {
                return Err(format!("deleted prompt {} is still in {name}", self.id));
            }
            for row in &mut self.versions {
                if row.deleted_at.is_none() {
                    Arc::make_mut(row).deleted_at = Some(at);
                }
            }
        }
        self.state.clone_from(after);
        Ok(())
    }

    fn add(&mut self, version: &Version) -> Result<(), String> {
        let taken = |row: &Arc<VersionRow>| {
            row.version.number == version.number || row.version.id == version.id
        };
        if self.state.is_none() {
            return Err(format!(
                "prompt {} is not there for {}",
                self.id, version.id
            ));
        }
        if self.versions.iter().any(taken) {
            let (number, id) = (version.number, version.id);
            return Err(format!(
                "number {number} or id {id} of prompt {} is taken",
                self.id
            ));
        }
        let mut version = version.clone();
        version.environments.clear();
        self.versions.push(Arc::new(VersionRow {
            version,
            deleted_at: None,
        }));
        Ok(())
    }

    fn delete(&mut self, at: DateTime<Utc>, id: VersionId) -> Result<(), String> {
        if let Some((name, _)) = self.environments.iter().find(|(_, to)| to.0 == id) {
            return Err(format!("deleted version {id} is still in {name}"));
        }
        let row = self
            .versions
            .iter_mut()
            .find(|row| row.version.id == id && row.deleted_at.is_none())
            .ok_or_else(|| format!("version {id} is not there to be deleted"))?;
        Arc::make_mut(row).deleted_at = Some(at);
        Ok(())
    }

    fn restore(&mut self, id: VersionId) -> Result<(), String> {
        if self.state.is_none() {
            return Err(format!("prompt {} is not there for {id}", self.id));
        }
        let row = self
            .versions
            .iter_mut()
            .find(|row| row.version.id == id && row.deleted_at.is_some())
            .ok_or_else(|| format!("version {id} is not deleted, and can't come back"))?;
        Arc::make_mut(row).deleted_at = None;
        Ok(())
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
                "{name} of {} was not as the operation says",
                self.id
            ));
        }
        match after {
            None => {
                self.environments.remove(name);
            }
            Some(version) if self.live_version(version).is_some() => {
                self.environments.insert(name.clone(), (version, at));
            }
            Some(version) => {
                return Err(format!(
                    "{name} of {} points to no live version: {version}",
                    self.id
                ));
            }
        }
        Ok(())
    }
}
