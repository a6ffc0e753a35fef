//! Data types of the API: the members of requests and responses, as Helicone names and orders them.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::history::RecordedInputs;
use crate::{EnvironmentName, Prompt, Version};

/// The envelope of every response: one of the two members is `null`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Envelope<T> {
    pub(crate) data: T,
    #[schema(value_type = Option<String>)]
    pub(crate) error: Option<&'static str>,
}

/// The data of a response to a change: `null`.
pub(crate) type EmptyData = ();

/// The envelope of an error.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorEnvelope<'a> {
    pub(crate) data: EmptyData,
    /// The error's text.
    pub(crate) error: &'a str,
}

/// An error of the routes that answer as models do.
#[derive(Serialize, ToSchema)]
pub(crate) struct GatewayErrorData<'a> {
    /// The error's text.
    pub(crate) error: &'a str,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreatePrompt {
    /// Any text of at most 64 KiB. Several prompts may have the same name.
    pub(crate) name: String,
    /// Any texts of at most 64 KiB each.
    pub(crate) tags: Vec<String>,
    /// The body of the first version: any JSON object, stored byte for byte.
    #[schema(value_type = Object)]
    pub(crate) prompt_body: Box<RawValue>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UpdatePrompt {
    pub(crate) prompt_id: String,
    /// The version that the new one is based on.
    pub(crate) prompt_version_id: String,
    pub(crate) new_major_version: bool,
    /// Any text of at most 64 KiB.
    pub(crate) commit_message: String,
    /// Any JSON object, stored byte for byte.
    #[schema(value_type = Object)]
    pub(crate) prompt_body: Box<RawValue>,
    /// The environment that is moved to the new version.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false)]
    pub(crate) environment: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenamePrompt {
    /// Any text of at most 64 KiB.
    pub(crate) name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetTags {
    /// Any texts of at most 64 KiB each.
    pub(crate) tags: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct QueryPrompts {
    /// Text that the name contains, in any letter case.
    pub(crate) search: String,
    /// Tags of which a prompt has at least one; an empty list selects all prompts.
    pub(crate) tags_filter: Vec<String>,
    /// The first page is 0.
    #[schema(value_type = u64)]
    pub(crate) page: UnsignedInteger,
    #[schema(value_type = u64)]
    pub(crate) page_size: UnsignedInteger,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OfVersion {
    pub(crate) prompt_version_id: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OfPrompt {
    pub(crate) prompt_id: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OfEnvironment {
    pub(crate) prompt_id: String,
    pub(crate) environment: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MoveEnvironment {
    pub(crate) prompt_id: String,
    pub(crate) prompt_version_id: String,
    pub(crate) environment: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct QueryVersions {
    pub(crate) prompt_id: String,
    #[serde(default, deserialize_with = "given")]
    /// Any integer; the list is empty if no version can have this major number.
    #[schema(value_type = i64, required = false)]
    pub(crate) major_version: Option<MajorFilter>,
    /// Maximum number of versions; the live service has no such member.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = u64, required = false)]
    pub(crate) limit: Option<UnsignedInteger>,
    /// Selects versions committed before this one; the live service has no such member.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false)]
    pub(crate) before: Option<String>,
}

/// Deserializes a member that may be absent, but not `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// An integer of at least 0, in any JSON notation: `2`, `2.0`, `2e0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnsignedInteger(pub(crate) u64);

impl<'de> Deserialize<'de> for UnsignedInteger {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AsWhole;

        impl Visitor<'_> for AsWhole {
            type Value = UnsignedInteger;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<UnsignedInteger, E> {
                Ok(UnsignedInteger(number))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<UnsignedInteger, E> {
                if number >= 0.0 && number.fract() == 0.0 {
                    // Larger numbers count as the largest one.
                    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                    Ok(UnsignedInteger(number as u64))
                } else {
                    Err(E::invalid_value(de::Unexpected::Float(number), &self))
                }
            }
        }

        from.deserialize_u64(AsWhole)
    }
}

/// The major number that versions are filtered by; `None` if no version can have it.
///
/// The live service accepts any integer.
#[derive(Clone, Copy)]
pub(crate) struct MajorFilter(pub(crate) Option<u32>);

impl<'de> Deserialize<'de> for MajorFilter {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AsMajor;

        impl Visitor<'_> for AsMajor {
            type Value = MajorFilter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<MajorFilter, E> {
                Ok(MajorFilter(number.try_into().ok()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<MajorFilter, E> {
                Ok(MajorFilter(number.try_into().ok()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<MajorFilter, E> {
                if number.fract() != 0.0 {
                    return Err(E::invalid_value(de::Unexpected::Float(number), &self));
                }
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let major = (0.0..=f64::from(u32::MAX))
                    .contains(&number)
                    .then_some(number as u32);
                Ok(MajorFilter(major))
            }
        }

        from.deserialize_i64(AsMajor)
    }
}

/// A prompt.
#[derive(Serialize, ToSchema)]
#[schema(as = Prompt)]
pub(crate) struct PromptData<'a> {
    id: &'a str,
    name: &'a str,
    tags: &'a [String],
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl<'a> From<&'a Prompt> for PromptData<'a> {
    fn from(prompt: &'a Prompt) -> Self {
        Self {
            id: prompt.id.as_str(),
            name: prompt.name.as_str(),
            tags: &prompt.tags,
            created_at: Timestamp(prompt.created_at),
        }
    }
}

/// A version.
#[derive(Serialize, ToSchema)]
#[schema(as = Version)]
pub(crate) struct VersionData<'a> {
    #[schema(value_type = String, format = "uuid")]
    id: crate::VersionId,
    prompt_id: &'a str,
    model: Option<&'a str>,
    major_version: u32,
    minor_version: u32,
    commit_message: &'a str,
    #[schema(value_type = Vec<String>)]
    environments: &'a [EnvironmentName],
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The URL of the body, which works without a key until it expires.
    #[schema(format = "uri")]
    s3_url: String,
    /// The body, only in responses of `/v2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    prompt_body: Option<&'a RawValue>,
}

impl<'a> VersionData<'a> {
    pub(crate) fn new(version: &'a Version, s3_url: String) -> Self {
        Self {
            id: version.id,
            prompt_id: version.prompt_id.as_str(),
            model: version.model.as_deref(),
            major_version: version.number.major,
            minor_version: version.number.minor,
            commit_message: &version.message,
            environments: &version.environments,
            created_at: Timestamp(version.created_at),
            s3_url,
            prompt_body: None,
        }
    }

    pub(crate) fn with_body(mut self, body: &'a RawValue) -> Self {
        self.prompt_body = Some(body);
        self
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedData {
    #[schema(value_type = String)]
    pub(crate) id: crate::PromptId,
    #[schema(value_type = String, format = "uuid")]
    pub(crate) version_id: crate::VersionId,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UpdatedData {
    /// The new version's id.
    #[schema(value_type = String, format = "uuid")]
    pub(crate) id: crate::VersionId,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CountsData {
    pub(crate) total_versions: u64,
    /// The highest major number.
    pub(crate) major_versions: u32,
}

/// The inputs that a request gave to a version.
#[derive(Serialize, ToSchema)]
pub(crate) struct InputsData<'a> {
    request_id: &'a str,
    #[schema(value_type = String, format = "uuid")]
    version_id: crate::VersionId,
    #[schema(value_type = Object)]
    inputs: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    environment: Option<&'a EnvironmentName>,
}

impl<'a> From<&'a RecordedInputs> for InputsData<'a> {
    fn from(recorded: &'a RecordedInputs) -> Self {
        Self {
            request_id: &recorded.request_id,
            version_id: recorded.version_id,
            inputs: recorded.inputs.as_map(),
            environment: recorded.environment.as_ref(),
        }
    }
}

/// A point in time, as ISO 8601 in UTC.
pub(crate) struct Timestamp(pub(crate) DateTime<Utc>);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}
