//! The tables, and every read of them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rpds::{RedBlackTreeMapSync as Map, VectorSync as Vector};
use semver::VersionReq;

use super::search::SearchTables;
use crate::backend::{
    Collectable, Journaled, Numbering, OperationVisitor, PromptTable, PromptTables, Result,
    SearchQuery, SearchVisitor, Snapshot, StoredBlob, Told, VersionRow, Waiting,
};
use crate::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::number::VersionNumber;
use crate::record::{
    Change, Environment, Operation, OperationFilter, Prompt, PromptFilter, RecordedInputs,
    Settings, Version, VersionFilter,
};

/// All tables; cloning shares them.
#[derive(Clone, Debug)]
pub(super) struct State {
    settings: Settings,
    pub(super) tables: PromptTables,
    pub(super) search: SearchTables,
    /// Each with its content as it was hashed.
    pub(super) operations: Vector<(Operation, Arc<str>)>,
    /// Bodies that are stored.
    pub(super) blobs: Map<BlobId, Blob>,
    /// The position of the last body that came.
    pub(super) last_position: u64,
    pub(super) inputs: Map<(VersionId, String), RecordedInputs>,
}

#[derive(Clone, Debug)]
pub(super) struct Blob {
    /// Its place in the order in which bodies came.
    pub(super) position: u64,
    pub(super) stored: StoredBlob,
    /// How many live versions have it.
    pub(super) live: u64,
    /// When the last live version went.
    pub(super) unused_since: Option<DateTime<Utc>>,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            tables: PromptTables::default(),
            search: SearchTables::default(),
            operations: Vector::default(),
            blobs: Map::default(),
            last_position: 0,
            inputs: Map::default(),
        }
    }
}

fn journaled((id, blob): (&BlobId, &Blob)) -> Option<Journaled> {
    match &blob.stored {
        StoredBlob::Journaled(bytes) => Some(Journaled {
            position: blob.position,
            id: *id,
            bytes: bytes.clone(),
        }),
        StoredBlob::Settled(_) => None,
    }
}

impl Snapshot for State {
    fn settings(&self) -> Result<Settings> {
        Ok(self.settings)
    }

    fn prompt(&self, id: PromptId) -> Result<Option<Prompt>> {
        Ok(self.tables.prompt(id))
    }

    fn prompt_id_taken(&self, id: PromptId) -> Result<bool> {
        Ok(self.tables.table(id).is_some())
    }

    fn prompts_named(&self, name: &PromptName) -> Result<Vec<PromptId>> {
        Ok(self.tables.prompts_named(name))
    }

    fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> Result<Vec<Prompt>> {
        Ok(self.tables.prompts(filter, before, limit))
    }

    fn searchable_up_to(&self) -> Result<u64> {
        Ok(self.search.up_to)
    }

    fn search(&self, query: &SearchQuery, visit: &mut SearchVisitor<'_>) -> crate::Result<()> {
        self.search.find(query, visit)
    }

    fn search_messages(&self, query: &SearchQuery, limit: usize) -> Result<Vec<VersionId>> {
        let is_live = |id: VersionId| self.tables.version(id).is_some();
        Ok(self.search.find_messages(query, is_live, limit))
    }

    fn dependents(
        &self,
        prompt: PromptId,
        environment: &EnvironmentName,
    ) -> Result<Vec<(PromptId, VersionId)>> {
        Ok(self.search.dependents(prompt, environment))
    }

    fn prompt_count(&self) -> Result<u64> {
        Ok(self.tables.prompt_count())
    }

    fn tags(&self) -> Result<Vec<String>> {
        Ok(self.tables.tags())
    }

    fn environment_names(&self) -> Result<Vec<EnvironmentName>> {
        Ok(self.tables.environment_names())
    }

    fn version(&self, id: VersionId) -> Result<Option<Version>> {
        Ok(self.tables.version(id))
    }

    fn version_ever(&self, id: VersionId) -> Result<Option<VersionRow>> {
        let row = self.tables.version_ever(id);
        Ok(row.map(|row| row.as_ref().clone()))
    }

    fn version_numbered(&self, prompt: PromptId, number: VersionNumber) -> Result<Option<Version>> {
        Ok(self.tables.version_numbered(prompt, number))
    }

    fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> Result<Option<Version>> {
        Ok(self.tables.highest_version(prompt, requirement))
    }

    fn version_in(&self, prompt: PromptId, name: &EnvironmentName) -> Result<Option<Version>> {
        Ok(self.tables.version_in(prompt, name))
    }

    fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> Result<Vec<Version>> {
        Ok(self.tables.versions(prompt, filter, before, limit))
    }

    fn environments(&self, prompt: PromptId) -> Result<Vec<Environment>> {
        Ok(self.tables.environments(prompt))
    }

    fn numbering(&self, prompt: PromptId, major: u32) -> Result<Numbering> {
        Ok(self.tables.numbering(prompt, major))
    }

