//! What is searched of a prompt, as it is now.

use std::collections::HashSet;

use super::merge::together;
use super::text::{text_of, text_of_large};
use super::words::words_of;
use crate::engine::read::bodies::Bodies;
use crate::model::body::{Body, any_string};
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Prompt, Version};
use crate::storage::{SearchablePrompt, SearchableVersion, Snapshot};
use crate::template::Uses;

/// A prompt and its current versions.
pub(super) struct Current {
    pub(super) prompt: Prompt,
    pub(super) versions: Vec<Version>,
}

impl Current {
    /// None where the prompt is deleted.
    pub(super) fn of(snapshot: &dyn Snapshot, id: PromptId) -> Result<Option<Self>> {
        let Some(prompt) = snapshot.prompt(id)? else {
            return Ok(None);
        };
        let versions = current_versions(snapshot, id)?;
        Ok(Some(Self { prompt, versions }))
    }
}

/// The highest version of a prompt, then those that environments point to.
pub(super) fn current_versions(snapshot: &dyn Snapshot, id: PromptId) -> Result<Vec<Version>> {
    let mut versions: Vec<Version> = Vec::new();
    versions.extend(snapshot.highest_version(id, None)?);
    let mut known: HashSet<VersionId> = versions.iter().map(|version| version.id).collect();
    for environment in snapshot.environments(id)? {
        if known.insert(environment.version_id) {
            versions.extend(snapshot.version(environment.version_id)?);
        }
    }
    Ok(versions)
}

/// What is searched of a prompt; of a deleted one, nothing.
pub(super) fn searchable(
    snapshot: &dyn Snapshot,
    bodies: &Bodies,
    id: PromptId,
) -> Result<SearchablePrompt> {
    let current = Current::of(snapshot, id)?;
    let name = current
        .as_ref()
        .map(|current| words_of(current.prompt.name.as_str()));
    let (mut texts, mut versions) = (Vec::new(), Vec::new());
    for version in current.into_iter().flat_map(|current| current.versions) {
        texts.push(words_of(&text_in(snapshot, bodies, &version)?));
        versions.push(SearchableVersion {
            id: version.id,
            partials: partials_of(snapshot, bodies, &version)?,
        });
    }
    Ok(SearchablePrompt {
        id,
        name,
        text: together(&texts),
        versions,
    })
}

/// The text that a version is found by. A damaged body has none: it is `verify` that tells, search goes on.
pub(super) fn text_in(
    snapshot: &dyn Snapshot,
    bodies: &Bodies,
    version: &Version,
) -> Result<String> {
    match bodies.read(snapshot, version.blob) {
        Ok(body) if body.is_large() => Ok(text_of_large(body.text())),
        Ok(body) => Ok(text_of(body.json())),
        Err(Error::Damaged { .. }) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// The partials that a version's body names, each once.
pub(super) fn partials_of(
    snapshot: &dyn Snapshot,
    bodies: &Bodies,
    version: &Version,
) -> Result<Vec<(PromptId, EnvironmentName)>> {
    match bodies.read(snapshot, version.blob) {
        Ok(body) if body.is_large() && !may_name_partials(&body) => Ok(Vec::new()),
        Ok(body) => Ok(body.look(|json| named_in(&Uses::of(json)))),
        Err(Error::Damaged { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether a body may have a tag of a partial. A large one is seldom parsed for it.
fn may_name_partials(body: &Body) -> bool {
    any_string(body.text(), |text| text.contains("hcp"))
}

/// Prompts and environments, each pair once, sorted.
pub(super) fn named_in(uses: &Uses) -> Vec<(PromptId, EnvironmentName)> {
    let partials = uses.partials.iter();
    let mut named: Vec<_> = partials
        .map(|partial| (partial.prompt, partial.environment.clone()))
        .collect();
    named.sort();
    named.dedup();
    named
}
