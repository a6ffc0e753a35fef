//! The store as an operation left it: a snapshot of the present, with its prompts replayed up to there.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use semver::VersionReq;

use crate::engine::write::operation_text;
use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::model::record::{
    Change, Environment, Operation, OperationFilter, Prompt, PromptFilter, RecordedInputs,
    Settings, Version, VersionFilter,
};
use crate::model::version_number::VersionNumber;
use crate::storage;
use crate::storage::{
    Collectable, ErrorKind, Journaled, Numbering, OperationVisitor, PromptTable, PromptTables,
    Result, SearchQuery, SearchVisitor, Snapshot, StoredBlob, Told, Unused, VersionRow, Waiting,
};

/// What was replayed of a moment so far: it never changes, so it serves for good.
#[derive(Debug, Default)]
pub(crate) struct PastPrompts(Mutex<Replayed>);

impl PastPrompts {
    /// Forgets what was replayed, such as from a snapshot that was not consistent.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Replayed::default();
    }
}

#[derive(Debug, Default)]
struct Replayed {
    tables: PromptTables,
    /// Prompts whose operations were replayed, as long as not those of all were, with the number of the first.
    prompts: HashMap<PromptId, Option<u64>>,
    all: bool,
}

/// A snapshot as of an earlier operation.
///
/// Only history goes back. Bodies, which never change, recorded inputs and what keeps the store going are those of the
/// present.
pub(crate) struct Past<'a> {
    present: &'a dyn Snapshot,
    until: u64,
    prompts: &'a PastPrompts,
}

impl<'a> Past<'a> {
    /// The snapshot as of operation `until`, which `prompts` is of.
    pub(crate) fn new(present: &'a dyn Snapshot, until: u64, prompts: &'a PastPrompts) -> Self {
        Self {
            present,
            until,
            prompts,
        }
    }

    /// Reads the tables once they have this prompt, if it ever was.
    fn of<T>(&self, prompt: PromptId, read: impl FnOnce(&PromptTables) -> T) -> Result<T> {
        let mut replayed = self.replayed();
        if !replayed.all && !replayed.prompts.contains_key(&prompt) {
            let first = replay_prompt(self.present, prompt, self.until, &mut replayed.tables)?;
            replayed.prompts.insert(prompt, first);
        }
        Ok(read(&replayed.tables))
    }

    /// Reads the tables once they have all prompts, in the order they were created.
    fn of_all<T>(&self, read: impl FnOnce(&PromptTables) -> T) -> Result<T> {
        let mut replayed = self.replayed();
        if !replayed.all {
            replayed.tables = replay_all(self.present, self.until)?;
            replayed.all = true;
        }
        Ok(read(&replayed.tables))
    }

    /// Reads the tables once they have the prompt that a version belongs to; nothing where there never was such a version.
    fn of_version<T>(
        &self,
        id: VersionId,
        read: impl FnOnce(&PromptTables) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.present.version_ever(id)? {
            Some(row) => self.of(row.version.prompt_id, read),
            None => Ok(None),
        }
    }

    fn replayed(&self) -> MutexGuard<'_, Replayed> {
        self.prompts
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The prompts that have this name now, or had it and changed since.
    fn named_once(&self, wanted: &PromptName) -> Result<Vec<PromptId>> {
        let mut ids = self.present.prompts_named(wanted)?;
        // Reading an operation takes longer than seeing that it does not have the name, unless it has anything escaped.
        let visited = self
            .present
            .each_operation(self.until, &mut |number, _, text| {
                if text.contains(wanted.as_str()) || text.contains('\\') {
                    let content = operation_text::read(number, text)?;
                    ids.extend(
                        content
                            .changes
                            .iter()
                            .filter_map(|change| had(change, wanted)),
                    );
                }
                Ok(ControlFlow::Continue(()))
            });
        visited.map_err(as_backend)?;
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(*id));
        Ok(ids)
    }
}

/// Adds a prompt, as its operations up to `until` made it. Gives the number of the first of them.
pub(crate) fn replay_prompt(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    until: u64,
    tables: &mut PromptTables,
) -> Result<Option<u64>> {
    let filter = OperationFilter::default().prompt(prompt);
    let mut operations = snapshot.operations(&filter, until.checked_add(1), usize::MAX)?;
    operations.reverse();
    for operation in &operations {
        let changes = operation.content.changes.iter();
        for change in changes.filter(|change| change.prompt() == prompt) {
            apply(tables, operation.number, operation.content.at, change)?;
        }
    }
    Ok(operations.first().map(|operation| operation.number))
}

