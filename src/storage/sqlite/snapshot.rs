//! The reads of a snapshot: single queries, and visits of all rows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::Row;
use semver::VersionReq;

use super::columns::{bytes, collect, moment, optional_moment, parsed};
use super::error::{SqliteContext, SqliteResult};
use super::pool::ReaderPool;
use super::read_connection::ReadConnection;
use super::{check, environment_list, operations, prompts, schema, search, version_list, versions};
use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::model::record::{
    Environment, Operation, OperationFilter, Prompt, PromptFilter, PromptState, RecordedInputs,
    Settings, Version, VersionFilter,
};
use crate::model::version_number::VersionNumber;
use crate::storage::{
    BlobVisitor, BodyReads, IndexedItemVisitor, JournaledBodies, LogReads, Numbering,
    OldestJournaled, OperationVisitor, PromptReads, PromptTable, PromptVisitor, ReleasedBefore,
    SearchQuery, SearchReads, SearchVisitor, Snapshot, StoredBlob, Unreferenced, VersionReads,
    VersionRow,
};

/// A snapshot: a connection with an open transaction.
#[derive(Debug)]
pub(super) struct SqliteSnapshot<'a> {
    /// None only while it is being dropped.
    tables: Option<ReadConnection>,
    /// The pool that gets the connection back; none if this belongs to a writer.
    pool: Option<&'a ReaderPool>,
}

impl<'a> SqliteSnapshot<'a> {
    /// Creates a snapshot that ends its transaction and returns its connection when it is dropped.
    pub(super) fn pooled(tables: ReadConnection, pool: &'a ReaderPool) -> Self {
        Self {
            tables: Some(tables),
            pool: Some(pool),
        }
    }

    /// Creates the reads of a connection whose transactions another type begins and ends.
    pub(super) fn apart(tables: ReadConnection) -> Self {
        Self {
            tables: Some(tables),
            pool: None,
        }
    }

    #[allow(clippy::expect_used)] // Only `drop` takes it.
    pub(super) fn tables(&self) -> &ReadConnection {
        self.tables.as_ref().expect("held until dropped")
    }
}

impl Drop for SqliteSnapshot<'_> {
    fn drop(&mut self) {
        if let (Some(pool), Some(tables)) = (self.pool, self.tables.take()) {
            pool.end_reading(tables);
        }
    }
}

