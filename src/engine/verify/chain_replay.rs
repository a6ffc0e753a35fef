//! Replay of prompts while the hash chain is checked, so that most operations are read once.
//!
//! Prompts are taken in the order of their creation. Those that are taken soon after their last
//! change, as all are of an import, have been replayed by then. Any other prompt is replayed from
//! its own operations.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;

use super::chain::ChainCheck;
use super::replay::{
    MAX_READS, PromptReplay, Replay, ReplayError, ReplayedRows, of_prompts, replay,
};
use super::report::VerifyReport;
use crate::engine::visit;
use crate::model::error::Result;
use crate::model::id::{OperationId, PromptId};
use crate::model::multiset_sum::{MultisetSum, SumKeys};
use crate::model::progress::Reporter;
use crate::model::record::{Change, OperationContent};
use crate::storage::{PromptRows, PromptTable, Snapshot, StorageError, StorageErrorKind};

/// How far the chain is checked ahead of the prompts, in changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplayLimits {
    /// The number of changes that are read at a time. A part of a segment is read again each time.
    pub(super) batch: usize,
    /// The number of replayed changes in memory from which on no more are read.
    pub(super) kept: usize,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self {
            batch: 8 * 1024,
            kept: 16 * 1024,
        }
    }
}

/// A check of the chain that replays prompts meanwhile.
pub(super) struct ChainReplay<'a> {
    snapshot: &'a dyn Snapshot,
    limits: ReplayLimits,
    chain: ChainCheck,
    /// What was found in the chain.
    report: VerifyReport,
    is_at_end: bool,
    /// The prompts that were replayed and not taken yet, or a description of a contradiction.
    prompts: HashMap<PromptId, Result<ReplayedRows, String>>,
    /// The number of changes in them.
    kept: u64,
    keys: SumKeys,
    /// The prompts of all changes that were read, less those of the changes of taken prompts.
    ///
    /// It is zero in the end, unless a prompt was taken before its last change.
    untaken: MultisetSum,
    /// The number of changes that were read for prompts one by one.
    reread: u64,
    /// The replay of the other prompts, once the chain was read to its end.
    rest: Replay,
    is_ahead: bool,
}

impl<'a> ChainReplay<'a> {
    pub(super) fn new(
        snapshot: &'a dyn Snapshot,
        pins: &[OperationId],
        limits: ReplayLimits,
    ) -> Self {
        Self {
            snapshot,
            limits,
            chain: ChainCheck::new(pins),
            report: VerifyReport::default(),
            is_at_end: false,
            prompts: HashMap::new(),
            kept: 0,
            keys: SumKeys::default(),
            untaken: MultisetSum::default(),
            reread: 0,
            rest: Replay::default(),
            is_ahead: true,
        }
    }

    /// Reads the rest of the chain, and adds what was found to the report.
    ///
    /// Returns whether all changes of the prompts were taken.
    pub(super) fn end(
        mut self,
        report: &mut VerifyReport,
        progress: &mut Reporter<'_>,
    ) -> Result<bool> {
        let visited = self.read_rest(progress);
        self.chain.end(visited, self.snapshot, &mut self.report)?;
        (report.operations, report.head) = (self.report.operations, self.report.head);
        report.violations.append(&mut self.report.violations);
        Ok(self.untaken.is_zero())
    }

    fn read_rest(&mut self, progress: &mut Reporter<'_>) -> Result<()> {
        self.is_ahead = false;
        self.prompts = HashMap::new();
        self.kept = 0;
        while !self.is_at_end {
            self.read(usize::MAX, progress)?;
        }
        Ok(())
    }

