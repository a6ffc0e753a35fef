//! Historical snapshots: the present snapshot with its prompts replayed up to an earlier operation.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use semver::VersionReq;

use crate::engine::visit;
use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::model::operation_text::may_change_environment_list;
use crate::model::record::{
    Change, Environment, Operation, OperationFilter, Prompt, PromptFilter, RecordedInputs,
    Settings, Version, VersionFilter,
};
use crate::model::version_number::VersionNumber;
use crate::storage::{
    BlobVisitor, BodyReads, IndexedItemVisitor, JournaledBodies, LogReads, LookupReads, Numbering,
    OldestJournaled, OperationVisitor, PromptReads, PromptTables, PromptVisitor, ReleasedBefore,
    SearchQuery, SearchReads, SearchVisitor, Snapshot, StorageError, StorageErrorKind,
    StorageResult, StoredBlob, Unreferenced, VersionReads, VersionRow, read_operation,
};

/// The prompts replayed so far for one log position.
///
/// They never change, so they can be used by every snapshot of that position.
#[derive(Debug, Default)]
pub(crate) struct ReplayCache(Mutex<ReplayedPrompt>);

impl ReplayCache {
    /// Discards the replayed prompts, for example if the snapshot was not consistent.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ReplayedPrompt::default();
    }
}

#[derive(Debug, Default)]
struct ReplayedPrompt {
    tables: PromptTables,
    /// The prompts that were replayed one by one, with the number of each one's first operation.
    ///
    /// It is used only until `all` is set.
    prompts: HashMap<PromptId, Option<u64>>,
    all: bool,
}

/// A snapshot of the store as of an earlier operation.
///
/// Only the history goes back. Bodies never change; they, recorded inputs and maintenance data are
/// those of the present snapshot.
pub(crate) struct HistoricalSnapshot<'a> {
    present: &'a dyn Snapshot,
    until: u64,
    prompts: &'a ReplayCache,
}

impl<'a> HistoricalSnapshot<'a> {
    /// Creates the snapshot as of operation `until`. `prompts` must belong to the same operation.
    pub(crate) fn new(present: &'a dyn Snapshot, until: u64, prompts: &'a ReplayCache) -> Self {
        Self {
            present,
            until,
            prompts,
        }
    }

    /// Reads the tables after replaying this prompt into them, if it ever existed.
    fn with_prompt<T>(
        &self,
        prompt: PromptId,
        read: impl FnOnce(&PromptTables) -> T,
    ) -> StorageResult<T> {
        let mut replayed = self.replayed();
        if !replayed.all && !replayed.prompts.contains_key(&prompt) {
            let first = replay_prompt(self.present, prompt, self.until, &mut replayed.tables)?;
            replayed.prompts.insert(prompt, first);
        }
        Ok(read(&replayed.tables))
    }

    /// Reads the tables after replaying all prompts into them, in the order of their creation.
    fn with_all<T>(&self, read: impl FnOnce(&PromptTables) -> T) -> StorageResult<T> {
        let mut replayed = self.replayed();
        if !replayed.all {
            replayed.tables = replay_all(self.present, self.until)?;
            replayed.all = true;
        }
        Ok(read(&replayed.tables))
    }

    /// Reads the tables after replaying the prompt that a version belongs to.
    ///
    /// Returns `None` if the version never existed.
    fn with_version_owner<T>(
        &self,
        id: VersionId,
        read: impl FnOnce(&PromptTables) -> Option<T>,
    ) -> StorageResult<Option<T>> {
        match self.present.version_even_deleted(id)? {
            Some(row) => self.with_prompt(row.version.prompt_id, read),
            None => Ok(None),
        }
    }

    fn replayed(&self) -> MutexGuard<'_, ReplayedPrompt> {
        self.prompts
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the prompts that have this name now, and those that had it once.
    fn named_once(&self, wanted: &PromptName) -> StorageResult<Vec<PromptId>> {
        let mut ids = self.present.prompts_named(wanted)?;
        // Parsing an operation takes longer than searching its text for the name. A text with a
        // backslash may contain the name in escaped form.
        let mut add = |number, text: &str| {
            if text.contains(wanted.as_str()) || text.contains('\\') {
                let changes = read_operation(number, text)?.changes;
                ids.extend(
                    changes
                        .iter()
                        .filter_map(|change| renamed_from(change, wanted)),
                );
            }
            Ok(ControlFlow::Continue(()))
        };
        visit::fallible::<StorageError>(|keep| {
            self.present
                .each_operation(self.until, &mut |number, _, text| keep(add(number, text)))
        })?;
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(*id));
        Ok(ids)
    }
}

/// Replays a prompt's operations up to `until` into the tables.
///
/// Returns the number of the first of them.
fn replay_prompt(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    until: u64,
    tables: &mut PromptTables,
) -> StorageResult<Option<u64>> {
    let filter = OperationFilter::default().prompt(prompt);
    let mut operations = snapshot.operations(&filter, until.checked_add(1), usize::MAX)?;
    operations.reverse();
    for operation in &operations {
        let changes = operation.content.changes.iter();
        for change in changes.filter(|change| change.prompt() == Some(prompt)) {
            apply(tables, operation.number, operation.content.at, change)?;
        }
    }
    Ok(operations.first().map(|operation| operation.number))
}

