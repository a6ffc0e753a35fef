//! The reads of prompts and their environments.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::PostgresSnapshot;
use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::record::{Environment, Prompt, PromptFilter, PromptOrder, PromptState};
use crate::model::version_number::VersionNumber;
use crate::storage::postgres::columns::{
    as_text, bytes, moment, number, optional_moment, optional_number, parsed, short, signed,
};
use crate::storage::postgres::error::PostgresContext;
use crate::storage::{PromptReads, PromptTable, PromptVisitor, StorageResult, folded};

/// Selects the columns that [`prompt`] maps, by a condition.
macro_rules! select_prompts {
    ($condition:literal) => {
        concat!(
            "SELECT p.id, p.name, p.created_at, p.versions, v.major, v.minor,
                ARRAY(SELECT t.tag FROM tag t WHERE t.prompt = p.key ORDER BY t.position),
                p.updated_at, p.key
             FROM prompt p LEFT JOIN LATERAL
                (SELECT major, minor FROM version v WHERE v.prompt = p.key AND v.deleted_at IS NULL
                 ORDER BY major DESC, minor DESC LIMIT 1) v ON true ",
            $condition
        )
    };
}

/// The environments of prompts, with the versions that they point to.
const ENVIRONMENTS: &str = "SELECT e.prompt, e.name, v.id, v.major, v.minor, e.moved_at
    FROM environment e JOIN version v ON v.key = e.version
    WHERE e.prompt = ANY($1) ORDER BY e.prompt, e.name";

/// The number of prompts that are read at once by a visit of all.
const VISITED_TOGETHER: i64 = 1000;

/// Maps a row to a prompt without its environments, and its key.
fn prompt(row: &Row) -> StorageResult<(Prompt, i64)> {
    let latest = match optional_number(row, 4)? {
        Some(_) => Some(VersionNumber::new(short(row, 4)?, short(row, 5)?)),
        None => None,
    };
    let prompt = Prompt {
        id: parsed(row, 0)?,
        name: parsed(row, 1)?,
        created_at: moment(row, 2)?,
        versions: number(row, 3)?,
        latest,
        tags: texts(row, 6)?,
        updated_at: moment(row, 7)?,
        environments: Vec::new(),
    };
    Ok((prompt, signed(number(row, 8)?)))
}

/// Returns the texts of a column that is an array.
fn texts(row: &Row, column: usize) -> StorageResult<Vec<String>> {
    let all: Vec<&[u8]> = row.try_get(column).context("reading tags")?;
    all.into_iter()
        .map(|bytes| as_text(bytes).map(str::to_owned))
        .collect()
}

fn environment(row: &Row, prompt_id: PromptId) -> StorageResult<Environment> {
    Ok(Environment {
        name: parsed(row, 1)?,
        prompt_id,
        version_id: VersionId::from_bytes(bytes(row, 2)?),
        number: VersionNumber::new(short(row, 3)?, short(row, 4)?),
        moved_at: moment(row, 5)?,
    })
}

/// Returns the conditions of a filter, which use the parameters 1 and 2.
fn conditions(filter: &PromptFilter) -> String {
    let mut conditions = String::from("p.deleted_at IS NULL");
    conditions += if filter.name_contains.is_empty() {
        " AND $1::bytea IS NOT NULL"
    } else {
        " AND position($1::bytea IN p.folded) > 0"
    };
    conditions += if filter.tags.is_empty() {
        " AND $2::bytea[] IS NOT NULL"
    } else {
        " AND p.key IN (SELECT t.prompt FROM tag t WHERE t.tag = ANY($2::bytea[]))"
    };
    conditions
}

impl PostgresSnapshot<'_> {
    /// Adds the environments of prompts by one query.
    fn with_environments(&self, found: Vec<(Prompt, i64)>) -> StorageResult<Vec<Prompt>> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<i64> = found.iter().map(|(_, key)| *key).collect();
        let rows = self.rows("reading environments", ENVIRONMENTS, &[&keys])?;
        let mut by_prompt: HashMap<i64, Vec<&Row>> = HashMap::new();
        for row in &rows {
            by_prompt.entry(row.get(0)).or_default().push(row);
        }
        let complete = |(mut prompt, key): (Prompt, i64)| {
            let rows = by_prompt.get(&key).into_iter().flatten();
            prompt.environments = rows
                .map(|row| environment(row, prompt.id))
                .collect::<Result<_, _>>()?;
            Ok(prompt)
        };
        found.into_iter().map(complete).collect()
    }

    /// Returns the rows of prompts as plain data, from rows with these columns on:
    /// key, id, name, created, deleted, updated, tags.
    fn tables(&self, rows: &[Row]) -> StorageResult<Vec<PromptTable>> {
        let keys: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let mut versions = self.version_rows(&keys)?;
        let environments = self.rows("reading environments", ENVIRONMENTS, &[&keys])?;
        let mut pointed: HashMap<i64, Vec<&Row>> = HashMap::new();
        for row in &environments {
            pointed.entry(row.get(0)).or_default().push(row);
        }
        let table = |row: &Row| {
            let key: i64 = row.get(0);
            let state = match optional_moment(row, 4)? {
                Some(_) => None,
                None => Some(PromptState {
                    name: parsed(row, 2)?,
                    tags: texts(row, 6)?,
                }),
            };
            let environments = pointed.get(&key).into_iter().flatten().map(|row| {
                let version = VersionId::from_bytes(bytes(row, 2)?);
                Ok((parsed(row, 1)?, (version, moment(row, 5)?)))
            });
            Ok(PromptTable {
                id: parsed(row, 1)?,
                created_at: moment(row, 3)?,
                updated_at: moment(row, 5)?,
                state,
                versions: versions.remove(&key).unwrap_or_default(),
                environments: environments.collect::<StorageResult<_>>()?,
            })
        };
        rows.iter().map(table).collect()
    }
}

