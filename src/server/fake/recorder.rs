//! The middleware of a fake that records every call and applies the scripted faults.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::sleep;

use super::GatewayCall;
use super::control_path::is_outside_api;
use super::cut::cut;
use super::faults::{FaultContent, FaultKind, FaultResponse};
use super::route_names::is_of_gateway;
use super::state::FakeState;
use crate::server::gateway::AnsweredRequest;
use crate::server::listen::Hangup;
use crate::server::response::ApiResponse;
use crate::server::{middleware, request};

/// Records a call, applies its fault or passes it on, and records its response.
pub(crate) async fn record_and_script(
    State(state): State<Arc<FakeState>>,
    request: Request,
    next: Next,
) -> Response {
    if is_outside_api(request.uri().path()) {
        return next.run(request).await;
    }
    let app = &state.app;
    let (parts, body) = request.into_parts();
    let matched = parts.extensions.get::<MatchedPath>();
    let route = matched.and_then(|path| state.route(&parts.method, path.as_str()));
    let record = |body: &[u8]| {
        let method = parts.method.clone();
        state.calls.record(method, &parts.uri, route.clone(), body)
    };
    let (body, share) = match request::read(body, &app.limits, &app.budget).await {
        Ok(read) => read,
        Err(error) => {
            let call = record(&[]);
            let response = error.into_response();
            state
                .calls
                .answered(call, middleware::status(app, &response).as_u16());
            return response;
        }
    };
    // Subscribe before a fault is taken, so that a reset after that ends the wait.
    let end = state.end();
    let call = record(&body);
    let fault = state.faults.take(route.as_deref());
    if let Some(fault) = &fault {
        state.calls.faulted(call, fault.name());
    }
    // The handler counts the body again when it reads it, if it is large enough to be counted.
    drop(share);
    let handled = next.run(Request::from_parts(parts, Body::from(body)));
    let response = match fault {
        None => handled.await,
        Some(FaultKind::Fail(scripted)) => respond(scripted, route.as_deref()),
        Some(FaultKind::Timeout) => {
            end.await;
            return hangup();
        }
        Some(FaultKind::Delay(by)) => tokio::select! {
            () = sleep(by) => handled.await,
            () = end => return hangup(),
        },
        Some(FaultKind::Close) => return hangup(),
        Some(FaultKind::Cut) => cut(middleware::finish(app, handled.await)).await,
    };
    if let Some(AnsweredRequest(merged)) = response.extensions().get() {
        state.calls.merged(call, &GatewayCall::from(&**merged));
    }
    state
        .calls
        .answered(call, middleware::status(app, &response).as_u16());
    response
}

/// Returns a scripted response to a call of a route.
fn respond(scripted: FaultResponse, route: Option<&str>) -> Response {
    let status = StatusCode::from_u16(scripted.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match scripted.content {
        FaultContent::Error(error) if route.is_some_and(is_of_gateway) => {
            ApiResponse::gateway_error(status, &error).into_response()
        }
        FaultContent::Error(error) => ApiResponse::error(status, &error).into_response(),
        FaultContent::Json(json) => ApiResponse::text(json.to_string())
            .with_status(status)
            .into_response(),
        FaultContent::Text(text) => (status, text).into_response(),
    };
    for (name, value) in scripted.headers {
        // They were checked when the fault was added.
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            let headers = response.headers_mut();
            if name == CONTENT_TYPE {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
    }
    response
}

/// Returns a response that closes the connection instead of being sent.
fn hangup() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Hangup);
    response
}