impl PromptReads for SqliteSnapshot<'_> {
    fn prompt(&self, id: PromptId) -> SqliteResult<Option<Prompt>> {
        prompts::get(&self.tables().connection, id)
    }

    fn prompt_exists(&self, id: PromptId) -> SqliteResult<bool> {
        prompts::exists(&self.tables().connection, id)
    }

    fn prompt_id_taken(&self, id: PromptId) -> SqliteResult<bool> {
        prompts::id_taken(&self.tables().connection, id)
    }

    fn prompts_named(&self, name: &PromptName) -> SqliteResult<Vec<PromptId>> {
        prompts::named(&self.tables().connection, name)
    }

    fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> SqliteResult<Vec<Prompt>> {
        prompts::list(&self.tables().connection, filter, before, limit)
    }

    fn prompt_count(&self) -> SqliteResult<u64> {
        prompts::count(&self.tables().connection)
    }

    fn prompt_count_of(&self, filter: &PromptFilter) -> SqliteResult<u64> {
        prompts::count_of(&self.tables().connection, filter)
    }

    fn tags(&self) -> SqliteResult<Vec<String>> {
        prompts::tags(&self.tables().connection)
    }

    fn environment_names(&self) -> SqliteResult<Vec<EnvironmentName>> {
        prompts::environment_names(&self.tables().connection)
    }

    fn environments(&self, prompt: PromptId) -> SqliteResult<Vec<Environment>> {
        prompts::environments(&self.tables().connection, prompt)
    }

    fn each_prompt(&self, visit: &mut PromptVisitor<'_>) -> SqliteResult<()> {
        let doing = "reading all prompts";
        let mut statement = self
            .tables()
            .connection
            .prepare_cached(
                "SELECT key, id, name, created_at, deleted_at,
                    (SELECT json_group_array(tag ORDER BY position) FROM tag WHERE prompt = key),
                    updated_at
                 FROM prompt ORDER BY key",
            )
            .context(doing)?;
        let mut rows = statement.query([]).context(doing)?;
        while let Some(row) = rows.next().context(doing)? {
            if visit(self.tables().table(row).context(doing)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl VersionReads for SqliteSnapshot<'_> {
    fn version(&self, id: VersionId) -> SqliteResult<Option<Version>> {
        versions::get(self.tables(), id)
    }

    fn version_even_deleted(&self, id: VersionId) -> SqliteResult<Option<VersionRow>> {
        versions::ever(self.tables(), id)
    }

    fn version_numbered(
        &self,
        prompt: PromptId,
        number: VersionNumber,
    ) -> SqliteResult<Option<Version>> {
        versions::numbered(self.tables(), prompt, number)
    }

    fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> SqliteResult<Option<Version>> {
        versions::highest(self.tables(), prompt, requirement)
    }

    fn version_in(
        &self,
        prompt: PromptId,
        name: &EnvironmentName,
    ) -> SqliteResult<Option<Version>> {
        versions::in_environment(self.tables(), prompt, name)
    }

    fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> SqliteResult<Vec<Version>> {
        version_list::list(self.tables(), prompt, filter, before, limit)
    }

    fn numbering(&self, prompt: PromptId, major: u32) -> SqliteResult<Numbering> {
        versions::numbering(&self.tables().connection, prompt, major)
    }

    fn inputs(&self, version: VersionId, request: &str) -> SqliteResult<Option<RecordedInputs>> {
        operations::inputs(&self.tables().connection, version, request)
    }

    fn inputs_of(&self, version: VersionId) -> SqliteResult<Vec<RecordedInputs>> {
        operations::inputs_of(&self.tables().connection, version)
    }

    fn lost_versions_with_inputs(&self) -> SqliteResult<Vec<VersionId>> {
        operations::lost_versions_with_inputs(&self.tables().connection)
    }
}

impl BodyReads for SqliteSnapshot<'_> {
    fn blob(&self, id: BlobId) -> SqliteResult<Option<StoredBlob>> {
        versions::blob(&self.tables().connection, id)
    }

    fn waiting(&self) -> SqliteResult<OldestJournaled> {
        versions::waiting(&self.tables().connection)
    }

    fn journal(&self, after: u64, bytes: usize) -> SqliteResult<Vec<JournaledBodies>> {
        versions::journal(&self.tables().connection, after, bytes)
    }

    fn unreferenced(
        &self,
        unused: ReleasedBefore,
        limit: usize,
    ) -> SqliteResult<Vec<Unreferenced>> {
        versions::unreferenced(&self.tables().connection, unused, limit)
    }

    fn each_blob(&self, visit: &mut BlobVisitor<'_>) -> SqliteResult<()> {
        let doing = "reading all bodies";
        let sql = versions::select_blobs!("ORDER BY o.key");
        let mut statement = self
            .tables()
            .connection
            .prepare_cached(sql)
            .context(doing)?;
        let mut rows = statement.query([]).context(doing)?;
        while let Some(row) = rows.next().context(doing)? {
            let blob = || -> rusqlite::Result<_> {
                let id = BlobId::from_bytes(bytes(row, 0)?);
                Ok((id, versions::stored(row)?, row.get::<_, u32>(3)?.into()))
            };
            let (id, stored, live) = blob().context(doing)?;
            if visit(id, stored, live).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl LogReads for SqliteSnapshot<'_> {
    fn last_operation(&self) -> SqliteResult<Option<(u64, OperationId)>> {
        operations::last(self.tables())
    }

    fn last_operation_by(&self, moment: DateTime<Utc>, up_to: u64) -> SqliteResult<u64> {
        operations::last_by(self.tables(), moment, up_to)
    }

    fn first_operation_between(
        &self,
        after: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> SqliteResult<Option<u64>> {
        operations::first_between(self.tables(), after, by)
    }

    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> SqliteResult<Vec<Operation>> {
        operations::list(self.tables(), filter, before, limit)
    }

    fn each_operation(&self, after: u64, visit: &mut OperationVisitor<'_>) -> SqliteResult<()> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        operations::each(&self.tables().connection, after, visit)
    }

    fn each_operation_of(
        &self,
        prompt: PromptId,
        until: u64,
        visit: &mut OperationVisitor<'_>,
    ) -> SqliteResult<()> {
        operations::each_of(self.tables(), prompt, until, visit)
    }
}

impl SearchReads for SqliteSnapshot<'_> {
    fn indexed_through(&self) -> SqliteResult<u64> {
        search::up_to(&self.tables().connection)
    }

    fn search(&self, query: &SearchQuery, visit: &mut SearchVisitor<'_>) -> SqliteResult<()> {
        search::find(&self.tables().connection, query, visit)
    }

    fn search_messages(&self, query: &SearchQuery, limit: usize) -> SqliteResult<Vec<VersionId>> {
        search::find_messages(&self.tables().connection, query, limit)
    }

    fn dependents(
        &self,
        prompt: PromptId,
        environment: &EnvironmentName,
    ) -> SqliteResult<Vec<(PromptId, VersionId)>> {
        search::dependents(&self.tables().connection, prompt, environment)
    }

    fn each_searchable(&self, visit: &mut IndexedItemVisitor<'_>) -> SqliteResult<()> {
        search::each(&self.tables().connection, visit)
    }
}

impl Snapshot for SqliteSnapshot<'_> {
    fn is_consistent(&self) -> bool {
        self.tables().is_consistent()
    }

    fn settings(&self) -> SqliteResult<Settings> {
        schema::settings(&self.tables().connection)
    }

    fn environment_list(&self) -> SqliteResult<Option<Vec<EnvironmentName>>> {
        environment_list::read(&self.tables().connection)
    }

    fn missing_body_of(&self, version: VersionId) -> SqliteResult<Option<BlobId>> {
        versions::missing_body_of(&self.tables().connection, version)
    }

    fn self_check(&self) -> SqliteResult<Vec<String>> {
        check::all(&self.tables().connection)
    }
}

impl ReadConnection {
    /// Returns all that is stored of one prompt, by its row.
    fn table(&self, row: &Row<'_>) -> rusqlite::Result<PromptTable> {
        let key: i64 = row.get(0)?;
        let tags = serde_json::from_str(row.get_ref(5)?.as_str()?).map_err(|error| {
            let text = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(5, text, Box::new(error))
        })?;
        let state = PromptState {
            name: parsed(row, 2)?,
            tags,
        };
        let id = parsed(row, 1)?;
        Ok(PromptTable {
            id,
            created_at: moment(row, 3)?,
            updated_at: moment(row, 6)?,
            state: optional_moment(row, 4)?.is_none().then_some(state),
            versions: self.version_rows(key, id)?,
            environments: self.pointers(key)?,
        })
    }

    /// Returns all versions of a prompt in the order of their commits.
    ///
    /// They are sorted here: they mostly have the order of their numbers, in which an index lists
    /// them.
    fn version_rows(&self, prompt: i64, id: PromptId) -> rusqlite::Result<Vec<VersionRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT v.id, ?2, v.major, v.minor, v.model, v.message, v.author, b.id, v.created_at, o.hash, o.size,
                NULL, v.contract, v.deleted_at, v.key
             FROM version v JOIN blob o ON o.key = v.blob LEFT JOIN version b ON b.key = v.base
             WHERE v.prompt = ?1",
        )?;
        let mut found = collect(statement.query((prompt, id.as_str()))?, |row| {
            Ok((row.get::<_, i64>(14)?, versions::row(self, row)?))
        })?;
        found.sort_by_key(|(key, _)| *key);
        Ok(found.into_iter().map(|(_, version)| version).collect())
    }

    fn pointers(
        &self,
        prompt: i64,
    ) -> rusqlite::Result<BTreeMap<EnvironmentName, (VersionId, DateTime<Utc>)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT e.name, v.id, e.moved_at FROM environment e JOIN version v ON v.key = e.version
             WHERE e.prompt = ?1",
        )?;
        let pointers = collect(statement.query([prompt])?, |row| {
            let version = VersionId::from_bytes(bytes(row, 1)?);
            Ok((parsed(row, 0)?, (version, moment(row, 2)?)))
        })?;
        Ok(pointers.into_iter().collect())
    }
}
