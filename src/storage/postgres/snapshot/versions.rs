//! The reads of versions and of the inputs recorded for them.

use std::collections::HashMap;
use std::sync::Arc;

use semver::VersionReq;
use tokio_postgres::Row;

use super::PostgresSnapshot;
use crate::model::contract_digest::ContractDigest;
use crate::model::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::model::record::{RecordedInputs, Version, VersionFilter};
use crate::model::selector::{admits, majors};
use crate::model::version_number::VersionNumber;
use crate::storage::postgres::columns::{
    as_text, bytes, moment, number, optional_moment, optional_number, optional_raw, parsed, raw,
    short, signed, text,
};
use crate::storage::postgres::connection::Params;
use crate::storage::postgres::error::{PostgresContext, corrupt};
use crate::storage::{Numbering, StorageResult, VersionReads, VersionRow};

/// Selects the columns that [`version`] maps, by a condition, from the versions or some of them.
///
/// What belongs to a version is looked up by its key. A join could be planned to read whole tables,
/// which the limit of 1 prevents. `$prompt` is the prompt's id.
macro_rules! select_versions {
    ($condition:literal) => {
        select_versions!(
            "version",
            "(SELECT p.id FROM prompt p WHERE p.key = v.prompt)",
            $condition
        )
    };
    ($from:literal, $prompt:literal, $condition:literal) => {
        concat!(
            "SELECT v.id, ",
            $prompt,
            ", v.major, v.minor, v.model, v.message, v.author,
                (SELECT b.id FROM version b WHERE b.key = v.base), v.created_at, o.hash, o.size,
                ARRAY(SELECT e.name FROM environment e WHERE e.version = v.key ORDER BY e.name),
                v.contract, v.deleted_at, v.key, v.prompt
             FROM ",
            $from,
            " v LEFT JOIN LATERAL (SELECT hash, size FROM blob WHERE key = v.blob LIMIT 1) o ON true ",
            $condition
        )
    };
}

/// Selects a live version by its id.
pub(super) const BY_ID: &str = select_versions!("WHERE v.id = $1 AND v.deleted_at IS NULL");

/// Selects versions of a prompt in the order of a list.
///
/// The prompt's versions are a subquery that the planner does not dissolve. Their order is that of an
/// index, of which it reads only the beginning. Otherwise it could sort all versions of the prompt.
const LISTED: &str = select_versions!(
    "(SELECT * FROM version WHERE prompt = (SELECT key FROM prompt WHERE id = $1) AND key < $2
      ORDER BY key DESC OFFSET 0)",
    "$1::bytea",
    "WHERE v.deleted_at IS NULL AND ($3::bigint IS NULL OR v.major = $3)
     ORDER BY v.key DESC LIMIT $4"
);

/// The number of versions that a filtered list reads at once.
const LISTED_TOGETHER: i64 = 1000;

/// Maps the first 14 columns to a version.
pub(super) fn version(row: &Row) -> StorageResult<Version> {
    let names: Vec<&[u8]> = row.try_get(11).context("reading environments")?;
    let name = |bytes: &[u8]| {
        as_text(bytes)?
            .parse::<EnvironmentName>()
            .context("reading a name")
    };
    let optional_text = |column| -> StorageResult<Option<String>> {
        optional_raw(row, column)?
            .map(|bytes| as_text(bytes).map(str::to_owned))
            .transpose()
    };
    let base = match optional_raw(row, 7)? {
        Some(_) => Some(VersionId::from_bytes(bytes(row, 7)?)),
        None => None,
    };
    let contract = match optional_raw(row, 12)? {
        Some(_) => Some(ContractDigest::from_bytes(bytes(row, 12)?)),
        None => None,
    };
    Ok(Version {
        id: VersionId::from_bytes(bytes(row, 0)?),
        prompt_id: parsed(row, 1)?,
        number: VersionNumber::new(short(row, 2)?, short(row, 3)?),
        model: optional_text(4)?,
        message: text(row, 5)?.to_owned(),
        author: text(row, 6)?.to_owned(),
        base,
        created_at: moment(row, 8)?,
        blob: BlobId::from_bytes(bytes(row, 9)?),
        size: number(row, 10)?,
        contract,
        environments: names.into_iter().map(name).collect::<StorageResult<_>>()?,
    })
}

