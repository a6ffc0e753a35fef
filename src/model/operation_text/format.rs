//! The whole text of an operation: writing and reading.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::clock;
use crate::model::contract_digest::ContractDigest;
use crate::model::id::{BlobId, EnvironmentName, GroupId, PromptId, PromptName, VersionId};
use crate::model::record::{Change, OperationContent, OperationKind, PromptState, Version};
use crate::model::version_number::VersionNumber;

/// A text that is not one of an operation, or a content that cannot be written as one.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct OperationTextError(#[from] serde_json::Error);

/// Writes the text of an operation.
pub(crate) fn write(content: &OperationContent) -> Result<String, OperationTextError> {
    #[derive(Serialize)]
    struct Whole<'a>(#[serde(with = "ContentText")] &'a OperationContent);
    Ok(serde_json::to_string(&Whole(content))?)
}

/// Reads the text of an operation.
pub(crate) fn read(text: &str) -> Result<OperationContent, OperationTextError> {
    #[derive(Deserialize)]
    struct Whole(#[serde(with = "ContentText")] OperationContent);
    let Whole(content) = serde_json::from_str(text)?;
    Ok(content)
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OperationContent")]
struct ContentText {
    #[serde(deserialize_with = "moment")]
    at: DateTime<Utc>,
    author: String,
    #[serde(with = "KindText")]
    kind: OperationKind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    undoes: Vec<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<GroupId>,
    #[serde(with = "changes")]
    changes: Vec<Change>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OperationKind", rename_all = "snake_case")]
enum KindText {
    Create,
    Import,
    Commit,
    Move,
    Rename,
    Tag,
    DeleteVersion,
    DeletePrompt,
    EnvironmentList,
    Undo,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Change", rename_all = "snake_case")]
enum ChangeText {
    Prompt {
        id: PromptId,
        #[serde(default, with = "state")]
        before: Option<PromptState>,
        #[serde(default, with = "state")]
        after: Option<PromptState>,
    },
    VersionCreated(#[serde(with = "boxed_version")] Box<Version>),
    VersionDeleted {
        prompt: PromptId,
        id: VersionId,
    },
    VersionRestored {
        prompt: PromptId,
        id: VersionId,
    },
    Environment {
        prompt: PromptId,
        name: EnvironmentName,
        before: Option<VersionId>,
        after: Option<VersionId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    EnvironmentList {
        before: Option<Vec<EnvironmentName>>,
        after: Option<Vec<EnvironmentName>>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "PromptState")]
struct StateText {
    name: PromptName,
    tags: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Version")]
struct VersionText {
    id: VersionId,
    prompt_id: PromptId,
    number: VersionNumber,
    model: Option<String>,
    message: String,
    author: String,
    base: Option<VersionId>,
    #[serde(deserialize_with = "moment")]
    created_at: DateTime<Utc>,
    blob: BlobId,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contract: Option<ContractDigest>,
    environments: Vec<EnvironmentName>,
}

/// Reads a moment, mostly without the parser that accepts every notation.
fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    struct Moment;
    impl Visitor<'_> for Moment {
        type Value = DateTime<Utc>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a moment in the notation of RFC 3339")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<DateTime<Utc>, E> {
            clock::usual_moment(text).map_or_else(|| text.parse().map_err(E::custom), Ok)
        }
    }
    from.deserialize_str(Moment)
}

/// Conversion of a list of changes.
mod changes {
    use super::*;

    pub(super) fn serialize<S: Serializer>(list: &[Change], to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct One<'a>(#[serde(with = "ChangeText")] &'a Change);
        to.collect_seq(list.iter().map(One))
    }

    pub(super) fn deserialize<'de, D>(from: D) -> Result<Vec<Change>, D::Error>
    where
        D: Deserializer<'de>,
    {
        #[derive(Deserialize)]
        struct One(#[serde(with = "ChangeText")] Change);
        let list: Vec<One> = Deserialize::deserialize(from)?;
        Ok(list.into_iter().map(|One(change)| change).collect())
    }
}

/// Conversion of an optional state of a prompt.
mod state {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        state: &Option<PromptState>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Present<'a>(#[serde(with = "StateText")] &'a PromptState);
        state.as_ref().map(Present).serialize(to)
    }

    pub(super) fn deserialize<'de, D>(from: D) -> Result<Option<PromptState>, D::Error>
    where
        D: Deserializer<'de>,
    {
        #[derive(Deserialize)]
        struct Present(#[serde(with = "StateText")] PromptState);
        let state: Option<Present> = Deserialize::deserialize(from)?;
        Ok(state.map(|Present(state)| state))
    }
}

/// Conversion of a version in a box.
mod boxed_version {
    use super::*;

    pub(super) fn serialize<S: Serializer>(version: &Version, to: S) -> Result<S::Ok, S::Error> {
        VersionText::serialize(version, to)
    }

    pub(super) fn deserialize<'de, D>(from: D) -> Result<Box<Version>, D::Error>
    where
        D: Deserializer<'de>,
    {
        VersionText::deserialize(from).map(Box::new)
    }
}
