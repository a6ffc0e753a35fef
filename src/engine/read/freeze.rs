//! The resolved bodies of an environment, with all partials filled in.

use std::sync::Arc;

use super::bodies::BodyReader;
use super::partials::gather_partials;
use crate::model::error::{Error, FreezeProblem, Result};
use crate::model::id::{BlobId, EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::record::PromptFilter;
use crate::model::version_number::VersionNumber;
use crate::storage::Snapshot;
use crate::template::{Uses, fill_text};

/// A version that an environment points to, and its body with the partials filled in.
#[derive(Debug)]
pub(crate) struct FrozenText {
    pub(crate) prompt: PromptId,
    pub(crate) name: PromptName,
    pub(crate) version: VersionId,
    pub(crate) number: VersionNumber,
    /// The address of the stored body.
    pub(crate) source: BlobId,
    /// The stored text with its partials filled in.
    pub(crate) text: Arc<str>,
}

/// Returns the prompts that have this environment, ordered by id.
///
/// If a partial of any of them cannot be filled in, it fails with [`Error::Freeze`], which contains
/// all such problems.
pub(crate) fn freeze(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    environment: &EnvironmentName,
) -> Result<Vec<FrozenText>> {
    let mut found = Vec::new();
    let mut wanted = Vec::new();
    for prompt in snapshot.prompts(&PromptFilter::default(), None, usize::MAX)? {
        if let Some(version) = snapshot.version_in(prompt.id, environment)? {
            let body = bodies.read_of(snapshot, &version)?;
            let uses = Uses::of(body.json()).partials;
            found.push((prompt, version, body, uses.is_empty()));
            wanted.extend(uses);
        }
    }
    found.sort_by_key(|(prompt, ..)| prompt.id);
    let partials = gather_partials(snapshot, &|id| bodies.read(snapshot, id), wanted)?;

    let mut frozen = Vec::with_capacity(found.len());
    let mut problems = Vec::new();
    for (prompt, version, body, is_whole) in found {
        let text = if is_whole {
            Ok(body.text().into())
        } else {
            fill_text(body.text(), body.json(), &partials).map(Into::into)
        };
        match text {
            Ok(text) => frozen.push(FrozenText {
                prompt: prompt.id,
                name: prompt.name,
                version: version.id,
                number: version.number,
                source: version.blob,
                text,
            }),
            Err(found) => problems.extend(found.into_iter().map(|problem| FreezeProblem {
                prompt: prompt.id,
                name: prompt.name.clone(),
                problem,
            })),
        }
    }
    if !problems.is_empty() {
        return Err(Error::Freeze { problems });
    }
    Ok(frozen)
}
