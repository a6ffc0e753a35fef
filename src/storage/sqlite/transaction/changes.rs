//! The effects of each change on the rows.

use super::rows::SqliteTransaction;
use crate::model::contract_digest::ContractDigest;
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Change, PromptState, Version};
use crate::model::version_number::VersionNumber;
use crate::storage::sqlite::columns::{json_list, micros};
use crate::storage::sqlite::environment_list;
use crate::storage::sqlite::ids::version_is;
use crate::storage::{StorageError, StorageErrorKind, StorageResult, folded};

/// The operation that releases bodies, and the moment at which it is appended.
#[derive(Clone, Copy)]
pub(super) struct Releasing {
    pub(super) number: i64,
    pub(super) at: i64,
}

impl SqliteTransaction<'_> {
    /// Applies a change. `at` is the operation's own moment.
    pub(super) fn apply(&self, change: &Change, at: i64, release: Releasing) -> StorageResult<()> {
        match change {
            Change::Prompt { id, before, after } => match (before, after) {
                (None, Some(state)) => self.create_prompt(at, *id, state),
                (Some(_), Some(state)) => self.change_prompt(at, *id, state),
                (_, None) => self.delete_prompt(at, release, *id),
            },
            Change::VersionCreated(version) => self.create_version(version),
            Change::VersionDeleted { prompt, id } => self.delete_version(at, release, *prompt, *id),
            Change::VersionRestored { prompt, id } => self.restore_version(*prompt, *id),
            Change::Environment {
                prompt,
                name,
                before,
                after,
                ..
            } => self.point(at, *prompt, name, *before, *after),
            Change::EnvironmentList { before, after } => {
                self.set_environment_list(before.as_deref(), after.as_deref())
            }
        }
    }

    fn set_environment_list(
        &self,
        before: Option<&[EnvironmentName]>,
        after: Option<&[EnvironmentName]>,
    ) -> StorageResult<()> {
        let found = environment_list::read(self.connection())?;
        if found.as_deref() != before {
            let reason = "index: the environment list is another one before the operation";
            return Err(StorageError::new(StorageErrorKind::Corrupt, reason));
        }
        environment_list::write(self.connection(), after)
    }

    /// Creates a prompt, or restores a deleted one without its versions.
    fn create_prompt(&self, at: i64, id: PromptId, state: &PromptState) -> StorageResult<()> {
        self.change_one(
            "creating a prompt",
            "INSERT INTO prompt (id, name, folded, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4)
             ON CONFLICT (id) DO UPDATE
             SET name = ?2, folded = ?3, deleted_at = NULL, updated_at = ?4
             WHERE deleted_at IS NOT NULL",
            (
                id.as_str(),
                state.name.as_str(),
                folded(state.name.as_str()),
                at,
            ),
        )?;
        self.count_prompts(1)?;
        self.set_tags(id, &state.tags)
    }

    fn change_prompt(&self, at: i64, id: PromptId, state: &PromptState) -> StorageResult<()> {
        self.change_one(
            "renaming a prompt",
            "UPDATE prompt SET name = ?2, folded = ?3, updated_at = ?4
             WHERE id = ?1 AND deleted_at IS NULL",
            (
                id.as_str(),
                state.name.as_str(),
                folded(state.name.as_str()),
                at,
            ),
        )?;
        self.drop_tags(id)?;
        self.set_tags(id, &state.tags)
    }

    fn delete_prompt(&self, at: i64, release: Releasing, id: PromptId) -> StorageResult<()> {
        self.change_any(
            "releasing a prompt's bodies",
            "UPDATE blob SET live = live - gone.count, unused_since = iif(live = gone.count, ?2, NULL), unused_by = ?3
             FROM (SELECT blob, count(*) AS count FROM version
                   WHERE prompt = (SELECT key FROM prompt WHERE id = ?1) AND deleted_at IS NULL
                   GROUP BY blob) AS gone
             WHERE blob.key = gone.blob",
            (id.as_str(), release.at, release.number),
        )?;
        self.change_any(
            "deleting a prompt's versions",
            "UPDATE version SET deleted_at = ?2
             WHERE prompt = (SELECT key FROM prompt WHERE id = ?1) AND deleted_at IS NULL",
            (id.as_str(), at),
        )?;
        self.drop_tags(id)?;
        self.change_one(
            "deleting a prompt",
            "UPDATE prompt SET deleted_at = ?2, updated_at = ?2, versions = 0, latest = NULL
             WHERE id = ?1 AND deleted_at IS NULL
                 AND NOT EXISTS (SELECT 1 FROM environment e WHERE e.prompt = prompt.key)",
            (id.as_str(), at),
        )?;
        // It has none now.
        let key = self.prompt_key(id)?;
        self.version_counts.borrow_mut().remove(&key);
        self.count_prompts(-1)
    }

    fn count_prompts(&self, by: i64) -> StorageResult<()> {
        self.change_one(
            "counting prompts",
            "UPDATE counter SET value = value + ?1 WHERE name = 'prompts'",
            [by],
        )
    }

    fn drop_tags(&self, id: PromptId) -> StorageResult<()> {
        self.change_any(
            "dropping tags",
            "DELETE FROM tag WHERE prompt = (SELECT key FROM prompt WHERE id = ?1)",
            [id.as_str()],
        )
    }

    fn set_tags(&self, id: PromptId, tags: &[String]) -> StorageResult<()> {
        if tags.is_empty() {
            return Ok(());
        }
        self.change_any(
            "setting tags",
            "INSERT INTO tag SELECT p.key, t.key, t.value FROM prompt p, json_each(?2) t WHERE p.id = ?1",
            (id.as_str(), json_list(tags)?),
        )
    }

    fn create_version(&self, version: &Version) -> StorageResult<()> {
        let prompt = self.prompt_key(version.prompt_id)?;
        let blob = self.blob_key(version.blob)?;
        let base = version
            .base
            .map(|base| self.version_key(base))
            .transpose()?;
        let model = version.model.as_deref();
        let model = model.map(|text| self.intern(text)).transpose()?;
        let author = self.intern(&version.author)?;
        // The prompt is missing, which the table refuses, if it is deleted, or if a version has the
        // id already: no index prevents that.
        self.change_one(
            "inserting a version with a new id, of a live prompt",
            concat!(
                "INSERT INTO version
                (id, prompt, major, minor, model, message, author, base, blob, created_at, contract)
             VALUES (?1, (SELECT key FROM prompt WHERE key = ?2 AND deleted_at IS NULL
                              AND NOT EXISTS (SELECT 1 FROM version WHERE ",
                version_is!("version", "?1"),
                ")), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            ),
            (
                version.id.as_bytes(),
                prompt,
                version.number.major,
                version.number.minor,
                model,
                &version.message,
                author,
                base,
                blob,
                micros(version.created_at),
                version.contract.as_ref().map(ContractDigest::as_bytes),
            ),
        )?;
        let key = self.connection().last_insert_rowid();
        self.keys.versions.put(version.id, key);
        let mut counts = self.version_counts.borrow_mut();
        counts.entry(prompt).or_default().add(version.number, key);
        self.count_version_of(version.blob, blob)
    }

    fn delete_version(
        &self,
        at: i64,
        release: Releasing,
        prompt: PromptId,
        id: VersionId,
    ) -> StorageResult<()> {
        let prompt = self.prompt_key(prompt)?;
        // With `+` the index of versions by prompt is not an alternative to that by id.
        let blob: i64 = self.change_row(
            "deleting a version",
            concat!(
                "UPDATE version SET deleted_at = ?2 WHERE ",
                version_is!("version", "?1"),
                " AND deleted_at IS NULL AND +prompt = ?3
                  AND NOT EXISTS (SELECT 1 FROM environment e
                                  WHERE e.prompt = version.prompt AND e.version = version.key)
                 RETURNING blob"
            ),
            (id.as_bytes(), at, prompt),
            |row| row.get(0),
        )?;
        self.change_one(
            "counting a body's versions",
            "UPDATE blob SET live = live - 1, unused_since = iif(live = 1, ?2, NULL), unused_by = ?3
             WHERE key = ?1",
            (blob, release.at, release.number),
        )?;
        let mut counts = self.version_counts.borrow_mut();
        counts.entry(prompt).or_default().delete();
        Ok(())
    }

    fn restore_version(&self, prompt: PromptId, id: VersionId) -> StorageResult<()> {
        let prompt = self.prompt_key(prompt)?;
        let (key, blob, number) = self.change_row(
            "restoring a version of a live prompt",
            concat!(
                "UPDATE version SET deleted_at = NULL WHERE ",
                version_is!("version", "?1"),
                " AND deleted_at IS NOT NULL
                  AND +prompt = (SELECT key FROM prompt WHERE key = ?2 AND deleted_at IS NULL)
                 RETURNING key, blob, major, minor"
            ),
            (id.as_bytes(), prompt),
            |row| {
                let number = VersionNumber::new(row.get(2)?, row.get(3)?);
                Ok((row.get(0)?, row.get::<_, i64>(1)?, number))
            },
        )?;
        self.change_one(
            "counting a stored body's versions",
            "UPDATE blob SET live = live + 1, unused_since = NULL
             WHERE key = ?1 AND (stored = 1 OR ?2)",
            (blob, self.may_lack_its_body(id)?),
        )?;
        let mut counts = self.version_counts.borrow_mut();
        counts.entry(prompt).or_default().add(number, key);
        Ok(())
    }

    /// Counts the versions that the current operation created, deleted and restored, once for each
    /// prompt.
    pub(super) fn count_versions(&self, at: i64) -> StorageResult<()> {
        for (prompt, count) in self.version_counts.take() {
            let key = count.highest_added.map(|(_, key)| key);
            let number = count.highest_added;
            let number = number.map(|(number, _)| (number.major, number.minor));
            let (major, minor) = number.unzip();
            self.change_one(
                "counting a prompt's versions",
                "UPDATE prompt SET versions = versions + ?2, updated_at = ?6,
                     latest = iif(?3 IS NULL OR (SELECT (major, minor) > (?4, ?5) FROM version
                                                 WHERE key = latest), latest, ?3)
                 WHERE key = ?1",
                (prompt, count.more, key, major, minor, at),
            )?;
            if count.lost_some {
                self.find_latest(prompt)?;
            }
        }
        Ok(())
    }

    /// Finds the latest live version of a prompt that lost some.
    ///
    /// It has no higher number than the previous latest version, even if that one is deleted now.
    /// With `+ 0` both numbers bound the search in the index: a column has an affinity, which
    /// prevents this for the second one.
    fn find_latest(&self, prompt: i64) -> StorageResult<()> {
        self.change_one(
            "finding a prompt's latest version",
            "UPDATE prompt SET latest =
                (SELECT v.key FROM version l CROSS JOIN version v
                 WHERE l.key = prompt.latest AND v.prompt = prompt.key AND v.deleted_at IS NULL
                     AND (v.major, v.minor) <= (l.major + 0, l.minor + 0)
                 ORDER BY v.major DESC, v.minor DESC LIMIT 1)
             WHERE key = ?1",
            [prompt],
        )
    }

    /// Moves an environment.
    ///
    /// Each statement changes a row only if the environment points to the version that the change
    /// names.
    fn point(
        &self,
        at: i64,
        prompt: PromptId,
        name: &EnvironmentName,
        before: Option<VersionId>,
        after: Option<VersionId>,
    ) -> StorageResult<()> {
        let (prompt, name) = (self.prompt_key(prompt)?, name.as_str());
        self.change_one(
            "dating the change of a prompt",
            "UPDATE prompt SET updated_at = ?2 WHERE key = ?1",
            (prompt, at),
        )?;
        let key = |version: Option<VersionId>| version.map(|id| self.version_key(id)).transpose();
        match (key(before)?, key(after)?) {
            (None, Some(to)) => self.change_one(
                "setting an environment",
                "INSERT INTO environment
                 SELECT prompt, ?2, key, ?4 FROM version
                 WHERE key = ?3 AND prompt = ?1 AND deleted_at IS NULL",
                (prompt, name, to, at),
            ),
            (Some(from), Some(to)) => self.change_one(
                "moving an environment",
                "UPDATE environment SET version = ?3, moved_at = ?4
                 WHERE prompt = ?1 AND name = ?2 AND version = ?5
                     AND EXISTS (SELECT 1 FROM version v
                                 WHERE v.key = ?3 AND v.prompt = ?1 AND v.deleted_at IS NULL)",
                (prompt, name, to, at, from),
            ),
            (Some(from), None) => self.change_one(
                "removing an environment",
                "DELETE FROM environment WHERE prompt = ?1 AND name = ?2 AND version = ?3",
                (prompt, name, from),
            ),
            (None, None) => Ok(()),
        }
    }
}
