//! A run of changes that few statements apply together, with a row for each change.
//!
//! Operations are appended, bodies journaled, prompts and versions created, and environments pointed.
//! These changes do not depend on each other's order, except that each needs what those before it in
//! this list create, and that the last move of an environment counts.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::added::{AddedBody, AddedOperation, AddedPrompt};
use super::changes::raw;
use super::guarded::guarded;
use super::move_statements;
use crate::model::contract_digest::ContractDigest;
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::Version;
use crate::storage::folded;
use crate::storage::postgres::columns::{micros, signed};
use crate::storage::postgres::write_step::{Param, WriteStep};

/// The changes of a run, by kind.
#[derive(Default)]
pub(super) struct ChangeRun<'a> {
    operations: Vec<&'a AddedOperation>,
    bodies: Vec<&'a AddedBody>,
    stored: HashSet<&'a [u8]>,
    prompts: Vec<&'a AddedPrompt>,
    versions: Vec<&'a Version>,
    /// The place of a version in the list.
    places: HashMap<VersionId, usize>,
    moves: BTreeMap<(PromptId, &'a EnvironmentName), Move>,
    /// The number of new versions of a prompt, and the moment of its last change.
    touched: BTreeMap<PromptId, (i64, i64)>,
    /// Bodies that versions may have although they are not stored.
    absent: &'a [Vec<u8>],
}

/// The moves of an environment as one.
struct Move {
    before: Option<VersionId>,
    after: Option<VersionId>,
    at: i64,
}

fn id_bytes(id: PromptId) -> Vec<u8> {
    id.as_str().as_bytes().to_vec()
}

/// Returns a parameter with an element for each item.
fn column<I, T: tokio_postgres::types::ToSql + Sync + Send + 'static>(
    items: &[I],
    value: impl Fn(&I) -> T,
) -> Param
where
    Vec<T>: tokio_postgres::types::ToSql,
{
    Box::new(items.iter().map(value).collect::<Vec<T>>())
}

impl<'a> ChangeRun<'a> {
    pub(super) fn new(absent: &'a [Vec<u8>]) -> Self {
        Self {
            absent,
            ..Self::default()
        }
    }

    pub(super) fn add_operation(&mut self, operation: &'a AddedOperation) {
        self.operations.push(operation);
    }

    pub(super) fn add_body(&mut self, body: &'a AddedBody) {
        if self.stored.insert(&body.hash) {
            self.bodies.push(body);
        }
    }

    pub(super) fn add_prompt(&mut self, prompt: &'a AddedPrompt) {
        self.prompts.push(prompt);
    }

    pub(super) fn add_version(&mut self, version: &'a Version, at: i64) {
        self.places.insert(version.id, self.versions.len());
        self.versions.push(version);
        let (added, changed_at) = self.touched.entry(version.prompt_id).or_default();
        *added += 1;
        *changed_at = at;
    }

    pub(super) fn add_move(
        &mut self,
        prompt: PromptId,
        name: &'a EnvironmentName,
        before: Option<VersionId>,
        after: Option<VersionId>,
        at: i64,
    ) {
        let moved = self
            .moves
            .entry((prompt, name))
            .or_insert(Move { before, after, at });
        (moved.after, moved.at) = (after, at);
        self.touched.entry(prompt).or_default().1 = at;
    }

    /// Returns the statements, in order.
    pub(super) fn into_steps(self) -> Vec<WriteStep> {
        let mut steps = Vec::new();
        self.append(&mut steps);
        self.journal(&mut steps);
        self.create_prompts(&mut steps);
        self.create_versions(&mut steps);
        self.point(&mut steps);
        self.touch(&mut steps);
        steps
    }

