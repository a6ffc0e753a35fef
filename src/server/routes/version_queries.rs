//! Routes that return one version: by its id, of an environment, or in production.

use std::sync::Arc;

use super::bodies::with_body;
use super::extract::ServedApp;
use crate::server::api_error::{ApiError, OrApiError};
use crate::server::base_url::BaseUrl;
use crate::server::dto::{Envelope, OfEnvironment, OfPrompt, OfVersion, VersionData};
use crate::server::etag::IfNoneMatch;
use crate::server::request::JsonBody;
use crate::server::response::{ApiResponse, ResponseOutcome, enveloped, verbatim};
use crate::{EnvironmentName, Resolved, VersionSpec};

/// Returns a version by its id.
#[utoipa::path(
    post, path = "/v1/prompt-2025/query/version", operation_id = "GetPrompt2025Version", tag = "Prompt2025",
    request_body = OfVersion,
    responses((status = 200, body = Envelope<VersionData>), (status = 304)),
)]
pub(super) async fn by_id(
    app: ServedApp,
    base_url: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfVersion>,
) -> ResponseOutcome {
    version(app, base_url, known, version_spec(&of), ApiError::Version).await
}

/// Returns a version by its id, with its body.
#[utoipa::path(
    post, path = "/v2/prompt-2025/query/version", operation_id = "GetPrompt2025VersionV2", tag = "Prompt2025V2",
    request_body = OfVersion,
    responses((status = 200, body = Envelope<VersionData>), (status = 304)),
)]
pub(super) async fn by_id_v2(
    app: ServedApp,
    base_url: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfVersion>,
) -> ResponseOutcome {
    version_with_body(app, base_url, known, version_spec(&of), ApiError::Version).await
}

/// Returns the version that an environment of a prompt points to.
#[utoipa::path(
    post, path = "/v1/prompt-2025/query/environment-version", operation_id = "GetPrompt2025EnvironmentVersion", tag = "Prompt2025",
    request_body = OfEnvironment,
    responses((status = 200, body = Envelope<VersionData>), (status = 304)),
)]
pub(super) async fn in_environment(
    app: ServedApp,
    base_url: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfEnvironment>,
) -> ResponseOutcome {
    let spec = environment_spec(&of.prompt_id, &of.environment);
    version(app, base_url, known, spec, ApiError::Version).await
}

/// Returns the version that an environment of a prompt points to, with its body.
#[utoipa::path(
    post, path = "/v2/prompt-2025/query/environment-version", operation_id = "GetPrompt2025EnvironmentVersionV2", tag = "Prompt2025V2",
    request_body = OfEnvironment,
    responses((status = 200, body = Envelope<VersionData>), (status = 304)),
)]
pub(super) async fn in_environment_v2(
    app: ServedApp,
    base_url: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfEnvironment>,
) -> ResponseOutcome {
    let spec = environment_spec(&of.prompt_id, &of.environment);
    version_with_body(app, base_url, known, spec, ApiError::Version).await
}

/// Returns the version of a prompt that is in production.
#[utoipa::path(
    post, path = "/v1/prompt-2025/query/production-version", operation_id = "GetPrompt2025ProductionVersion", tag = "Prompt2025",
    request_body = OfPrompt,
    responses((status = 200, body = Envelope<VersionData>), (status = 304)),
)]
pub(super) async fn in_production(
    app: ServedApp,
    base_url: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfPrompt>,
) -> ResponseOutcome {
    version(
        app,
        base_url,
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
    responses((status = 200, body = Envelope<VersionData>), (status = 304)),
)]
pub(super) async fn in_production_v2(
    app: ServedApp,
    base_url: BaseUrl,
    known: IfNoneMatch,
    JsonBody(of, _share): JsonBody<OfPrompt>,
) -> ResponseOutcome {
    version_with_body(
        app,
        base_url,
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

async fn version(
    ServedApp(app): ServedApp,
    base_url: BaseUrl,
    known: IfNoneMatch,
    spec: Option<VersionSpec>,
    unknown: ApiError,
) -> ResponseOutcome {
    let spec = spec.ok_or_else(|| unknown.clone())?;
    let version = app.version(spec).await?.or_refuse(unknown)?;
    let response = base_url.advertised(&app, &version, app.expiry())?;
    let known = ApiResponse::unless_known(&known, &response.tag);
    let response = known.unwrap_or_else(|| ApiResponse::text(response.json).tagged(response.tag));
    Ok(response.about(&version))
}

/// Returns the response that describes a version with its body, or a 304.
///
/// The tag is that of the response without the body. That response contains the version's id, and a
/// version's body never changes.
async fn version_with_body(
    ServedApp(app): ServedApp,
    base_url: BaseUrl,
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
        let tag = base_url.advertised(&app, &version, expires)?.tag;
        if let Some(known) = ApiResponse::unless_known(&known, &tag) {
            return Ok(known.about(&version));
        }
    }
    // The response is written on the blocking thread too, because a body may be large.
    let shared = Arc::clone(&app);
    let answer = app.read(move |store| {
        let (resolved, share) = with_body(&shared, store, &spec, unknown)?;
        let Resolved { version, body, .. } = &*resolved;
        let tag = base_url.advertised(&shared, version, expires)?.tag;
        let described = base_url.describe(&shared, version, expires);
        let bytes = body.as_bytes().len() + 1024;
        let json = enveloped(described.with_body(verbatim(body)?), bytes)?;
        let response = ApiResponse::text(share.with(json)).tagged(tag);
        Ok(response.about(version))
    });
    answer.await?
}
