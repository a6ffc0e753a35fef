//! The bodies that a body's partials need, loaded before it is rendered or its contract derived.

use std::sync::Arc;

use serde_json::Value;

use super::bodies::read_body;
use crate::backend::{Blobs, Snapshot};
use crate::error::Result;
use crate::template::{Partials, Uses};

/// Loads what the partials of `body` name, and what theirs do. What does not exist is left out: it is for the
/// renderer to say.
pub(crate) fn gather_partials(
    snapshot: &dyn Snapshot,
    blobs: &dyn Blobs,
    body: &Value,
) -> Result<Partials> {
    let mut partials = Partials::default();
    let mut wanted = Uses::of(body).partials;
    let mut seen = std::collections::HashSet::new();
    while let Some(partial) = wanted.pop() {
        let key = (partial.prompt, partial.environment.clone());
        if !seen.insert(key) {
            continue;
        }
        if let Some(version) = snapshot.version_in(partial.prompt, &partial.environment)? {
            let body = read_body(snapshot, blobs, version.blob)?;
            wanted.extend(Uses::of(body.json()).partials);
            partials.insert(partial.prompt, partial.environment, Arc::new(body.json().clone()));
        }
    }
    Ok(partials)
}
