//! Import of prompts with their versions, environments and recorded inputs.

use super::objects;
use std::collections::HashSet;
use std::fmt::Display;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::write::bulk_bodies::kin_of;
use crate::engine::write::commit::check_body;
use crate::engine::write::numbering;
use crate::engine::write::prompt::check_tags;
use crate::engine::write::writer::WriteTransaction;
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::inputs::Inputs;
use crate::model::invalid_argument::{InvalidArgument, check_length};
use crate::model::record::{Change, OperationKind, PromptState, RecordedInputs, Version};
use crate::model::version_number::VersionNumber;

/// A prompt from elsewhere.
///
/// Its JSON is that of [`Fixtures`](crate::server::Fixtures). A member that is missing gets the
/// value that a new prompt would have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a prompt's object")]
pub(crate) struct ImportedPrompt {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<PromptId>,
    pub(crate) name: PromptName,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    #[serde(default, deserialize_with = "objects::moment")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<DateTime<Utc>>,
    /// The versions in commit order.
    #[serde(deserialize_with = "objects::objects")]
    pub(crate) versions: Vec<ImportedVersion>,
}

/// A version from elsewhere, based on the version before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a version's object")]
pub(crate) struct ImportedVersion {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<VersionId>,
    /// If none, the minor after the version before it, or the store's first number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<VersionNumber>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) author: Option<String>,
    /// If none, the time when the prompt was created.
    #[serde(default, deserialize_with = "objects::moment")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<DateTime<Utc>>,
    /// The environments that point to the version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) environments: Vec<EnvironmentName>,
    #[serde(default, deserialize_with = "objects::objects")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) inputs: Vec<ImportedInputs>,
    #[serde(with = "crate::model::body::verbatim")]
    pub(crate) body: Body,
}

/// The inputs that a request passed to a version elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object of recorded inputs")]
pub(crate) struct ImportedInputs {
    pub(crate) request_id: String,
    #[serde(deserialize_with = "objects::inputs")]
    pub(crate) inputs: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<EnvironmentName>,
    /// If none, now.
    #[serde(default, deserialize_with = "objects::moment")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded_at: Option<DateTime<Utc>>,
}

impl WriteTransaction<'_> {
    /// Reserves the ids of these prompts and their versions.
    ///
    /// Until they are imported, none of these ids is drawn for another prompt or version.
    pub(crate) fn reserve(&mut self, prompts: &[ImportedPrompt]) {
        let versions = prompts.iter().flat_map(|prompt| &prompt.versions);
        let reserved = &mut self.reserved;
        reserved
            .versions
            .extend(versions.filter_map(|version| version.id));
        reserved
            .prompts
            .extend(prompts.iter().filter_map(|prompt| prompt.id));
    }

    /// Imports a prompt, as one operation with the prompt's creation time.
    ///
    /// The bump rules do not apply to imported versions. If the prompt is refused, nothing is
    /// written.
    pub(crate) fn import(&mut self, prompt: &ImportedPrompt) -> Result<PromptId> {
        let given = &prompt.versions;
        check(prompt)?;
        self.reserve(std::slice::from_ref(prompt));

        let id = self.free_prompt_id(prompt.id)?;
        let at = prompt.created_at.map_or_else(|| self.context.now(), kept);
        let versions = self.imported_versions(id, at, given)?;
        let mut changes = vec![Change::Prompt {
            id,
            before: None,
            after: Some(PromptState {
                name: prompt.name.clone(),
                tags: prompt.tags.clone(),
            }),
        }];
        let ids: Vec<VersionId> = versions.iter().map(|version| version.id).collect();
        let majors: Vec<u32> = versions.iter().map(|new| new.number.major).collect();
        let created = versions.into_iter().map(Box::new);
        changes.extend(created.map(Change::VersionCreated));
        for (version, to) in given.iter().zip(&ids) {
            changes.extend(version.environments.iter().map(|name| Change::Environment {
                prompt: id,
                name: name.clone(),
                before: None,
                after: Some(*to),
                reason: None,
            }));
        }
        for (version, major) in given.iter().zip(majors) {
            self.store_body(&version.body, kin_of(id, major))?;
        }
        self.record(at, OperationKind::Import, changes)?;
        for (version, id) in given.iter().zip(ids) {
            self.import_inputs(id, &version.inputs)?;
        }
        Ok(id)
    }

    fn import_inputs(&mut self, version_id: VersionId, given: &[ImportedInputs]) -> Result<()> {
        given.iter().try_for_each(|inputs| {
            self.record_inputs(&RecordedInputs {
                request_id: inputs.request_id.clone(),
                version_id,
                inputs: Inputs::from(&inputs.inputs),
                environment: inputs.environment.clone(),
                recorded_at: inputs.recorded_at.map_or_else(|| self.context.now(), kept),
            })
        })
    }

    fn imported_versions(
        &self,
        prompt: PromptId,
        at: DateTime<Utc>,
        given: &[ImportedVersion],
    ) -> Result<Vec<Version>> {
        let mut versions: Vec<Version> = Vec::with_capacity(given.len());
        for version in given {
            let created_at = version.created_at.map_or(at, kept);
            let author = version.author.as_deref().unwrap_or(&self.author);
            let before = versions.last();
            versions.push(Version {
                id: match version.id {
                    Some(id) if self.transaction.version_even_deleted(id)?.is_some() => {
                        return Err(Error::VersionIdTaken { id });
                    }
                    Some(id) => id,
                    None => self.free_version_id(created_at)?,
                },
                prompt_id: prompt,
                number: match (version.number, before) {
                    (Some(number), _) => number,
                    (None, Some(before)) => {
                        let next = numbering::next_minor(before.number, before.number.minor);
                        next.ok_or(Error::NumbersExhausted { prompt })?
                    }
                    (None, None) => self.context.settings.first_version,
                },
                model: version.body.model().map(str::to_owned),
                message: version.message.clone(),
                author: author.to_owned(),
                base: before.map(|before| before.id),
                created_at,
                blob: version.body.id(),
                size: version.body.as_bytes().len() as u64,
                environments: Vec::new(),
            });
        }
        check_once(
            "version number",
            versions.iter().map(|version| &version.number),
        )?;
        Ok(versions)
    }
}

/// Checks that a prompt has no duplicates, and that its texts and bodies are within their limits.
fn check(prompt: &ImportedPrompt) -> Result<()> {
    check_tags(&prompt.tags)?;
    let ids = prompt.versions.iter().filter_map(|version| version.id);
    check_once("version id", ids)?;
    let environments = prompt
        .versions
        .iter()
        .flat_map(|version| &version.environments);
    check_once("environment name", environments)?;
    for version in &prompt.versions {
        check_body(&version.body)?;
        check_length("commit message", &version.message)?;
        let requests = version.inputs.iter().map(|inputs| &inputs.request_id);
        check_once("request id", requests)?;
    }
    Ok(())
}

/// Returns a time as records store it: rounded down to the microsecond, without a leap second.
fn kept(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

fn check_once<T: Display>(
    what: &'static str,
    all: impl IntoIterator<Item = T>,
) -> Result<(), InvalidArgument> {
    let mut seen = HashSet::new();
    match all.into_iter().find(|one| !seen.insert(one.to_string())) {
        Some(twice) => Err(InvalidArgument::new(
            what,
            &twice.to_string(),
            "it is given twice",
        )),
        None => Ok(()),
    }
}
