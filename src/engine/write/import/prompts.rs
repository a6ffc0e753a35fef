//! Import of prompts with their versions, environments and recorded inputs.

use super::members;
use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::contract::digest_of;
use crate::engine::read::lookup::prompt_label;
use crate::engine::write::bulk_bodies::delta_group_of;
use crate::engine::write::limits::{check_body, check_tags};
use crate::engine::write::numbering;
use crate::engine::write::writer::WriteTransaction;
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::inputs::Inputs;
use crate::model::invalid_argument::{InvalidArgument, check_length};
use crate::model::record::{Change, OperationKind, PromptState, RecordedInputs, Version};
use crate::model::version_number::VersionNumber;

/// A prompt with its versions, outside of a store.
///
/// [`View::export`](crate::View::export) returns it, and [`Batch::import`](crate::Batch::import)
/// takes it. Its JSON is that of a prompt in the fixtures of the `server` feature. A member that is
/// missing in JSON gets the value that a new prompt would have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a prompt's object")]
pub struct PortablePrompt {
    /// The id. If none, the store generates one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<PromptId>,
    /// The name.
    pub name: PromptName,
    /// The tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The time of creation. If none, the time of the import.
    #[serde(default, deserialize_with = "members::moment")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The versions in commit order.
    #[serde(deserialize_with = "crate::json::objects::objects")]
    pub versions: Vec<PortableVersion>,
}

/// A version outside of a store. It is based on the version before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a version's object")]
pub struct PortableVersion {
    /// The id. If none, the store generates one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<VersionId>,
    /// The number. If none, the next minor number after the version before it, or the
    /// store's first number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<VersionNumber>,
    /// The commit message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The author. If none, the store's author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The time of the commit. If none, the prompt's time of creation.
    #[serde(default, deserialize_with = "members::moment")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The environments that point to the version. If none is said, the only version of a prompt is
    /// in production, as a new prompt's is, and one of several versions is in no environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<EnvironmentName>>,
    /// The inputs that were recorded for the version.
    #[serde(default, deserialize_with = "crate::json::objects::objects")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<PortableInputs>,
    /// The body.
    #[serde(with = "crate::model::body::verbatim")]
    pub body: Body,
}

/// The inputs that a request passed to a version, outside of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object of recorded inputs")]
pub struct PortableInputs {
    /// The id of the request, unique within the version.
    pub request_id: String,
    /// The values by the names of the variables.
    #[serde(deserialize_with = "members::inputs")]
    pub inputs: Map<String, Value>,
    /// The environment by which the request selected the version, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
    /// The time of the record. If none, the time of the import.
    #[serde(default, deserialize_with = "members::moment")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<DateTime<Utc>>,
}

impl PortableVersion {
    /// Returns the environments that point to the version, which is one of several or the only one.
    fn environments(&self, versions: usize) -> Vec<EnvironmentName> {
        match &self.environments {
            Some(environments) => environments.clone(),
            None if versions == 1 => vec![EnvironmentName::production()],
            None => Vec::new(),
        }
    }
}

impl WriteTransaction<'_> {
    /// Reserves the ids of these prompts and their versions.
    ///
    /// Until they are imported, none of these ids is drawn for another prompt or version.
    pub(crate) fn reserve_ids(&mut self, prompts: &[PortablePrompt]) {
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
    pub(crate) fn import(&mut self, prompt: &PortablePrompt) -> Result<PromptId> {
        let given = &prompt.versions;
        check(prompt)?;
        self.reserve_ids(std::slice::from_ref(prompt));

        let id = self.draw_prompt_id(prompt.id)?;
        let at = prompt
            .created_at
            .map_or_else(|| self.context.now(), to_recorded_time);
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
        let environments = given
            .iter()
            .map(|version| version.environments(given.len()));
        for (names, to) in environments.zip(&ids) {
            changes.extend(names.into_iter().map(|name| Change::Environment {
                prompt: id,
                name,
                before: None,
                after: Some(*to),
                reason: None,
            }));
        }
        let bodies: Vec<_> = given
            .iter()
            .zip(majors)
            .map(|(version, major)| (&version.body, delta_group_of(id, major)))
            .collect();
        self.record_with(at, OperationKind::Import, changes, &bodies)?;
        for (version, id) in given.iter().zip(ids) {
            self.import_inputs(id, &version.inputs)?;
        }
        Ok(id)
    }

    fn import_inputs(&mut self, version_id: VersionId, given: &[PortableInputs]) -> Result<()> {
        given.iter().try_for_each(|inputs| {
            self.record_inputs(&RecordedInputs {
                request_id: inputs.request_id.clone(),
                version_id,
                inputs: Inputs::from(&inputs.inputs),
                environment: inputs.environment.clone(),
                recorded_at: inputs
                    .recorded_at
                    .map_or_else(|| self.context.now(), to_recorded_time),
            })
        })
    }

    fn imported_versions(
        &self,
        prompt: PromptId,
        at: DateTime<Utc>,
        given: &[PortableVersion],
    ) -> Result<Vec<Version>> {
        let mut versions: Vec<Version> = Vec::with_capacity(given.len());
        for version in given {
            let created_at = version.created_at.map_or(at, to_recorded_time);
            let author = version.author.as_deref().unwrap_or(&self.author);
            let before = versions.last();
            versions.push(Version {
                id: match version.id {
                    Some(id)
                        if self
                            .transaction
                            .snapshot()
                            .version_even_deleted(id)?
                            .is_some() =>
                    {
                        return Err(Error::VersionIdTaken { id });
                    }
                    Some(id) => id,
                    None => self.draw_version_id(created_at)?,
                },
                prompt_id: prompt,
                number: match (version.number, before) {
                    (Some(number), _) => number,
                    (None, Some(before)) => {
                        let next = numbering::next_minor(before.number, before.number.minor);
                        match next {
                            Some(number) => number,
                            None => {
                                let prompt = prompt_label(self.transaction.snapshot(), prompt)?;
                                return Err(Error::NumbersExhausted { prompt });
                            }
                        }
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
                contract: digest_of(&version.body),
                environments: Vec::new(),
            });
        }
        check_unique(
            "version number",
            versions.iter().map(|version| &version.number),
        )?;
        Ok(versions)
    }
}

/// Checks that a prompt has no duplicates, and that its texts and bodies are within their limits.
fn check(prompt: &PortablePrompt) -> Result<()> {
    check_tags(&prompt.tags)?;
    let ids = prompt.versions.iter().filter_map(|version| version.id);
    check_unique("version id", ids)?;
    let environments = prompt
        .versions
        .iter()
        .flat_map(|version| version.environments.iter().flatten());
    check_unique("environment name", environments)?;
    for version in &prompt.versions {
        check_body(&version.body)?;
        check_length("commit message", &version.message)?;
        let requests = version.inputs.iter().map(|inputs| &inputs.request_id);
        check_unique("request id", requests)?;
    }
    Ok(())
}

/// Returns a time as records store it: rounded down to the microsecond, without a leap second.
pub(super) fn to_recorded_time(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

pub(super) fn check_unique<T: Copy + Display + Eq + Hash>(
    what: &'static str,
    all: impl IntoIterator<Item = T>,
) -> Result<(), InvalidArgument> {
    let mut seen = HashSet::new();
    match all.into_iter().find(|one| !seen.insert(*one)) {
        Some(twice) => Err(InvalidArgument::new(
            what,
            &twice.to_string(),
            "it is given twice",
        )),
        None => Ok(()),
    }
}
