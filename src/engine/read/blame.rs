//! Blame: the version that introduced each part of a body, found by walking back over the bases.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::bodies::BodyReader;
use crate::diff::parts::{Part, parts, unchanged};
use crate::diff::pointer::Pointer;
use crate::json::{Json, JsonTree};
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::VersionId;
use crate::model::record::Version;
use crate::model::version_number::VersionNumber;
use crate::storage::Snapshot;

/// The origin of each message, tool and parameter of a version's body.
///
/// As JSON: `{version: Version, entries: [BlameEntry]}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Blame {
    /// The blamed version.
    pub version: Version,
    /// The parts of its body in body order: each message, tool and other member.
    pub entries: Vec<BlameEntry>,
}

/// A part of a body, and the version that introduced it.
///
/// As JSON: `{pointer, value, origin: {id, number, author, created_at, message}, boundary}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlameEntry {
    /// The location of the part in the body, such as `/messages/0` or `/temperature`.
    pub pointer: Pointer,
    /// The part's value as written, except for white space.
    pub value: Json,
    /// The version that introduced the part.
    ///
    /// This is the oldest version of the chain of bases, back from the blamed version, in which the
    /// part is unchanged. A message or tool that only moved counts as unchanged.
    pub origin: BlameOrigin,
    /// Whether the walk ended at the origin because the body of its base was garbage-collected.
    ///
    /// The part may then be older.
    pub boundary: bool,
}

/// A version that introduced a part of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlameOrigin {
    /// The version's id.
    pub id: VersionId,
    /// The version's number.
    pub number: VersionNumber,
    /// The author of the commit.
    pub author: String,
    /// The time of the commit.
    pub created_at: DateTime<Utc>,
    /// The commit message.
    pub message: String,
}

impl From<&Version> for BlameOrigin {
    fn from(version: &Version) -> Self {
        Self {
            id: version.id,
            number: version.number,
            author: version.author.clone(),
            created_at: version.created_at,
            message: version.message.clone(),
        }
    }
}

/// Finds the origins of the parts of a version's body.
pub(crate) fn blame(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    version: Version,
) -> Result<Blame> {
    let body = bodies.read_of(snapshot, &version)?;
    let tree = JsonTree::of(body.text());
    let all = parts(&tree);
    let mut origins: HashMap<Part, (BlameOrigin, bool)> = HashMap::new();
    // The parts whose origin is not found yet: the part in the blamed version, and the same part in
    // the version that the walk has reached.
    let mut unresolved: Vec<(Part, Part)> = all.iter().cloned().zip(all.iter().cloned()).collect();
    let mut walk = BaseWalk::from(version.clone(), body.clone());
    while !unresolved.is_empty() {
        let Some((base, before)) = walk.base(snapshot, bodies)? else {
            let last = unresolved.drain(..);
            origins.extend(last.map(|(part, _)| (part, walk.end())));
            break;
        };
        if base.blob != walk.at.blob {
            let same = unchanged(
                &JsonTree::of(before.text()),
                &JsonTree::of(walk.body.text()),
            );
            unresolved = unresolved
                .into_iter()
                .filter_map(|(part, now)| match same.get(&now) {
                    Some(then) => Some((part, then.clone())),
                    None => {
                        origins.insert(part, ((&walk.at).into(), false));
                        None
                    }
                })
                .collect();
        }
        (walk.at, walk.body) = (base, before);
    }
    let entries = all.into_iter().filter_map(|part| {
        let (origin, boundary) = origins.remove(&part)?;
        Some(BlameEntry {
            value: part.find(&tree)?.into(),
            pointer: part.pointer(),
            origin,
            boundary,
        })
    });
    Ok(Blame {
        entries: entries.collect(),
        version,
    })
}

/// A walk from a version to its base, to the base of that, and so on.
pub(super) struct BaseWalk {
    /// The version that the walk has reached, and its body.
    pub(super) at: Version,
    pub(super) body: Body,
    seen: HashSet<VersionId>,
}

impl BaseWalk {
    pub(super) fn from(version: Version, body: Body) -> Self {
        Self {
            seen: HashSet::from([version.id]),
            at: version,
            body,
        }
    }

    /// Returns the base of the version that was reached, and its body.
    ///
    /// Returns `None` if the body is no longer stored. The base may be deleted.
    pub(super) fn base(
        &mut self,
        snapshot: &dyn Snapshot,
        bodies: &BodyReader,
    ) -> Result<Option<(Version, Body)>> {
        // A base is older than the versions based on it. If a damaged index says otherwise, the
        // walk must end all the same.
        Ok(base(snapshot, bodies, &self.at)?.filter(|(base, _)| self.seen.insert(base.id)))
    }

    /// Returns the origin of what is unchanged in the last version of the walk, and whether that
    /// version has a base.
    pub(super) fn end(&self) -> (BlameOrigin, bool) {
        ((&self.at).into(), self.at.base.is_some())
    }
}

fn base(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    version: &Version,
) -> Result<Option<(Version, Body)>> {
    let Some(base) = version.base else {
        return Ok(None);
    };
    let Some(row) = snapshot.version_even_deleted(base)? else {
        return Ok(None);
    };
    let base = Arc::unwrap_or_clone(row.version);
    match bodies.read_of(snapshot, &base) {
        Ok(body) => Ok(Some((base, body))),
        // The body was garbage-collected, as the body of a deleted version may be. A body that is
        // stored but damaged is an error.
        Err(Error::CorruptBody { .. }) if snapshot.blob(base.blob)?.is_none() => Ok(None),
        Err(error) => Err(error),
    }
}
