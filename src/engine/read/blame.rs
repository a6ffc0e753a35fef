//! Which version brought what: a walk back over the bases.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::bodies::Bodies;
use crate::diff::{Part, Pointer, parts, unchanged};
use crate::json::{Json, Tree};
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::VersionId;
use crate::model::record::Version;
use crate::model::version_number::VersionNumber;
use crate::storage::Snapshot;

/// The origin of each message, tool and parameter of a version's body.
///
/// As JSON: `{version: Version, entries: [BlameEntry]}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Blame {
    /// The version.
    pub version: Version,
    /// The parts of its body, in its order: each message and tool, and each other member of the body as a whole.
    pub entries: Vec<BlameEntry>,
}

/// A part of a body, and where it comes from.
///
/// As JSON: `{pointer, value, origin: {id, number, author, created_at, message}, boundary}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BlameEntry {
    /// Where the part stands, such as `/messages/0` or `/temperature`.
    pub pointer: Pointer,
    /// The part, as it is written but for white space.
    pub value: Json,
    /// The oldest version, base by base back from the blamed one, that all have the part as it is. That a message or
    /// tool was moved is no change of it.
    pub origin: Origin,
    /// Whether the walk ended there because the body of that version's base was collected: the part may be older.
    pub boundary: bool,
}

/// A version that brought something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Origin {
    /// Its id.
    pub id: VersionId,
    /// Its number.
    pub number: VersionNumber,
    /// Who committed it.
    pub author: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The commit message.
    pub message: String,
}

impl From<&Version> for Origin {
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

/// Finds the origins of a version's parts.
pub(crate) fn blame(snapshot: &dyn Snapshot, bodies: &Bodies, version: Version) -> Result<Blame> {
    let body = bodies.read(snapshot, version.blob)?;
    let tree = Tree::of(body.text());
    let all = parts(&tree);
    let mut origins: HashMap<Part, (Origin, bool)> = HashMap::new();
    // What is not settled yet: the part as it is here, and as it is in the version where the walk is.
    let mut open: Vec<(Part, Part)> = all.iter().cloned().zip(all.iter().cloned()).collect();
    let (mut at, mut here) = (version.clone(), body.clone());
    let mut seen = HashSet::from([at.id]);
    while !open.is_empty() {
        let earlier = base(snapshot, bodies, &at)?;
        // A base is older than what is based on it; if it is not, the walk must end all the same.
        let earlier = earlier.filter(|(base, _)| seen.insert(base.id));
        let Some((base, before)) = earlier else {
            let boundary = at.base.is_some();
            let settled = open.drain(..);
            origins.extend(settled.map(|(part, _)| (part, ((&at).into(), boundary))));
            break;
        };
        if base.blob != at.blob {
            let same = unchanged(&Tree::of(before.text()), &Tree::of(here.text()));
            open = open
                .into_iter()
                .filter_map(|(part, now)| match same.get(&now) {
                    Some(then) => Some((part, then.clone())),
                    None => {
                        origins.insert(part, ((&at).into(), false));
                        None
                    }
                })
                .collect();
        }
        (at, here) = (base, before);
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

/// The version that a version was committed on, deleted or not, with its body, if that is still there.
fn base(
    snapshot: &dyn Snapshot,
    bodies: &Bodies,
    version: &Version,
) -> Result<Option<(Version, Body)>> {
    let Some(base) = version.base else {
        return Ok(None);
    };
    let Some(base) = snapshot.version_ever(base)?.map(|row| row.version) else {
        return Ok(None);
    };
    match bodies.read(snapshot, base.blob) {
        Ok(body) => Ok(Some((base, body))),
        // It was collected, as what is deleted by now may be; what is damaged is an error.
        Err(Error::Damaged { .. }) if snapshot.blob(base.blob)?.is_none() => Ok(None),
        Err(error) => Err(error),
    }
}