/// Returns half of a version's number that is in use, if any is.
pub(super) fn half(row: &Row, column: usize) -> StorageResult<Option<u32>> {
    let number = optional_number(row, column)?.map(u32::try_from).transpose();
    number.map_err(|_| corrupt("reading the numbers in use"))
}

/// Returns a version as it was created, and the time of its deletion.
fn version_row(row: &Row) -> StorageResult<VersionRow> {
    let mut version = version(row)?;
    version.environments.clear();
    Ok(VersionRow {
        version: Arc::new(version),
        deleted_at: optional_moment(row, 13)?,
    })
}

fn inputs_row(row: &Row, version_id: VersionId) -> StorageResult<RecordedInputs> {
    let environment = match optional_raw(row, 2)? {
        Some(_) => Some(parsed(row, 2)?),
        None => None,
    };
    Ok(RecordedInputs {
        request_id: text(row, 0)?.to_owned(),
        version_id,
        inputs: serde_json::from_slice(raw(row, 1)?).context("reading inputs")?,
        environment,
        recorded_at: moment(row, 3)?,
    })
}

impl PostgresSnapshot<'_> {
    fn one_version(&self, sql: &str, params: &Params<'_>) -> StorageResult<Option<Version>> {
        let row = self.row("reading a version", sql, params)?;
        row.as_ref().map(version).transpose()
    }

    fn by_id(&self, sql: &str, id: VersionId) -> StorageResult<Option<Row>> {
        if self.unused().has_version(id) {
            return Ok(None);
        }
        let is_concerned = self.pending().concerned().has_version(id);
        let params: &Params<'_> = &[&&id.as_bytes()[..]];
        let rows = self.rows_beside_pending(is_concerned, "looking up a version", sql, params)?;
        Ok(rows.into_iter().next())
    }

    /// Returns all versions of prompts, by their keys, in the order of their commits.
    pub(super) fn version_rows(
        &self,
        prompts: &[i64],
    ) -> StorageResult<HashMap<i64, Vec<VersionRow>>> {
        let sql = select_versions!("WHERE v.prompt = ANY($1) ORDER BY v.key");
        let mut by_prompt: HashMap<i64, Vec<VersionRow>> = HashMap::new();
        for row in self.rows("reading all versions", sql, &[&prompts])? {
            by_prompt
                .entry(row.get(15))
                .or_default()
                .push(version_row(&row)?);
        }
        Ok(by_prompt)
    }

    /// Returns the highest number of a live version that meets a requirement.
    fn highest_number(
        &self,
        prompt: PromptId,
        requirement: &VersionReq,
    ) -> StorageResult<Option<VersionNumber>> {
        let (low, high) = majors(requirement);
        let sql = "SELECT v.major, v.minor FROM version v
            WHERE v.prompt = (SELECT key FROM prompt WHERE id = $1) AND v.deleted_at IS NULL
                AND v.major BETWEEN $2 AND $3
            ORDER BY v.major DESC, v.minor DESC";
        let params: &Params<'_> = &[
            &prompt.as_str().as_bytes(),
            &i64::from(low),
            &i64::from(high),
        ];
        for row in self.rows("searching for a version", sql, params)? {
            let number = VersionNumber::new(short(&row, 0)?, short(&row, 1)?);
            if admits(requirement, number) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}

