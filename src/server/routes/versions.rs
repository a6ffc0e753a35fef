//! Routes that create, list, count and delete versions.

use std::collections::HashMap;

use axum::extract::RawQuery;

use super::extract::{ServedApp, member_text, prompt_id, version_id};
use crate::list::{VersionCounts, VersionFilter};
use crate::model::memory_size::ENTRY;
use crate::server::api_error::{ApiError, OrApiError};
use crate::server::app::App;
use crate::server::base_url::BaseUrl;
use crate::server::dto::{
    CountsData, EmptyData, Envelope, InputsData, MajorFilter, OfPrompt, QueryVersions,
    UpdatePrompt, UpdatedData, VersionData,
};
use crate::server::pages::{self, Elements, Pages};
use crate::server::request::{JsonBody, PathIds, decoded};
use crate::server::response::{ApiResponse, ResponseOutcome};
use crate::{Bump, EnvironmentName, Error, NewVersion, PromptId, Store, Version, VersionId};

/// Creates a version that is based on another version of the prompt.
#[utoipa::path(
    post, path = "/v1/prompt-2025/update", operation_id = "UpdatePrompt2025", tag = "Prompt2025",
    request_body = UpdatePrompt,
    responses((status = 200, body = Envelope<UpdatedData>)),
)]
pub(super) async fn update(
    ServedApp(app): ServedApp,
    JsonBody(new, share): JsonBody<UpdatePrompt>,
) -> ResponseOutcome {
    let environment: Option<EnvironmentName> =
        new.environment.map(|name| name.parse()).transpose()?;
    let prompt = prompt_id(&new.prompt_id, ApiError::Base);
    let base = version_id(&new.prompt_version_id, ApiError::Base);
    let bump = if new.new_major_version {
        Bump::Major
    } else {
        Bump::Minor
    };
    let committed = app.write(share, move |store| {
        let body = crate::Body::try_from(member_text(new.prompt_body))?;
        let mut version = NewVersion::new(prompt?, body)
            .base(base?)
            .bump(bump)
            .message(new.commit_message);
        if let Some(name) = environment {
            version = version.environment(name);
        }
        store.commit(version).or_refuse(ApiError::Base)
    });
    let version = committed.await??;
    ApiResponse::data(UpdatedData { id: version.id })
}

/// Deletes a version, and the environments that point to it.
#[utoipa::path(
    delete, path = "/v1/prompt-2025/{promptId}/{versionId}", operation_id = "DeletePrompt2025Version", tag = "Prompt2025",
    params(("promptId" = String, Path), ("versionId" = String, Path)),
    responses((status = 200, body = Envelope<EmptyData>)),
)]
pub(super) async fn remove(
    ServedApp(app): ServedApp,
    PathIds((prompt, version)): PathIds<(String, String)>,
) -> ResponseOutcome {
    let version = version_id(&version, ApiError::VersionToDelete)?;
    let prompt: Option<crate::PromptId> = prompt.parse().ok();
    let removed = app.write(None, move |store| -> Result<Version, ApiError> {
        let Some(prompt) = prompt else {
            // No prompt has this id, but another prompt may have the version.
            store
                .version(version)
                .or_refuse(ApiError::VersionToDelete)?;
            return Err(ApiError::VersionOfPrompt);
        };
        match store.delete_version((prompt, version)) {
            Err(Error::MismatchedVersion { .. }) => Err(ApiError::VersionOfPrompt),
            removed => removed.or_refuse(ApiError::VersionToDelete),
        }
    });
    removed.await??;
    ApiResponse::empty()
}

/// Returns a prompt's versions, newest first.
#[utoipa::path(
    post, path = "/v1/prompt-2025/query/versions", operation_id = "GetPrompt2025Versions", tag = "Prompt2025",
    request_body = QueryVersions,
    responses((status = 200, body = Envelope<Vec<VersionData>>)),
)]
pub(super) async fn all(
    ServedApp(app): ServedApp,
    base_url: BaseUrl,
    JsonBody(query, _share): JsonBody<QueryVersions>,
) -> ResponseOutcome {
    let expires = app.expiry();
    match VersionPages::of(&query, base_url, expires)? {
        Some(versions) => pages::respond(app, versions).await,
        None => ApiResponse::data([(); 0]),
    }
}

/// The versions that a query selects, newest first.
struct VersionPages {
    prompt: PromptId,
    filter: VersionFilter,
    before: Option<VersionId>,
    left: usize,
    base_url: BaseUrl,
    expires: i64,
    /// Each version's environments at the time of the first page; set if there may be a second one.
    ///
    /// An environment that is moved between two pages thus does not appear in both.
    environments: Option<HashMap<VersionId, Vec<EnvironmentName>>>,
}

