//! The statements of the changes that are made one by one.
//!
//! Each change is one statement or two, which change a row only if the state is what the change
//! expects.

use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Change, PromptState};
use crate::storage::folded;
use crate::storage::postgres::write_step::{Param, WriteStep};

/// The statements of a change that no run contains, in order.
pub(super) struct OtherChanges {
    pub(super) steps: Vec<WriteStep>,
    /// The operation's own moment.
    at: i64,
    /// When and by which operation bodies are released.
    released_at: i64,
    number: i64,
    /// Bodies that versions may have although they are not stored.
    absent: Vec<Vec<u8>>,
}

pub(super) fn raw(bytes: &[u8]) -> Param {
    Box::new(bytes.to_vec())
}

fn prompt_id(id: PromptId) -> Param {
    raw(id.as_str().as_bytes())
}

fn version_id(id: VersionId) -> Param {
    raw(id.as_bytes())
}

impl OtherChanges {
    pub(super) fn of(
        change: &Change,
        at: i64,
        released_at: i64,
        number: i64,
        absent: &[Vec<u8>],
    ) -> Self {
        let mut all = Self {
            steps: Vec::new(),
            at,
            released_at,
            number,
            absent: absent.to_vec(),
        };
        all.apply(change);
        all
    }

    fn one(&mut self, doing: &'static str, sql: &'static str, params: Vec<Param>) {
        self.steps.push(WriteStep::changing(1, doing, sql, params));
    }

    fn any(&mut self, doing: &'static str, sql: &'static str, params: Vec<Param>) {
        self.steps.push(WriteStep::any(doing, sql, params));
    }

    fn at(&self) -> Param {
        Box::new(self.at)
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Prompt {
                id,
                after: Some(state),
                ..
            } => self.change_prompt(*id, state),
            Change::Prompt { id, .. } => self.delete_prompt(*id),
            Change::VersionDeleted { prompt, id } => self.delete_version(*prompt, *id),
            Change::VersionRestored { prompt, id } => self.restore_version(*prompt, *id),
            Change::EnvironmentList { before, after } => {
                self.set_environment_list(before.as_deref(), after.as_deref());
            }
            // A run of changes contains them.
            Change::VersionCreated(_) | Change::Environment { .. } => {}
        }
    }

    fn set_environment_list(
        &mut self,
        before: Option<&[EnvironmentName]>,
        after: Option<&[EnvironmentName]>,
    ) {
        let list = |names: Option<&[EnvironmentName]>| -> Param {
            let names =
                names.map(|names| names.iter().map(|name| name.as_str()).collect::<Vec<_>>());
            Box::new(names.map(|names| serde_json::json!(names).to_string().into_bytes()))
        };
        self.one(
            "setting the environment list",
            "UPDATE setting SET environments = $2::bytea WHERE environments IS NOT DISTINCT FROM $1::bytea",
            vec![list(before), list(after)],
        );
    }

    fn change_prompt(&mut self, id: PromptId, state: &PromptState) {
        let name = state.name.as_str();
        self.one(
            "renaming a prompt",
            "UPDATE prompt SET name = $2, folded = $3, updated_at = $4
             WHERE id = $1 AND deleted_at IS NULL",
            vec![
                prompt_id(id),
                raw(name.as_bytes()),
                raw(folded(name).as_bytes()),
                self.at(),
            ],
        );
        self.any(
            "dropping tags",
            "DELETE FROM tag WHERE prompt = (SELECT key FROM prompt WHERE id = $1)",
            vec![prompt_id(id)],
        );
        self.set_tags(id, &state.tags);
    }

    fn set_tags(&mut self, id: PromptId, tags: &[String]) {
        if tags.is_empty() {
            return;
        }
        let tags: Vec<Vec<u8>> = tags.iter().map(|tag| tag.as_bytes().into()).collect();
        self.any(
            "setting tags",
            "INSERT INTO tag SELECT p.key, t.place, t.tag
             FROM prompt p, unnest($2::bytea[]) WITH ORDINALITY AS t (tag, place) WHERE p.id = $1",
            vec![prompt_id(id), Box::new(tags)],
        );
    }

    fn delete_prompt(&mut self, id: PromptId) {
        let released: Vec<Param> = vec![
            prompt_id(id),
            self.at(),
            Box::new(self.released_at),
            Box::new(self.number),
        ];
        self.one(
            "deleting a prompt",
            "WITH gone AS (
                 UPDATE version v SET deleted_at = $2 FROM prompt p
                 WHERE p.id = $1 AND v.prompt = p.key AND v.deleted_at IS NULL RETURNING v.blob
             ), sums AS (
                 SELECT blob, count(*) AS count FROM gone GROUP BY blob
             ), released AS (
                 UPDATE blob SET live = live - sums.count, unused_by = $4,
                     unused_since = CASE WHEN live = sums.count THEN $3::bigint END
                 FROM sums WHERE blob.key = sums.blob
             ), untagged AS (
                 DELETE FROM tag USING prompt p WHERE p.id = $1 AND tag.prompt = p.key
             ), counted AS (
                 UPDATE head SET prompts = prompts - 1
             )
             UPDATE prompt SET deleted_at = $2, updated_at = $2, versions = 0
             WHERE id = $1 AND deleted_at IS NULL
                 AND NOT EXISTS (SELECT 1 FROM environment e WHERE e.prompt = prompt.key)",
            released,
        );
    }

    fn delete_version(&mut self, prompt: PromptId, id: VersionId) {
        let params: Vec<Param> = vec![
            version_id(id),
            self.at(),
            prompt_id(prompt),
            Box::new(self.released_at),
            Box::new(self.number),
        ];
        self.one(
            "deleting a live version without an environment",
            "WITH gone AS (
                 UPDATE version v SET deleted_at = $2 FROM prompt p
                 WHERE v.id = $1 AND v.deleted_at IS NULL AND p.id = $3 AND v.prompt = p.key
                     AND NOT EXISTS (SELECT 1 FROM environment e WHERE e.version = v.key)
                 RETURNING v.prompt, v.blob
             ), released AS (
                 UPDATE blob SET live = live - 1, unused_by = $5,
                     unused_since = CASE WHEN live = 1 THEN $4::bigint END
                 FROM gone WHERE blob.key = gone.blob
             )
             UPDATE prompt SET versions = versions - 1, updated_at = $2 FROM gone
             WHERE prompt.key = gone.prompt",
            params,
        );
    }

    fn restore_version(&mut self, prompt: PromptId, id: VersionId) {
        let params: Vec<Param> = vec![
            version_id(id),
            prompt_id(prompt),
            self.at(),
            Box::new(self.absent.clone()),
        ];
        self.one(
            "restoring a deleted version of a live prompt, with a stored body",
            "WITH back AS (
                 UPDATE version v SET deleted_at = NULL FROM prompt p, blob o
                 WHERE v.id = $1 AND v.deleted_at IS NOT NULL AND p.id = $2 AND v.prompt = p.key
                     AND p.deleted_at IS NULL AND o.key = v.blob
                     AND (o.stored OR o.hash = ANY($4::bytea[]))
                 RETURNING v.prompt, v.blob
             ), held AS (
                 UPDATE blob SET live = live + 1, unused_since = NULL FROM back
                 WHERE blob.key = back.blob
             )
             UPDATE prompt SET versions = versions + 1, updated_at = $3 FROM back
             WHERE prompt.key = back.prompt",
            params,
        );
    }
}
