//! Refusal of environment moves that break callers of the version that the environment points to.

use std::collections::HashMap;
use std::sync::Arc;

use super::new_version::VersionDraft;
use super::writer::WriteTransaction;
use crate::engine::contract::{Breakage, breakages};
use crate::engine::history::has_pointed_to;
use crate::engine::read::lookup::prompt_label;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{BumpPolicy, Version};
use crate::model::version_number::{Bump, VersionNumber};
use crate::model::work_counter;
use crate::storage::VersionRow;

/// A move of an environment from one version to another.
pub(super) struct EnvironmentMove<'a> {
    pub(super) prompt: PromptId,
    pub(super) environment: &'a EnvironmentName,
    pub(super) from: VersionId,
    pub(super) to: VersionId,
    /// Both versions, if they were read already.
    pub(super) rows: Option<(Version, Version)>,
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
        let snapshot = self.transaction.snapshot();
        let pair = (update.from, update.to);
        if let Some(reasons) = compared.0.get(&pair)
            && (reasons.is_empty() || update.allow_breaking)
        {
            return Ok(reasons.clone());
        }
        let rows = match update.rows {
            Some(rows) => Some(rows),
            None => {
                // Without their environments, which can be many, and are not needed here.
                let row = |id| snapshot.version_even_deleted(id);
                let rows = row(update.from)?.zip(row(update.to)?);
                let version = |row: VersionRow| Arc::unwrap_or_clone(row.version);
                rows.map(|(from, to)| (version(from), version(to)))
            }
        };
        let Some((from, to)) = rows else {
            return Ok(Vec::new());
        };
        let reasons = match compared.0.get(&pair) {
            Some(reasons) => reasons.clone(),
            None => self.breakages_between(&from, &to)?,
        };
        compared.0.insert(pair, reasons.clone());
        let is_allowed = reasons.is_empty()
            || update.allow_breaking
            || has_pointed_to(snapshot, update.prompt, update.environment, to.id)?;
        if is_allowed {
            return Ok(reasons);
        }
        Err(self.breaking_move(&from, update.environment, Some(to.number), reasons)?)
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
        Err(self.breaking_move(&held, name, None, reasons)?.into())
    }

    fn breakages_between(&self, from: &Version, to: &Version) -> Result<Vec<Breakage>> {
        if from.blob == to.blob {
            return Ok(Vec::new());
        }
        work_counter::step();
        let before = self.contract_of(from, u64::MAX)?;
        let after = self.contract_of(to, u64::MAX)?;
        let both = before.zip(after);
        Ok(both.map_or_else(Vec::new, |(before, after)| breakages(&before, &after)))
    }

    fn breaking_move(
        &self,
        from: &Version,
        environment: &EnvironmentName,
        to: Option<VersionNumber>,
        reasons: Vec<Breakage>,
    ) -> Result<Error> {
        Ok(Error::BreakingMove {
            prompt: prompt_label(self.transaction.snapshot(), from.prompt_id)?,
            environment: environment.clone(),
            from: from.number,
            to,
            reasons,
        })
    }
}