impl VersionPages {
    /// Returns `None` if no version can match the query.
    fn of(
        query: &QueryVersions,
        base_url: BaseUrl,
        expires: i64,
    ) -> Result<Option<Self>, ApiError> {
        let before = query
            .before
            .as_deref()
            .map(|id| version_id(id, ApiError::Version))
            .transpose()?;
        let Ok(prompt) = query.prompt_id.parse() else {
            return Ok(None);
        };
        let mut filter = VersionFilter::default();
        match query.major_version {
            Some(MajorFilter(Some(major))) => filter = filter.major(major),
            Some(MajorFilter(None)) => return Ok(None),
            None => {}
        }
        let left = query.limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit.0).unwrap_or(usize::MAX)
        });
        Ok(Some(Self {
            prompt,
            filter,
            before,
            left,
            base_url,
            expires,
            environments: None,
        }))
    }

    fn read(&mut self, store: &Store, most: usize) -> crate::Result<Vec<Version>> {
        let (prompt, filter) = (self.prompt, &self.filter);
        let Some(environments) = &self.environments else {
            if self.left <= most {
                return store
                    .versions(prompt)
                    .with_filter(filter)
                    .page(self.before, self.left);
            }
            let list = store.versions(prompt).with_filter(filter);
            let (found, environments) = list.page_with_environments(self.before, most)?;
            let mut of_version: HashMap<_, Vec<_>> = HashMap::new();
            for environment in environments {
                let names = of_version.entry(environment.version_id).or_default();
                names.push(environment.name);
            }
            self.environments = Some(of_version);
            return Ok(found);
        };
        let most = most.min(self.left);
        let mut found = store
            .versions(prompt)
            .with_filter(filter)
            .page(self.before, most)?;
        for version in &mut found {
            let names = environments.get(&version.id);
            version.environments = names.cloned().unwrap_or_default();
        }
        Ok(found)
    }
}

impl Pages for VersionPages {
    fn next(
        &mut self,
        app: &App,
        store: &Store,
        most: usize,
        to: &mut Elements,
    ) -> Result<bool, ApiError> {
        let found = match self.read(store, most) {
            Err(Error::PromptNotFound { .. }) => Vec::new(),
            found => found?,
        };
        for version in &found {
            to.push(&self.base_url.describe(app, version, self.expires))?;
        }
        self.before = found.last().map(|last| last.id).or(self.before);
        self.left -= found.len();
        Ok(found.len() == most && self.left > 0)
    }

    fn bytes(&self) -> usize {
        let names = self.environments.iter().flat_map(HashMap::values);
        ENTRY * names.map(|names| 1 + names.len()).sum::<usize>()
    }
}

/// Returns the number of versions of a prompt, and its highest major number.
#[utoipa::path(
    post, path = "/v1/prompt-2025/query/total-versions", operation_id = "GetPrompt2025TotalVersions", tag = "Prompt2025",
    request_body = OfPrompt,
    responses((status = 200, body = Envelope<CountsData>)),
)]
pub(super) async fn counts(
    ServedApp(app): ServedApp,
    JsonBody(of, _share): JsonBody<OfPrompt>,
) -> ResponseOutcome {
    let counts = match of.prompt_id.parse::<crate::PromptId>() {
        Err(_) => VersionCounts::default(),
        Ok(prompt) => match app.read(move |store| store.version_counts(prompt)).await? {
            Err(Error::PromptNotFound { .. }) => VersionCounts::default(),
            counts => counts?,
        },
    };
    ApiResponse::data(CountsData {
        total_versions: counts.total,
        major_versions: counts.highest_major,
    })
}

/// Returns the inputs that a request gave to a version.
#[utoipa::path(
    get, path = "/v1/prompt-2025/id/{promptId}/{versionId}/inputs", operation_id = "GetPrompt2025Inputs", tag = "Prompt2025",
    params(("promptId" = String, Path), ("versionId" = String, Path), ("requestId" = String, Query)),
    responses((status = 200, body = Envelope<InputsData>)),
)]
pub(super) async fn inputs(
    ServedApp(app): ServedApp,
    PathIds((prompt, version)): PathIds<(String, String)>,
    RawQuery(query): RawQuery,
) -> ResponseOutcome {
    let request = request_id(query.as_deref().unwrap_or_default())?;
    let prompt = prompt_id(&prompt, ApiError::Version)?;
    let version = version_id(&version, ApiError::Version)?;
    let found = app.read(move |store| -> Result<_, ApiError> {
        store
            .version((prompt, version))
            .or_refuse(ApiError::Version)?;
        store.inputs(version, &request).or_refuse(ApiError::Version)
    });
    ApiResponse::data(InputsData::from(&found.await??))?.counted_in(&app.budget)
}

/// Returns the value of `requestId`, which must occur exactly once in the query.
fn request_id(query: &str) -> Result<String, ApiError> {
    let pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut ids = pairs.filter(|(name, _)| *name == "requestId");
    match (ids.next(), ids.next()) {
        (Some((_, id)), None) => decoded(id)
            .ok_or_else(|| ApiError::Shape("requestId: expected UTF-8, percent-encoded".into())),
        (None, _) => Err(ApiError::Shape("requestId: missing in the query".into())),
        (Some(_), Some(_)) => Err(ApiError::Shape("requestId: twice in the query".into())),
    }
}
