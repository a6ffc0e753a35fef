//! Export of prompts in the form that an import reads.

use super::bodies::BodyReader;
use crate::engine::write::import::{PortableInputs, PortablePrompt, PortableVersion};
use crate::model::error::Result;
use crate::model::record::{Prompt, PromptFilter, RecordedInputs, Version, VersionFilter};
use crate::storage::Snapshot;

/// Returns all live prompts with their live versions, oldest first.
pub(crate) fn export(snapshot: &dyn Snapshot, bodies: &BodyReader) -> Result<Vec<PortablePrompt>> {
    let prompts = snapshot.prompts(&PromptFilter::default(), None, usize::MAX)?;
    let oldest_first = prompts.into_iter().rev();
    oldest_first
        .map(|prompt| export_prompt(snapshot, bodies, prompt))
        .collect()
}

fn export_prompt(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    prompt: Prompt,
) -> Result<PortablePrompt> {
    let versions = snapshot.versions(prompt.id, &VersionFilter::default(), None, usize::MAX)?;
    let oldest_first = versions.into_iter().rev();
    let is_only = oldest_first.len() == 1;
    let versions = oldest_first.map(|version| export_version(snapshot, bodies, version, is_only));
    Ok(PortablePrompt {
        id: Some(prompt.id),
        name: prompt.name,
        tags: prompt.tags,
        created_at: Some(prompt.created_at),
        versions: versions.collect::<Result<_>>()?,
    })
}

fn export_version(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    version: Version,
    is_only: bool,
) -> Result<PortableVersion> {
    let inputs = snapshot.inputs_of(version.id)?;
    let body = bodies.read_of(snapshot, &version)?;
    Ok(PortableVersion {
        id: Some(version.id),
        number: Some(version.number),
        message: version.message,
        author: Some(version.author),
        created_at: Some(version.created_at),
        // An import puts the only version in production unless the list is there.
        environments: (is_only || !version.environments.is_empty()).then_some(version.environments),
        inputs: inputs.into_iter().map(export_inputs).collect(),
        body,
    })
}

fn export_inputs(recorded: RecordedInputs) -> PortableInputs {
    PortableInputs {
        request_id: recorded.request_id,
        inputs: recorded.inputs.into_map(),
        environment: recorded.environment,
        recorded_at: Some(recorded.recorded_at),
    }
}