impl VersionReads for PostgresSnapshot<'_> {
    fn version(&self, id: VersionId) -> StorageResult<Option<Version>> {
        self.by_id(BY_ID, id)?.as_ref().map(version).transpose()
    }

    fn version_even_deleted(&self, id: VersionId) -> StorageResult<Option<VersionRow>> {
        let sql = select_versions!("WHERE v.id = $1");
        self.by_id(sql, id)?.as_ref().map(version_row).transpose()
    }

    fn version_numbered(
        &self,
        prompt: PromptId,
        number: VersionNumber,
    ) -> StorageResult<Option<Version>> {
        let sql = select_versions!(
            "WHERE v.prompt = (SELECT key FROM prompt WHERE id = $1)
                AND v.major = $2 AND v.minor = $3 AND v.deleted_at IS NULL"
        );
        let (major, minor) = (i64::from(number.major), i64::from(number.minor));
        self.one_version(sql, &[&prompt.as_str().as_bytes(), &major, &minor])
    }

    fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> StorageResult<Option<Version>> {
        let Some(requirement) = requirement else {
            let sql = select_versions!(
                "WHERE v.prompt = (SELECT key FROM prompt WHERE id = $1) AND v.deleted_at IS NULL
                 ORDER BY v.major DESC, v.minor DESC LIMIT 1"
            );
            return self.one_version(sql, &[&prompt.as_str().as_bytes()]);
        };
        match self.highest_number(prompt, requirement)? {
            Some(number) => self.version_numbered(prompt, number),
            None => Ok(None),
        }
    }

    fn version_in(
        &self,
        prompt: PromptId,
        name: &EnvironmentName,
    ) -> StorageResult<Option<Version>> {
        let sql = select_versions!(
            "WHERE v.key = (SELECT version FROM environment
                WHERE prompt = (SELECT key FROM prompt WHERE id = $1) AND name = $2)"
        );
        self.one_version(
            sql,
            &[&prompt.as_str().as_bytes(), &name.as_str().as_bytes()],
        )
    }

    fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> StorageResult<Vec<Version>> {
        let doing = "listing versions";
        let mut end = i64::MAX;
        if let Some(before) = before {
            let sql = "SELECT v.key FROM version v JOIN prompt p ON p.key = v.prompt
                WHERE v.id = $1 AND p.id = $2";
            let row = self.row(
                doing,
                sql,
                &[&&before.as_bytes()[..], &prompt.as_str().as_bytes()],
            )?;
            let Some(row) = row else {
                return Ok(Vec::new());
            };
            end = row.get(0);
        }
        let major = filter.major.map(i64::from);
        let mut found = Vec::new();
        while found.len() < limit {
            let most = signed(limit - found.len()).min(LISTED_TOGETHER);
            let rows = self.rows(
                doing,
                LISTED,
                &[&prompt.as_str().as_bytes(), &end, &major, &most],
            )?;
            for row in &rows {
                let version = version(row)?;
                if filter.admits(&version) {
                    found.push(version);
                }
            }
            match rows.last() {
                Some(last) if signed(rows.len()) == most => end = last.get(14),
                _ => break,
            }
        }
        Ok(found)
    }

    fn numbering(&self, prompt: PromptId, major: u32) -> StorageResult<Numbering> {
        let sql = "SELECT (SELECT max(major) FROM version WHERE prompt = p.key),
                (SELECT max(minor) FROM version WHERE prompt = p.key AND major = $2)
            FROM prompt p WHERE p.id = $1";
        let params: &Params<'_> = &[&prompt.as_str().as_bytes(), &i64::from(major)];
        let Some(row) = self.row("reading the numbers in use", sql, params)? else {
            return Ok(Numbering::default());
        };
        Ok(Numbering {
            highest_major: half(&row, 0)?,
            highest_minor: half(&row, 1)?,
        })
    }

    fn inputs(&self, version: VersionId, request: &str) -> StorageResult<Option<RecordedInputs>> {
        let sql = "SELECT i.request, i.inputs, i.environment, i.recorded_at
            FROM version v JOIN request_inputs i ON i.version = v.key
            WHERE v.deleted_at IS NULL AND v.id = $1 AND sha256(i.request) = sha256($2) AND i.request = $2";
        let params: &Params<'_> = &[&&version.as_bytes()[..], &request.as_bytes()];
        let row = self.row("reading recorded inputs", sql, params)?;
        row.map(|row| inputs_row(&row, version)).transpose()
    }

    fn inputs_of(&self, version: VersionId) -> StorageResult<Vec<RecordedInputs>> {
        let sql = "SELECT i.request, i.inputs, i.environment, i.recorded_at
            FROM version v JOIN request_inputs i ON i.version = v.key
            WHERE v.deleted_at IS NULL AND v.id = $1 ORDER BY i.request";
        let rows = self.rows("reading recorded inputs", sql, &[&&version.as_bytes()[..]])?;
        rows.iter().map(|row| inputs_row(row, version)).collect()
    }

    fn lost_versions_with_inputs(&self) -> StorageResult<Vec<VersionId>> {
        let sql = "SELECT v.id FROM version v JOIN blob b ON b.key = v.blob
            WHERE v.deleted_at IS NOT NULL AND NOT b.stored
                AND EXISTS (SELECT 1 FROM request_inputs i WHERE i.version = v.key)";
        let rows = self.rows("listing deleted versions that have inputs", sql, &[])?;
        rows.iter()
            .map(|row| Ok(VersionId::from_bytes(bytes(row, 0)?)))
            .collect()
    }
}