/// The maximum number of prompts whose operations are listed prompt by prompt.
///
/// For more prompts the history is read once. An operation on many prompts would otherwise be read
/// for each of them.
pub(crate) const MAX_LISTED_PROMPTS: usize = 8;

fn replay_all(snapshot: &dyn Snapshot, until: u64) -> StorageResult<PromptTables> {
    let mut tables = PromptTables::default();
    let mut apply_all = |number, text: &str| {
        if number > until {
            return Ok(ControlFlow::Break(()));
        }
        let content = read_operation(number, text)?;
        for change in &content.changes {
            apply(&mut tables, number, content.at, change)?;
        }
        Ok(ControlFlow::Continue(()))
    };
    visit::fallible::<StorageError>(|keep| {
        snapshot.each_operation(0, &mut |number, _, text| keep(apply_all(number, text)))
    })?;
    Ok(tables)
}

/// Returns the prompt if the change is to a prompt that had this name before.
fn renamed_from(change: &Change, name: &PromptName) -> Option<PromptId> {
    match change {
        Change::Prompt {
            id,
            before: Some(before),
            ..
        } if before.name == *name => Some(*id),
        _ => None,
    }
}

fn apply(
    tables: &mut PromptTables,
    number: u64,
    at: DateTime<Utc>,
    change: &Change,
) -> StorageResult<()> {
    let applied = tables.apply(at, change);
    applied.map_err(|detail| contradiction(number, detail))
}

/// Returns the error for an operation that contradicts those before it.
pub(crate) fn contradiction(number: u64, detail: String) -> StorageError {
    let doing = format!("replaying operation {number}");
    StorageError::new(StorageErrorKind::Corrupt, doing).because(detail)
}

impl PromptReads for HistoricalSnapshot<'_> {
    fn prompt(&self, id: PromptId) -> StorageResult<Option<Prompt>> {
        self.with_prompt(id, |tables| tables.prompt(id))
    }

    fn prompt_exists(&self, id: PromptId) -> StorageResult<bool> {
        self.with_prompt(id, |tables| tables.prompt_exists(id))
    }

    fn prompt_id_taken(&self, id: PromptId) -> StorageResult<bool> {
        self.with_prompt(id, |tables| tables.rows(id).is_some())
    }

    fn prompts_named(&self, name: &PromptName) -> StorageResult<Vec<PromptId>> {
        if !self.replayed().all {
            for id in self.named_once(name)? {
                self.with_prompt(id, |_| ())?;
            }
        }
        let replayed = self.replayed();
        let mut named = replayed.tables.prompts_named(name);
        if !replayed.all {
            // The tables contain them in the order in which they were replayed.
            named.sort_by_key(|id| Reverse(replayed.prompts.get(id)));
        }
        Ok(named)
    }

    fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> StorageResult<Vec<Prompt>> {
        self.with_all(|tables| tables.prompts(filter, before, limit))
    }

    fn prompt_count(&self) -> StorageResult<u64> {
        self.with_all(PromptTables::prompt_count)
    }

    fn prompt_count_of(&self, filter: &PromptFilter) -> StorageResult<u64> {
        self.with_all(|tables| tables.prompt_count_of(filter))
    }

    fn tags(&self) -> StorageResult<Vec<String>> {
        self.with_all(PromptTables::tags)
    }

    fn environment_names(&self) -> StorageResult<Vec<EnvironmentName>> {
        self.with_all(PromptTables::environment_names)
    }

    fn environments(&self, prompt: PromptId) -> StorageResult<Vec<Environment>> {
        self.with_prompt(prompt, |tables| tables.environments(prompt))
    }

    fn each_prompt(&self, visit: &mut PromptVisitor<'_>) -> StorageResult<()> {
        let tables = self.with_all(PromptTables::clone)?;
        let mut all = tables.all();
        // A visitor that stops ends the visit, which is no failure.
        let _ = all.try_for_each(|rows| visit(rows.to_table()));
        Ok(())
    }
}

impl VersionReads for HistoricalSnapshot<'_> {
    fn version(&self, id: VersionId) -> StorageResult<Option<Version>> {
        self.with_version_owner(id, |tables| tables.version(id))
    }

    fn version_even_deleted(&self, id: VersionId) -> StorageResult<Option<VersionRow>> {
        self.with_version_owner(id, |tables| tables.version_even_deleted(id).cloned())
    }

    fn version_numbered(
        &self,
        prompt: PromptId,
        number: VersionNumber,
    ) -> StorageResult<Option<Version>> {
        self.with_prompt(prompt, |tables| tables.version_numbered(prompt, number))
    }

    fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> StorageResult<Option<Version>> {
        self.with_prompt(prompt, |tables| tables.highest_version(prompt, requirement))
    }

    fn version_in(
        &self,
        prompt: PromptId,
        name: &EnvironmentName,
    ) -> StorageResult<Option<Version>> {
        self.with_prompt(prompt, |tables| tables.version_in(prompt, name))
    }

    fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> StorageResult<Vec<Version>> {
        self.with_prompt(prompt, |tables| {
            tables.versions(prompt, filter, before, limit)
        })
    }

    fn numbering(&self, prompt: PromptId, major: u32) -> StorageResult<Numbering> {
        self.with_prompt(prompt, |tables| tables.numbering(prompt, major))
    }

    fn inputs(&self, version: VersionId, request: &str) -> StorageResult<Option<RecordedInputs>> {
        self.present.inputs(version, request)
    }

    fn inputs_of(&self, version: VersionId) -> StorageResult<Vec<RecordedInputs>> {
        self.present.inputs_of(version)
    }

    fn lost_versions_with_inputs(&self) -> StorageResult<Vec<VersionId>> {
        self.present.lost_versions_with_inputs()
    }
}

