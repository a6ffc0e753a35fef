//! [`Helicone`], the calls of the API.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::envelope::{RequestLabel, is_described, is_not_found};
use super::listing::{CUT_AFTER, VersionListing};
use super::records::{ServicePrompt, ServiceVersion, UnreadPrompt};
use crate::remote::error::RemoteError;
use crate::remote::http::{HttpAnswer, HttpClient, HttpMethod};
use crate::{Body, EnvironmentName, PromptId, VersionId};

/// The number of prompts in one answer.
const PAGE_SIZE: usize = 100;

/// The number of times that a list of prompts is read until its length is the number of prompts.
const MAX_LISTINGS: usize = 3;

/// A Helicone organisation.
#[derive(Debug)]
pub(in crate::remote) struct Helicone {
    pub(super) http: HttpClient,
    host: String,
}

impl Helicone {
    pub(in crate::remote) fn new(http: HttpClient) -> Self {
        Self {
            host: http.host(),
            http,
        }
    }

    pub(in crate::remote) fn host(&self) -> &str {
        &self.host
    }

    /// Checks that the service answers and accepts the key.
    pub(in crate::remote) fn check(&self) -> Result<(), RemoteError> {
        let query = json!({"search": "", "tagsFilter": [], "page": 0, "pageSize": 1});
        let (label, answer) = self.post("/v1/prompt-2025/query", &query)?;
        label.data::<Vec<Value>>(&answer).map(drop)
    }

    /// Returns all prompts, oldest first, and those that cannot be read.
    pub(in crate::remote) fn prompts(
        &self,
    ) -> Result<(Vec<ServicePrompt>, Vec<UnreadPrompt>), RemoteError> {
        for attempt in 1.. {
            let (prompts, unread, listed) = self.list()?;
            // Pages shift if prompts are created or deleted while they are read.
            let is_complete = self.count()?.is_none_or(|count| count == listed as u64);
            if is_complete || attempt >= MAX_LISTINGS {
                return Ok((prompts, unread));
            }
        }
        Ok(Default::default())
    }

    fn list(&self) -> Result<(Vec<ServicePrompt>, Vec<UnreadPrompt>, usize), RemoteError> {
        let (mut prompts, mut unread) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        for page in 0.. {
            let query =
                json!({"search": "", "tagsFilter": [], "page": page, "pageSize": PAGE_SIZE});
            let (label, answer) = self.post("/v1/prompt-2025/query", &query)?;
            let listed: Vec<Value> = label.data(&answer)?;
            let is_last = listed.len() < PAGE_SIZE;
            let known = seen.len();
            for prompt in &listed {
                if !seen.insert(prompt["id"].to_string()) {
                    continue;
                }
                match ServicePrompt::parse(prompt) {
                    Ok(prompt) => prompts.push(prompt),
                    Err(error) => unread.push(error),
                }
            }
            // A service without pages repeats the first one.
            if is_last || seen.len() == known {
                break;
            }
        }
        prompts.reverse();
        Ok((prompts, unread, seen.len()))
    }

    /// Returns the number of prompts; none if the service does not say it.
    ///
    /// The live service fails if there are none.
    fn count(&self) -> Result<Option<u64>, RemoteError> {
        let path = "/v1/prompt-2025/count";
        let answer = self.http.ask(HttpMethod::Get, path, None, |_| true)?;
        if !answer.is_success() {
            return Ok(None);
        }
        Ok(self.label("GET", path).data(&answer).ok())
    }

    /// Returns a prompt; none if it does not exist.
    pub(in crate::remote) fn prompt(
        &self,
        id: PromptId,
    ) -> Result<Option<ServicePrompt>, RemoteError> {
        let path = format!("/v1/prompt-2025/id/{id}");
        let answer = self.http.ask(HttpMethod::Get, &path, None, is_described)?;
        let label = self.label("GET", &path);
        if is_not_found(&answer) {
            return Ok(None);
        }
        let json: Value = label.data(&answer)?;
        let parsed = ServicePrompt::parse(&json);
        parsed
            .map(Some)
            .map_err(|unread| label.malformed(unread.reason))
    }