/// Prompts whose operations are listed one prompt after the other; of more, the history is read once. An operation may be
/// of many prompts, and would be read for each.
pub(crate) const FEW: usize = 8;

/// Adds several prompts, as [`replay_prompt`].
pub(crate) fn replay_prompts(
    snapshot: &dyn Snapshot,
    prompts: &BTreeSet<PromptId>,
    until: u64,
    tables: &mut PromptTables,
) -> Result<()> {
    if prompts.len() > FEW {
        return replay(snapshot, until, tables, |prompt| prompts.contains(&prompt));
    }
    for prompt in prompts {
        replay_prompt(snapshot, *prompt, until, tables)?;
    }
    Ok(())
}

fn replay_all(snapshot: &dyn Snapshot, until: u64) -> Result<PromptTables> {
    let mut tables = PromptTables::default();
    replay(snapshot, until, &mut tables, |_| true)?;
    Ok(tables)
}

/// Applies the operations up to `until` to the prompts that are wanted.
fn replay(
    snapshot: &dyn Snapshot,
    until: u64,
    tables: &mut PromptTables,
    wanted: impl Fn(PromptId) -> bool,
) -> Result<()> {
    let visited = snapshot.each_operation(0, &mut |number, _, text| {
        if number > until {
            return Ok(ControlFlow::Break(()));
        }
        let content = operation_text::read(number, text)?;
        for change in content.changes.iter().filter(|one| wanted(one.prompt())) {
            apply(tables, number, content.at, change)?;
        }
        Ok(ControlFlow::Continue(()))
    });
    visited.map_err(as_backend)
}

/// The prompt that a change took a name from.
fn had(change: &Change, name: &PromptName) -> Option<PromptId> {
    match change {
        Change::Prompt {
            id,
            before: Some(before),
            ..
        } if before.name == *name => Some(*id),
        _ => None,
    }
}

fn apply(tables: &mut PromptTables, number: u64, at: DateTime<Utc>, change: &Change) -> Result<()> {
    let applied = tables.apply(at, change);
    applied.map_err(|detail| corrupt(format!("replaying operation {number}"), detail))
}

