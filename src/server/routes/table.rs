//! TODO

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

use crate::server::api_error::Refusal;
use crate::server::app::App;
use crate::{PromptId, VersionId};

/// What handlers work on. Those of the API come by it only for requests that have a key.
pub(super) struct Served(pub(super) Arc<App>);

impl FromRequestParts<Arc<App>> for Served {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        app.keys.admit(&parts.headers)?;
        Ok(Self(Arc::clone(app)))
    }
}

/// The same, for requests that need no key.
pub(super) type Open = State<Arc<App>>;

/// Every route, and what `/openapi.json` tells of them.
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
        // `update` is a prompt's id as good as any, and the only one that is also a route.
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

async fn unknown(method: Method, uri: Uri) -> Refusal {
    Refusal::Route(format!("There is no route {method} {}", uri.path()))
}

/// Of nested routes too, whose own paths are only the ends of what was asked for.
pub(crate) async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Refusal {
    Refusal::Method(format!("{} has no method {method}", uri.path()))
}

/// A prompt's id, or the refusal that a route has for unknown ones: text that is no id is nobody's.
pub(super) fn prompt_id(text: &str, refusal: Refusal) -> Result<PromptId, Refusal> {
    text.parse().map_err(|_| refusal)
}

/// A version's id, likewise.
pub(super) fn version_id(text: &str, refusal: Refusal) -> Result<VersionId, Refusal> {
    text.parse().map_err(|_| refusal)
}
