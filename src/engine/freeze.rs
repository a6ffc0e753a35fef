//! What an environment resolves to, with all partials filled in.

use std::sync::Arc;

use super::bodies::Bodies;
use super::partials::gather_partials;
use crate::backend::Snapshot;
use crate::body::Body;
use crate::error::{Error, Result, Unfrozen};
use crate::id::{EnvironmentName, PromptId, PromptName};
use crate::record::{PromptFilter, Version};
use crate::template::{Uses, fill_partials};

/// A version that an environment points to, and what its body is with its partials filled in.
#[derive(Debug)]
pub(crate) struct FrozenText {
    pub(crate) prompt: PromptId,
    pub(crate) name: PromptName,
    pub(crate) version: Version,
    /// The stored text itself, if the body has no partials; else the compact JSON of the filled body.
    pub(crate) text: Arc<str>,
}

/// The prompts that have this environment, by id.
pub(crate) fn freeze(
    snapshot: &dyn Snapshot,
    bodies: &Bodies,
    environment: &EnvironmentName,
) -> Result<Vec<FrozenText>> {
    let mut found = Vec::new();
    for prompt in snapshot.prompts(&PromptFilter::default(), None, usize::MAX)? {
        if let Some(version) = snapshot.version_in(prompt.id, environment)? {
            let body = bodies.read(snapshot, version.blob)?;
            found.push((prompt, version, body));
        }
    }
    found.sort_by_key(|(prompt, ..)| prompt.id);

    let uses = |body: &Body| Uses::of(body.json()).partials;
    let wanted = found.iter().flat_map(|(.., body)| uses(body)).collect();
    let partials = gather_partials(snapshot, bodies, wanted)?;

    let mut frozen = Vec::with_capacity(found.len());
    let mut problems = Vec::new();
    for (prompt, version, body) in found {
        let text = match uses(&body).is_empty() {
            true => Ok(body.text().into()),
            false => fill_partials(body.json(), &partials).map(|filled| filled.to_string().into()),
        };
        match text {
            Ok(text) => frozen.push(FrozenText {
                prompt: prompt.id,
                name: prompt.name,
                version,
                text,
            }),
            Err(found) => problems.extend(found.into_iter().map(|problem| Unfrozen {
                prompt: prompt.id,
                name: prompt.name.clone(),
                problem,
            })),
        }
    }
    match problems.is_empty() {
        true => Ok(frozen),
        false => Err(Error::Freeze { problems }),
    }
}
