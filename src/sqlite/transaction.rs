//! The one write transaction: an operation's changes as rows.

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, OptionalExtension, Params, ToSql};

use super::error::{Context, Result};
use super::operations::End;
use super::prompts::folded;
use super::stored::{json_list, limit, micros};
use super::{Turn, connection, operations, schema, search};
use crate::backend::{Error, ErrorKind, Searchable, Snapshot, Transaction};
use crate::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::record::{Change, Operation, PromptState, RecordedInputs, Version};

pub(super) struct Write<'a> {
    turn: Turn<'a>,
    /// The keys of what this transaction used last: the next change mostly uses it again.
    prompt: Cell<Option<(PromptId, i64)>>,
    version: Cell<Option<(VersionId, i64)>>,
    blob: Cell<Option<(BlobId, i64)>>,
    /// Bodies that versions may have although they are not stored.
    absent: HashSet<BlobId>,
    /// Where the history ends, once it was read.
    end: Option<End>,
    /// Set once a flush has failed.
    poisoned: &'a AtomicBool,
}

impl<'a> Write<'a> {
    pub(super) fn begin(turn: Turn<'a>, poisoned: &'a AtomicBool) -> Result<Self> {
        connection::run(&turn.tables().connection, "BEGIN IMMEDIATE")
            .context("starting to write")?;
        Ok(Self {
            turn,
            prompt: Cell::new(None),
            version: Cell::new(None),
            blob: Cell::new(None),
            absent: HashSet::new(),
            end: None,
            poisoned,
        })
    }

    fn connection(&self) -> &Connection {
        &self.turn.tables().connection
    }

