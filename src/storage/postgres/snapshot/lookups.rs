//! The lookups by which operations begin, each of them one query.

use tokio_postgres::Row;

use super::PostgresSnapshot;
use super::versions::{BY_ID, half, version};
use crate::model::id::{EnvironmentName, OperationId, PromptId};
use crate::model::record::Version;
use crate::model::selector::Selector;
use crate::model::version_spec::{PromptRef, VersionSpec};
use crate::storage::postgres::columns::{bytes, number, optional_raw, parsed};
use crate::storage::postgres::connection::Params;
use crate::storage::postgres::transaction::Concerned;
use crate::storage::snapshot::{environment_by_parts, resolve_by_parts};
use crate::storage::{
    EnvironmentLookup, HeadLookup, LookupReads, Numbering, Resolution, StorageResult, StoredBlob,
    VersionSummary,
};

/// Selects a row for each prompt that is named, with the version that a condition selects if the prompt
/// is the only one. The limit of 1 makes the planner look up that version, instead of reading all of
/// them. `alone` leaves out its body and the numbers in use.
macro_rules! select_named {
    ($version:expr) => {
        select_named!(
            $version,
            "(SELECT j.body FROM journal j WHERE j.blob = v.blob)",
            "(SELECT max(x.major) FROM version x WHERE x.prompt = n.key),
             (SELECT max(x.minor) FROM version x
              WHERE x.prompt = n.key AND x.major = coalesce(v.major, 0))"
        )
    };
    (alone $version:expr) => {
        select_named!($version, "NULL::bytea", "NULL::bigint, NULL::bigint")
    };
    ($version:expr, $body:literal, $numbering:literal) => {
        concat!(
            "WITH named AS MATERIALIZED (
                 SELECT p.key, p.id, coalesce(p.name = $1::bytea, false) AS is_by_name FROM prompt p
                 WHERE p.deleted_at IS NULL AND (p.name = $1::bytea OR p.id = $2::bytea)
             )
             SELECT v.id, n.id, v.major, v.minor, v.model, v.message, v.author,
                 (SELECT b.id FROM version b WHERE b.key = v.base), v.created_at,
                 o.hash, o.size,
                 ARRAY(SELECT e.name FROM environment e WHERE e.version = v.key ORDER BY e.name),
                 v.contract, v.deleted_at, o.stored, ",
            $body,
            ", h.last_number, h.last_hash, ",
            $numbering,
            " FROM head h LEFT JOIN named n ON true
                 LEFT JOIN LATERAL (SELECT v.* FROM version v ",
            $version,
            ") v ON (SELECT count(*) FROM named) = 1
                 LEFT JOIN LATERAL (SELECT * FROM blob WHERE key = v.blob LIMIT 1) o ON true
             ORDER BY n.is_by_name DESC, n.key DESC"
        )
    };
}

/// The condition that selects the latest version.
macro_rules! latest {
    () => {
        "WHERE v.prompt = n.key AND v.deleted_at IS NULL AND $3::bytea IS NULL
         ORDER BY v.major DESC, v.minor DESC LIMIT 1"
    };
}

/// The condition that selects the version in an environment.
macro_rules! in_environment {
    () => {
        "WHERE v.key = (SELECT e.version FROM environment e
                        WHERE e.prompt = n.key AND e.name = $3::bytea) LIMIT 1"
    };
}

const LATEST: &str = select_named!(latest!());
const LATEST_ALONE: &str = select_named!(alone latest!());
const IN_ENVIRONMENT: &str = select_named!(in_environment!());
const IN_ENVIRONMENT_ALONE: &str = select_named!(alone in_environment!());

/// What the rows of a lookup contain.
struct NamedPrompts {
    last: Option<(u64, OperationId)>,
    prompts: Vec<PromptId>,
    version: Option<Version>,
    body: Option<StoredBlob>,
    numbering: Numbering,
}

impl PostgresSnapshot<'_> {
    /// Looks up a version. The last operation is that before the pending writes unless it is needed.
    fn named(
        &self,
        is_last_needed: bool,
        sql: &str,
        prompt: &PromptRef,
        environment: Option<&[u8]>,
        is_known: &dyn Fn(&Version) -> bool,
    ) -> StorageResult<NamedPrompts> {
        let (name, id) = name_and_id(prompt);
        let (doing, params): (_, &Params<'_>) =
            ("looking up a version", &[&name, &id, &environment]);
        let is_concerned = is_last_needed || self.pending().concerned().has_reference(prompt);
        let rows = self.rows_beside_pending(is_concerned, doing, sql, params)?;
        let found = NamedPrompts::of(&rows, is_known)?;
        // What concerns it is known only now if the prompt was found by its name.
        if !found.is_concerned(self.pending().concerned()) {
            return Ok(found);
        }
        NamedPrompts::of(&self.rows(doing, sql, params)?, is_known)
    }
}

impl NamedPrompts {
    fn of(rows: &[Row], is_known: &dyn Fn(&Version) -> bool) -> StorageResult<Self> {
        let mut found = Self {
            last: None,
            prompts: Vec::new(),
            version: None,
            body: None,
            numbering: Numbering::default(),
        };
        for row in rows {
            found.last = last_operation(row)?;
            if optional_raw(row, 1)?.is_none() {
                break;
            }
            found.prompts.push(parsed(row, 1)?);
            found.numbering = Numbering {
                highest_major: half(row, 18)?,
                highest_minor: half(row, 19)?,
            };
            if optional_raw(row, 0)?.is_some() {
                let version = version(row)?;
                if !is_known(&version) && row.get(14) {
                    found.body = Some(match optional_raw(row, 15)? {
                        Some(body) => StoredBlob::Journaled(body.to_vec()),
                        None => StoredBlob::Settled(number(row, 10)?),
                    });
                }
                found.version = Some(version);
            }
        }
        if found.prompts.len() != 1 {
            found.numbering = Numbering::default();
        }
        Ok(found)
    }

