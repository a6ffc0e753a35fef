//! The bodies that a body's partials need, loaded before it is rendered or its contract derived.

use std::collections::HashSet;
use std::sync::Arc;

use crate::backend::Snapshot;
use crate::body::Body;
use crate::error::Result;
use crate::id::BlobId;
use crate::template::{PartialUse, Partials, Uses};

/// Loads what these partials name, and what theirs do. What does not exist is left out: it is for the renderer
/// to say.
pub(crate) fn gather_partials(
    snapshot: &dyn Snapshot,
    read: &dyn Fn(BlobId) -> Result<Body>,
    mut wanted: Vec<PartialUse>,
) -> Result<Partials> {
    let mut partials = Partials::default();
    let mut seen = HashSet::new();
    while let Some(partial) = wanted.pop() {
        if !seen.insert((partial.prompt, partial.environment.clone())) {
            continue;
        }
        if let Some(version) = snapshot.version_in(partial.prompt, &partial.environment)? {
            let body = read(version.blob)?;
            wanted.extend(Uses::of(body.json()).partials);
            partials.insert(
                partial.prompt,
                partial.environment,
                Arc::new(body.json().clone()),
            );
        }
    }
    Ok(partials)
}
