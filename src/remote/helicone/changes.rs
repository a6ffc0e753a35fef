//! The calls of the API that change something.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::api::Helicone;
use super::envelope::{is_described, is_not_found};
use super::records::ServicePrompt;
use crate::remote::error::RemoteError;
use crate::remote::http::{HttpContent, HttpMethod};
use crate::{Body, EnvironmentName, PromptId, PromptName, VersionId};

/// The outcome of a request that creates something.
#[derive(Debug)]
pub(in crate::remote) enum Sent<T> {
    /// It was created.
    Done(T),
    /// The request was not answered, so it may or may not have been performed.
    Unknown,
}

impl<T> Sent<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Sent<U> {
        match self {
            Self::Done(created) => Sent::Done(change(created)),
            Self::Unknown => Sent::Unknown,
        }
    }
}

/// A prompt to be created.
#[derive(Debug)]
pub(in crate::remote) struct NewPromptRequest<'a> {
    pub(in crate::remote) name: &'a PromptName,
    pub(in crate::remote) tags: &'a [String],
    pub(in crate::remote) body: &'a Body,
}

/// The version that a new one is based on, which decides its number.
#[derive(Clone, Copy, Debug)]
pub(in crate::remote) struct BaseVersion {
    pub(in crate::remote) prompt: PromptId,
    pub(in crate::remote) version: VersionId,
    pub(in crate::remote) new_major: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedIds {
    id: PromptId,
    version_id: VersionId,
}

#[derive(Deserialize)]
struct UpdatedId {
    id: VersionId,
}

impl Helicone {
    /// Creates a prompt and its first version, which is then in production.
    pub(in crate::remote) fn create(
        &self,
        new: &NewPromptRequest<'_>,
    ) -> Result<Sent<(PromptId, VersionId)>, RemoteError> {
        let path = "/v1/prompt-2025";
        let members = json!({"name": new.name, "tags": new.tags});
        let created = self.create_there(path, &with_body(members, new.body))?;
        Ok(created.map(|created: CreatedIds| (created.id, created.version_id)))
    }

    /// Creates a version, and returns its id.
    pub(in crate::remote) fn update(
        &self,
        base: BaseVersion,
        message: &str,
        body: &Body,
    ) -> Result<Sent<VersionId>, RemoteError> {
        let path = "/v1/prompt-2025/update";
        let members = json!({
            "promptId": base.prompt,
            "promptVersionId": base.version,
            "newMajorVersion": base.new_major,
            "commitMessage": message,
        });
        let updated = self.create_there(path, &with_body(members, body))?;
        Ok(updated.map(|updated: UpdatedId| updated.id))
    }

    /// Gives a prompt another name.
    pub(in crate::remote) fn rename(
        &self,
        prompt: PromptId,
        name: &PromptName,
    ) -> Result<(), RemoteError> {
        let path = format!("/v1/prompt-2025/id/{prompt}/rename");
        self.set(HttpMethod::Post, &path, Some(json!({"name": name})), false)
    }

    /// Replaces the tags of a prompt.
    pub(in crate::remote) fn set_tags(
        &self,
        prompt: PromptId,
        tags: &[String],
    ) -> Result<(), RemoteError> {
        let path = format!("/v1/prompt-2025/id/{prompt}/tags");
        self.set(HttpMethod::Patch, &path, Some(json!({"tags": tags})), false)
    }

    /// Points an environment to a version.
    pub(in crate::remote) fn set_environment(
        &self,
        prompt: PromptId,
        version: VersionId,
        name: &EnvironmentName,
    ) -> Result<(), RemoteError> {
        let path = "/v1/prompt-2025/update/environment";
        let pointer = pointer(prompt, version, name);
        self.set(HttpMethod::Post, path, Some(pointer), false)
    }

