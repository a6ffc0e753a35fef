//! Routes that create, find and delete versions.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::RawQuery;

use super::bodies::with_body;
use super::prompts::text;
use super::table::{ServedApp, prompt_id, version_id};
use crate::model::memory_size::ENTRY;
use crate::server::api_error::{ApiError, OrApiError};
use crate::server::app::App;
use crate::server::base_url::BaseUrl;
use crate::server::dto::{
    CountsData, EmptyData, Envelope, ErrorEnvelope, InputsData, MajorFilter, OfEnvironment,
    OfPrompt, OfVersion, QueryVersions, UpdatePrompt, UpdatedData, VersionData,
};
use crate::server::etag::IfNoneMatch;
use crate::server::pages;
use crate::server::pages::{Elements, Pages};
use crate::server::request::{JsonBody, PathIds, decoded};
use crate::server::response::{ApiResponse, ResponseOutcome, enveloped, verbatim};
use crate::{
    Bump, EnvironmentName, Error, NewVersion, PromptId, Resolved, Store, Version, VersionCounts,
    VersionFilter, VersionId, VersionSpec,
};

/// Creates a version that is based on another version of the prompt.
#[utoipa::path(
    post, path = "/v1/prompt-2025/update", operation_id = "UpdatePrompt2025", tag = "Prompt2025",
    request_body = UpdatePrompt,
    responses((status = 200, body = Envelope<UpdatedData>), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn update(
    ServedApp(app): ServedApp,
    JsonBody(new, share): JsonBody<UpdatePrompt>,
) -> ResponseOutcome {
    let environment: Option<EnvironmentName> =
        new.environment.map(|name| name.parse()).transpose()?;
    let prompt = prompt_id(&new.prompt_id, ApiError::Base);
    let base = version_id(&new.prompt_version_id, ApiError::Base);
    let bump = match new.new_major_version {
        true => Bump::Major,
        false => Bump::Minor,
    };
    let committed = app.write(share, move |store| {
        let body = crate::Body::try_from(text(new.prompt_body))?;
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
    responses((status = 200, body = Envelope<EmptyData>), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
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
    ApiResponse::nothing()
}

/// Returns a version by its id.
#[utoipa::path(
    post, path = "/v1/prompt-2025/query/version", operation_id = "GetPrompt2025Version", tag = "Prompt2025",
    request_body = OfVersion,
    responses((status = 200, body = Envelope<VersionData>), (status = 304), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn by_id(
    app: ServedApp,
    origin: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfVersion>,
) -> ResponseOutcome {
    one(app, origin, known, version_spec(&of), ApiError::Version).await
}

/// Returns a version by its id, with its body.
#[utoipa::path(
    post, path = "/v2/prompt-2025/query/version", operation_id = "GetPrompt2025VersionV2", tag = "Prompt2025V2",
    request_body = OfVersion,
    responses((status = 200, body = Envelope<VersionData>), (status = 304), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn by_id_v2(
    app: ServedApp,
    origin: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfVersion>,
) -> ResponseOutcome {
    one_with_body(app, origin, known, version_spec(&of), ApiError::Version).await
}

/// Returns the version that an environment of a prompt points to.
#[utoipa::path(
    post, path = "/v1/prompt-2025/query/environment-version", operation_id = "GetPrompt2025EnvironmentVersion", tag = "Prompt2025",
    request_body = OfEnvironment,
    responses((status = 200, body = Envelope<VersionData>), (status = 304), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn in_environment(
    app: ServedApp,
    origin: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfEnvironment>,
) -> ResponseOutcome {
    let spec = environment_spec(&of.prompt_id, &of.environment);
    one(app, origin, known, spec, ApiError::Version).await
}

/// Returns the version that an environment of a prompt points to, with its body.
#[utoipa::path(
    post, path = "/v2/prompt-2025/query/environment-version", operation_id = "GetPrompt2025EnvironmentVersionV2", tag = "Prompt2025V2",
    request_body = OfEnvironment,
    responses((status = 200, body = Envelope<VersionData>), (status = 304), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn in_environment_v2(
    app: ServedApp,
    origin: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfEnvironment>,
) -> ResponseOutcome {
    let spec = environment_spec(&of.prompt_id, &of.environment);
    one_with_body(app, origin, known, spec, ApiError::Version).await
}

/// Returns the version of a prompt that is in production.
#[utoipa::path(
    post, path = "/v1/prompt-2025/query/production-version", operation_id = "GetPrompt2025ProductionVersion", tag = "Prompt2025",
    request_body = OfPrompt,
    responses((status = 200, body = Envelope<VersionData>), (status = 304), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn in_production(
    app: ServedApp,
    origin: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfPrompt>,
) -> ResponseOutcome {
    one(
        app,
        origin,
        known,
        production_spec(&of),
        ApiError::ProductionVersion,
    )
    .await
}

/// Returns the version of a prompt that is in production, with its body.
#[utoipa::path(
    post, path = "/v2/prompt-2025/query/production-version", operation_id = "GetPrompt2025ProductionVersionV2", tag = "Prompt2025V2",
    request_body = OfPrompt,
    responses((status = 200, body = Envelope<VersionData>), (status = 304), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn in_production_v2(
    app: ServedApp,
    origin: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfPrompt>,
) -> ResponseOutcome {
    one_with_body(
        app,
        origin,
        known,
        production_spec(&of),
        ApiError::ProductionVersion,
    )
    .await
}

fn version_spec(of: &OfVersion) -> Option<VersionSpec> {
    let id: crate::VersionId = of.prompt_version_id.parse().ok()?;
    Some(id.into())
}

fn environment_spec(prompt: &str, environment: &str) -> Option<VersionSpec> {
    let prompt: crate::PromptId = prompt.parse().ok()?;
    let environment: EnvironmentName = environment.parse().ok()?;
    Some(VersionSpec::new(prompt, environment))
}

fn production_spec(of: &OfPrompt) -> Option<VersionSpec> {
    environment_spec(&of.prompt_id, EnvironmentName::production().as_str())
}

async fn one(
    ServedApp(app): ServedApp,
    origin: BaseUrl,
    known: IfNoneMatch,
    spec: Option<VersionSpec>,
    unknown: ApiError,
) -> ResponseOutcome {
    let spec = spec.ok_or_else(|| unknown.clone())?;
    let version = app.version(spec).await?.or_refuse(unknown)?;
    let told = origin.told(&app, &version, app.expiry())?;
    let known = ApiResponse::unless_known(&known, &told.tag);
    Ok(known.unwrap_or_else(|| ApiResponse::text(told.json).tagged(told.tag)))
}

/// Returns the response that describes a version with its body, or a 304.
///
/// The tag is that of the response without the body. That response contains the version's id, and a
/// version's body never changes.
async fn one_with_body(
    ServedApp(app): ServedApp,
    origin: BaseUrl,
    known: IfNoneMatch,
    spec: Option<VersionSpec>,
    unknown: ApiError,
) -> ResponseOutcome {
    let spec = spec.ok_or_else(|| unknown.clone())?;
    let expires = app.expiry();
    if known.any() {
        let version = app
            .version(spec.clone())
            .await?
            .or_refuse(unknown.clone())?;
        let tag = origin.told(&app, &version, expires)?.tag;
        if let Some(known) = ApiResponse::unless_known(&known, &tag) {
            return Ok(known);
        }
    }
    // The response is written on the blocking thread too, because a body may be large.
    let shared = Arc::clone(&app);
    let answer = app.read(move |store| {
        let (resolved, share) = with_body(&shared, store, &spec, unknown)?;
        let Resolved { version, body } = &*resolved;
        let tag = origin.told(&shared, version, expires)?.tag;
        let described = origin.described(&shared, version, expires);
        let bytes = body.as_bytes().len() + 1024;
        let json = enveloped(described.with_body(verbatim(body)?), bytes)?;
        Ok(ApiResponse::text(share.with(json)).tagged(tag))
    });
    answer.await?
}

/// Returns a prompt's versions, newest first.
#[utoipa::path(
    post, path = "/v1/prompt-2025/query/versions", operation_id = "GetPrompt2025Versions", tag = "Prompt2025",
    request_body = QueryVersions,
    responses((status = 200, body = Envelope<Vec<VersionData>>), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
)]
pub(super) async fn all(
    ServedApp(app): ServedApp,
    origin: BaseUrl,
    JsonBody(query, _share): JsonBody<QueryVersions>,
) -> ResponseOutcome {
    let expires = app.expiry();
    match VersionPages::of(&query, origin, expires)? {
        Some(versions) => pages::answer(app, versions).await,
        None => ApiResponse::data([(); 0]),
    }
}

/// The versions that a query selects, newest first.
struct VersionPages {
    prompt: PromptId,
    filter: VersionFilter,
    before: Option<VersionId>,
    left: usize,
    origin: BaseUrl,
    expires: i64,
    /// Each version's environments at the time of the first page; set if there may be a second one.
    ///
    /// An environment that is moved between two pages thus does not appear in both.
    environments: Option<HashMap<VersionId, Vec<EnvironmentName>>>,
}

impl VersionPages {
    /// Returns `None` if no version can match the query.
    fn of(query: &QueryVersions, origin: BaseUrl, expires: i64) -> Result<Option<Self>, ApiError> {
        let before = query.before.as_deref();
        let before = before
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
            origin,
            expires,
            environments: None,
        }))
    }

    fn read(&mut self, store: &Store, most: usize) -> crate::Result<Vec<Version>> {
        let (prompt, filter) = (self.prompt, &self.filter);
        let Some(environments) = &self.environments else {
            if self.left <= most {
                return store.versions(prompt, filter, self.before, self.left);
            }
            let (found, environments) = store.first_versions(prompt, filter, self.before, most)?;
            let mut of_version: HashMap<_, Vec<_>> = HashMap::new();
            for environment in environments {
                let names = of_version.entry(environment.version_id).or_default();
                names.push(environment.name);
            }
            self.environments = Some(of_version);
            return Ok(found);
        };
        let most = most.min(self.left);
        let mut found = store.versions(prompt, filter, self.before, most)?;
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
            to.push(&self.origin.described(app, version, self.expires))?;
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
    responses((status = 200, body = Envelope<CountsData>), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
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
    responses((status = 200, body = Envelope<InputsData>), (status = "4XX", body = ErrorEnvelope), (status = "5XX", body = ErrorEnvelope)),
    security(("api_key" = [])),
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
    ApiResponse::data(InputsData::from(&found.await??))?.counted(&app.budget)
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
