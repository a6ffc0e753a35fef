//! Checks of a bundle's operations against the state that they are applied to.
//!
//! The engine checks its own operations before it makes them. An operation of a bundle was checked
//! against another history. A backend rejects much of what contradicts its state, but not
//! everything, and its messages are not meant for users.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::conflict_reason::ConflictReason;
use crate::model::environment_list;
use crate::model::error::Error;
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Change, OperationContent, PromptState, Version};
use crate::storage::Snapshot;

/// The reason why an operation is rejected.
pub(super) enum BundleRejection {
    /// The operation contradicts the state, for this reason.
    MergeConflict(ConflictReason),
    /// The check itself failed.
    Failed(Error),
}

impl From<ConflictReason> for BundleRejection {
    fn from(reason: ConflictReason) -> Self {
        Self::MergeConflict(reason)
    }
}

impl From<crate::storage::StorageError> for BundleRejection {
    fn from(error: crate::storage::StorageError) -> Self {
        Self::Failed(error.into())
    }
}

/// The number of prompts in memory above which all of them are discarded.
const MAX_PROMPTS: usize = 1024;

/// The state against which successive operations are checked.
#[derive(Default)]
pub(super) struct BundleCheck {
    prompts: HashMap<PromptId, PromptNow>,
    /// The versions that the current operation has affected so far.
    versions: HashMap<VersionId, VersionNow>,
    /// The affected versions of each prompt, since the prompt was last deleted.
    seen_of: HashMap<PromptId, Vec<VersionId>>,
    /// The prompts that the current operation has created.
    created_prompts: HashSet<PromptId>,
    /// The prompts that the current operation has deleted, with their versions.
    deleted: HashSet<PromptId>,
    /// The environment list; none until an operation changes it.
    list: Option<Option<Vec<EnvironmentName>>>,
}

/// The current state of a prompt.
struct PromptNow {
    /// Whether the id belongs to a prompt, live or deleted.
    known: bool,
    state: Option<PromptState>,
    pointers: BTreeMap<EnvironmentName, VersionId>,
    /// The number of environments that point to each version.
    pointed: HashMap<VersionId, usize>,
    /// The newest version whose creation this check has seen: usually the base of the next one.
    last: Option<VersionId>,
}

impl PromptNow {
    /// Points an environment to `to`, and returns where it pointed before.
    fn point(&mut self, name: &EnvironmentName, to: Option<VersionId>) -> Option<VersionId> {
        let from = match to {
            Some(to) => self.pointers.insert(name.clone(), to),
            None => self.pointers.remove(name),
        };
        if let Some(left) = from.and_then(|from| self.pointed.get_mut(&from)) {
            *left -= 1;
        }
        if let Some(to) = to {
            *self.pointed.entry(to).or_default() += 1;
        }
        from
    }

    /// Returns an environment that points to a version.
    fn holder(&self, id: VersionId) -> Option<&EnvironmentName> {
        if self.pointed.get(&id).is_none_or(|pointers| *pointers == 0) {
            return None;
        }
        let mut pointers = self.pointers.iter();
        pointers.find(|(_, to)| **to == id).map(|(name, _)| name)
    }
}

#[derive(Clone, Copy)]
struct VersionNow {
    prompt: PromptId,
    live: bool,
}