    /// Returns the versions of a prompt.
    pub(in crate::remote) fn versions(&self, id: PromptId) -> Result<VersionListing, RemoteError> {
        let mut found = self.versions_of(id, None)?;
        let mut counts = self.counts(id)?;
        if found.len() < CUT_AFTER && counts.total != found.len() as u64 {
            // A version was created or deleted between the two requests.
            found = self.versions_of(id, None)?;
            counts = self.counts(id)?;
        }
        if found.len() >= CUT_AFTER && counts.total > found.len() as u64 {
            for major in 0..=counts.highest_major {
                found.extend(self.versions_of(id, Some(major))?);
            }
        }
        let mut listing = VersionListing::of(found, counts.total);
        if listing.withheld > 0 {
            self.add_pointed(id, &mut listing)?;
        }
        self.settle_environments(id, &mut listing)?;
        Ok(listing)
    }

    fn versions_of(
        &self,
        id: PromptId,
        major: Option<u32>,
    ) -> Result<Vec<ServiceVersion>, RemoteError> {
        let mut query = json!({"promptId": id});
        if let Some(major) = major {
            query["majorVersion"] = major.into();
        }
        let (label, answer) = self.post("/v1/prompt-2025/query/versions", &query)?;
        let listed: Vec<Value> = label.data(&answer)?;
        let parsed = listed.iter().enumerate().map(|(at, json)| {
            let parsed = ServiceVersion::parse(json, id);
            parsed.map_err(|reason| label.malformed(format!("version {}: {reason}", at + 1)))
        });
        parsed.collect()
    }

    fn counts(&self, id: PromptId) -> Result<TotalVersions, RemoteError> {
        let path = "/v1/prompt-2025/query/total-versions";
        let (label, answer) = self.post(path, &json!({"promptId": id}))?;
        let counts: Value = label.data(&answer)?;
        let member = |name: &str| {
            let number = counts.get(name).and_then(Value::as_u64);
            number.ok_or_else(|| label.malformed(format!("{name} is not a number")))
        };
        Ok(TotalVersions {
            total: member("totalVersions")?,
            highest_major: u32::try_from(member("majorVersions")?)
                .unwrap_or(u32::MAX)
                .min(10_000),
        })
    }

    /// Adds the versions that environments point to and that the lists do not contain.
    fn add_pointed(&self, id: PromptId, listing: &mut VersionListing) -> Result<(), RemoteError> {
        for name in self.environments()? {
            if let Some(version) = self.version_in(id, &name)? {
                listing.add(version);
            }
        }
        Ok(())
    }

    /// Asks where an environment is that several versions claim, as it was moved meanwhile.
    fn settle_environments(
        &self,
        id: PromptId,
        listing: &mut VersionListing,
    ) -> Result<(), RemoteError> {
        let mut holders: BTreeMap<EnvironmentName, usize> = BTreeMap::new();
        for version in &listing.versions {
            for name in &version.environments {
                *holders.entry(name.clone()).or_default() += 1;
            }
        }
        for (name, _) in holders.into_iter().filter(|(_, count)| *count > 1) {
            let now = self.version_in(id, &name)?.map(|version| version.id);
            for version in &mut listing.versions {
                version.environments.retain(|other| *other != name);
                if now == Some(version.id) {
                    version.environments.push(name.clone());
                }
            }
        }
        Ok(())
    }

    /// Returns the names of all environments of the organisation that a store accepts.
    fn environments(&self) -> Result<Vec<EnvironmentName>, RemoteError> {
        let path = "/v1/prompt-2025/environments";
        let answer = self.http.ask(HttpMethod::Get, path, None, is_described)?;
        let names: Vec<Option<String>> = self.label("GET", path).data(&answer)?;
        Ok(names
            .into_iter()
            .flatten()
            .filter_map(|name| name.parse().ok())
            .collect())
    }