impl PromptReads for PostgresSnapshot<'_> {
    fn prompt(&self, id: PromptId) -> StorageResult<Option<Prompt>> {
        if self.unused().has_prompt(id) {
            return Ok(None);
        }
        let sql = select_prompts!("WHERE p.id = $1 AND p.deleted_at IS NULL");
        let Some(row) = self.row("reading a prompt", sql, &[&id.as_str().as_bytes()])? else {
            return Ok(None);
        };
        Ok(self
            .with_environments(vec![prompt(&row)?])?
            .into_iter()
            .next())
    }

    fn prompt_exists(&self, id: PromptId) -> StorageResult<bool> {
        let sql = "SELECT 1 FROM prompt WHERE id = $1 AND deleted_at IS NULL";
        self.exists("looking up a prompt", sql, &[&id.as_str().as_bytes()])
    }

    fn prompt_id_taken(&self, id: PromptId) -> StorageResult<bool> {
        if self.unused().has_prompt(id) {
            return Ok(false);
        }
        let sql = "SELECT 1 FROM prompt WHERE id = $1";
        self.exists("looking up a prompt's id", sql, &[&id.as_str().as_bytes()])
    }

    fn prompts_named(&self, name: &PromptName) -> StorageResult<Vec<PromptId>> {
        let sql = "SELECT id FROM prompt WHERE name = $1 AND deleted_at IS NULL ORDER BY key DESC";
        let rows = self.rows("looking up a name", sql, &[&name.as_str().as_bytes()])?;
        rows.iter().map(|row| parsed(row, 0)).collect()
    }

    fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> StorageResult<Vec<Prompt>> {
        let (after, order) = match filter.order {
            PromptOrder::Newest => (
                "p.key < (SELECT key FROM prompt WHERE id = $3)",
                "p.key DESC",
            ),
            PromptOrder::Name => (
                "(p.folded, -p.key) > (SELECT folded, -key FROM prompt WHERE id = $3)",
                "p.folded, p.key DESC",
            ),
            PromptOrder::LastChange => (
                "(p.updated_at, p.key) < (SELECT updated_at, key FROM prompt WHERE id = $3)",
                "p.updated_at DESC, p.key DESC",
            ),
        };
        let after = if before.is_some() {
            after
        } else {
            "$3::bytea IS NULL"
        };
        let sql = format!(
            "{} {} AND {after} ORDER BY {order} LIMIT $4",
            select_prompts!("WHERE"),
            conditions(filter),
        );
        let text = folded(&filter.name_contains);
        let tags: Vec<&[u8]> = filter.tags.iter().map(String::as_bytes).collect();
        let before = before.as_ref().map(|id| id.as_str().as_bytes());
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&text.as_bytes(), &tags, &before, &signed(limit)];
        let rows = self.rows("listing prompts", &sql, &params)?;
        let found = rows.iter().map(prompt).collect::<StorageResult<_>>()?;
        self.with_environments(found)
    }

    fn prompt_count(&self) -> StorageResult<u64> {
        let row = self.row("counting prompts", "SELECT prompts FROM head", &[])?;
        row.map_or(Ok(0), |row| number(&row, 0))
    }

    fn prompt_count_of(&self, filter: &PromptFilter) -> StorageResult<u64> {
        if filter.admits_all() {
            return self.prompt_count();
        }
        let sql = format!("SELECT count(*) FROM prompt p WHERE {}", conditions(filter));
        let text = folded(&filter.name_contains);
        let tags: Vec<&[u8]> = filter.tags.iter().map(String::as_bytes).collect();
        let row = self.row("counting prompts", &sql, &[&text.as_bytes(), &tags])?;
        row.map_or(Ok(0), |row| number(&row, 0))
    }

    fn tags(&self) -> StorageResult<Vec<String>> {
        let rows = self.rows(
            "listing tags",
            "SELECT DISTINCT tag FROM tag ORDER BY tag",
            &[],
        )?;
        let text = |row: &Row| as_text(row.get(0)).map(str::to_owned);
        rows.iter().map(text).collect()
    }

    fn environment_names(&self) -> StorageResult<Vec<EnvironmentName>> {
        let sql = "SELECT DISTINCT name FROM environment ORDER BY name";
        let rows = self.rows("listing environments", sql, &[])?;
        rows.iter().map(|row| parsed(row, 0)).collect()
    }

    fn environments(&self, prompt: PromptId) -> StorageResult<Vec<Environment>> {
        let sql = "SELECT e.prompt, e.name, v.id, v.major, v.minor, e.moved_at
            FROM prompt p JOIN environment e ON e.prompt = p.key JOIN version v ON v.key = e.version
            WHERE p.id = $1 ORDER BY e.name";
        let rows = self.rows("listing environments", sql, &[&prompt.as_str().as_bytes()])?;
        rows.iter().map(|row| environment(row, prompt)).collect()
    }

    fn each_prompt(&self, visit: &mut PromptVisitor<'_>) -> StorageResult<()> {
        let sql = "SELECT p.key, p.id, p.name, p.created_at, p.deleted_at, p.updated_at,
                ARRAY(SELECT t.tag FROM tag t WHERE t.prompt = p.key ORDER BY t.position)
            FROM prompt p WHERE p.key > $1 ORDER BY p.key LIMIT $2";
        let mut after = 0_i64;
        loop {
            let rows = self.rows("reading all prompts", sql, &[&after, &VISITED_TOGETHER])?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.get(0);
            for table in self.tables(&rows)? {
                if visit(table).is_break() {
                    return Ok(());
                }
            }
        }
    }
}
