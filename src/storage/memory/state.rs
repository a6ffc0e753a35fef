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
    Collectable, Journaled, Numbering, OperationVisitor, PromptTable, PromptTables, Result,
    SearchQuery, SearchVisitor, Snapshot, StoredBlob, Told, Unused, VersionRow, Waiting,
};

/// All tables. Clones share their data.
#[derive(Clone, Debug)]
pub(super) struct State {
    settings: Settings,
    pub(super) tables: PromptTables,
    pub(super) search: SearchTables,
    pub(super) operations: OperationRows,
    /// The stored bodies.
    pub(super) blobs: BlobRows,
    pub(super) inputs: Map<(VersionId, String), RecordedInputs>,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            tables: PromptTables::default(),
            search: SearchTables::default(),
            operations: OperationRows::default(),
            blobs: BlobRows::default(),
            inputs: Map::default(),
        }
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
        Ok(self.tables.rows(id).is_some())
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
        Ok(self.blobs.get(id).map(|blob| blob.stored.clone()))
    }

    fn last_operation(&self) -> Result<Option<(u64, OperationId)>> {
        let last = self.operations.last();
        Ok(last.map(|operation| (operation.number, operation.id)))
    }

    fn last_operation_by(&self, moment: DateTime<Utc>, up_to: u64) -> Result<u64> {
        Ok(self.operations.last_by(moment, up_to))
    }

    fn first_operation_between(
        &self,
        after: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> Result<Option<u64>> {
        Ok(self.operations.first_between(after, by))
    }

    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Operation>> {
        Ok(self.operations.list(filter, before, limit))
    }

    fn last_operation_of(&self, prompt: PromptId) -> Result<Option<u64>> {
        Ok(self.operations.last_of(prompt))
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

    fn lost_versions_with_inputs(&self) -> Result<Vec<VersionId>> {
        let is_lost = |id: &VersionId| {
            let row = self.tables.version_ever(*id);
            row.is_some_and(|row| {
                row.deleted_at.is_some() && self.blobs.get(row.version.blob).is_none()
            })
        };
        let mut versions: Vec<VersionId> = self.inputs.keys().map(|(id, _)| *id).collect();
        versions.dedup();
        versions.retain(is_lost);
        Ok(versions)
    }

    fn waiting(&self) -> Result<Waiting> {
        Ok(self.blobs.waiting())
    }

    fn journal(&self, after: u64, bytes: usize) -> Result<Vec<Journaled>> {
        Ok(self.blobs.journal(after, bytes))
    }

    fn collectable(&self, unused: Unused, limit: usize) -> Result<Vec<Collectable>> {
        Ok(self.blobs.collectable(unused, limit))
    }

    fn each_prompt(
        &self,
        visit: &mut dyn FnMut(PromptTable) -> crate::Result<()>,
    ) -> crate::Result<()> {
        let mut prompts = self.tables.all();
        prompts.try_for_each(|rows| visit(rows.to_table()))
    }

    fn each_blob(
        &self,
        visit: &mut dyn FnMut(BlobId, StoredBlob, u64) -> crate::Result<()>,
    ) -> crate::Result<()> {
        let mut blobs = self.blobs.iter();
        blobs.try_for_each(|(id, blob)| visit(*id, blob.stored.clone(), blob.live))
    }

    fn each_operation(&self, after: u64, visit: &mut OperationVisitor<'_>) -> crate::Result<()> {
        for (operation, text) in self.operations.after(after) {
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
