//! Import of changes that were made to an existing prompt elsewhere.

use std::collections::HashSet;

use super::prompts::{PortableVersion, check_unique, to_recorded_time};
use crate::engine::contract::digest_of;
use crate::engine::read::lookup::prompt_label;
use crate::engine::write::bulk_bodies::delta_group_of;
use crate::engine::write::limits::{check_body, check_tags};
use crate::engine::write::numbering;
use crate::engine::write::writer::WriteTransaction;
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::invalid_argument::{InvalidArgument, check_length};
use crate::model::record::{Change, OperationKind, Prompt, PromptState, Version, VersionFilter};
use crate::model::version_number::VersionNumber;
use crate::storage::DeltaGroup;

/// Changes of a prompt that were made elsewhere, such as in a remote.
///
/// [`Batch::import_changes`](crate::Batch::import_changes) makes them here, as one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct PortableChanges {
    /// The prompt. It may be deleted, and is then restored with [`restored`](Self::restored).
    pub prompt: PromptId,
    /// The new name, if it changed. A deleted prompt needs one.
    pub name: Option<PromptName>,
    /// The new tags, if they changed.
    pub tags: Option<Vec<String>>,
    /// The new versions in commit order. Their environments and inputs are ignored.
    ///
    /// A version without a number gets the next minor number after the highest one.
    pub versions: Vec<PortableVersion>,
    /// The deleted versions to restore, each with its body, which may have been removed since.
    pub restored: Vec<(VersionId, Body)>,
    /// The versions to delete.
    pub deleted: Vec<VersionId>,
    /// The environments to set or remove. One that is already there changes nothing.
    pub environments: Vec<(EnvironmentName, Option<VersionId>)>,
}

impl PortableChanges {
    /// Returns changes of a prompt that change nothing yet.
    #[must_use]
    pub fn of(prompt: PromptId) -> Self {
        Self {
            prompt,
            name: None,
            tags: None,
            versions: Vec::new(),
            restored: Vec::new(),
            deleted: Vec::new(),
            environments: Vec::new(),
        }
    }
}