    /// Runs a statement that must change exactly one row.
    fn change_one(&self, doing: &str, sql: &str, params: impl Params) -> Result<()> {
        let changed = self
            .connection()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .context(doing)?;
        match changed {
            1 => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Corrupt,
                format!("index: {doing}: {changed} rows changed instead of one"),
            )),
        }
    }

    fn change_any(&self, doing: &str, sql: &str, params: impl Params) -> Result<()> {
        self.connection()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .context(doing)
            .map(drop)
    }

    /// The key of a row, by its id, which must be there.
    fn key<I: Copy + PartialEq>(
        &self,
        last: &Cell<Option<(I, i64)>>,
        id: I,
        sql: &str,
        column: impl ToSql,
    ) -> Result<i64> {
        if let Some((_, key)) = last.get().filter(|(known, _)| *known == id) {
            return Ok(key);
        }
        let doing = "looking up a row that a change refers to";
        let key = self
            .connection()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([column], |row| row.get(0)).optional())
            .context(doing)?
            .ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, format!("index: {doing}: there is none"))
            })?;
        last.set(Some((id, key)));
        Ok(key)
    }

    /// The key of a prompt, deleted or not.
    fn prompt_key(&self, id: PromptId) -> Result<i64> {
        self.key(
            &self.prompt,
            id,
            "SELECT key FROM prompt WHERE id = ?1",
            id.as_str(),
        )
    }

    /// The key of a version, deleted or not.
    fn version_key(&self, id: VersionId) -> Result<i64> {
        self.key(
            &self.version,
            id,
            "SELECT key FROM version WHERE id = ?1",
            id.as_bytes(),
        )
    }

    /// The key of a body that is stored, or that versions may have all the same.
    fn blob_key(&self, id: BlobId) -> Result<i64> {
        let sql = match self.absent.contains(&id) {
            true => "SELECT key FROM blob WHERE hash = ?1",
            false => "SELECT key FROM blob WHERE hash = ?1 AND stored = 1",
        };
        self.key(&self.blob, id, sql, id.as_bytes())
    }

    /// Whether a version may have a body that is not stored.
    fn may_lack_its_body(&self, version: VersionId) -> Result<bool> {
        if self.absent.is_empty() {
            return Ok(false);
        }
        let found = self.version_ever(version)?;
        Ok(found.is_some_and(|row| self.absent.contains(&row.version.blob)))
    }

    /// Refuses to leave a live version without its body.
    fn check_absent(&self) -> Result<()> {
        let doing = "looking for versions without a body";
        let sql = "SELECT live FROM blob WHERE hash = ?1 AND stored = 0 AND live > 0";
        for id in &self.absent {
            let mut statement = self.connection().prepare_cached(sql).context(doing)?;
            if statement.exists([id.as_bytes()]).context(doing)? {
                let reason = format!("index: live versions have body {id}, and it is not stored");
                return Err(Error::new(ErrorKind::Corrupt, reason));
            }
        }
        Ok(())
    }

    fn apply(&self, at: i64, change: &Change) -> Result<()> {
        match change {
            Change::Prompt { id, before, after } => match (before, after) {
                (None, Some(state)) => self.create_prompt(at, *id, state),
                (Some(_), Some(state)) => self.change_prompt(*id, state),
                (_, None) => self.delete_prompt(at, *id),
            },
            Change::VersionCreated(version) => self.create_version(version),
            Change::VersionDeleted { prompt, id } => self.delete_version(at, *prompt, *id),
            Change::VersionRestored { prompt, id } => self.restore_version(*prompt, *id),
            Change::Environment {
                prompt,
                name,
                before,
                after,
                ..
            } => self.point(at, *prompt, name, *before, *after),
        }
    }

    /// Makes a prompt, or brings a deleted one back, without its versions.
    fn create_prompt(&self, at: i64, id: PromptId, state: &PromptState) -> Result<()> {
        self.change_one(
            "creating a prompt",
            "INSERT INTO prompt (id, name, folded, created_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET name = ?2, folded = ?3, deleted_at = NULL
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

    fn change_prompt(&self, id: PromptId, state: &PromptState) -> Result<()> {
        self.change_one(
            "renaming a prompt",
            "UPDATE prompt SET name = ?2, folded = ?3 WHERE id = ?1 AND deleted_at IS NULL",
            (
                id.as_str(),
                state.name.as_str(),
                folded(state.name.as_str()),
            ),
        )?;
        self.drop_tags(id)?;
        self.set_tags(id, &state.tags)
    }

    fn delete_prompt(&self, at: i64, id: PromptId) -> Result<()> {
        self.change_any(
            "releasing a prompt's bodies",
            "UPDATE blob SET live = live - gone.count, unused_since = iif(live = gone.count, ?2, NULL)
             FROM (SELECT blob, count(*) AS count FROM version
                   WHERE prompt = (SELECT key FROM prompt WHERE id = ?1) AND deleted_at IS NULL
                   GROUP BY blob) AS gone
             WHERE blob.key = gone.blob",
            (id.as_str(), at),
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
            "UPDATE prompt SET deleted_at = ?2, versions = 0, latest = NULL
             WHERE id = ?1 AND deleted_at IS NULL
                 AND NOT EXISTS (SELECT 1 FROM environment e WHERE e.prompt = prompt.key)",
            (id.as_str(), at),
        )?;
        self.count_prompts(-1)
    }

    fn count_prompts(&self, by: i64) -> Result<()> {
        self.change_one(
            "counting prompts",
            "UPDATE counter SET value = value + ?1 WHERE name = 'prompts'",
            [by],
        )
    }

    fn drop_tags(&self, id: PromptId) -> Result<()> {
        self.change_any(
            "dropping tags",
            "DELETE FROM tag WHERE prompt = (SELECT key FROM prompt WHERE id = ?1)",
            [id.as_str()],
        )
    }

    fn set_tags(&self, id: PromptId, tags: &[String]) -> Result<()> {
        if tags.is_empty() {
            return Ok(());
        }
        self.change_any(
            "setting tags",
            "INSERT INTO tag SELECT p.key, t.key, t.value FROM prompt p, json_each(?2) t WHERE p.id = ?1",
            (id.as_str(), json_list(tags)?),
        )
    }

    fn create_version(&self, version: &Version) -> Result<()> {
        let prompt = self.prompt_key(version.prompt_id)?;
        let blob = self.blob_key(version.blob)?;
        let base = version
            .base
            .map(|base| self.version_key(base))
            .transpose()?;
        self.change_one(
            "inserting a version",
            "INSERT INTO version
                (id, prompt, major, minor, model, message, author, base, blob, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                version.id.as_bytes(),
                prompt,
                version.number.major,
                version.number.minor,
                &version.model,
                &version.message,
                &version.author,
                base,
                blob,
                micros(version.created_at),
            ),
        )?;
        let key = self.connection().last_insert_rowid();
        self.version.set(Some((version.id, key)));
        self.change_one(
            "counting a version of a prompt that is there",
            "UPDATE prompt SET versions = versions + 1, latest = iif(
                 (SELECT (major, minor) > (?3, ?4) FROM version WHERE key = latest), latest, ?2)
             WHERE key = ?1 AND deleted_at IS NULL",
            (prompt, key, version.number.major, version.number.minor),
        )?;
        self.change_one(
            "counting a body's versions",
            "UPDATE blob SET live = live + 1, unused_since = NULL WHERE key = ?1",
            [blob],
        )
    }

    fn delete_version(&self, at: i64, prompt: PromptId, id: VersionId) -> Result<()> {
        self.change_one(
            "deleting a version",
            "UPDATE version SET deleted_at = ?2 WHERE id = ?1 AND deleted_at IS NULL
                 AND prompt = (SELECT key FROM prompt WHERE id = ?3)
                 AND NOT EXISTS (SELECT 1 FROM environment e
                                 WHERE e.prompt = version.prompt AND e.version = version.key)",
            (id.as_bytes(), at, prompt.as_str()),
        )?;
        self.change_one(
            "counting a body's versions",
            "UPDATE blob SET live = live - 1, unused_since = iif(live = 1, ?2, NULL)
             WHERE key = (SELECT blob FROM version WHERE id = ?1)",
            (id.as_bytes(), at),
        )?;
        self.count_versions("versions - 1", prompt)
    }

    fn restore_version(&self, prompt: PromptId, id: VersionId) -> Result<()> {
        self.change_one(
            "bringing a version back to a prompt that is there",
            "UPDATE version SET deleted_at = NULL WHERE id = ?1 AND deleted_at IS NOT NULL
                 AND prompt = (SELECT key FROM prompt WHERE id = ?2 AND deleted_at IS NULL)",
            (id.as_bytes(), prompt.as_str()),
        )?;
        self.change_one(
            "counting a stored body's versions",
            "UPDATE blob SET live = live + 1, unused_since = NULL
             WHERE key = (SELECT blob FROM version WHERE id = ?1) AND (stored = 1 OR ?2)",
            (id.as_bytes(), self.may_lack_its_body(id)?),
        )?;
        self.count_versions("versions + 1", prompt)
    }

    /// Changes a prompt's count of versions, and finds the one of the highest number anew.
    fn count_versions(&self, count: &str, prompt: PromptId) -> Result<()> {
        self.change_one(
            "counting a prompt's versions",
            &format!(
                "UPDATE prompt SET versions = {count}, latest =
                    (SELECT v.key FROM version v WHERE v.prompt = prompt.key AND v.deleted_at IS NULL
                     ORDER BY v.major DESC, v.minor DESC LIMIT 1)
                 WHERE id = ?1"
            ),
            [prompt.as_str()],
        )
    }

    /// Each statement changes a row only where the pointer is what the change says it was.
    fn point(
        &self,
        at: i64,
        prompt: PromptId,
        name: &EnvironmentName,
        before: Option<VersionId>,
        after: Option<VersionId>,
    ) -> Result<()> {
        let (prompt, name) = (prompt.as_str(), name.as_str());
        let (before, after) = (before.as_ref(), after.as_ref());
        match (
            before.map(VersionId::as_bytes),
            after.map(VersionId::as_bytes),
        ) {
            (None, Some(to)) => self.change_one(
                "setting an environment",
                "INSERT INTO environment
                 SELECT p.key, ?2, v.key, ?4 FROM prompt p JOIN version v ON v.prompt = p.key
                 WHERE p.id = ?1 AND v.id = ?3 AND v.deleted_at IS NULL",
                (prompt, name, to, at),
            ),
            (Some(from), Some(to)) => self.change_one(
                "moving an environment",
                "UPDATE environment SET version = v.key, moved_at = ?4 FROM version v
                 WHERE environment.prompt = (SELECT key FROM prompt WHERE id = ?1)
                     AND environment.name = ?2
                     AND environment.version = (SELECT key FROM version WHERE id = ?5)
                     AND v.id = ?3 AND v.prompt = environment.prompt AND v.deleted_at IS NULL",
                (prompt, name, to, at, from),
            ),
            (Some(from), None) => self.change_one(
                "removing an environment",
                "DELETE FROM environment
                 WHERE prompt = (SELECT key FROM prompt WHERE id = ?1) AND name = ?2
                     AND version = (SELECT key FROM version WHERE id = ?3)",
                (prompt, name, from),
            ),
            (None, None) => Ok(()),
        }
    }
}

