//! The tables of the memory index, and every read of them.

use chrono::{DateTime, Utc};
use rpds::RedBlackTreeMapSync as Map;
use semver::VersionReq;

use super::bodies::BlobRows;
use super::operations::OperationRows;
use super::search::SearchTables;
use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::model::record::{
    Environment, Operation, OperationFilter, Prompt, PromptFilter, RecordedInputs, Settings,
    Version, VersionFilter,
};
use crate::model::version_number::VersionNumber;
use crate::storage::{
    BlobVisitor, BodyReads, IndexedItemVisitor, JournaledBodies, LogReads, LookupReads, Numbering,
    OldestJournaled, OperationVisitor, PromptReads, PromptTables, PromptVisitor, ReleasedBefore,
    SearchQuery, SearchReads, SearchVisitor, Snapshot, StorageResult, StoredBlob, Unreferenced,
    VersionReads, VersionRow,
};

/// All tables. Clones share their data.
#[derive(Clone, Debug)]
pub(super) struct MemoryState {
    settings: Settings,
    pub(super) environment_list: Option<Vec<EnvironmentName>>,
    pub(super) tables: PromptTables,
    pub(super) search: SearchTables,
    pub(super) operations: OperationRows,
    /// The stored bodies.
    pub(super) blobs: BlobRows,
    pub(super) inputs: Map<(VersionId, String), RecordedInputs>,
}

impl MemoryState {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            environment_list: None,
            tables: PromptTables::default(),
            search: SearchTables::default(),
            operations: OperationRows::default(),
            blobs: BlobRows::default(),
            inputs: Map::default(),
        }
    }
}

impl PromptReads for MemoryState {
    fn prompt(&self, id: PromptId) -> StorageResult<Option<Prompt>> {
        Ok(self.tables.prompt(id))
    }

    fn prompt_exists(&self, id: PromptId) -> StorageResult<bool> {
        Ok(self.tables.prompt_exists(id))
    }

    fn prompt_id_taken(&self, id: PromptId) -> StorageResult<bool> {
        Ok(self.tables.rows(id).is_some())
    }

    fn prompts_named(&self, name: &PromptName) -> StorageResult<Vec<PromptId>> {
        Ok(self.tables.prompts_named(name))
    }

    fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> StorageResult<Vec<Prompt>> {
        Ok(self.tables.prompts(filter, before, limit))
    }

    fn prompt_count(&self) -> StorageResult<u64> {
        Ok(self.tables.prompt_count())
    }

    fn prompt_count_of(&self, filter: &PromptFilter) -> StorageResult<u64> {
        Ok(self.tables.prompt_count_of(filter))
    }

    fn tags(&self) -> StorageResult<Vec<String>> {
        Ok(self.tables.tags())
    }

    fn environment_names(&self) -> StorageResult<Vec<EnvironmentName>> {
        Ok(self.tables.environment_names())
    }

    fn environments(&self, prompt: PromptId) -> StorageResult<Vec<Environment>> {
        Ok(self.tables.environments(prompt))
    }

    // A visitor that stops ends a visit, which is no failure.

    fn each_prompt(&self, visit: &mut PromptVisitor<'_>) -> StorageResult<()> {
        let _ = self
            .tables
            .all()
            .try_for_each(|rows| visit(rows.to_table()));
        Ok(())
    }
}

impl VersionReads for MemoryState {
    fn version(&self, id: VersionId) -> StorageResult<Option<Version>> {
        Ok(self.tables.version(id))
    }

    fn version_even_deleted(&self, id: VersionId) -> StorageResult<Option<VersionRow>> {
        Ok(self.tables.version_even_deleted(id).cloned())
    }

    fn version_numbered(
        &self,
        prompt: PromptId,
        number: VersionNumber,
    ) -> StorageResult<Option<Version>> {
        Ok(self.tables.version_numbered(prompt, number))
    }

    fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> StorageResult<Option<Version>> {
        Ok(self.tables.highest_version(prompt, requirement))
    }

    fn version_in(
        &self,
        prompt: PromptId,
        name: &EnvironmentName,
    ) -> StorageResult<Option<Version>> {
        Ok(self.tables.version_in(prompt, name))
    }

    fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> StorageResult<Vec<Version>> {
        Ok(self.tables.versions(prompt, filter, before, limit))
    }

    fn numbering(&self, prompt: PromptId, major: u32) -> StorageResult<Numbering> {
        Ok(self.tables.numbering(prompt, major))
    }

    fn inputs(&self, version: VersionId, request: &str) -> StorageResult<Option<RecordedInputs>> {
        match self.version(version)? {
            Some(_) => Ok(self.inputs.get(&(version, request.to_owned())).cloned()),
            None => Ok(None),
        }
    }

