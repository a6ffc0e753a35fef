//! Ids that are not in use, which a transaction looks up in advance and all at once.

use std::collections::HashSet;

use tokio_postgres::Row;

use crate::model::id::{BlobId, PromptId, VersionId};
use crate::model::record::Change;
use crate::storage::postgres::columns::{bytes, parsed};
use crate::storage::postgres::connection::Params;
use crate::storage::{AnnouncedIds, StorageResult};

/// Selects those of the ids that are in use.
const IN_USE: &str = "SELECT 0::bigint, hash FROM blob WHERE stored AND hash = ANY($1::bytea[])
    UNION ALL SELECT 1, id FROM version WHERE id = ANY($2::bytea[])
    UNION ALL SELECT 2, id FROM prompt WHERE id = ANY($3::bytea[])";

/// Ids that are not in use: of bodies that are not stored, and of versions and prompts without a row.
///
/// A transaction holds the lock of the writers, so none of them can come into use except by its own
/// writes, which remove them from here.
#[derive(Debug, Default)]
pub(in crate::storage::postgres) struct UnusedIds {
    bodies: HashSet<BlobId>,
    versions: HashSet<VersionId>,
    prompts: HashSet<PromptId>,
}

impl UnusedIds {
    /// Returns whether the body is known not to be stored.
    pub(super) fn has_body(&self, id: BlobId) -> bool {
        self.bodies.contains(&id)
    }

    /// Returns whether the version is known not to exist, deleted versions included.
    pub(super) fn has_version(&self, id: VersionId) -> bool {
        self.versions.contains(&id)
    }

    /// Returns whether the prompt is known not to exist, deleted prompts included.
    pub(super) fn has_prompt(&self, id: PromptId) -> bool {
        self.prompts.contains(&id)
    }

    /// Removes a body, because it is being stored.
    pub(in crate::storage::postgres) fn remove_body(&mut self, id: BlobId) {
        self.bodies.remove(&id);
    }

    /// Removes what a change brings into use.
    pub(in crate::storage::postgres) fn remove(&mut self, change: &Change) {
        match change {
            Change::Prompt { id, .. } => drop(self.prompts.remove(id)),
            Change::VersionCreated(version) => drop(self.versions.remove(&version.id)),
            _ => {}
        }
    }

    /// Looks up which of these ids are not in use, by one query.
    pub(in crate::storage::postgres) fn of(
        ids: &AnnouncedIds,
        query: impl FnOnce(&str, &Params<'_>) -> StorageResult<Vec<Row>>,
    ) -> StorageResult<Self> {
        let bodies: Vec<&[u8]> = ids.bodies.iter().map(|id| &id.as_bytes()[..]).collect();
        let versions: Vec<&[u8]> = ids.versions.iter().map(|id| &id.as_bytes()[..]).collect();
        let prompts = ids.prompts.iter().map(|id| id.as_str().as_bytes());
        let prompts: Vec<&[u8]> = prompts.collect();
        let rows = query(IN_USE, &[&bodies, &versions, &prompts])?;
        let mut unused = Self {
            bodies: ids.bodies.iter().copied().collect(),
            versions: ids.versions.iter().copied().collect(),
            prompts: ids.prompts.iter().copied().collect(),
        };
        rows.iter().try_for_each(|row| unused.remove_row(row))?;
        Ok(unused)
    }

    fn remove_row(&mut self, row: &Row) -> StorageResult<()> {
        match row.get::<_, i64>(0) {
            0 => self.remove_body(BlobId::from_bytes(bytes(row, 1)?)),
            1 => drop(self.versions.remove(&VersionId::from_bytes(bytes(row, 1)?))),
            _ => drop(self.prompts.remove(&parsed::<PromptId>(row, 1)?)),
        }
        Ok(())
    }
}