    fn blob(&self, id: BlobId) -> Result<Option<StoredBlob>> {
        Ok(self.blobs.get(&id).map(|blob| blob.stored.clone()))
    }

    fn last_operation(&self) -> Result<Option<(u64, OperationId)>> {
        let last = self.operations.last();
        Ok(last.map(|(operation, _)| (operation.number, operation.id)))
    }

    fn last_operation_by(&self, moment: DateTime<Utc>) -> Result<u64> {
        let by = self
            .operations
            .iter()
            .take_while(|(operation, _)| operation.content.at <= moment);
        Ok(by.count() as u64)
    }

    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Operation>> {
        let of_prompt = |change: &Change| filter.prompt.is_none_or(|id| change.prompt() == id);
        let of_environment = |change: &Change| match (&filter.environment, change) {
            (None, _) => true,
            (Some(wanted), Change::Environment { name, .. }) => name == wanted,
            (Some(_), _) => false,
        };
        let unfiltered = *filter == OperationFilter::default();
        let end = before.map_or(self.operations.len(), |before| {
            usize::try_from(before.saturating_sub(1))
                .map_or(self.operations.len(), |end| end.min(self.operations.len()))
        });
        Ok((0..end)
            .rev()
            .filter_map(|at| self.operations.get(at))
            .map(|(operation, _)| operation)
            .filter(|operation| {
                let mut changes = operation.content.changes.iter();
                unfiltered || changes.any(|change| of_prompt(change) && of_environment(change))
            })
            .take(limit)
            .cloned()
            .collect())
    }

    fn inputs(&self, version: VersionId, request: &str) -> Result<Option<RecordedInputs>> {
        match self.version(version)? {
            Some(_) => Ok(self.inputs.get(&(version, request.to_owned())).cloned()),
            None => Ok(None),
        }
    }

    fn inputs_of(&self, version: VersionId) -> Result<Vec<RecordedInputs>> {
        if self.version(version)?.is_none() {
            return Ok(Vec::new());
        }
        let from = self.inputs.range((version, String::new())..);
        let of_version = from.take_while(|((of, _), _)| *of == version);
        Ok(of_version.map(|(_, inputs)| inputs.clone()).collect())
    }

    fn waiting(&self) -> Result<Waiting> {
        let journaled = self.blobs.values().filter_map(|blob| match &blob.stored {
            StoredBlob::Journaled(bytes) => Some(bytes.len() as u64),
            StoredBlob::Settled(_) => None,
        });
        Ok(journaled.fold(Waiting::default(), |sum, bytes| Waiting {
            bodies: sum.bodies + 1,
            bytes: sum.bytes + bytes,
        }))
    }

    fn journal(&self, after: u64, bytes: usize) -> Result<Vec<Journaled>> {
        let mut waiting: Vec<Journaled> = self.blobs.iter().filter_map(journaled).collect();
        waiting.retain(|body| body.position > after);
        waiting.sort_by_key(|body| body.position);
        let mut sum = 0;
        let fits = |(at, body): &(usize, Journaled)| {
            sum += body.bytes.len();
            *at == 0 || sum <= bytes
        };
        let batch = waiting.into_iter().enumerate().take_while(fits);
        Ok(batch.map(|(_, body)| body).collect())
    }

    fn collectable(&self, unused_since: DateTime<Utc>, limit: usize) -> Result<Vec<Collectable>> {
        let unused = |blob: &Blob| {
            blob.live == 0 && blob.unused_since.is_none_or(|since| since <= unused_since)
        };
        let collectable = self.blobs.iter().filter(|(_, blob)| unused(blob));
        Ok(collectable
            .map(|(id, blob)| Collectable {
                id: *id,
                size: match &blob.stored {
                    StoredBlob::Journaled(bytes) => bytes.len() as u64,
                    StoredBlob::Settled(size) => *size,
                },
            })
            .take(limit)
            .collect())
    }

    fn each_prompt(
        &self,
        visit: &mut dyn FnMut(PromptTable) -> crate::Result<()>,
    ) -> crate::Result<()> {
        let mut tables = self.tables.all();
        tables.try_for_each(|table| visit(table.as_ref().clone()))
    }

    fn each_blob(
        &self,
        visit: &mut dyn FnMut(BlobId, StoredBlob, u64) -> crate::Result<()>,
    ) -> crate::Result<()> {
        let mut blobs = self.blobs.iter();
        blobs.try_for_each(|(id, blob)| visit(*id, blob.stored.clone(), blob.live))
    }

    fn each_operation(&self, after: u64, visit: &mut OperationVisitor<'_>) -> crate::Result<()> {
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        for (operation, text) in
            (after..self.operations.len()).filter_map(|at| self.operations.get(at))
        {
            if visit(operation.number, operation.id, text)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn each_searchable(
        &self,
        visit: &mut dyn FnMut(Told) -> crate::Result<()>,
    ) -> crate::Result<()> {
        self.search.each(visit)
    }

    fn self_check(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}
