//! The table of all routes, and their OpenAPI description.

use crate::server::routes::bodies;
use crate::server::routes::environments;
use crate::server::routes::meta;
use crate::server::routes::prompts;
use crate::server::routes::versions;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri, State};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::routing::{delete, post};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::server::api_error::ApiError;
use crate::server::app::App;
use crate::{PromptId, VersionId};

/// The shared state, for handlers of requests that carry a valid key.
pub(super) struct ServedApp(pub(super) Arc<App>);

impl FromRequestParts<Arc<App>> for ServedApp {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        app.keys.admit(&parts.headers)?;
        Ok(Self(Arc::clone(app)))
    }
}

/// The shared state, for handlers that need no key.
pub(super) type OpenApp = State<Arc<App>>;

/// Returns the router of all routes, and their OpenAPI description.
pub(crate) fn all() -> (axum::Router<Arc<App>>, OpenApi) {
    let (api, described) = OpenApiRouter::new()
        .routes(routes!(prompts::get))
        .routes(routes!(prompts::rename))
        .routes(routes!(prompts::set_tags))
        .routes(routes!(prompts::remove))
        .routes(routes!(versions::remove))
        .routes(routes!(versions::inputs))
        .routes(routes!(prompts::tags))
        .routes(routes!(prompts::environments))
        .routes(routes!(prompts::create))
        .routes(routes!(versions::update))
        .routes(routes!(environments::set))
        .routes(routes!(environments::remove))
        .routes(routes!(prompts::count))
        .routes(routes!(prompts::query))
        .routes(routes!(versions::by_id))
        .routes(routes!(versions::in_environment))
        .routes(routes!(versions::all))
        .routes(routes!(versions::in_production))
        .routes(routes!(versions::counts))
        .routes(routes!(bodies::of_version))
        .routes(routes!(versions::by_id_v2))
        .routes(routes!(versions::in_environment_v2))
        .routes(routes!(versions::in_production_v2))
        .split_for_parts();
    let api = api
        .route("/v1/prompt-2025/", post(prompts::create))
        // `update` is a valid prompt id, and the only one that is also a route.
        .route("/v1/prompt-2025/update", delete(prompts::remove_update));
    let (open, described_open) = OpenApiRouter::new()
        .routes(routes!(bodies::signed))
        .routes(routes!(meta::health))
        .split_for_parts();
    let described = meta::describe(described, described_open);
    let router = api
        .merge(open)
        .route("/openapi.json", meta::openapi(&described))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method);
    (router, described)
}

async fn unknown(method: Method, uri: Uri) -> ApiError {
    ApiError::Route(format!("There is no route {method} {}", uri.path()))
}

/// Reports a method that the route does not have.
///
/// A nested route sees only the end of the path, so this reads the original one.
pub(crate) async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::Method(format!("{} has no method {method}", uri.path()))
}

/// Parses a prompt's id; malformed text gets the route's error for an unknown prompt.
pub(super) fn prompt_id(text: &str, refusal: ApiError) -> Result<PromptId, ApiError> {
    text.parse().map_err(|_| refusal)
}

/// Parses a version's id; malformed text gets the route's error for an unknown version.
pub(super) fn version_id(text: &str, refusal: ApiError) -> Result<VersionId, ApiError> {
    text.parse().map_err(|_| refusal)
}
