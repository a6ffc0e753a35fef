//! The bodies that a body's partials need, loaded before it is rendered or its contract derived.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::{BlobId, EnvironmentName, PromptId};
use crate::storage::Snapshot;
use crate::template::{PartialUse, Partials, Uses};

/// Loads what these partials name, and what theirs do. What does not exist is left out: it is for the renderer
/// to say.
pub(crate) fn gather_partials(
    snapshot: &dyn Snapshot,
    read: &dyn Fn(BlobId) -> Result<Body>,
    wanted: Vec<PartialUse>,
) -> Result<Partials> {
    let partials = gather(snapshot, read, wanted, u64::MAX, &mut Vec::new())?;
    Ok(partials.unwrap_or_default())
}

/// The body that a partial named at a moment, if there was one.
#[derive(Debug)]
pub(crate) struct Pointed {
    prompt: PromptId,
    environment: EnvironmentName,
    blob: Option<BlobId>,
}

impl Pointed {
    /// Whether the partial still names it.
    pub(crate) fn is_so(&self, snapshot: &dyn Snapshot) -> Result<bool> {
        let version = snapshot.version_in(self.prompt, &self.environment)?;
        Ok(version.map(|version| version.blob) == self.blob)
    }
}

/// As [`gather_partials`], of this many bytes at most; if there are more, nothing. Adds which bodies were named.
pub(crate) fn gather(
    snapshot: &dyn Snapshot,
    read: &dyn Fn(BlobId) -> Result<Body>,
    mut wanted: Vec<PartialUse>,
    most: u64,
    pointed: &mut Vec<Pointed>,
) -> Result<Option<Partials>> {
    let mut partials = Partials::default();
    let mut left = most;
    let mut seen = HashSet::new();
    while let Some(partial) = wanted.pop() {
        if !seen.insert((partial.prompt, partial.environment.clone())) {
            continue;
        }
        let version = snapshot.version_in(partial.prompt, &partial.environment)?;
        pointed.push(Pointed {
            prompt: partial.prompt,
            environment: partial.environment.clone(),
            blob: version.as_ref().map(|version| version.blob),
        });
        if let Some(version) = version {
            left = match left.checked_sub(version.size) {
                Some(left) => left,
                None => return Ok(None),
            };
            let body = read(version.blob)?;
            wanted.extend(body.look(|json| Uses::of(json).partials));
            partials.insert(
                partial.prompt,
                partial.environment,
                Arc::new(body.json().clone()),
            );
        }
    }
    Ok(Some(partials))
}
