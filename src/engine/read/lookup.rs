//! Lookup of the prompts and versions that callers name.

use crate::model::error::{Error, PromptLabel, PromptVersionLabel, Result};
use crate::model::id::{PromptId, PromptName};
use crate::model::log_position::LogPosition;
use crate::model::record::{Prompt, Version};
use crate::model::selector::Selector;
use crate::model::version_spec::{PromptRef, VersionSpec};
use crate::storage::{Snapshot, StoredBlob};

/// Returns the prompt that a reference names.
pub(crate) fn find_prompt(snapshot: &dyn Snapshot, prompt: &PromptRef) -> Result<PromptId> {
    one_prompt(prompt, snapshot.prompts_of(prompt)?)
}

/// Returns the only one of the prompts that a reference names.
pub(crate) fn one_prompt(prompt: &PromptRef, ids: Vec<PromptId>) -> Result<PromptId> {
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
        None => {
            let selected = match &spec.selector {
                Selector::Id(id) => snapshot.version(*id)?,
                _ => None,
            };
            selected_alone(&spec.selector, selected)
        }
    }
}

/// Returns the version of a prompt that a selector selects.
pub(crate) fn select(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    selector: &Selector,
) -> Result<Version> {
    let selected = snapshot.selected(prompt, selector)?;
    if selected.is_none() && !matches!(selector, Selector::Id(_)) {
        find_prompt(snapshot, &PromptRef::Id(prompt))?;
    }
    check_selected(snapshot, prompt, selector, selected)
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

/// Returns the version that a selector selected, if it is one of the prompt.
fn check_selected(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    selector: &Selector,
    selected: Option<Version>,
) -> Result<Version> {
    match (selected, selector) {
        (Some(version), _) if version.prompt_id == prompt => Ok(version),
        (Some(version), _) => Err(Error::MismatchedVersion {
            version: version_label(snapshot, &version)?,
            prompt: prompt_label(snapshot, prompt)?,
        }),
        (None, Selector::Environment(name)) => Err(Error::EnvironmentNotFound {
            prompt: prompt_label(snapshot, prompt)?,
            environment: name.clone(),
        }),
        (None, selector) => Err(Error::VersionNotFound {
            prompt: Some(prompt_label(snapshot, prompt)?),
            selector: selector.clone(),
        }),
    }
}

/// Returns the version that a selector without a prompt selected. Only an id can select one.
fn selected_alone(selector: &Selector, selected: Option<Version>) -> Result<Version> {
    selected.ok_or_else(|| Error::VersionNotFound {
        prompt: None,
        selector: selector.clone(),
    })
}

/// A version that a spec selects, and what was read with it.
pub(crate) struct FoundVersion {
    pub(crate) version: Version,
    /// The place of its body, unless the caller has the body.
    pub(crate) body: Option<StoredBlob>,
    /// The last operation of the snapshot, if it was needed.
    pub(crate) last: LogPosition,
}

/// Returns the version that a spec selects, with its body, by one call.
///
/// The body is left out if `is_known` returns true for the version.
pub(crate) fn resolve(
    snapshot: &dyn Snapshot,
    spec: &VersionSpec,
    is_last_needed: bool,
    is_known: &dyn Fn(&Version) -> bool,
) -> Result<FoundVersion> {
    let found = snapshot.resolve(spec, is_last_needed, is_known)?;
    let version = match &spec.prompt {
        Some(prompt) => {
            let prompt = one_prompt(prompt, found.prompts)?;
            check_selected(snapshot, prompt, &spec.selector, found.version)?
        }
        None => selected_alone(&spec.selector, found.version)?,
    };
    Ok(FoundVersion {
        version,
        body: found.body,
        last: LogPosition::after_last(found.last),
    })
}