impl BundleCheck {
    /// Checks the next operation, which is about to be appended to the state of the snapshot.
    ///
    /// `is_new` returns whether the operation creates a prompt, as opposed to restoring it.
    pub(super) fn operation(
        &mut self,
        snapshot: &dyn Snapshot,
        content: &OperationContent,
        is_new: impl Fn(PromptId) -> bool,
    ) -> Result<(), BundleRejection> {
        self.versions.clear();
        self.seen_of.clear();
        self.created_prompts.clear();
        self.deleted.clear();
        if self.prompts.len() > MAX_PROMPTS {
            self.prompts.clear();
        }
        let changes = content.changes.iter();
        for change in changes {
            let Some(prompt) = change.prompt() else {
                self.store_change(snapshot, change)?;
                continue;
            };
            self.load(snapshot, prompt)?;
            match change {
                Change::Prompt { before, after, .. } => {
                    let new = is_new(prompt) && self.created_prompts.insert(prompt);
                    self.prompt(prompt, before, after, new)?;
                }
                Change::VersionCreated(version) => self.created(snapshot, version)?,
                Change::VersionDeleted { id, .. } => {
                    self.is(snapshot, prompt, *id, true)?;
                    if let Some(name) = self
                        .prompts
                        .get(&prompt)
                        .and_then(|prompt_now| prompt_now.holder(*id))
                    {
                        let held = format!(" is in {name} and cannot be deleted");
                        return Err(ConflictReason::default().version(*id).text(held).into());
                    }
                    self.see(prompt, *id, false);
                }
                Change::VersionRestored { id, .. } => {
                    self.is_there(prompt)?;
                    self.is(snapshot, prompt, *id, false)?;
                    self.see(prompt, *id, true);
                }
                Change::Environment {
                    name,
                    before,
                    after,
                    ..
                } => {
                    if let Some(to) = after {
                        self.is(snapshot, prompt, *to, true)?;
                    }
                    self.point(prompt, name, *before, *after)?;
                }
                Change::EnvironmentList { .. } => {}
            }
        }
        Ok(())
    }

    /// Checks a change of the store itself.
    fn store_change(
        &mut self,
        snapshot: &dyn Snapshot,
        change: &Change,
    ) -> Result<(), BundleRejection> {
        let Change::EnvironmentList { before, after } = change else {
            return Ok(());
        };
        let found = match self.list.take() {
            Some(list) => list,
            None => snapshot.environment_list()?,
        };
        if found != *before {
            let (found, recorded) = (
                environment_list::described(found.as_deref()),
                environment_list::described(before.as_deref()),
            );
            let reason = format!(
                "the environment list is {found}, but before the operation it was {recorded}"
            );
            return Err(ConflictReason::from(reason).into());
        }
        self.list = Some(after.clone());
        Ok(())
    }

    fn load(&mut self, snapshot: &dyn Snapshot, id: PromptId) -> Result<(), BundleRejection> {
        if self.prompts.contains_key(&id) {
            return Ok(());
        }
        let prompt = snapshot.prompt(id)?;
        let known = prompt.is_some() || snapshot.prompt_id_taken(id)?;
        let environments = match &prompt {
            Some(_) => snapshot.environments(id)?,
            None => Vec::new(),
        };
        let mut prompt_now = PromptNow {
            known,
            state: prompt.map(|prompt| PromptState {
                name: prompt.name,
                tags: prompt.tags,
            }),
            pointers: BTreeMap::new(),
            pointed: HashMap::new(),
            last: None,
        };
        for environment in environments {
            prompt_now.point(&environment.name, Some(environment.version_id));
        }
        self.prompts.insert(id, prompt_now);
        Ok(())
    }

    fn prompt(
        &mut self,
        id: PromptId,
        before: &Option<PromptState>,
        after: &Option<PromptState>,
        is_new: bool,
    ) -> Result<(), BundleRejection> {
        let Some(prompt_now) = self.prompts.get_mut(&id) else {
            return Ok(());
        };
        if is_new && prompt_now.known {
            let taken = ConflictReason::from(format!("prompt id {id} is taken by "));
            return Err(taken.prompt(id).into());
        }
        if prompt_now.state != *before {
            let (found, recorded) = (described(&prompt_now.state), described(before));
            let reason =
                format!("the prompt is {found}, but before the operation it was {recorded}");
            return Err(ConflictReason::from(reason).into());
        }
        if after.is_none() {
            if let Some(name) = prompt_now.pointers.keys().next() {
                let held = format!(" is in {name} and cannot be deleted");
                return Err(ConflictReason::default().prompt(id).text(held).into());
            }
            self.deleted.insert(id);
            for version in self.seen_of.remove(&id).unwrap_or_default() {
                if let Some(seen) = self.versions.get_mut(&version) {
                    seen.live = false;
                }
            }
        }
        prompt_now.state.clone_from(after);
        prompt_now.known = true;
        Ok(())
    }

