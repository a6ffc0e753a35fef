//! Renaming, tagging and deletion of prompts, and deletion of versions.

use std::collections::HashSet;

use super::limits::check_tags;
use super::writer::WriteTransaction;
use crate::engine::read::lookup::{find_prompt, find_version};
use crate::model::error::{Error, Result};
use crate::model::id::{PromptId, PromptName};
use crate::model::record::{Change, OperationKind, Prompt, PromptState, Version};
use crate::model::version_spec::{PromptRef, VersionSpec};

/// The options of a renaming, see [`Store::rename_with`](crate::Store::rename_with).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenameOptions {
    allow_duplicate_name: bool,
}

impl RenameOptions {
    /// Returns the default options: the new name must be free.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Renames the prompt even if another live prompt has the new name.
    ///
    /// That name is then ambiguous, and both prompts can only be referred to by their ids.
    #[must_use]
    pub fn allow_duplicate_name(mut self) -> Self {
        self.allow_duplicate_name = true;
        self
    }
}

impl WriteTransaction<'_> {
    /// Renames a prompt. The name must be free, unless a duplicate is allowed.
    pub(crate) fn rename(
        &mut self,
        prompt: &PromptRef,
        name: PromptName,
        options: RenameOptions,
    ) -> Result<Prompt> {
        let id = find_prompt(self.transaction.snapshot(), prompt)?;
        if !options.allow_duplicate_name && self.prompt(id)?.name != name {
            self.check_name_is_free(&name)?;
        }
        let change = |state: &mut PromptState| {
            state.name = name;
            Ok(())
        };
        self.change_prompt(&id.into(), OperationKind::Rename, change)
    }

    /// Checks that no live prompt has a name.
    ///
    /// The check is part of the transaction that uses the name, so of several processes that want
    /// it at the same time, one gets it.
    pub(super) fn check_name_is_free(&self, name: &PromptName) -> Result<()> {
        match self.transaction.snapshot().prompts_named(name)?.first() {
            None => Ok(()),
            Some(id) => Err(Error::NameTaken {
                name: name.clone(),
                id: *id,
            }),
        }
    }

    /// Replaces the tags of a prompt.
    pub(crate) fn set_tags(&mut self, prompt: &PromptRef, tags: Vec<String>) -> Result<Prompt> {
        check_tags(&tags)?;
        self.change_prompt(prompt, OperationKind::Tag, |state| {
            state.tags = tags;
            Ok(())
        })
    }

    /// Adds the tags that a prompt does not have.
    pub(crate) fn add_tags(&mut self, prompt: &PromptRef, tags: &[String]) -> Result<Prompt> {
        self.change_prompt(prompt, OperationKind::Tag, |state| {
            let mut known: HashSet<String> = state.tags.iter().cloned().collect();
            let new = tags.iter().filter(|tag| known.insert(String::clone(tag)));
            state.tags.extend(new.cloned());
            Ok(check_tags(&state.tags)?)
        })
    }

    /// Removes the tags that a prompt has.
    pub(crate) fn remove_tags(&mut self, prompt: &PromptRef, tags: &[String]) -> Result<Prompt> {
        let removed: HashSet<&String> = tags.iter().collect();
        self.change_prompt(prompt, OperationKind::Tag, |state| {
            state.tags.retain(|tag| !removed.contains(tag));
            Ok(check_tags(&state.tags)?)
        })
    }

    fn change_prompt(
        &mut self,
        prompt: &PromptRef,
        kind: OperationKind,
        change: impl FnOnce(&mut PromptState) -> Result<()>,
    ) -> Result<Prompt> {
        let prompt = self.prompt(find_prompt(self.transaction.snapshot(), prompt)?)?;
        let before = PromptState::from(&prompt);
        let mut after = before.clone();
        change(&mut after)?;
        if before == after {
            return Ok(prompt);
        }
        let change = Change::Prompt {
            id: prompt.id,
            before: Some(before),
            after: Some(after),
        };
        self.record(self.context.now(), kind, vec![change])?;
        self.prompt(prompt.id)
    }

    /// Deletes a prompt with its versions and environments.
    pub(crate) fn delete_prompt(&mut self, prompt: &PromptRef) -> Result<Prompt> {
        let prompt = self.prompt(find_prompt(self.transaction.snapshot(), prompt)?)?;
        let mut changes = self.removals_of_prompt(prompt.id)?;
        changes.push(Change::Prompt {
            id: prompt.id,
            before: Some(PromptState::from(&prompt)),
            after: None,
        });
        self.record(self.context.now(), OperationKind::DeletePrompt, changes)?;
        Ok(prompt)
    }

    /// Deletes a version, and the environments that point to it.
    pub(crate) fn delete_version(&mut self, spec: &VersionSpec) -> Result<Version> {
        let version = find_version(self.transaction.snapshot(), spec)?;
        let mut changes = Self::removals_of_version(&version);
        changes.push(Change::VersionDeleted {
            prompt: version.prompt_id,
            id: version.id,
        });
        self.record(self.context.now(), OperationKind::DeleteVersion, changes)?;
        Ok(version)
    }

    /// Returns the version that a spec selects, including the changes of this transaction so far.
    pub(crate) fn find_version(&self, spec: &VersionSpec) -> Result<Version> {
        find_version(self.transaction.snapshot(), spec)
    }

    /// Returns a prompt that exists.
    pub(crate) fn prompt(&self, id: PromptId) -> Result<Prompt> {
        self.transaction
            .snapshot()
            .prompt(id)?
            .ok_or_else(|| Error::PromptNotFound {
                prompt: id.to_string(),
            })
    }
}
