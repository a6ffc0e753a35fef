//! Routes that describe the server itself: its health, and its OpenAPI description.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, Uri};
use axum::routing::{MethodRouter, get};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, Object, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    Response, ResponseBuilder, Type,
};

use super::extract::OpenApp;
use crate::server::api_error::ApiError;
use crate::server::app::App;
use crate::server::dto::ErrorEnvelope;
use crate::server::response::{ApiResponse, ResponseOutcome, enveloped};

#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
}

/// Checks whether the store can be read.
#[utoipa::path(
    get, path = "/healthz", operation_id = "GetHealth", tag = "Upkeep",
    responses((status = 200, body = Health), (status = 500, body = ErrorEnvelope)),
)]
pub(crate) async fn health(State(app): OpenApp) -> ResponseOutcome {
    app.read(|store| store.prompts().count()).await??;
    ApiResponse::json(axum::http::StatusCode::OK, &Health { status: "ok" })
}

/// Returns the OpenAPI description of all routes.
///
/// `api` and `gateway` describe the routes that require a key, and `open` the others.
pub(crate) fn describe(mut api: OpenApi, mut gateway: OpenApi, open: OpenApi) -> OpenApi {
    for operation in operations(&mut api) {
        describe_access(operation, "ErrorEnvelope");
    }
    for operation in operations(&mut gateway) {
        describe_access(operation, "GatewayErrorData");
    }
    let info = InfoBuilder::new()
        .title("promptbook")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Helicone's Prompts 2025 API on a promptbook store"))
        .build();
    let key = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let components = ComponentsBuilder::new()
        .security_scheme("api_key", key)
        .build();
    let mut described = OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build();
    described.merge(api);
    described.merge(gateway);
    described.merge(open);
    for operation in operations(&mut described) {
        for (status, response) in &mut operation.responses.responses {
            describe_response(status, response);
        }
        if operation.responses.responses.contains_key("304") {
            describe_tag(operation);
        }
    }
    described
}

fn operations(described: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    described.paths.paths.values_mut().flat_map(|item| {
        let methods = [
            &mut item.get,
            &mut item.post,
            &mut item.patch,
            &mut item.delete,
        ];
        methods.into_iter().flatten()
    })
}

/// Describes what the operations that require a key have in common: the key, and the errors.
fn describe_access(operation: &mut Operation, error: &str) {
    let key = SecurityRequirement::new("api_key", [""; 0]);
    operation.security.get_or_insert_default().push(key);
    let error = Content::new(Some(Ref::from_schema_name(error)));
    let response = ResponseBuilder::new()
        .content("application/json", error)
        .build();
    for status in ["4XX", "5XX"] {
        let responses = &mut operation.responses.responses;
        responses.insert(status.into(), response.clone().into());
    }
}

/// Describes a response, as OpenAPI requires.
fn describe_response(status: &str, response: &mut RefOr<Response>) {
    if let RefOr::T(response) = response {
        let description = match status.as_bytes().first() {
            Some(b'2') => "Done",
            Some(b'3') => "The client has this response already: If-None-Match contains its ETag",
            _ => "Refused; the text says why",
        };
        response.description = description.into();
    }
}

/// Describes the headers of conditional requests.
fn describe_tag(operation: &mut Operation) {
    let known = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("ETags of responses that the client has"))
        .schema(Some(Object::with_type(Type::String)))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(known.into());
    for status in ["200", "304"] {
        if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) {
            let tag = HeaderBuilder::new().schema(Some(Object::with_type(Type::String)));
            response.headers.insert("ETag".into(), tag.build().into());
        }
    }
}

#[derive(Serialize)]
struct RouteIndex<'a> {
    service: &'a str,
    version: &'a str,
    description: &'a str,
    routes: Vec<String>,
}

/// Returns the methods of a path.
pub(crate) fn methods(item: &PathItem) -> impl Iterator<Item = Method> {
    let methods = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
        (Method::PUT, &item.put),
    ];
    let present = methods
        .into_iter()
        .filter(|(_, operation)| operation.is_some());
    present.map(|(method, _)| method)
}

/// Returns a route that lists the others.
pub(crate) fn index(described: &OpenApi) -> MethodRouter<Arc<App>> {
    let routes = described
        .paths
        .paths
        .iter()
        .flat_map(|(path, item)| methods(item).map(move |method| format!("{method} {path}")));
    let index = RouteIndex {
        service: "promptbook",
        version: env!("CARGO_PKG_VERSION"),
        description: "/openapi.json",
        routes: routes.collect(),
    };
    let text = enveloped(index, 2048).unwrap_or_default();
    get(move |uri: Uri| async move {
        // The path of a body's URL may have become a query by mistake.
        match uri.query() {
            None => Ok(ApiResponse::text(text)),
            Some(_) => Err(ApiError::Route("The route GET / has no query".into())),
        }
    })
}

/// Returns a route that serves the description.
pub(crate) fn openapi(described: &OpenApi) -> MethodRouter<Arc<App>> {
    let text = serde_json::to_vec(described).unwrap_or_default();
    get(move || async move { ApiResponse::text(text) })
}
