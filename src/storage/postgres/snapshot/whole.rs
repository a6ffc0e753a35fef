//! The reads of the store itself, and the groups of reads together.

use super::PostgresSnapshot;
use crate::model::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::model::record::Settings;
use crate::storage::postgres::columns::{bytes, number, optional_raw};
use crate::storage::postgres::error::PostgresContext;
use crate::storage::postgres::{migrate, search, self_check};
use crate::storage::{
    IndexedItemVisitor, SearchQuery, SearchReads, SearchVisitor, Snapshot, StorageResult,
};

impl SearchReads for PostgresSnapshot<'_> {
    fn indexed_through(&self) -> StorageResult<u64> {
        let row = self.row(
            "reading the search index",
            "SELECT searchable FROM head",
            &[],
        )?;
        row.map_or(Ok(0), |row| number(&row, 0))
    }

    fn search(&self, query: &SearchQuery, visit: &mut SearchVisitor<'_>) -> StorageResult<()> {
        search::find(self, query, visit)
    }

    fn search_messages(&self, query: &SearchQuery, limit: usize) -> StorageResult<Vec<VersionId>> {
        search::find_messages(self, query, limit)
    }

    fn dependents(
        &self,
        prompt: PromptId,
        environment: &EnvironmentName,
    ) -> StorageResult<Vec<(PromptId, VersionId)>> {
        search::dependents(self, prompt, environment)
    }

    fn each_searchable(&self, visit: &mut IndexedItemVisitor<'_>) -> StorageResult<()> {
        search::each(self, visit)
    }
}

impl Snapshot for PostgresSnapshot<'_> {
    fn settings(&self) -> StorageResult<Settings> {
        migrate::settings(self)
    }

    fn environment_list(&self) -> StorageResult<Option<Vec<EnvironmentName>>> {
        let doing = "reading the environment list";
        let Some(row) = self.row(doing, "SELECT environments FROM setting", &[])? else {
            return Ok(None);
        };
        let Some(list) = optional_raw(&row, 0)? else {
            return Ok(None);
        };
        let names: Vec<String> = serde_json::from_slice(list).context(doing)?;
        let names = names.iter().map(|name| name.parse::<EnvironmentName>());
        names.collect::<Result<_, _>>().map(Some).context(doing)
    }

    fn missing_body_of(&self, version: VersionId) -> StorageResult<Option<BlobId>> {
        let sql = "SELECT o.hash FROM version v JOIN blob o ON o.key = v.blob
            WHERE NOT o.stored AND v.id = $1";
        let row = self.row(
            "looking for a version's body",
            sql,
            &[&&version.as_bytes()[..]],
        )?;
        row.map(|row| Ok(BlobId::from_bytes(bytes(&row, 0)?)))
            .transpose()
    }

    fn self_check(&self) -> StorageResult<Vec<String>> {
        self_check::run(self)
    }
}