fn corrupt(
    doing: String,
    because: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> storage::Error {
    storage::Error::new(ErrorKind::Corrupt, doing).because(because)
}

/// What a visit answered, which came from the backend.
fn as_backend(error: crate::Error) -> storage::Error {
    match error {
        crate::Error::Backend(error) => error,
        crate::Error::Poisoned => {
            storage::Error::new(ErrorKind::Poisoned, "an earlier flush failed")
        }
        other => storage::Error::new(ErrorKind::Other, "reading the history").because(other),
    }
}

impl Snapshot for Past<'_> {
    fn settings(&self) -> Result<Settings> {
        self.present.settings()
    }

    fn prompt(&self, id: PromptId) -> Result<Option<Prompt>> {
        self.of(id, |tables| tables.prompt(id))
    }

    fn prompt_id_taken(&self, id: PromptId) -> Result<bool> {
        self.of(id, |tables| tables.rows(id).is_some())
    }

    fn prompts_named(&self, name: &PromptName) -> Result<Vec<PromptId>> {
        if !self.replayed().all {
            for id in self.named_once(name)? {
                self.of(id, |_| ())?;
            }
        }
        let replayed = self.replayed();
        let mut named = replayed.tables.prompts_named(name);
        if !replayed.all {
            // They are in the order they were asked for.
            named.sort_by_key(|id| Reverse(replayed.prompts.get(id)));
        }
        Ok(named)
    }

    fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> Result<Vec<Prompt>> {
        self.of_all(|tables| tables.prompts(filter, before, limit))
    }

    /// Search knows the present only: of an earlier moment it was told nothing, and all operations are looked into.
    fn searchable_up_to(&self) -> Result<u64> {
        Ok(0)
    }

    fn search(&self, _: &SearchQuery, _: &mut SearchVisitor<'_>) -> crate::Result<()> {
        Ok(())
    }

    fn search_messages(&self, _: &SearchQuery, _: usize) -> Result<Vec<VersionId>> {
        Ok(Vec::new())
    }

    fn dependents(&self, _: PromptId, _: &EnvironmentName) -> Result<Vec<(PromptId, VersionId)>> {
        Ok(Vec::new())
    }

    fn prompt_count(&self) -> Result<u64> {
        self.of_all(PromptTables::prompt_count)
    }

    fn tags(&self) -> Result<Vec<String>> {
        self.of_all(PromptTables::tags)
    }

    fn environment_names(&self) -> Result<Vec<EnvironmentName>> {
        self.of_all(PromptTables::environment_names)
    }

    fn version(&self, id: VersionId) -> Result<Option<Version>> {
        self.of_version(id, |tables| tables.version(id))
    }

    fn version_ever(&self, id: VersionId) -> Result<Option<VersionRow>> {
        self.of_version(id, |tables| {
            let row = tables.version_ever(id)?;
            Some(row.as_ref().clone())
        })
    }

    fn version_numbered(&self, prompt: PromptId, number: VersionNumber) -> Result<Option<Version>> {
        self.of(prompt, |tables| tables.version_numbered(prompt, number))
    }

    fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> Result<Option<Version>> {
        self.of(prompt, |tables| tables.highest_version(prompt, requirement))
    }

    fn version_in(&self, prompt: PromptId, name: &EnvironmentName) -> Result<Option<Version>> {
        self.of(prompt, |tables| tables.version_in(prompt, name))
    }

    fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> Result<Vec<Version>> {
        self.of(prompt, |tables| {
            tables.versions(prompt, filter, before, limit)
        })
    }

    fn environments(&self, prompt: PromptId) -> Result<Vec<Environment>> {
        self.of(prompt, |tables| tables.environments(prompt))
    }

    fn numbering(&self, prompt: PromptId, major: u32) -> Result<Numbering> {
        self.of(prompt, |tables| tables.numbering(prompt, major))
    }

    fn blob(&self, id: BlobId) -> Result<Option<StoredBlob>> {
        self.present.blob(id)
    }

    fn last_operation(&self) -> Result<Option<(u64, OperationId)>> {
        let last = self.operations(&OperationFilter::default(), None, 1)?;
        Ok(last
            .first()
            .map(|operation| (operation.number, operation.id)))
    }

    fn last_operation_by(&self, moment: DateTime<Utc>, up_to: u64) -> Result<u64> {
        self.present
            .last_operation_by(moment, up_to.min(self.until))
    }

    fn first_operation_between(
        &self,
        after: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> Result<Option<u64>> {
        let first = self.present.first_operation_between(after, by)?;
        Ok(first.filter(|number| *number <= self.until))
    }

    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Operation>> {
        let end = self.until.saturating_add(1);
        let before = before.map_or(end, |before| before.min(end));
        self.present.operations(filter, Some(before), limit)
    }

    fn inputs(&self, version: VersionId, request: &str) -> Result<Option<RecordedInputs>> {
        self.present.inputs(version, request)
    }

    fn inputs_of(&self, version: VersionId) -> Result<Vec<RecordedInputs>> {
        self.present.inputs_of(version)
    }

    fn lost_versions_with_inputs(&self) -> Result<Vec<VersionId>> {
        self.present.lost_versions_with_inputs()
    }

    fn waiting(&self) -> Result<Waiting> {
        self.present.waiting()
    }

    fn journal(&self, after: u64, bytes: usize) -> Result<Vec<Journaled>> {
        self.present.journal(after, bytes)
    }

    fn collectable(&self, unused: Unused, limit: usize) -> Result<Vec<Collectable>> {
        self.present.collectable(unused, limit)
    }

    fn each_prompt(
        &self,
        visit: &mut dyn FnMut(PromptTable) -> crate::Result<()>,
    ) -> crate::Result<()> {
        let tables = self.of_all(PromptTables::clone)?;
        let mut all = tables.all();
        all.try_for_each(|rows| visit(rows.to_table()))
    }

    fn each_blob(
        &self,
        visit: &mut dyn FnMut(BlobId, StoredBlob, u64) -> crate::Result<()>,
    ) -> crate::Result<()> {
        self.present.each_blob(visit)
    }

    fn each_operation(&self, after: u64, visit: &mut OperationVisitor<'_>) -> crate::Result<()> {
        self.present
            .each_operation(after, &mut |number, id, text| match number <= self.until {
                true => visit(number, id, text),
                false => Ok(ControlFlow::Break(())),
            })
    }

    fn each_searchable(&self, _: &mut dyn FnMut(Told) -> crate::Result<()>) -> crate::Result<()> {
        Ok(())
    }

    fn self_check(&self) -> Result<Vec<String>> {
        self.present.self_check()
    }
}