    /// Returns whether writes may change what was found.
    fn is_concerned(&self, by: &Concerned) -> bool {
        let version = self.version.as_ref();
        self.prompts.iter().any(|prompt| by.has_prompt(prompt))
            || version.is_some_and(|version| by.has_body(version.blob))
    }
}

/// Returns the name and the id by which a reference names a prompt.
fn name_and_id(prompt: &PromptRef) -> (Option<&[u8]>, Option<&[u8]>) {
    match prompt {
        PromptRef::Name(name) => (Some(name.as_str().as_bytes()), None),
        PromptRef::Id(id) => (None, Some(id.as_str().as_bytes())),
        PromptRef::IdOrName(id) => {
            let text = id.as_str().as_bytes();
            (Some(text), Some(text))
        }
    }
}

fn last_operation(row: &Row) -> StorageResult<Option<(u64, OperationId)>> {
    let last = (number(row, 16)?, OperationId::from_bytes(bytes(row, 17)?));
    Ok(Some(last).filter(|(number, _)| *number > 0))
}

impl LookupReads for PostgresSnapshot<'_> {
    fn resolve(
        &self,
        spec: &VersionSpec,
        is_last_needed: bool,
        is_known: &dyn Fn(&Version) -> bool,
    ) -> StorageResult<Resolution> {
        let found = match (&spec.prompt, &spec.selector) {
            (Some(prompt), Selector::Latest) => {
                self.named(is_last_needed, LATEST, prompt, None, is_known)?
            }
            (Some(prompt), Selector::Environment(name)) => {
                let name = Some(name.as_str().as_bytes());
                self.named(is_last_needed, IN_ENVIRONMENT, prompt, name, is_known)?
            }
            _ => return resolve_by_parts(self, spec, is_last_needed, is_known),
        };
        Ok(Resolution {
            last: found.last.filter(|_| is_last_needed),
            prompts: found.prompts,
            version: found.version,
            body: found.body,
        })
    }

    fn head(
        &self,
        prompt: &PromptRef,
        is_known: &dyn Fn(&Version) -> bool,
    ) -> StorageResult<HeadLookup> {
        let found = self.named(false, LATEST, prompt, None, is_known)?;
        Ok(HeadLookup {
            prompts: found.prompts,
            version: found.version,
            numbering: found.numbering,
            body: found.body,
        })
    }

    fn environment(
        &self,
        prompt: &PromptRef,
        name: &EnvironmentName,
        to: Option<&Selector>,
    ) -> StorageResult<EnvironmentLookup> {
        let ((by_name, by_id), of) = (name_and_id(prompt), Some(name.as_str().as_bytes()));
        let (mut other, mut version_id) = (None, None);
        let selection = match to {
            None => None,
            Some(Selector::Latest) => Some(LATEST_ALONE),
            Some(Selector::Environment(name)) => {
                other = Some(name.as_str().as_bytes());
                Some(IN_ENVIRONMENT_ALONE)
            }
            Some(Selector::Id(id)) => {
                version_id = Some(*id);
                Some(BY_ID)
            }
            Some(_) => return environment_by_parts(self, prompt, name, to),
        };
        let id = version_id.as_ref().map(|id| &id.as_bytes()[..]);
        let of_current: &Params<'_> = &[&by_name, &by_id, &of];
        let of_selected: &Params<'_> = match version_id {
            Some(_) => &[&id],
            None => &[&by_name, &by_id, &other],
        };
        let mut queries = vec![(IN_ENVIRONMENT_ALONE, of_current)];
        queries.extend(selection.map(|sql| (sql, of_selected)));
        let read = |is_concerned| {
            let rows = self.rows_of_all(is_concerned, "looking up an environment", &queries)?;
            let mut rows = rows.iter();
            let pointed = NamedPrompts::of(rows.next().map_or(&[], Vec::as_slice), &|_| true)?;
            let selected = match (rows.next(), &pointed.prompts[..]) {
                (Some(rows), [_]) if version_id.is_some() => {
                    rows.first().map(version).transpose()?
                }
                (Some(rows), [_]) => NamedPrompts::of(rows, &|_| true)?.version,
                _ => None,
            };
            Ok(EnvironmentLookup {
                prompts: pointed.prompts,
                selected: selected.as_ref().map(VersionSummary::from),
                current: pointed.version.as_ref().map(VersionSummary::from),
            })
        };
        let has_version = |id| self.pending().concerned().has_version(id);
        let has_prompt = |id: &PromptId| self.pending().concerned().has_prompt(id);
        let has_reference = self.pending().concerned().has_reference(prompt);
        let found = read(has_reference || version_id.is_some_and(has_version))?;
        // What concerns it is known only now if the prompt was found by its name.
        let mut versions = found.selected.iter().chain(&found.current);
        let is_concerned =
            found.prompts.iter().any(has_prompt) || versions.any(|version| has_version(version.id));
        if is_concerned { read(true) } else { Ok(found) }
    }
}
