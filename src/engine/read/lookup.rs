//! Lookup of the prompts and versions that callers name.

use crate::model::error::{Error, PromptLabel, PromptVersionLabel, Result};
use crate::model::id::{PromptId, PromptName};
use crate::model::record::{Prompt, Version};
use crate::model::selector::Selector;
use crate::model::version_spec::{PromptRef, VersionSpec};
use crate::storage::Snapshot;

/// Returns the prompt that a reference names.
pub(crate) fn find_prompt(snapshot: &dyn Snapshot, prompt: &PromptRef) -> Result<PromptId> {
    let mut ids = match prompt {
        PromptRef::Id(_) => Vec::new(),
        PromptRef::Name(name) => snapshot.prompts_named(name)?,
        PromptRef::IdOrName(id) => snapshot.prompts_named(&id.as_str().parse()?)?,
    };
    if let PromptRef::Id(id) | PromptRef::IdOrName(id) = prompt
        && !ids.contains(id)
        && snapshot.prompt_exists(*id)?
    {
        ids.push(*id);
    }
    match ids[..] {
        [id] => Ok(id),
        [] => Err(Error::PromptNotFound {
            prompt: prompt.to_string(),
        }),
        _ => Err(Error::AmbiguousPrompt {
            name: prompt.to_string(),
            ids,
        }),
    }
}

/// Returns the live prompt with exactly this name, if there is one.
pub(crate) fn prompt_named(snapshot: &dyn Snapshot, name: &PromptName) -> Result<Option<Prompt>> {
    let ids = snapshot.prompts_named(name)?;
    match ids[..] {
        [] => Ok(None),
        [id] => Ok(snapshot.prompt(id)?),
        _ => Err(Error::AmbiguousPrompt {
            name: name.to_string(),
            ids,
        }),
    }
}

/// Returns the prompt as [`find_prompt`] does, but accepts the id of a prompt that does not exist.
pub(crate) fn find_prompt_or_deleted(
    snapshot: &dyn Snapshot,
    prompt: &PromptRef,
) -> Result<PromptId> {
    match prompt {
        PromptRef::Id(id) => Ok(*id),
        prompt => find_prompt(snapshot, prompt),
    }
}

/// Returns the version that a spec selects.
pub(crate) fn find_version(snapshot: &dyn Snapshot, spec: &VersionSpec) -> Result<Version> {
    match &spec.prompt {
        // The prompt of an existing version need not be looked up.
        Some(PromptRef::Id(prompt)) => select(snapshot, *prompt, &spec.selector),
        Some(prompt) => select(snapshot, find_prompt(snapshot, prompt)?, &spec.selector),
        None => by_id(snapshot, None, &spec.selector),
    }
}

/// Returns the version of a prompt that a selector selects.
pub(crate) fn select(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    selector: &Selector,
) -> Result<Version> {
    let found = match selector {
        Selector::Id(_) => return by_id(snapshot, Some(prompt), selector),
        Selector::Number(number) => snapshot.version_numbered(prompt, *number)?,
        Selector::Latest => snapshot.highest_version(prompt, None)?,
        Selector::Requirement(requirement) => {
            snapshot.highest_version(prompt, Some(requirement))?
        }
        Selector::Environment(name) => snapshot.version_in(prompt, name)?,
    };
    if let Some(version) = found {
        return Ok(version);
    }
    find_prompt(snapshot, &PromptRef::Id(prompt))?;
    let prompt = prompt_label(snapshot, prompt)?;
    Err(match selector {
        Selector::Environment(name) => Error::EnvironmentNotFound {
            prompt,
            environment: name.clone(),
        },
        selector => Error::VersionNotFound {
            prompt: Some(prompt),
            selector: selector.clone(),
        },
    })
}

/// Names a prompt for an error.
pub(crate) fn prompt_label(snapshot: &dyn Snapshot, id: PromptId) -> Result<PromptLabel> {
    let name = snapshot.prompt(id)?.map(|prompt| prompt.name);
    Ok(PromptLabel { id, name })
}

/// Names a version and its prompt for an error.
pub(crate) fn version_label(
    snapshot: &dyn Snapshot,
    version: &Version,
) -> Result<Box<PromptVersionLabel>> {
    Ok(Box::new(PromptVersionLabel {
        prompt: prompt_label(snapshot, version.prompt_id)?,
        version: version.into(),
    }))
}

fn by_id(
    snapshot: &dyn Snapshot,
    prompt: Option<PromptId>,
    selector: &Selector,
) -> Result<Version> {
    let found = match selector {
        Selector::Id(id) => snapshot.version(*id)?,
        // Without a prompt, only an id selects a version.
        _ => None,
    };
    match (found, prompt) {
        (Some(version), Some(prompt)) if version.prompt_id != prompt => {
            Err(Error::MismatchedVersion {
                version: version_label(snapshot, &version)?,
                prompt: prompt_label(snapshot, prompt)?,
            })
        }
        (Some(version), _) => Ok(version),
        (None, prompt) => Err(Error::VersionNotFound {
            prompt: prompt.map(|id| prompt_label(snapshot, id)).transpose()?,
            selector: selector.clone(),
        }),
    }
}