    /// Removes an environment, which points to this version.
    pub(in crate::remote) fn remove_environment(
        &self,
        prompt: PromptId,
        version: VersionId,
        name: &EnvironmentName,
    ) -> Result<(), RemoteError> {
        let path = "/v1/prompt-2025/remove/environment";
        let pointer = pointer(prompt, version, name);
        self.set(HttpMethod::Post, path, Some(pointer), true)
    }

    /// Deletes a prompt with its versions, for good.
    pub(in crate::remote) fn delete_prompt(&self, prompt: PromptId) -> Result<(), RemoteError> {
        let path = format!("/v1/prompt-2025/{prompt}");
        self.set(HttpMethod::Delete, &path, None, true)
    }

    /// Deletes a version, for good.
    pub(in crate::remote) fn delete_version(
        &self,
        prompt: PromptId,
        version: VersionId,
    ) -> Result<(), RemoteError> {
        let path = format!("/v1/prompt-2025/{prompt}/{version}");
        self.set(HttpMethod::Delete, &path, None, true)
    }

    /// Returns the prompts with exactly this name, newest first.
    pub(in crate::remote) fn prompts_named(
        &self,
        name: &PromptName,
    ) -> Result<Vec<ServicePrompt>, RemoteError> {
        let (prompts, _) = self.prompts()?;
        Ok(prompts
            .into_iter()
            .rev()
            .filter(|prompt| prompt.name == *name)
            .collect())
    }

    /// Waits after an attempt with an unknown outcome; fails after the last one.
    pub(in crate::remote) fn wait_after(&self, attempt: u32) -> Result<bool, RemoteError> {
        self.http.wait_after(attempt)?;
        Ok(attempt < self.http.attempts())
    }

    /// Sends a request that creates something, and returns the data of the answer.
    fn create_there<T: DeserializeOwned>(
        &self,
        path: &str,
        json: &str,
    ) -> Result<Sent<T>, RemoteError> {
        let content = Some(HttpContent::Json(json.as_bytes()));
        let answer = self
            .http
            .change(HttpMethod::Post, path, content, is_described)?;
        match answer {
            Some(answer) => Ok(Sent::Done(self.label("POST", path).data(&answer)?)),
            None => Ok(Sent::Unknown),
        }
    }

    /// Sends a request that can be repeated, because it sets a value or removes something.
    ///
    /// If `may_be_gone` is set, that it does not exist is a success.
    fn set(
        &self,
        method: HttpMethod,
        path: &str,
        json: Option<Value>,
        may_be_gone: bool,
    ) -> Result<(), RemoteError> {
        let json = json.map(|json| json.to_string());
        let json = json.as_ref().map(String::as_bytes);
        let answer = self.http.ask(method, path, json, is_described)?;
        if answer.is_success() || may_be_gone && is_gone(&answer) {
            return Ok(());
        }
        let method = match method {
            HttpMethod::Get => "GET",
            HttpMethod::Post => "POST",
            HttpMethod::Patch => "PATCH",
            HttpMethod::Delete => "DELETE",
        };
        Err(self.label(method, path).refused(&answer))
    }
}

fn is_gone(answer: &crate::remote::http::HttpAnswer) -> bool {
    answer.status == 404 || is_not_found(answer)
}

/// Returns a request about an environment and the version that it points to.
fn pointer(prompt: PromptId, version: VersionId, name: &EnvironmentName) -> Value {
    json!({"promptId": prompt, "promptVersionId": version, "environment": name})
}

/// Returns a request with the body in it, byte for byte.
fn with_body(members: Value, body: &Body) -> String {
    let mut text = members.to_string();
    text.pop();
    let raw = body
        .raw()
        .map(RawValue::get)
        .unwrap_or_else(|_| body.text());
    format!(r#"{text},"promptBody":{raw}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_sent_byte_for_byte() {
        let body = Body::try_from("\n{\"a\": 1.50,  \"b\": 123456789012345678901}\n").unwrap();
        let json = with_body(json!({"name": "x"}), &body);
        let expected = r#"{"name":"x","promptBody":{"a": 1.50,  "b": 123456789012345678901}}"#;
        assert_eq!(json, expected);
    }
}
