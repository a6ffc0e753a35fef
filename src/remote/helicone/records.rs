//! The prompts and versions of the service, parsed leniently: further members and nulls are accepted.

use chrono::{DateTime, Datelike, Utc};
use serde::Deserialize;

use crate::{EnvironmentName, PromptId, PromptName, VersionId, VersionNumber};

/// A prompt of the service.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::remote) struct ServicePrompt {
    pub(in crate::remote) id: PromptId,
    pub(in crate::remote) name: PromptName,
    pub(in crate::remote) tags: Vec<String>,
    pub(in crate::remote) created_at: DateTime<Utc>,
}

/// A version of the service, without its body.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::remote) struct ServiceVersion {
    pub(in crate::remote) id: VersionId,
    pub(in crate::remote) number: VersionNumber,
    pub(in crate::remote) message: String,
    pub(in crate::remote) environments: Vec<EnvironmentName>,
    /// The environments whose names no store accepts.
    pub(in crate::remote) unusable: Vec<String>,
    pub(in crate::remote) created_at: DateTime<Utc>,
    /// The URL of the body, which the service may leave out.
    pub(in crate::remote) url: Option<String>,
}

#[derive(Deserialize)]
struct PromptMembers {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tags: Option<Vec<Option<String>>>,
    created_at: String,
}

#[derive(Deserialize)]
struct VersionMembers {
    id: String,
    prompt_id: Option<String>,
    major_version: u32,
    minor_version: u32,
    #[serde(default)]
    commit_message: Option<String>,
    #[serde(default)]
    environments: Option<Vec<Option<String>>>,
    created_at: String,
    #[serde(default)]
    s3_url: Option<String>,
}

impl ServicePrompt {
    /// Parses a prompt. An error names the prompt as well as the answer does.
    pub(super) fn parse(json: &serde_json::Value) -> Result<Self, UnreadPrompt> {
        let label = ["id", "name"].map(|member| json.get(member).and_then(|id| id.as_str()));
        let unread = |reason: String| UnreadPrompt {
            prompt: label.iter().flatten().next().unwrap_or(&"?").to_string(),
            reason,
        };
        let members = PromptMembers::deserialize(json);
        let members = members.map_err(|error| unread(error.to_string()))?;
        let parse = || {
            Ok(Self {
                id: members.id.parse().map_err(text)?,
                name: members.name.unwrap_or_default().parse().map_err(text)?,
                tags: members.tags.into_iter().flatten().flatten().collect(),
                created_at: moment(&members.created_at)?,
            })
        };
        parse().map_err(unread)
    }
}

impl ServiceVersion {
    /// Parses a version of a prompt.
    pub(super) fn parse(json: &serde_json::Value, prompt: PromptId) -> Result<Self, String> {
        let members = VersionMembers::deserialize(json).map_err(text)?;
        if members.prompt_id.is_some_and(|id| id != prompt.as_str()) {
            return Err("it is of another prompt".into());
        }
        let (mut environments, mut unusable) = (Vec::new(), Vec::new());
        for name in members.environments.into_iter().flatten().flatten() {
            match name.parse() {
                Ok(name) => environments.push(name),
                Err(_) => unusable.push(name),
            }
        }
        Ok(Self {
            id: members.id.parse().map_err(text)?,
            number: VersionNumber::new(members.major_version, members.minor_version),
            message: members.commit_message.unwrap_or_default(),
            environments,
            unusable,
            created_at: moment(&members.created_at)?,
            url: members.s3_url.filter(|url| !url.is_empty()),
        })
    }
}

/// A prompt of a list that cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::remote) struct UnreadPrompt {
    /// The id or the name, if it has one.
    pub(in crate::remote) prompt: String,
    pub(in crate::remote) reason: String,
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

/// Parses a moment as JavaScript or Postgres writes it.
fn moment(given: &str) -> Result<DateTime<Utc>, String> {
    let parsed = DateTime::parse_from_rfc3339(given)
        .or_else(|_| DateTime::parse_from_str(given, "%Y-%m-%d %H:%M:%S%.f%#z"))
        .map(|at| at.to_utc())
        .or_else(|_| {
            let naive = chrono::NaiveDateTime::parse_from_str(given, "%Y-%m-%dT%H:%M:%S%.f");
            naive.map(|at| at.and_utc())
        });
    match parsed {
        Ok(at) if (1970..=9999).contains(&at.year()) => Ok(at),
        _ => Err(format!("created_at: {given:?} is not a moment")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nulls_and_further_members_are_accepted() {
        let version = json!({
            "id": "01941f29-7c00-7000-8000-000000000001", "prompt_id": "abc123", "model": null,
            "major_version": 0, "minor_version": 0, "commit_message": "First version.",
            "environments": null, "created_at": "2025-07-29T22:55:30.123456+00:00", "new": 1,
        });
        let id = "abc123".parse().unwrap();
        let parsed = ServiceVersion::parse(&version, id).unwrap();
        assert_eq!(parsed.number.to_string(), "0.0");
        assert!(parsed.environments.is_empty() && parsed.url.is_none());
        let other = "abc124".parse().unwrap();
        assert!(ServiceVersion::parse(&version, other).is_err());
        let prompt = json!({"id": "abc123", "name": "a\0b", "tags": null, "created_at": "2025-01-01T00:00:00Z"});
        assert_eq!(ServicePrompt::parse(&prompt).unwrap().name.as_str(), "a\0b");
        let unread = ServicePrompt::parse(&json!({"id": "long-id", "created_at": ""})).unwrap_err();
        assert_eq!(unread.prompt, "long-id");
        let unread = ServicePrompt::parse(&json!({"name": "greeting"})).unwrap_err();
        assert_eq!(unread.prompt, "greeting");
    }

    #[test]
    fn moments_are_read_as_javascript_and_postgres_write_them() {
        for text in [
            "2025-07-29T22:55:30.123Z",
            "2025-07-29T22:55:30.123+00:00",
            "2025-07-30T00:55:30.123+02:00",
            "2025-07-29 22:55:30.123+00",
            "2025-07-29T22:55:30.123",
        ] {
            let at = moment(text).unwrap().to_rfc3339();
            assert_eq!(at, "2025-07-29T22:55:30.123+00:00", "{text}");
        }
        for text in ["", "yesterday", "1969-01-01T00:00:00Z"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn environments_that_no_store_accepts_are_set_apart() {
        let version = json!({
            "id": "01941f29-7c00-7000-8000-000000000001", "major_version": 1, "minor_version": 2,
            "environments": ["production", "", "a\nb"], "created_at": "2025-01-01T00:00:00Z",
        });
        let parsed = ServiceVersion::parse(&version, "abc123".parse().unwrap()).unwrap();
        assert_eq!(parsed.environments.len(), 1);
        assert_eq!(parsed.unusable, ["", "a\nb"]);
    }
}