impl Deref for Write<'_> {
    type Target = dyn Snapshot;

    fn deref(&self) -> &Self::Target {
        self.turn.tables()
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        if !self.connection().is_autocommit() {
            // A connection that can't even roll back holds the lock; the next `BEGIN` on it says so.
            let _ = connection::run(self.connection(), "ROLLBACK");
        }
    }
}

impl Transaction for Write<'_> {
    fn append(&mut self, operation: &Operation, text: &str) -> Result<()> {
        let number = i64::try_from(operation.number).unwrap_or(i64::MAX);
        let end = match self.end {
            Some(end) => end,
            None => operations::end(self.connection())?,
        };
        if number != end.number + 1 {
            let last = end.number;
            let reason = format!("index: operation {number} is to follow operation {last}");
            return Err(Error::new(ErrorKind::Corrupt, reason));
        }
        let at = micros(operation.content.at);
        let latest = end.latest.max(at);
        self.change_one(
            "appending an operation",
            "INSERT INTO operation VALUES (?1, ?2, ?3, ?4)",
            (number, operation.id.as_bytes(), text, latest),
        )?;
        self.end = Some(End { number, latest });
        let mut listed = None;
        for change in &operation.content.changes {
            self.apply(at, change)?;
            if listed.replace(change.prompt()) != Some(change.prompt()) {
                self.change_any(
                    "listing an operation by prompt",
                    "INSERT INTO operation_prompt VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    (self.prompt_key(change.prompt())?, number),
                )?;
            }
            if let Change::Environment { prompt, name, .. } = change {
                self.change_any(
                    "listing an operation by environment",
                    "INSERT INTO operation_environment VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    (name.as_str(), number, self.prompt_key(*prompt)?),
                )?;
            }
        }
        Ok(())
    }

    fn put_body(&mut self, id: BlobId, bytes: &[u8]) -> Result<()> {
        let doing = "journaling a body";
        let changed = |sql: &str, params: &[&dyn ToSql]| -> Result<bool> {
            let mut statement = self.connection().prepare_cached(sql).context(doing)?;
            Ok(statement.execute(params).context(doing)? > 0)
        };
        let key = if changed(
            "INSERT INTO blob (hash, size, stored, live) VALUES (?1, ?2, 1, 0) ON CONFLICT DO NOTHING",
            &[id.as_bytes(), &limit(bytes.len())],
        )? {
            self.connection().last_insert_rowid()
        } else if changed(
            "UPDATE blob SET stored = 1 WHERE hash = ?1 AND stored = 0",
            &[id.as_bytes()],
        )? {
            self.blob_key(id)?
        } else {
            return Ok(());
        };
        self.blob.set(Some((id, key)));
        self.change_one(
            doing,
            "INSERT INTO blob_journal VALUES (?1, ?2)",
            (key, bytes),
        )
    }

    fn put_absent_body(&mut self, id: BlobId, size: u64) -> Result<()> {
        let doing = "making an absent body known";
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        self.change_any(
            doing,
            "INSERT INTO blob (hash, size, stored, live) VALUES (?1, ?2, 0, 0) ON CONFLICT DO NOTHING",
            (id.as_bytes(), size),
        )?;
        self.change_one(
            doing,
            "UPDATE blob SET size = ?2 WHERE hash = ?1 AND size = ?2",
            (id.as_bytes(), size),
        )?;
        self.absent.insert(id);
        Ok(())
    }

    fn drop_journal(&mut self, ids: &[BlobId]) -> Result<()> {
        for id in ids {
            self.change_any(
                "dropping a settled body's journal row",
                "DELETE FROM blob_journal WHERE blob = (SELECT key FROM blob WHERE hash = ?1)",
                [id.as_bytes()],
            )?;
        }
        Ok(())
    }

    fn forget_blobs(&mut self, ids: &[BlobId]) -> Result<()> {
        self.drop_journal(ids)?;
        self.blob.set(None);
        for id in ids {
            self.change_one(
                "forgetting a body",
                "UPDATE blob SET stored = 0 WHERE hash = ?1 AND live = 0",
                [id.as_bytes()],
            )?;
        }
        Ok(())
    }

    fn put_inputs(&mut self, inputs: &RecordedInputs) -> Result<()> {
        let text = serde_json::to_string(&inputs.inputs).context("writing inputs")?;
        self.change_one(
            "recording inputs",
            "INSERT OR REPLACE INTO request_inputs
             SELECT key, ?2, ?3, ?4, ?5 FROM version WHERE id = ?1",
            (
                inputs.version_id.as_bytes(),
                &inputs.request_id,
                text,
                inputs.environment.as_ref().map(EnvironmentName::as_str),
                micros(inputs.recorded_at),
            ),
        )
    }

    fn put_secret(&mut self, name: &str, text: &str) -> Result<()> {
        self.change_one(
            "keeping a secret",
            "INSERT OR REPLACE INTO setting VALUES (?1 || ?2, ?3)",
            [schema::SECRET, name, text],
        )
    }

    fn make_searchable(&mut self, news: &Searchable) -> Result<()> {
        search::tell(self.connection(), news)
    }

    fn commit(self: Box<Self>) -> Result<()> {
        self.check_absent()?;
        match connection::run(self.connection(), "COMMIT").context("committing") {
            // The log may hold the commit or not, and SQLite can't say: nobody goes on with this handle.
            Err(error) if error.kind() == ErrorKind::Io => {
                self.poisoned.store(true, Ordering::Release);
                Err(Error::new(ErrorKind::OutcomeUnknown, "index: committing").because(error))
            }
            other => other,
        }
    }
}