    fn created(
        &mut self,
        snapshot: &dyn Snapshot,
        version: &Version,
    ) -> Result<(), BundleRejection> {
        let (id, prompt) = (version.id, version.prompt_id);
        self.is_there(prompt)?;
        if self.seen(snapshot, id)?.is_some() {
            let taken = ConflictReason::from(format!("version id {id} is taken by "));
            return Err(taken.version(id).into());
        }
        let prompt_now = self.prompts.get_mut(&prompt);
        let last = prompt_now.and_then(|prompt_now| prompt_now.last.replace(id));
        if let Some(base) = version.base.filter(|base| Some(*base) != last) {
            let found = self.seen(snapshot, base)?;
            if found.is_none_or(|found| found.prompt != prompt) {
                let base = format!(" never had {base}, the base of version {}", version.number);
                return Err(ConflictReason::default().prompt(prompt).text(base).into());
            }
        }
        self.see(prompt, id, true);
        Ok(())
    }

    fn point(
        &mut self,
        prompt: PromptId,
        name: &EnvironmentName,
        before: Option<VersionId>,
        after: Option<VersionId>,
    ) -> Result<(), BundleRejection> {
        let Some(prompt_now) = self.prompts.get_mut(&prompt) else {
            return Ok(());
        };
        let found = prompt_now.point(name, after);
        if found != before {
            let reason = ConflictReason::from(format!("{name} of ")).prompt(prompt);
            let reason = reason.text(" is ").number(found);
            let reason = reason.text(", but before the operation it was ");
            return Err(reason.number(before).into());
        }
        Ok(())
    }

    fn is_there(&self, prompt: PromptId) -> Result<(), BundleRejection> {
        match self
            .prompts
            .get(&prompt)
            .map(|prompt_now| &prompt_now.state)
        {
            Some(Some(_)) => Ok(()),
            _ => {
                let reason = ConflictReason::default().prompt(prompt);
                Err(reason.text(" does not exist").into())
            }
        }
    }

    /// Checks that a version belongs to this prompt and is live, or deleted if `live` is false.
    fn is(
        &self,
        snapshot: &dyn Snapshot,
        prompt: PromptId,
        id: VersionId,
        live: bool,
    ) -> Result<(), BundleRejection> {
        match self.seen(snapshot, id)? {
            Some(seen) if seen.prompt == prompt && seen.live == live => Ok(()),
            Some(seen) if seen.prompt == prompt => {
                let found = if live { " is deleted" } else { " is live" };
                Err(ConflictReason::default().version(id).text(found).into())
            }
            _ => {
                let reason = ConflictReason::default().prompt(prompt);
                Err(reason.text(format!(" never had version {id}")).into())
            }
        }
    }

    fn seen(
        &self,
        snapshot: &dyn Snapshot,
        id: VersionId,
    ) -> Result<Option<VersionNow>, BundleRejection> {
        if let Some(seen) = self.versions.get(&id) {
            return Ok(Some(*seen));
        }
        let row = snapshot.version_even_deleted(id)?;
        Ok(row.map(|row| VersionNow {
            prompt: row.version.prompt_id,
            live: row.deleted_at.is_none() && !self.deleted.contains(&row.version.prompt_id),
        }))
    }

    fn see(&mut self, prompt: PromptId, id: VersionId, live: bool) {
        self.versions.insert(id, VersionNow { prompt, live });
        self.seen_of.entry(prompt).or_default().push(id);
    }
}

fn described(state: &Option<PromptState>) -> String {
    match state {
        None => "absent".into(),
        Some(state) => state.described(),
    }
}
