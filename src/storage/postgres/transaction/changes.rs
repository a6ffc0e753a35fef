//! The statements of an operation and of each of its changes.
//!
//! Each change is one statement or two, which change a row only if the state is what the change
//! expects. All statements of an operation are sent together.

use std::collections::BTreeSet;

use tokio_postgres::types::ToSql;

use crate::model::contract_digest::ContractDigest;
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Change, Operation, PromptState, Version};
use crate::storage::folded;
use crate::storage::postgres::columns::{micros, signed};
use crate::storage::postgres::connection::WriteStep;

/// A parameter of a statement.
pub(super) type Param = Box<dyn ToSql + Sync>;

/// The statements of an operation, in order.
pub(super) struct OperationSteps {
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

impl OperationSteps {
    pub(super) fn of(
        operation: &Operation,
        text: &str,
        released_at: i64,
        absent: Vec<Vec<u8>>,
    ) -> Self {
        let mut all = Self {
            steps: Vec::new(),
            at: micros(operation.content.at),
            released_at,
            number: signed(operation.number),
            absent,
        };
        all.append(operation, text);
        for change in &operation.content.changes {
            all.apply(change);
        }
        all
    }

    fn one(&mut self, doing: &'static str, sql: &'static str, params: Vec<Param>) {
        self.steps.push(WriteStep {
            doing,
            sql,
            params,
            is_single: true,
        });
    }

    fn any(&mut self, doing: &'static str, sql: &'static str, params: Vec<Param>) {
        self.steps.push(WriteStep {
            doing,
            sql,
            params,
            is_single: false,
        });
    }

    fn at(&self) -> Param {
        Box::new(self.at)
    }