    fn append(&self, steps: &mut Vec<WriteStep>) {
        let (Some(first), Some(last)) = (self.operations.first(), self.operations.last()) else {
            return;
        };
        steps.push(WriteStep::any(
            "appending an operation",
            guarded!(
                1,
                "UPDATE head SET last_number = $2::bigint, last_hash = $3
                 WHERE last_number = $1::bigint - 1"
            ),
            vec![
                Box::new(first.number),
                Box::new(last.number),
                raw(&last.hash),
            ],
        ));
        // An insertion from arrays changes as many rows as they have, or fails.
        steps.push(WriteStep::any(
            "appending operations",
            "INSERT INTO operation (number, hash, at, content)
             SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bytea[])",
            vec![
                column(&self.operations, |one| one.number),
                column(&self.operations, |one| one.hash.clone()),
                column(&self.operations, |one| one.at),
                column(&self.operations, |one| one.text.clone()),
            ],
        ));
        let prompts = self.operations.iter().flat_map(|one| {
            let of_one = one.prompts.iter();
            of_one.map(|prompt| (id_bytes(*prompt), one.number))
        });
        let prompts: Vec<(Vec<u8>, i64)> = prompts.collect();
        let names = self.operations.iter().flat_map(|one| {
            let of_one = one.environments.iter();
            of_one.map(|name| (name.as_bytes().to_vec(), one.number))
        });
        let names: Vec<(Vec<u8>, i64)> = names.collect();
        for (rows, sql) in [
            (
                prompts,
                "INSERT INTO operation_prompt SELECT * FROM unnest($1::bytea[], $2::bigint[])",
            ),
            (
                names,
                "INSERT INTO operation_environment SELECT * FROM unnest($1::bytea[], $2::bigint[])",
            ),
        ] {
            if rows.is_empty() {
                continue;
            }
            let params = vec![
                column(&rows, |(of, _)| of.clone()),
                column(&rows, |(_, number)| *number),
            ];
            steps.push(WriteStep::any("listing operations", sql, params));
        }
    }

    fn journal(&self, steps: &mut Vec<WriteStep>) {
        if self.bodies.is_empty() {
            return;
        }
        steps.push(WriteStep::any(
            "journaling bodies",
            "WITH body AS MATERIALIZED (
                 SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[]) WITH ORDINALITY
                     AS b (hash, size, bytes, place)
             ), new AS (
                 INSERT INTO blob (hash, size, stored) SELECT hash, size, true FROM body ORDER BY place
                 ON CONFLICT (hash) DO UPDATE SET stored = true WHERE NOT blob.stored
                 RETURNING key, hash
             ) INSERT INTO journal SELECT new.key, body.bytes FROM new JOIN body USING (hash)",
            vec![
                column(&self.bodies, |one| one.hash.clone()),
                column(&self.bodies, |one| signed(one.bytes.len())),
                column(&self.bodies, |one| one.bytes.clone()),
            ],
        ));
    }

    /// Creates prompts, or restores deleted ones without their versions.
    fn create_prompts(&self, steps: &mut Vec<WriteStep>) {
        if self.prompts.is_empty() {
            return;
        }
        steps.push(WriteStep::any(
            "creating prompts",
            guarded!(
                "$5::bigint",
                "INSERT INTO prompt (id, name, folded, created_at, updated_at)
                 SELECT id, name, folded, at, at
                 FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[]) WITH ORDINALITY
                     AS p (id, name, folded, at, place)
                 ORDER BY place
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, folded = excluded.folded,
                     deleted_at = NULL, updated_at = excluded.updated_at
                 WHERE prompt.deleted_at IS NOT NULL"
            ),
            vec![
                column(&self.prompts, |one| id_bytes(one.id)),
                column(&self.prompts, |one| one.name.as_bytes().to_vec()),
                column(&self.prompts, |one| folded(&one.name).into_bytes()),
                column(&self.prompts, |one| one.at),
                Box::new(signed(self.prompts.len())),
            ],
        ));
        steps.push(WriteStep::any(
            "counting prompts",
            guarded!(1, "UPDATE head SET prompts = prompts + $1::bigint"),
            vec![Box::new(signed(self.prompts.len()))],
        ));
        let tags = self.prompts.iter().flat_map(|one| {
            let tags = one.tags.iter().enumerate();
            tags.map(|(place, tag)| (id_bytes(one.id), signed(place + 1), tag.as_bytes().to_vec()))
        });
        let tags: Vec<(Vec<u8>, i64, Vec<u8>)> = tags.collect();
        if !tags.is_empty() {
            steps.push(WriteStep::any(
                "setting tags",
                guarded!(
                    "$4::bigint",
                    "INSERT INTO tag SELECT p.key, t.place, t.tag
                     FROM unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS t (id, place, tag)
                         JOIN prompt p ON p.id = t.id"
                ),
                vec![
                    column(&tags, |(id, ..)| id.clone()),
                    column(&tags, |(_, place, _)| *place),
                    column(&tags, |(.., tag)| tag.clone()),
                    Box::new(signed(tags.len())),
                ],
            ));
        }
    }

    fn create_versions(&self, steps: &mut Vec<WriteStep>) {
        let versions = &self.versions;
        if versions.is_empty() {
            return;
        }
        // A base in the same run has no key yet, but its key follows from its place.
        let base_place = |version: &&Version| {
            let base = version.base.as_ref()?;
            Some(signed(self.places.get(base)? + 1))
        };
        let earlier_base = |version: &&Version| {
            let base = version.base.filter(|base| !self.places.contains_key(base));
            base.map(|base| base.as_bytes().to_vec())
        };
        let digest = |version: &&Version| {
            let digest = version.contract.as_ref().map(ContractDigest::as_bytes);
            digest.map(|digest| digest.to_vec())
        };
        steps.push(WriteStep::any(
            "creating versions of live prompts, with stored bodies",
            guarded!(
                "$14::bigint",
                "new AS MATERIALIZED (
                     SELECT u.*, nextval('version_key_seq') AS key
                     FROM (SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[],
                             $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bigint[],
                             $10::bytea[], $11::bytea[], $12::bigint[]) WITH ORDINALITY
                         AS u (id, prompt, major, minor, model, message, author, base, base_place,
                             hash, contract, created_at, place) ORDER BY place) u
                 )",
                "INSERT INTO version (key, id, prompt, major, minor, model, message, author, base,
                     blob, contract, created_at) OVERRIDING SYSTEM VALUE
                 SELECT n.key, n.id, p.key, n.major, n.minor, n.model, n.message, n.author,
                     coalesce(b.key, n.key - n.place + n.base_place), o.key, n.contract, n.created_at
                 FROM new n JOIN prompt p ON p.id = n.prompt AND p.deleted_at IS NULL
                     JOIN blob o ON o.hash = n.hash AND (o.stored OR o.hash = ANY($13::bytea[]))
                     LEFT JOIN version b ON b.id = n.base
                 WHERE n.base IS NULL OR b.key IS NOT NULL"
            ),
            vec![
                column(versions, |one| one.id.as_bytes().to_vec()),
                column(versions, |one| id_bytes(one.prompt_id)),
                column(versions, |one| i64::from(one.number.major)),
                column(versions, |one| i64::from(one.number.minor)),
                column(versions, |one| {
                    one.model.as_ref().map(|model| model.as_bytes().to_vec())
                }),
                column(versions, |one| one.message.as_bytes().to_vec()),
                column(versions, |one| one.author.as_bytes().to_vec()),
                column(versions, earlier_base),
                column(versions, base_place),
                column(versions, |one| one.blob.as_bytes().to_vec()),
                column(versions, digest),
                column(versions, |one| micros(one.created_at)),
                Box::new(self.absent.to_vec()),
                Box::new(signed(versions.len())),
            ],
        ));
        let mut uses: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for version in versions {
            *uses.entry(version.blob.as_bytes().to_vec()).or_default() += 1;
        }
        let uses: Vec<(Vec<u8>, i64)> = uses.into_iter().collect();
        steps.push(WriteStep::any(
            "counting the uses of bodies",
            guarded!(
                "$3::bigint",
                "UPDATE blob SET live = live + u.uses, unused_since = NULL
                 FROM unnest($1::bytea[], $2::bigint[]) AS u (hash, uses) WHERE blob.hash = u.hash"
            ),
            vec![
                column(&uses, |(hash, _)| hash.clone()),
                column(&uses, |(_, uses)| *uses),
                Box::new(signed(uses.len())),
            ],
        ));
    }

    fn point(&self, steps: &mut Vec<WriteStep>) {
        let moves: Vec<_> = self.moves.iter().collect();
        let of_kind = |is_before: bool, is_after: bool| {
            let matches = |(_, one): &&(&_, &Move)| {
                (one.before.is_some(), one.after.is_some()) == (is_before, is_after)
            };
            moves.iter().filter(matches).copied().collect::<Vec<_>>()
        };
        let version = |id: Option<VersionId>| id.map(|id| id.as_bytes().to_vec());
        for (doing, sql, moves) in [
            (
                "setting environments",
                move_statements::SET,
                of_kind(false, true),
            ),
            (
                "moving environments",
                move_statements::MOVE,
                of_kind(true, true),
            ),
            (
                "removing environments",
                move_statements::REMOVE,
                of_kind(true, false),
            ),
        ] {
            if moves.is_empty() {
                continue;
            }
            let params = vec![
                column(&moves, |((prompt, _), _)| id_bytes(*prompt)),
                column(&moves, |((_, name), _)| name.as_str().as_bytes().to_vec()),
                column(&moves, |(_, one)| version(one.before)),
                column(&moves, |(_, one)| version(one.after)),
                column(&moves, |(_, one)| one.at),
                Box::new(signed(moves.len())) as Param,
            ];
            steps.push(WriteStep::any(doing, sql, params));
        }
    }

    /// Counts the new versions of prompts, and dates their last change.
    fn touch(&self, steps: &mut Vec<WriteStep>) {
        let touched: Vec<_> = self.touched.iter().collect();
        if touched.is_empty() {
            return;
        }
        steps.push(WriteStep::any(
            "dating the change of prompts",
            guarded!(
                "$4::bigint",
                "UPDATE prompt SET versions = versions + t.added, updated_at = t.at
                 FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS t (id, added, at)
                 WHERE prompt.id = t.id AND prompt.deleted_at IS NULL"
            ),
            vec![
                column(&touched, |(id, _)| id_bytes(**id)),
                column(&touched, |(_, (added, _))| *added),
                column(&touched, |(_, (_, at))| *at),
                Box::new(signed(touched.len())),
            ],
        ));
    }
}
