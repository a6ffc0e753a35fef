//! The table of all routes, and their OpenAPI description.

use std::sync::Arc;

use axum::extract::OriginalUri;
use axum::http::{Method, Uri};
use axum::middleware::map_response;
use axum::routing::{delete, post};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{bodies, environments, exchange, gateway, meta, prompts, version_queries, versions};
use crate::server::api_error::ApiError;
use crate::server::app::App;
use crate::server::middleware::in_gateway_form;

/// Returns the router of a server's routes, and their OpenAPI description.
pub(crate) fn of_server() -> (axum::Router<Arc<App>>, OpenApi) {
    let exchange = OpenApiRouter::new()
        .routes(routes!(exchange::head))
        .routes(routes!(exchange::export, exchange::import));
    with(exchange)
}

/// Returns the router of the routes that the live service has too, and their OpenAPI description.
pub(crate) fn of_fake() -> (axum::Router<Arc<App>>, OpenApi) {
    with(OpenApiRouter::new())
}

/// Returns the routes of the API together with others that require a key.
fn with(others: OpenApiRouter<Arc<App>>) -> (axum::Router<Arc<App>>, OpenApi) {
    let (api, described) = others
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
        .routes(routes!(version_queries::by_id))
        .routes(routes!(version_queries::in_environment))
        .routes(routes!(versions::all))
        .routes(routes!(version_queries::in_production))
        .routes(routes!(versions::counts))
        .routes(routes!(bodies::of_version))
        .routes(routes!(version_queries::by_id_v2))
        .routes(routes!(version_queries::in_environment_v2))
        .routes(routes!(version_queries::in_production_v2))
        .split_for_parts();
    let api = api
        .route("/v1/prompt-2025/", post(prompts::create))
        // `update` is a valid prompt id, and the only one that is also a route.
        .route("/v1/prompt-2025/update", delete(prompts::remove_update));
    let (gateway, described_gateway) = OpenApiRouter::new()
        .routes(routes!(gateway::chat_completions))
        .routes(routes!(gateway::chat_completions_without_version))
        .routes(routes!(gateway::chat_completions_of_ai))
        .routes(routes!(gateway::responses))
        .routes(routes!(gateway::litellm))
        .split_for_parts();
    let api = api.merge(gateway.layer(map_response(in_gateway_form)));
    let (open, described_open) = OpenApiRouter::new()
        .routes(routes!(bodies::signed))
        .routes(routes!(meta::health))
        .split_for_parts();
    let described = meta::describe(described, described_gateway, described_open);
    let router = api
        .merge(open)
        .route("/openapi.json", meta::openapi(&described))
        .route("/", meta::index(&described))
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
