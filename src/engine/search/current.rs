//! The searchable contents of a prompt in its current state.

use std::collections::HashSet;

use super::merge::merge_texts;
use super::text::text_of;
use super::words::words_of;
use crate::engine::read::bodies::BodyReader;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{Prompt, Version};
use crate::storage::{SearchablePrompt, SearchableVersion, Snapshot, WordQuery};
use crate::template::{Uses, may_have_tags};

/// A prompt and its current versions.
pub(super) struct CurrentDocuments {
    pub(super) prompt: Prompt,
    pub(super) versions: Vec<Version>,
}

impl CurrentDocuments {
    /// Reads a prompt. Returns `None` if it is deleted.
    pub(super) fn of(snapshot: &dyn Snapshot, id: PromptId) -> Result<Option<Self>> {
        let Some(prompt) = snapshot.prompt(id)? else {
            return Ok(None);
        };
        let versions = current_versions(snapshot, id)?;
        Ok(Some(Self { prompt, versions }))
    }
}

/// Returns the highest version of a prompt, then those that environments point to.
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

/// Returns the entry of a prompt for the index. That of a deleted prompt is empty.
pub(super) fn searchable(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    id: PromptId,
) -> Result<SearchablePrompt> {
    let current = CurrentDocuments::of(snapshot, id)?;
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
        text: merge_texts(&texts),
        versions,
    })
}

/// The words by which a prompt is found.
pub(super) struct SearchableWords {
    pub(super) name: WordQuery,
    pub(super) text: WordQuery,
}

/// Returns the words of a live prompt, as they are indexed.
pub(super) fn searchable_words(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    prompt: &Prompt,
) -> Result<SearchableWords> {
    let mut texts = Vec::new();
    for version in current_versions(snapshot, prompt.id)? {
        texts.push(words_of(&text_in(snapshot, bodies, &version)?));
    }
    Ok(SearchableWords {
        name: words_of(prompt.name.as_str()),
        text: merge_texts(&texts),
    })
}

/// Returns the text by which a version is found.
///
/// A damaged body has no text, so that the search can continue. `verify` reports the damage.
pub(super) fn text_in(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    version: &Version,
) -> Result<String> {
    match bodies.read(snapshot, version.blob) {
        Ok(body) => Ok(text_of(body.text())),
        Err(Error::CorruptBody { .. }) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// Returns the partials in a version's body, each once.
pub(super) fn partials_of(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    version: &Version,
) -> Result<Vec<(PromptId, EnvironmentName)>> {
    match bodies.read(snapshot, version.blob) {
        Ok(body) if !may_have_tags(body.text()) => Ok(Vec::new()),
        Ok(body) => Ok(body.look(|json| named_in(&Uses::of(json)))),
        Err(Error::CorruptBody { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Returns the prompts and environments of the partials, each pair once, sorted.
pub(super) fn named_in(uses: &Uses) -> Vec<(PromptId, EnvironmentName)> {
    let partials = uses.partials.iter();
    let mut named: Vec<_> = partials
        .map(|partial| (partial.prompt, partial.environment.clone()))
        .collect();
    named.sort();
    named.dedup();
    named
}
