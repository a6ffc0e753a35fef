//! Refusal of environment moves that break callers of the version that the environment points to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::new_version::VersionDraft;
use super::writer::WriteTransaction;
use crate::engine::contract::Breakage;
use crate::engine::history::has_pointed_to;
use crate::engine::read::lookup::prompt_label;
use crate::model::error::{Error, Result, VersionLabel};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{BumpPolicy, Version};
use crate::model::version_number::{Bump, VersionNumber};
use crate::model::work_counter;
use crate::storage::VersionSummary;

/// A move of an environment from one version to another.
pub(super) struct EnvironmentMove<'a> {
    pub(super) prompt: PromptId,
    pub(super) environment: &'a EnvironmentName,
    pub(super) from: VersionLabel,
    pub(super) to: VersionLabel,
    /// Both versions, if they were read already.
    pub(super) rows: Option<(VersionSummary, VersionSummary)>,
    pub(super) allow_breaking: bool,
}

/// The versions that were compared for one list of updates, and how the second breaks callers of
/// the first.
#[derive(Default)]
pub(super) struct ComparedVersions(HashMap<(VersionId, VersionId), Vec<Breakage>>);

impl WriteTransaction<'_> {
    /// Returns how a move breaks callers, and fails if it does and nothing allows it.
    ///
    /// A move back to a version that the environment pointed to before is allowed: a rollback must
    /// not need a second thought.
    pub(super) fn check_move(
        &self,
        update: EnvironmentMove<'_>,
        compared: &mut ComparedVersions,
    ) -> Result<Vec<Breakage>> {
        if self.context.policy == BumpPolicy::Free {
            return Ok(Vec::new());
        }
        let (from, to) = (update.from, update.to);
        let reasons = match compared.0.entry((from.id, to.id)) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => {
                let reasons = match update.rows {
                    Some((from, to)) => self.breakages_between(&from, &to)?,
                    None => self.breakages_of(from.id, to.id)?,
                };
                place.insert(reasons).clone()
            }
        };
        let snapshot = self.transaction.snapshot();
        let is_allowed = reasons.is_empty()
            || update.allow_breaking
            || has_pointed_to(snapshot, update.prompt, update.environment, to.id)?;
        if is_allowed {
            return Ok(reasons);
        }
        let to = Some(to.number);
        Err(self.breaking_move(update.prompt, update.environment, from.number, to, reasons)?)
    }

    /// Checks that a new version does not break callers of the one that its environment points to.
    ///
    /// `judge` returns how the new body breaks callers of a version.
    pub(super) fn check_environment_of<E: From<Error>>(
        &self,
        prompt: PromptId,
        new: &VersionDraft,
        judge: impl Fn(&Self, &Version) -> Result<Vec<Breakage>, E>,
    ) -> Result<(), E> {
        let Some(name) = &new.environment else {
            return Ok(());
        };
        let is_free = self.context.policy == BumpPolicy::Free;
        // A major version is a breaking one by its name.
        if is_free || new.allow_breaking || new.bump == Bump::Major {
            return Ok(());
        }
        let held = self.transaction.snapshot().version_in(prompt, name);
        let Some(held) = held.map_err(Error::from)? else {
            return Ok(());
        };
        if held.blob == new.body.id() {
            return Ok(());
        }
        let reasons = judge(self, &held)?;
        if reasons.is_empty() {
            return Ok(());
        }
        Err(self
            .breaking_move(prompt, name, held.number, None, reasons)?
            .into())
    }

    fn breakages_of(&self, from: VersionId, to: VersionId) -> Result<Vec<Breakage>> {
        // Without their environments, which can be many, and are not needed here.
        let row = |id| self.transaction.snapshot().version_even_deleted(id);
        match row(from)?.zip(row(to)?) {
            Some((from, to)) => {
                self.breakages_between(&(&*from.version).into(), &(&*to.version).into())
            }
            None => Ok(Vec::new()),
        }
    }

    fn breakages_between(
        &self,
        from: &VersionSummary,
        to: &VersionSummary,
    ) -> Result<Vec<Breakage>> {
        let contracts = &self.context.contracts;
        if from.blob == to.blob || contracts.are_compatible(from.contract, to.contract) {
            return Ok(Vec::new());
        }
        work_counter::step();
        let before = self.contract_of(from.blob, u64::MAX)?;
        let after = self.contract_of(to.blob, u64::MAX)?;
        let digests = (from.contract, to.contract);
        let both = before.zip(after);
        Ok(both.map_or_else(Vec::new, |(before, after)| {
            contracts.compare(digests, &before, &after)
        }))
    }

    fn breaking_move(
        &self,
        prompt: PromptId,
        environment: &EnvironmentName,
        from: VersionNumber,
        to: Option<VersionNumber>,
        reasons: Vec<Breakage>,
    ) -> Result<Error> {
        Ok(Error::BreakingMove {
            prompt: prompt_label(self.transaction.snapshot(), prompt)?,
            environment: environment.clone(),
            from,
            to,
            reasons,
        })
    }
}
