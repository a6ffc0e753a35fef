//! The environment list: the names that a store allows, and the changes of the list.

use std::collections::HashSet;

use super::writer::WriteTransaction;
use crate::engine::read::lookup::prompt_label;
use crate::model::environment_list::check_list;
use crate::model::error::{EnvironmentUse, Error, Result};
use crate::model::id::EnvironmentName;
use crate::model::record::{Change, OperationKind, PromptFilter};

/// The maximum number of prompts that an error names for one environment.
const MAX_NAMED_PROMPTS: usize = 5;

impl WriteTransaction<'_> {
    /// Checks that all names are in the environment list, if the store has one.
    pub(super) fn check_listed<'n>(
        &mut self,
        names: impl IntoIterator<Item = &'n EnvironmentName>,
    ) -> Result<()> {
        let mut names = names.into_iter().peekable();
        if self.accepts_unlisted || names.peek().is_none() {
            return Ok(());
        }
        let snapshot = self.transaction.snapshot();
        let Some(list) = self.heads.environment_list(snapshot)? else {
            return Ok(());
        };
        match names.find(|name| !list.contains(name)) {
            Some(name) => Err(Error::EnvironmentNotListed {
                environment: name.clone(),
                list: list.to_vec(),
            }),
            None => Ok(()),
        }
    }

    /// Returns whether a change may use this environment.
    pub(super) fn is_listed(&mut self, name: &EnvironmentName) -> Result<bool> {
        match self.check_listed([name]) {
            Ok(()) => Ok(true),
            Err(Error::EnvironmentNotListed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Adds names to the environment list, and returns the list.
    pub(crate) fn add_to_environment_list(
        &mut self,
        names: &[EnvironmentName],
    ) -> Result<Vec<EnvironmentName>> {
        let before = self.transaction.snapshot().environment_list()?;
        let mut list = before.clone().unwrap_or_default();
        let mut known: HashSet<EnvironmentName> = list.iter().cloned().collect();
        let new = names.iter().filter(|name| known.insert((*name).clone()));
        list.extend(new.cloned());
        self.change_environment_list(before, Some(list.clone()))?;
        Ok(list)
    }

    /// Removes names from the environment list, and returns the list.
    pub(crate) fn remove_from_environment_list(
        &mut self,
        names: &[EnvironmentName],
    ) -> Result<Option<Vec<EnvironmentName>>> {
        let Some(before) = self.transaction.snapshot().environment_list()? else {
            return Ok(None);
        };
        let mut list = before.clone();
        list.retain(|name| !names.contains(name));
        self.change_environment_list(Some(before), Some(list.clone()))?;
        Ok(Some(list))
    }

    /// Removes the environment list, so that environments can have any name.
    pub(crate) fn remove_environment_list(&mut self) -> Result<()> {
        let before = self.transaction.snapshot().environment_list()?;
        self.change_environment_list(before, None)
    }

    /// Makes a list the first operation of the store, unless the store has operations.
    pub(crate) fn begin_with_environment_list(&mut self, list: Vec<EnvironmentName>) -> Result<()> {
        if self.last.number > 0 {
            return Ok(());
        }
        self.change_environment_list(None, Some(list))
    }

    /// Records a change of the list, unless the list stays the same.
    ///
    /// Refuses a list without an environment that prompts have, if the list before allowed it.
    fn change_environment_list(
        &mut self,
        before: Option<Vec<EnvironmentName>>,
        after: Option<Vec<EnvironmentName>>,
    ) -> Result<()> {
        if before == after {
            return Ok(());
        }
        if let Some(list) = &after {
            check_list(list)?;
            let is_allowed = |name: &EnvironmentName| {
                list.contains(name) || before.as_ref().is_some_and(|list| !list.contains(name))
            };
            let used = self.transaction.snapshot().environment_names()?;
            let left_out: Vec<_> = used.into_iter().filter(|name| !is_allowed(name)).collect();
            if !left_out.is_empty() {
                let uses = self.environment_uses(left_out)?;
                return Err(Error::EnvironmentInUse { uses });
            }
        }
        let change = Change::EnvironmentList { before, after };
        self.record(
            self.context.now(),
            OperationKind::EnvironmentList,
            vec![change],
        )
    }

    /// Returns the prompts that have these environments.
    fn environment_uses(&self, names: Vec<EnvironmentName>) -> Result<Vec<EnvironmentUse>> {
        let snapshot = self.transaction.snapshot();
        let mut uses: Vec<EnvironmentUse> = names.into_iter().map(EnvironmentUse::of).collect();
        for prompt in snapshot.prompts(&PromptFilter::default(), None, usize::MAX)? {
            let held = prompt.environments.iter().map(|one| &one.name);
            for name in held {
                let Some(found) = uses.iter_mut().find(|found| found.environment == *name) else {
                    continue;
                };
                found.count += 1;
                if found.prompts.len() < MAX_NAMED_PROMPTS {
                    found.prompts.push(prompt_label(snapshot, prompt.id)?);
                }
            }
        }
        Ok(uses)
    }
}