impl BodyReads for HistoricalSnapshot<'_> {
    fn blob(&self, id: BlobId) -> StorageResult<Option<StoredBlob>> {
        self.present.blob(id)
    }

    fn waiting(&self) -> StorageResult<OldestJournaled> {
        self.present.waiting()
    }

    fn journal(&self, after: u64, bytes: usize) -> StorageResult<Vec<JournaledBodies>> {
        self.present.journal(after, bytes)
    }

    fn unreferenced(
        &self,
        unused: ReleasedBefore,
        limit: usize,
    ) -> StorageResult<Vec<Unreferenced>> {
        self.present.unreferenced(unused, limit)
    }

    fn each_blob(&self, visit: &mut BlobVisitor<'_>) -> StorageResult<()> {
        self.present.each_blob(visit)
    }
}

impl LogReads for HistoricalSnapshot<'_> {
    fn last_operation(&self) -> StorageResult<Option<(u64, OperationId)>> {
        let last = self.operations(&OperationFilter::default(), None, 1)?;
        Ok(last
            .first()
            .map(|operation| (operation.number, operation.id)))
    }

    fn last_operation_by(&self, moment: DateTime<Utc>, up_to: u64) -> StorageResult<u64> {
        self.present
            .last_operation_by(moment, up_to.min(self.until))
    }

    fn first_operation_between(
        &self,
        after: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> StorageResult<Option<u64>> {
        let first = self.present.first_operation_between(after, by)?;
        Ok(first.filter(|number| *number <= self.until))
    }

    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> StorageResult<Vec<Operation>> {
        let end = self.until.saturating_add(1);
        let before = before.map_or(end, |before| before.min(end));
        self.present.operations(filter, Some(before), limit)
    }

    fn each_operation(&self, after: u64, visit: &mut OperationVisitor<'_>) -> StorageResult<()> {
        self.present.each_operation(after, &mut |number, id, text| {
            if number <= self.until {
                visit(number, id, text)
            } else {
                ControlFlow::Break(())
            }
        })
    }

    fn each_operation_of(
        &self,
        prompt: PromptId,
        until: u64,
        visit: &mut OperationVisitor<'_>,
    ) -> StorageResult<()> {
        let until = until.min(self.until);
        self.present.each_operation_of(prompt, until, visit)
    }
}

impl SearchReads for HistoricalSnapshot<'_> {
    /// Returns 0: the search index covers only the present.
    ///
    /// For an earlier moment no operation counts as indexed, so that search reads all of them.
    fn indexed_through(&self) -> StorageResult<u64> {
        Ok(0)
    }

    fn search(&self, _: &SearchQuery, _: &mut SearchVisitor<'_>) -> StorageResult<()> {
        Ok(())
    }

    fn search_messages(&self, _: &SearchQuery, _: usize) -> StorageResult<Vec<VersionId>> {
        Ok(Vec::new())
    }

    fn dependents(
        &self,
        _: PromptId,
        _: &EnvironmentName,
    ) -> StorageResult<Vec<(PromptId, VersionId)>> {
        Ok(Vec::new())
    }

    fn each_searchable(&self, _: &mut IndexedItemVisitor<'_>) -> StorageResult<()> {
        Ok(())
    }
}

impl LookupReads for HistoricalSnapshot<'_> {}

impl Snapshot for HistoricalSnapshot<'_> {
    fn settings(&self) -> StorageResult<Settings> {
        self.present.settings()
    }

    /// Returns the list before the first later change of it, or the present list.
    ///
    /// Changes of the list are rare, so the operations are not listed by them.
    fn environment_list(&self) -> StorageResult<Option<Vec<EnvironmentName>>> {
        let look = |number, text: &str| {
            if !may_change_environment_list(text) {
                return Ok(None);
            }
            let mut changes = read_operation(number, text)?.changes.into_iter();
            Ok(changes.find_map(|change| match change {
                Change::EnvironmentList { before, .. } => Some(before),
                _ => None,
            }))
        };
        let found = visit::first(look, |visit| self.present.each_operation(self.until, visit))?;
        found.map_or_else(|| self.present.environment_list(), Ok)
    }

    fn self_check(&self) -> StorageResult<Vec<String>> {
        self.present.self_check()
    }
}