    /// Returns a version of a prompt; none if it does not exist, or is of another prompt.
    pub(in crate::remote) fn version(
        &self,
        prompt: PromptId,
        id: VersionId,
    ) -> Result<Option<ServiceVersion>, RemoteError> {
        let query = json!({"promptVersionId": id});
        let (label, answer) = self.post("/v1/prompt-2025/query/version", &query)?;
        if is_not_found(&answer) {
            return Ok(None);
        }
        let json: Value = label.data(&answer)?;
        if json.get("prompt_id").and_then(Value::as_str) != Some(prompt.as_str()) {
            return Ok(None);
        }
        let parsed = ServiceVersion::parse(&json, prompt);
        parsed.map(Some).map_err(|reason| label.malformed(reason))
    }

    /// Returns the version that an environment of a prompt points to.
    pub(in crate::remote) fn version_in(
        &self,
        id: PromptId,
        name: &EnvironmentName,
    ) -> Result<Option<ServiceVersion>, RemoteError> {
        let query = json!({"promptId": id, "environment": name});
        let path = "/v1/prompt-2025/query/environment-version";
        let (label, answer) = self.post(path, &query)?;
        if is_not_found(&answer) {
            return Ok(None);
        }
        let json: Value = label.data(&answer)?;
        let parsed = ServiceVersion::parse(&json, id);
        parsed.map(Some).map_err(|reason| label.malformed(reason))
    }

    /// Returns the body of a version exactly as it is delivered; none if the version is gone.
    ///
    /// The URL of a body delivers what is stored. The API itself delivers the body in JSON.
    pub(in crate::remote) fn body(
        &self,
        version: VersionId,
        url: Option<&str>,
    ) -> Result<Option<Body>, RemoteError> {
        if let Some(url) = url {
            match self.http.fetch(url) {
                Ok(answer) if answer.is_success() => {
                    let shown = url.split(['?', '#']).next().unwrap_or_default();
                    let label = self.label("GET", shown);
                    let body = Body::try_from(answer.body);
                    return body.map(Some).map_err(|error| label.malformed(error));
                }
                // The URL expired, or cannot be reached from here.
                Ok(_) => {}
                Err(error @ RemoteError::Stopped) => return Err(error),
                Err(_) => {}
            }
        }
        let path = format!("/v1/prompt-2025/{version}/prompt-body");
        let answer = self.http.ask(HttpMethod::Get, &path, None, is_described)?;
        let label = self.label("GET", &path);
        if is_not_found(&answer) {
            return Ok(None);
        }
        let text = label.raw(&answer)?.get();
        let body = Body::try_from(text);
        body.map(Some).map_err(|error| label.malformed(error))
    }

    /// Returns the names of the prompts of the older API, which has no versions like these.
    ///
    /// A service without that API has none.
    pub(in crate::remote) fn legacy_prompts(&self) -> Result<Vec<String>, RemoteError> {
        let path = "/v1/prompt/query";
        let query = json!({"filter": "all"}).to_string();
        let query = Some(query.as_bytes());
        let answer = self.http.ask(HttpMethod::Post, path, query, |_| true)?;
        let label = self.label("POST", path);
        let Ok(listed) = label.data::<Vec<Value>>(&answer) else {
            return Ok(Vec::new());
        };
        let name = |prompt: &Value| {
            let members = ["user_defined_id", "pretty_name", "id"];
            let mut names = members.iter().filter_map(|name| prompt.get(name)?.as_str());
            names
                .find(|name| !name.is_empty())
                .unwrap_or("?")
                .to_owned()
        };
        Ok(listed.iter().map(name).collect())
    }

    /// Sends a query, which changes nothing.
    pub(super) fn post<'a>(
        &'a self,
        path: &'a str,
        json: &Value,
    ) -> Result<(RequestLabel<'a>, HttpAnswer), RemoteError> {
        let json = json.to_string();
        let json = Some(json.as_bytes());
        let answer = self.http.ask(HttpMethod::Post, path, json, is_described)?;
        Ok((self.label("POST", path), answer))
    }

    pub(super) fn label<'a>(&'a self, method: &'a str, path: &'a str) -> RequestLabel<'a> {
        RequestLabel {
            host: &self.host,
            method,
            path,
        }
    }
}

/// The counts of a prompt's versions, as the service says them.
struct TotalVersions {
    total: u64,
    highest_major: u32,
}