    /// Reads operations until they contain this number of changes.
    fn read(&mut self, mut changes: usize, progress: &mut Reporter<'_>) -> Result<()> {
        let (snapshot, after) = (self.snapshot, self.chain.number());
        let mut is_at_end = true;
        visit::operations(snapshot, after, |number, id, text| {
            progress.pulse()?;
            if let Some(content) = self.chain.operation(number, id, text, &mut self.report) {
                self.rest.expect(&content.changes);
                self.apply(number, &content);
                changes = changes.saturating_sub(content.changes.len());
            }
            if changes == 0 {
                is_at_end = false;
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.is_at_end = is_at_end;
        Ok(())
    }

    fn apply(&mut self, number: u64, content: &OperationContent) {
        for (id, change) in of_prompts(&content.changes) {
            self.untaken.add(self.keys.of(id), 1);
            if !self.is_ahead {
                continue;
            }
            let prompt = match self.prompts.entry(id) {
                Entry::Occupied(prompt) => prompt.into_mut(),
                Entry::Vacant(place) if creates_prompt(change) => {
                    place.insert(Ok(ReplayedRows::new(id, content.at)))
                }
                // The prompt was taken before. If its rows did not contain this change, the sum of
                // untaken changes shows it.
                Entry::Vacant(_) => continue,
            };
            if let Ok(sound) = prompt {
                self.kept += 1;
                if let Err(detail) = sound.apply(number, content.at, change) {
                    *prompt = Err(detail);
                }
            }
        }
    }

    /// Removes a prompt that was replayed to the rows that are stored, or to the end of the chain.
    fn replayed(&mut self, found: &PromptTable) -> Option<Result<ReplayedRows, String>> {
        let Entry::Occupied(prompt) = self.prompts.entry(found.id) else {
            return None;
        };
        let may_be_all = |rows: &PromptRows| {
            rows.updated_at() == found.updated_at && rows.version_count() == found.versions.len()
        };
        let is_contradictory = prompt.get().is_err();
        let is_complete = prompt.get().as_ref().is_ok_and(|at| may_be_all(&at.rows));
        if !(self.is_at_end || is_contradictory || is_complete) {
            return None;
        }
        let prompt = prompt.remove();
        self.forget(&prompt);
        Some(prompt)
    }

    fn forget(&mut self, prompt: &Result<ReplayedRows, String>) {
        let changes = prompt.as_ref().map_or(0, |prompt| prompt.changes);
        self.kept = self.kept.saturating_sub(changes);
    }

    /// Replays a prompt from its own operations.
    fn by_itself(
        &mut self,
        id: PromptId,
        progress: &mut Reporter<'_>,
    ) -> Result<ReplayedRows, ReplayError> {
        if let Some(prompt) = self.prompts.remove(&id) {
            self.forget(&prompt);
        }
        if self.is_ahead {
            if self.reread / MAX_READS <= self.rest.changes() {
                let (prompt, read) = replay(self.snapshot, id)?;
                self.reread += read;
                return Ok(prompt);
            }
            self.read_rest(progress).map_err(ReplayError::Storage)?;
            self.rest
                .prepare(self.snapshot)
                .map_err(ReplayError::Storage)?;
        }
        self.rest.prompt(self.snapshot, id)
    }
}

fn creates_prompt(change: &Change) -> bool {
    matches!(change, Change::Prompt { before: None, .. })
}

impl PromptReplay for ChainReplay<'_> {
    fn take(
        &mut self,
        _: &dyn Snapshot,
        found: &PromptTable,
        progress: &mut Reporter<'_>,
    ) -> Result<PromptRows, ReplayError> {
        let mut replayed = self.replayed(found);
        while replayed.is_none()
            && self.is_ahead
            && !self.is_at_end
            && self.kept < self.limits.kept as u64
        {
            self.read(self.limits.batch, progress)
                .map_err(ReplayError::Storage)?;
            if !self.report.is_clean() {
                let broken = StorageError::new(StorageErrorKind::Corrupt, "the chain is broken");
                return Err(ReplayError::Storage(broken.into()));
            }
            replayed = self.replayed(found);
        }
        let prompt = match replayed {
            Some(prompt) => prompt.map_err(ReplayError::Contradiction)?,
            None => self.by_itself(found.id, progress)?,
        };
        self.untaken.remove(self.keys.of(found.id), prompt.changes);
        Ok(prompt.rows)
    }
}

#[cfg(test)]
#[path = "chain_replay_tests.rs"]
mod tests;
