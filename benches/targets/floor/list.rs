//! Lists, written as an author who knows the tables would write them.

use std::collections::HashMap;

use rusqlite::{Params, Row};

use super::{Reader, Version};

/// A prompt with owned fields.
#[allow(dead_code)] // Built, as the store must.
pub(crate) struct Prompt {
    pub(crate) id: String,
    pub(crate) name: String,
    created_at: i64,
    pub(crate) versions: u32,
    latest: Option<(u32, u32)>,
    tags: Vec<String>,
}

impl Prompt {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let major: Option<u32> = row.get(4)?;
        let tags: Option<String> = row.get(6)?;
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            created_at: row.get(2)?,
            versions: row.get(3)?,
            latest: major
                .map(|major| Ok::<_, rusqlite::Error>((major, row.get(5)?)))
                .transpose()?,
            tags: tags.map_or_else(Vec::new, |tags| {
                tags.split('\n').map(str::to_owned).collect()
            }),
        })
    }
}

impl Reader {
    fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let mut statement = self.connection.prepare_cached(sql).unwrap();
        let rows = statement.query_map(params, map).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn begin(&self) {
        self.connection
            .prepare_cached("BEGIN")
            .unwrap()
            .execute([])
            .unwrap();
    }

    fn end(&self) {
        self.connection
            .prepare_cached("COMMIT")
            .unwrap()
            .execute([])
            .unwrap();
    }

    /// Returns the newest versions of a prompt. A second query reads its environments, which are
    /// few.
    pub(crate) fn versions(&self, prompt: &str, limit: u32) -> Vec<Version> {
        self.begin();
        let mut versions = self.rows(
            &format!(
                "SELECT {}, v.key
             FROM prompt p CROSS JOIN version v ON v.prompt = p.key JOIN blob o ON o.key = v.blob
                LEFT JOIN version b ON b.key = v.base
             WHERE p.id = ?1 AND v.deleted_at IS NULL ORDER BY v.key DESC LIMIT ?2",
                Version::COLUMNS
            ),
            (prompt, limit),
            |row| Ok((row.get::<_, i64>(11)?, Version::of(row)?)),
        );
        let mut environments: HashMap<i64, Vec<String>> = HashMap::new();
        for (version, name) in self.rows(
            "SELECT version, name FROM environment WHERE prompt = (SELECT key FROM prompt WHERE id = ?1) ORDER BY name",
            [prompt],
            |row| Ok((row.get(0)?, row.get(1)?)),
        ) {
            environments.entry(version).or_default().push(name);
        }
        self.end();
        for (key, version) in &mut versions {
            version.environments = environments.remove(key).unwrap_or_default();
        }
        versions.into_iter().map(|(_, version)| version).collect()
    }

    /// Returns the highest version of a major.
    pub(crate) fn highest(&self, prompt: &str, major: u32) -> Version {
        let sql = format!(
            "SELECT {},
                (SELECT group_concat(e.name, char(10)) FROM environment e WHERE e.prompt = p.key AND e.version = v.key)
             FROM prompt p CROSS JOIN version v ON v.prompt = p.key JOIN blob o ON o.key = v.blob
                LEFT JOIN version b ON b.key = v.base
             WHERE p.id = ?1 AND v.major = ?2 AND v.deleted_at IS NULL ORDER BY v.minor DESC LIMIT 1",
            Version::COLUMNS
        );
        let version = self.rows(&sql, (prompt, major), Version::with_environments);
        version.into_iter().next().unwrap()
    }

    /// Returns the number of a prompt's versions, and its highest major.
    pub(crate) fn version_counts(&self, prompt: &str) -> (u32, u32) {
        let sql = "SELECT p.versions, v.major FROM prompt p JOIN version v ON v.key = p.latest
             WHERE p.id = ?1 AND p.deleted_at IS NULL";
        let mut statement = self.connection.prepare_cached(sql).unwrap();
        statement
            .query_row([prompt], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    }

    pub(crate) fn prompt_count(&self) -> u32 {
        let sql = "SELECT value FROM counter WHERE name = 'prompts'";
        let mut statement = self.connection.prepare_cached(sql).unwrap();
        statement.query_row([], |row| row.get(0)).unwrap()
    }

    /// Returns the newest prompts.
    pub(crate) fn prompts(&self, limit: u32) -> Vec<Prompt> {
        self.rows(
            "SELECT p.id, p.name, p.created_at, p.versions, v.major, v.minor,
                (SELECT group_concat(tag, char(10) ORDER BY position) FROM tag WHERE prompt = p.key)
             FROM prompt p LEFT JOIN version v ON v.key = p.latest
             WHERE p.deleted_at IS NULL ORDER BY p.key DESC LIMIT ?1",
            [limit],
            Prompt::of,
        )
    }

    /// Returns the newest prompts whose name contains a text in lower case.
    pub(crate) fn prompts_named(&self, text: &str, limit: u32) -> Vec<Prompt> {
        self.rows(
            "SELECT p.id, p.name, p.created_at, p.versions, v.major, v.minor,
                (SELECT group_concat(tag, char(10) ORDER BY position) FROM tag WHERE prompt = p.key)
             FROM prompt p LEFT JOIN version v ON v.key = p.latest
             WHERE instr(p.folded, ?1) > 0 AND p.deleted_at IS NULL ORDER BY p.key DESC LIMIT ?2",
            (text, limit),
            Prompt::of,
        )
    }

    /// Returns the number of versions, and the total size of all bodies.
    pub(crate) fn contents(&self) -> (u32, i64) {
        let sql =
            "SELECT (SELECT count(*) FROM version), (SELECT sum(size) FROM blob WHERE stored = 1)";
        let row = self
            .connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        row.unwrap()
    }
}
