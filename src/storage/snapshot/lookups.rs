//! The lookups by which operations begin, each of them one call.

use super::{BodyReads, LogReads, Numbering, PromptReads, StoredBlob, VersionReads};
use crate::model::contract_digest::ContractDigest;
use crate::model::error::VersionLabel;
use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, VersionId};
use crate::model::record::Version;
use crate::model::selector::Selector;
use crate::model::version_number::VersionNumber;
use crate::model::version_spec::{PromptRef, VersionSpec};
use crate::storage::StorageResult;

/// The lookups by which operations begin.
///
/// Each consists of several reads. The provided methods make them one after the other, which suits
/// an index in this process. An index for which each read is a round trip should override them.
///
/// Several of them return the body of a version. A local index leaves it out if `is_known` returns
/// true for the version, because the caller does not need it; another index may return it all the
/// same.
///
/// # Errors
///
/// As those of a [`Snapshot`](crate::storage::Snapshot), which has these methods too.
pub trait LookupReads: PromptReads + VersionReads + BodyReads + LogReads {
    /// Returns the prompts that a reference names.
    ///
    /// They are those with exactly this name, newest first, and then the one with this id.
    fn prompts_of(&self, prompt: &PromptRef) -> StorageResult<Vec<PromptId>> {
        let mut ids = match prompt {
            PromptRef::Id(_) => Vec::new(),
            PromptRef::Name(name) => self.prompts_named(name)?,
            // Every id is a name, too.
            PromptRef::IdOrName(id) => match id.as_str().parse() {
                Ok(name) => self.prompts_named(&name)?,
                Err(_) => Vec::new(),
            },
        };
        if let PromptRef::Id(id) | PromptRef::IdOrName(id) = prompt
            && !ids.contains(id)
            && self.prompt_exists(*id)?
        {
            ids.push(*id);
        }
        Ok(ids)
    }

    /// Returns the version of a prompt that a selector selects.
    ///
    /// The version with a selected id may belong to another prompt.
    fn selected(&self, prompt: PromptId, selector: &Selector) -> StorageResult<Option<Version>> {
        match selector {
            Selector::Id(id) => self.version(*id),
            Selector::Number(number) => self.version_numbered(prompt, *number),
            Selector::Latest => self.highest_version(prompt, None),
            Selector::Requirement(requirement) => self.highest_version(prompt, Some(requirement)),
            Selector::Environment(name) => self.version_in(prompt, name),
        }
    }

    /// Looks up the version that a spec selects, with its body, and the last operation if needed.
    fn resolve(
        &self,
        spec: &VersionSpec,
        is_last_needed: bool,
        is_known: &dyn Fn(&Version) -> bool,
    ) -> StorageResult<Resolution> {
        resolve_by_parts(self, spec, is_last_needed, is_known)
    }

    /// Looks up the highest version of a prompt, with its body and the numbers that are used up.
    fn head(
        &self,
        prompt: &PromptRef,
        is_known: &dyn Fn(&Version) -> bool,
    ) -> StorageResult<HeadLookup> {
        let (prompts, version) =
            with_one_prompt(self, prompt, |id| self.highest_version(id, None))?;
        let major = version.as_ref().map_or(0, |version| version.number.major);
        let numbering = match prompts[..] {
            [id] => self.numbering(id, major)?,
            _ => Numbering::default(),
        };
        let body = unknown_body(self, version.as_ref(), is_known)?;
        Ok(HeadLookup {
            prompts,
            version,
            numbering,
            body,
        })
    }

    /// Looks up the version that an environment points to, and the one that a selector selects.
    ///
    /// `None` instead of a selector selects no version.
    fn environment(
        &self,
        prompt: &PromptRef,
        name: &EnvironmentName,
        to: Option<&Selector>,
    ) -> StorageResult<EnvironmentLookup> {
        environment_by_parts(self, prompt, name, to)
    }
}

/// The answer to [`LookupReads::resolve`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolution {
    /// The number and the id of the last operation. `None` if there is none, or if it is not needed.
    pub last: Option<(u64, OperationId)>,
    /// The prompts that the spec names. The version was only looked up if it is exactly one.
    pub prompts: Vec<PromptId>,
    /// The version.
    pub version: Option<Version>,
    /// The place of the version's body, unless the caller does not need it.
    pub body: Option<StoredBlob>,
}