    fn inputs_of(&self, version: VersionId) -> StorageResult<Vec<RecordedInputs>> {
        if self.version(version)?.is_none() {
            return Ok(Vec::new());
        }
        let from = self.inputs.range((version, String::new())..);
        let of_version = from.take_while(|((of, _), _)| *of == version);
        Ok(of_version.map(|(_, inputs)| inputs.clone()).collect())
    }

    fn lost_versions_with_inputs(&self) -> StorageResult<Vec<VersionId>> {
        let is_lost = |id: &VersionId| {
            let row = self.tables.version_even_deleted(*id);
            row.is_some_and(|row| {
                row.deleted_at.is_some() && self.blobs.get(row.version.blob).is_none()
            })
        };
        let mut versions: Vec<VersionId> = self.inputs.keys().map(|(id, _)| *id).collect();
        versions.dedup();
        versions.retain(is_lost);
        Ok(versions)
    }
}

impl BodyReads for MemoryState {
    fn blob(&self, id: BlobId) -> StorageResult<Option<StoredBlob>> {
        Ok(self.blobs.get(id).map(|blob| blob.stored.as_ref().clone()))
    }

    fn waiting(&self) -> StorageResult<OldestJournaled> {
        Ok(self.blobs.waiting())
    }

    fn journal(&self, after: u64, bytes: usize) -> StorageResult<Vec<JournaledBodies>> {
        Ok(self.blobs.journal(after, bytes))
    }

    fn unreferenced(
        &self,
        unused: ReleasedBefore,
        limit: usize,
    ) -> StorageResult<Vec<Unreferenced>> {
        Ok(self.blobs.unreferenced(unused, limit))
    }

    fn each_blob(&self, visit: &mut BlobVisitor<'_>) -> StorageResult<()> {
        let _ = self
            .blobs
            .iter()
            .try_for_each(|(id, blob)| visit(*id, blob.stored.as_ref().clone(), blob.live));
        Ok(())
    }
}

impl LogReads for MemoryState {
    fn last_operation(&self) -> StorageResult<Option<(u64, OperationId)>> {
        let last = self.operations.last();
        Ok(last.map(|operation| (operation.number, operation.id)))
    }

    fn last_operation_by(&self, moment: DateTime<Utc>, up_to: u64) -> StorageResult<u64> {
        Ok(self.operations.last_by(moment, up_to))
    }

    fn first_operation_between(
        &self,
        after: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> StorageResult<Option<u64>> {
        Ok(self.operations.first_between(after, by))
    }

    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> StorageResult<Vec<Operation>> {
        Ok(self.operations.list(filter, before, limit))
    }

    fn each_operation(&self, after: u64, visit: &mut OperationVisitor<'_>) -> StorageResult<()> {
        let _ = self
            .operations
            .after(after)
            .try_for_each(|(operation, text)| visit(operation.number, operation.id, text));
        Ok(())
    }

    fn each_operation_of(
        &self,
        prompt: PromptId,
        until: u64,
        visit: &mut OperationVisitor<'_>,
    ) -> StorageResult<()> {
        let _ = self
            .operations
            .of_prompt(prompt, until)
            .try_for_each(|(operation, text)| visit(operation.number, operation.id, text));
        Ok(())
    }
}

impl SearchReads for MemoryState {
    fn indexed_through(&self) -> StorageResult<u64> {
        Ok(self.search.up_to)
    }

    fn search(&self, query: &SearchQuery, visit: &mut SearchVisitor<'_>) -> StorageResult<()> {
        let created_at = |id| self.tables.prompt(id).map(|prompt| prompt.created_at);
        self.search.find(query, created_at, visit);
        Ok(())
    }

    fn search_messages(&self, query: &SearchQuery, limit: usize) -> StorageResult<Vec<VersionId>> {
        let is_live = |id: VersionId| self.tables.version(id).is_some();
        Ok(self.search.find_messages(query, is_live, limit))
    }

    fn dependents(
        &self,
        prompt: PromptId,
        environment: &EnvironmentName,
    ) -> StorageResult<Vec<(PromptId, VersionId)>> {
        Ok(self.search.dependents(prompt, environment))
    }

    fn each_searchable(&self, visit: &mut IndexedItemVisitor<'_>) -> StorageResult<()> {
        let _ = self.search.each(visit);
        Ok(())
    }
}

impl LookupReads for MemoryState {}

impl Snapshot for MemoryState {
    fn settings(&self) -> StorageResult<Settings> {
        Ok(self.settings)
    }

    fn environment_list(&self) -> StorageResult<Option<Vec<EnvironmentName>>> {
        Ok(self.environment_list.clone())
    }

    fn missing_body_of(&self, version: VersionId) -> StorageResult<Option<BlobId>> {
        let row = self.tables.version_even_deleted(version);
        let blob = row.map(|row| row.version.blob);
        Ok(blob.filter(|blob| self.blobs.get(*blob).is_none()))
    }

    fn self_check(&self) -> StorageResult<Vec<String>> {
        Ok(Vec::new())
    }
}