impl WriteTransaction<'_> {
    /// Makes changes from elsewhere, as one operation; none if they change nothing.
    ///
    /// The bump rules and the environment list do not apply. If the changes are refused, nothing is
    /// written.
    pub(crate) fn import_changes(&mut self, given: &PortableChanges) -> Result<()> {
        let now = self.transaction.snapshot().prompt(given.prompt)?;
        self.check_changes(given, now.is_some())?;
        let at = self.context.now();
        let mut changes = Vec::new();
        changes.extend(state_change(given, now.as_ref())?);
        let versions = self.new_versions(given)?;
        let mut bodies: Vec<(&Body, DeltaGroup)> = Vec::new();
        for (version, new) in given.versions.iter().zip(&versions) {
            let group = delta_group_of(given.prompt, new.number.major);
            bodies.push((&version.body, group));
        }
        let created = versions.into_iter().map(Box::new);
        changes.extend(created.map(Change::VersionCreated));
        for (id, body) in &given.restored {
            let major = self.deleted_version(given.prompt, *id, body)?.number.major;
            bodies.push((body, delta_group_of(given.prompt, major)));
            changes.push(Change::VersionRestored {
                prompt: given.prompt,
                id: *id,
            });
        }
        let pointers = now.map_or_else(Vec::new, |prompt| prompt.environments);
        for (name, after) in &given.environments {
            let found = pointers.iter().find(|found| found.name == *name);
            let before = found.map(|found| found.version_id);
            if before != *after {
                changes.push(Change::Environment {
                    prompt: given.prompt,
                    name: name.clone(),
                    before,
                    after: *after,
                    reason: None,
                });
            }
        }
        changes.extend(given.deleted.iter().map(|id| Change::VersionDeleted {
            prompt: given.prompt,
            id: *id,
        }));
        if changes.is_empty() {
            return Ok(());
        }
        self.record_with(at, OperationKind::Import, changes, &bodies)
    }

    /// Checks texts, duplicates, and that the environments and the versions fit each other.
    fn check_changes(&self, given: &PortableChanges, is_live: bool) -> Result<()> {
        check_tags(given.tags.as_deref().unwrap_or_default())?;
        check_unique("version id", given.versions.iter().filter_map(|new| new.id))?;
        check_unique(
            "environment name",
            given.environments.iter().map(|one| &one.0),
        )?;
        for version in &given.versions {
            check_body(&version.body)?;
            check_length("commit message", &version.message)?;
        }
        if !is_live && !self.transaction.snapshot().prompt_id_taken(given.prompt)? {
            return Err(Error::PromptNotFound {
                prompt: given.prompt.to_string(),
            });
        }
        let new: HashSet<VersionId> = given
            .versions
            .iter()
            .filter_map(|version| version.id)
            .chain(given.restored.iter().map(|(id, _)| *id))
            .collect();
        let deleted: HashSet<VersionId> = given.deleted.iter().copied().collect();
        let targets = given.environments.iter().filter_map(|(_, to)| *to);
        for id in targets.chain(given.deleted.iter().copied()) {
            let is_of_prompt = |version: Version| version.prompt_id == given.prompt;
            let found = self.transaction.snapshot().version(id)?;
            if !new.contains(&id) && !found.is_some_and(is_of_prompt) {
                return Err(Error::VersionNotFound {
                    prompt: None,
                    selector: id.into(),
                });
            }
        }
        let kept = self.transaction.snapshot().environments(given.prompt)?;
        let kept = kept.into_iter().filter(|environment| {
            let mut changed = given.environments.iter();
            !changed.any(|(name, _)| *name == environment.name)
        });
        let kept = kept.map(|environment| (environment.name, Some(environment.version_id)));
        let mut after = kept.chain(given.environments.iter().cloned());
        match after.find(|(_, to)| to.is_some_and(|to| deleted.contains(&to))) {
            Some((name, _)) => Err(InvalidArgument::new(
                "deletion",
                name.as_str(),
                "the environment points to a version that would be deleted",
            )
            .into()),
            None => Ok(()),
        }
    }

    fn new_versions(&self, given: &PortableChanges) -> Result<Vec<Version>> {
        let snapshot = self.transaction.snapshot();
        let newest = snapshot.versions(given.prompt, &VersionFilter::default(), None, 1)?;
        let mut base = newest.first().map(|version| version.id);
        let numbers = given.versions.iter().filter_map(|version| version.number);
        check_unique("version number", numbers.clone())?;
        let mut taken: HashSet<VersionNumber> = numbers.collect();
        let mut versions = Vec::with_capacity(given.versions.len());
        for version in &given.versions {
            let created_at = version
                .created_at
                .map_or_else(|| self.context.now(), to_recorded_time);
            let id = match version.id {
                Some(id) if snapshot.version_even_deleted(id)?.is_some() => {
                    return Err(Error::VersionIdTaken { id });
                }
                Some(id) => id,
                None => self.draw_version_id(created_at)?,
            };
            let number = match version.number {
                Some(number) => number,
                None => self.next_number(given.prompt, &taken)?,
            };
            taken.insert(number);
            versions.push(Version {
                id,
                prompt_id: given.prompt,
                number,
                model: version.body.model().map(str::to_owned),
                message: version.message.clone(),
                author: version.author.as_deref().unwrap_or(&self.author).to_owned(),
                base: base.replace(id),
                created_at,
                blob: version.body.id(),
                size: version.body.as_bytes().len() as u64,
                contract: digest_of(&version.body),
                environments: Vec::new(),
            });
        }
        Ok(versions)
    }

    /// Returns the minor number after the highest one that was used, these included.
    fn next_number(
        &self,
        prompt: PromptId,
        taken: &HashSet<VersionNumber>,
    ) -> Result<VersionNumber> {
        let snapshot = self.transaction.snapshot();
        let highest = snapshot.numbering(prompt, 0)?.highest_major;
        let highest = highest.max(taken.iter().map(|number| number.major).max());
        let Some(major) = highest else {
            return Ok(self.context.settings.first_version);
        };
        let of_major = taken.iter().filter(|number| number.major == major);
        let minor = snapshot.numbering(prompt, major)?.highest_minor;
        let minor = minor.max(of_major.map(|number| number.minor).max());
        let highest = VersionNumber::new(major, minor.unwrap_or_default());
        match numbering::next_minor(highest, highest.minor) {
            Some(number) => Ok(number),
            None => Err(Error::NumbersExhausted {
                prompt: prompt_label(snapshot, prompt)?,
            }),
        }
    }

    /// Returns a deleted version of a prompt, which has this body.
    fn deleted_version(&self, prompt: PromptId, id: VersionId, body: &Body) -> Result<Version> {
        let row = self.transaction.snapshot().version_even_deleted(id)?;
        let row = row.filter(|row| row.deleted_at.is_some() && row.version.prompt_id == prompt);
        let version = row.map(|row| Version::clone(&row.version));
        version
            .filter(|version| version.blob == body.id())
            .ok_or(Error::VersionNotFound {
                prompt: None,
                selector: id.into(),
            })
    }
}

/// Returns the change of a prompt's name and tags, or its restoration.
fn state_change(given: &PortableChanges, now: Option<&Prompt>) -> Result<Option<Change>> {
    let before = now.map(PromptState::from);
    let name = given.name.clone();
    let name = name.or_else(|| before.as_ref().map(|before| before.name.clone()));
    let tags = given.tags.clone();
    let tags = tags.or_else(|| before.as_ref().map(|before| before.tags.clone()));
    let Some(name) = name else {
        return Err(Error::PromptNotFound {
            prompt: given.prompt.to_string(),
        });
    };
    let after = PromptState {
        name,
        tags: tags.unwrap_or_default(),
    };
    Ok((before.as_ref() != Some(&after)).then_some(Change::Prompt {
        id: given.prompt,
        before,
        after: Some(after),
    }))
}