    fn append(&mut self, operation: &Operation, text: &str) {
        let number = self.number;
        let hash = || raw(operation.id.as_bytes());
        self.one(
            "appending an operation",
            "UPDATE head SET last_number = $1::bigint, last_hash = $2 WHERE last_number = $1::bigint - 1",
            vec![Box::new(number), hash()],
        );
        self.one(
            "appending an operation",
            "INSERT INTO operation (number, hash, at, content) VALUES ($1, $2, $3, $4)",
            vec![Box::new(number), hash(), self.at(), raw(text.as_bytes())],
        );
        let changes = &operation.content.changes;
        let prompts: BTreeSet<PromptId> = changes.iter().filter_map(Change::prompt).collect();
        let prompts: Vec<Vec<u8>> = prompts.iter().map(|id| id.as_str().into()).collect();
        self.any(
            "listing an operation",
            "INSERT INTO operation_prompt SELECT unnest($2::bytea[]), $1::bigint",
            vec![Box::new(number), Box::new(prompts)],
        );
        let names = changes.iter().filter_map(|change| match change {
            Change::Environment { name, .. } => Some(name.as_str()),
            _ => None,
        });
        let names: BTreeSet<&str> = names.collect();
        if !names.is_empty() {
            let names: Vec<Vec<u8>> = names.into_iter().map(Into::into).collect();
            self.any(
                "listing an operation",
                "INSERT INTO operation_environment SELECT unnest($2::bytea[]), $1::bigint",
                vec![Box::new(number), Box::new(names)],
            );
        }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Prompt { id, before, after } => match (before, after) {
                (None, Some(state)) => self.create_prompt(*id, state),
                (Some(_), Some(state)) => self.change_prompt(*id, state),
                (_, None) => self.delete_prompt(*id),
            },
            Change::VersionCreated(version) => self.create_version(version),
            Change::VersionDeleted { prompt, id } => self.delete_version(*prompt, *id),
            Change::VersionRestored { prompt, id } => self.restore_version(*prompt, *id),
            Change::Environment {
                prompt,
                name,
                before,
                after,
                ..
            } => {
                self.point(*prompt, name, *before, *after);
            }
            Change::EnvironmentList { before, after } => {
                self.set_environment_list(before.as_deref(), after.as_deref());
            }
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

    /// Creates a prompt, or restores a deleted one without its versions.
    fn create_prompt(&mut self, id: PromptId, state: &PromptState) {
        let name = state.name.as_str();
        self.one(
            "creating a prompt",
            "INSERT INTO prompt (id, name, folded, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (id) DO UPDATE SET name = $2, folded = $3, deleted_at = NULL, updated_at = $4
             WHERE prompt.deleted_at IS NOT NULL",
            vec![prompt_id(id), raw(name.as_bytes()), raw(folded(name).as_bytes()), self.at()],
        );
        self.any(
            "counting prompts",
            "UPDATE head SET prompts = prompts + 1",
            Vec::new(),
        );
        self.set_tags(id, &state.tags);
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

    fn create_version(&mut self, version: &Version) {
        let optional = |text: Option<&[u8]>| -> Param { Box::new(text.map(<[u8]>::to_vec)) };
        let params: Vec<Param> = vec![
            version_id(version.id),
            prompt_id(version.prompt_id),
            Box::new(i64::from(version.number.major)),
            Box::new(i64::from(version.number.minor)),
            optional(version.model.as_deref().map(str::as_bytes)),
            raw(version.message.as_bytes()),
            raw(version.author.as_bytes()),
            optional(version.base.as_ref().map(|base| &base.as_bytes()[..])),
            raw(version.blob.as_bytes()),
            optional(
                version
                    .contract
                    .as_ref()
                    .map(ContractDigest::as_bytes)
                    .map(|digest| &digest[..]),
            ),
            Box::new(micros(version.created_at)),
            self.at(),
            Box::new(self.absent.clone()),
        ];
        self.one(
            "creating a version of a live prompt, with a stored body",
            "WITH new AS (
                 INSERT INTO version (id, prompt, major, minor, model, message, author, base, blob,
                     contract, created_at)
                 SELECT $1, p.key, $3, $4, $5, $6, $7, b.key, o.key, $10, $11
                 FROM prompt p JOIN blob o ON o.hash = $9 LEFT JOIN version b ON b.id = $8
                 WHERE p.id = $2 AND p.deleted_at IS NULL AND (o.stored OR o.hash = ANY($13::bytea[]))
                     AND ($8::bytea IS NULL OR b.key IS NOT NULL)
                 RETURNING prompt, blob
             ), held AS (
                 UPDATE blob SET live = live + 1, unused_since = NULL FROM new WHERE blob.key = new.blob
             )
             UPDATE prompt SET versions = versions + 1, updated_at = $12 FROM new
             WHERE prompt.key = new.prompt",
            params,
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

    /// Moves an environment, if it points to the version that the change names.
    fn point(
        &mut self,
        prompt: PromptId,
        name: &EnvironmentName,
        before: Option<VersionId>,
        after: Option<VersionId>,
    ) {
        self.one(
            "dating the change of a prompt",
            "UPDATE prompt SET updated_at = $2 WHERE id = $1",
            vec![prompt_id(prompt), self.at()],
        );
        let name = raw(name.as_str().as_bytes());
        match (before, after) {
            (None, Some(to)) => self.one(
                "setting an environment",
                "INSERT INTO environment SELECT p.key, $2, v.key, $4
                 FROM prompt p JOIN version v ON v.prompt = p.key
                 WHERE p.id = $1 AND v.id = $3 AND v.deleted_at IS NULL",
                vec![prompt_id(prompt), name, version_id(to), self.at()],
            ),
            (Some(from), Some(to)) => self.one(
                "moving an environment",
                "UPDATE environment e SET version = t.key, moved_at = $4
                 FROM prompt p, version f, version t
                 WHERE p.id = $1 AND e.prompt = p.key AND e.name = $2 AND f.id = $5
                     AND e.version = f.key AND t.id = $3 AND t.prompt = p.key
                     AND t.deleted_at IS NULL",
                vec![
                    prompt_id(prompt),
                    name,
                    version_id(to),
                    self.at(),
                    version_id(from),
                ],
            ),
            (Some(from), None) => self.one(
                "removing an environment",
                "DELETE FROM environment e USING prompt p, version f
                 WHERE p.id = $1 AND e.prompt = p.key AND e.name = $2 AND f.id = $3
                     AND e.version = f.key",
                vec![prompt_id(prompt), name, version_id(from)],
            ),
            (None, None) => {}
        }
    }
}