/// The answer to [`LookupReads::head`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeadLookup {
    /// The prompts that the reference names. The rest was only looked up if it is exactly one.
    pub prompts: Vec<PromptId>,
    /// The prompt's highest version.
    pub version: Option<Version>,
    /// The numbers that are used up, those of the version's major included.
    pub numbering: Numbering,
    /// The place of the version's body, unless the caller does not need it.
    pub body: Option<StoredBlob>,
}

/// The answer to [`LookupReads::environment`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnvironmentLookup {
    /// The prompts that the reference names. The rest was only looked up if it is exactly one.
    pub prompts: Vec<PromptId>,
    /// The version that the selector selects.
    pub selected: Option<VersionSummary>,
    /// The version that the environment points to.
    pub current: Option<VersionSummary>,
}

/// The parts of a version that a move of an environment depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionSummary {
    /// The id.
    pub id: VersionId,
    /// The prompt that has the version.
    pub prompt_id: PromptId,
    /// The number.
    pub number: VersionNumber,
    /// The address of the body.
    pub blob: BlobId,
    /// The digest of the body's contract.
    pub contract: Option<ContractDigest>,
}

impl From<&Version> for VersionSummary {
    fn from(version: &Version) -> Self {
        Self {
            id: version.id,
            prompt_id: version.prompt_id,
            number: version.number,
            blob: version.blob,
            contract: version.contract,
        }
    }
}

impl From<&VersionSummary> for VersionLabel {
    fn from(version: &VersionSummary) -> Self {
        Self {
            id: version.id,
            number: version.number,
        }
    }
}

/// Looks up what a spec selects, one part after the other.
pub(crate) fn resolve_by_parts<S: LookupReads + ?Sized>(
    snapshot: &S,
    spec: &VersionSpec,
    is_last_needed: bool,
    is_known: &dyn Fn(&Version) -> bool,
) -> StorageResult<Resolution> {
    let last = if is_last_needed {
        snapshot.last_operation()?
    } else {
        None
    };
    let (prompts, version) = match (&spec.prompt, &spec.selector) {
        (Some(prompt), selector) => {
            with_one_prompt(snapshot, prompt, |id| snapshot.selected(id, selector))?
        }
        (None, Selector::Id(id)) => (Vec::new(), snapshot.version(*id)?),
        (None, _) => (Vec::new(), None),
    };
    let body = unknown_body(snapshot, version.as_ref(), is_known)?;
    Ok(Resolution {
        last,
        prompts,
        version,
        body,
    })
}

/// Looks up what an update of an environment depends on, one part after the other.
pub(crate) fn environment_by_parts<S: LookupReads + ?Sized>(
    snapshot: &S,
    prompt: &PromptRef,
    name: &EnvironmentName,
    to: Option<&Selector>,
) -> StorageResult<EnvironmentLookup> {
    let (prompts, selected) = with_one_prompt(snapshot, prompt, |id| match to {
        Some(selector) => snapshot.selected(id, selector),
        None => Ok(None),
    })?;
    let current = match prompts[..] {
        [id] => snapshot.version_in(id, name)?,
        _ => None,
    };
    Ok(EnvironmentLookup {
        prompts,
        selected: selected.as_ref().map(VersionSummary::from),
        current: current.as_ref().map(VersionSummary::from),
    })
}

/// Calls `look` with the prompt that a reference names, if it is exactly one.
///
/// A prompt that is named by its id exists if a version is one of it. Otherwise it is looked up.
fn with_one_prompt<S: LookupReads + ?Sized>(
    snapshot: &S,
    prompt: &PromptRef,
    look: impl Fn(PromptId) -> StorageResult<Option<Version>>,
) -> StorageResult<(Vec<PromptId>, Option<Version>)> {
    let by_id = match prompt {
        PromptRef::Id(id) => look(*id)?,
        _ => None,
    };
    if let Some(version) = &by_id
        && *prompt == PromptRef::Id(version.prompt_id)
    {
        return Ok((vec![version.prompt_id], by_id));
    }
    let prompts = snapshot.prompts_of(prompt)?;
    let version = match (prompt, &prompts[..]) {
        (PromptRef::Id(_), [_]) => by_id,
        (_, [id]) => look(*id)?,
        _ => None,
    };
    Ok((prompts, version))
}

/// Returns the place of a version's body, unless the caller does not need it.
fn unknown_body<S: LookupReads + ?Sized>(
    snapshot: &S,
    version: Option<&Version>,
    is_known: &dyn Fn(&Version) -> bool,
) -> StorageResult<Option<StoredBlob>> {
    match version {
        Some(version) if !is_known(version) => snapshot.blob(version.blob),
        _ => Ok(None),
    }
}
