//! Loading of the bodies that a body's partials refer to.
//!
//! This happens before the body is rendered or its contract is derived.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::{BlobId, EnvironmentName, PromptId};
use crate::storage::Snapshot;
use crate::template::{PartialUse, Partials, Uses};

/// Loads the bodies of these partials, and those of the partials within them.
///
/// A partial whose version does not exist is left out; the renderer reports it.
pub(crate) fn gather_partials(
    snapshot: &dyn Snapshot,
    read: &dyn Fn(BlobId) -> Result<Body>,
    wanted: Vec<PartialUse>,
) -> Result<Partials> {
    let partials = load_partials(snapshot, read, wanted, u64::MAX, &mut Vec::new())?;
    Ok(partials.unwrap_or_default())
}

/// The body that a partial referred to at some time, if there was one.
#[derive(Clone, Debug)]
pub(crate) struct PartialTarget {
    prompt: PromptId,
    environment: EnvironmentName,
    blob: Option<BlobId>,
}

impl PartialTarget {
    /// Checks whether the partial still refers to this body.
    pub(crate) fn still_holds(&self, snapshot: &dyn Snapshot) -> Result<bool> {
        let version = snapshot.version_in(self.prompt, &self.environment)?;
        Ok(version.map(|version| version.blob) == self.blob)
    }
}

/// Loads bodies as [`gather_partials`] does, or returns `None` if they have more than `max_bytes` bytes.
///
/// Adds the body that each partial referred to to `targets`.
pub(crate) fn load_partials(
    snapshot: &dyn Snapshot,
    read: &dyn Fn(BlobId) -> Result<Body>,
    mut wanted: Vec<PartialUse>,
    max_bytes: u64,
    targets: &mut Vec<PartialTarget>,
) -> Result<Option<Partials>> {
    let mut partials = Partials::default();
    let mut left = max_bytes;
    let mut seen = HashSet::new();
    while let Some(partial) = wanted.pop() {
        if !seen.insert((partial.prompt, partial.environment.clone())) {
            continue;
        }
        let version = snapshot.version_in(partial.prompt, &partial.environment)?;
        targets.push(PartialTarget {
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
