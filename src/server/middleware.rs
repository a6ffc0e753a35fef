//! The middleware that every request and every response passes through.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use tower_service::Service;
use tracing::field::display;
use tracing::{Level, enabled, error, info};

use super::api_error::ApiError;
use super::app::App;
use super::response::{AnsweredVersion, ApiResponse};

/// The header with a request's number, which every response of the router has.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Checks the host, numbers the request, writes error responses, and logs.
///
/// The log contains only the method and the path of a request, because headers contain keys and
/// queries contain signatures; and the version that the response contains, so that a later reader
/// knows which one a client got.
///
/// The future is composed without `async`, because an `async` block would reserve space for the
/// request in each of its states.
pub(crate) fn handle(
    app: Arc<App>,
    mut router: axum::Router,
    request: Request,
) -> impl Future<Output = Response> + Send {
    let id = app.next_request();
    let logged = enabled!(Level::INFO).then(|| {
        Box::new((
            Instant::now(),
            request.method().clone(),
            request.uri().path().to_owned(),
        ))
    });
    let handled = match app.hosts.admit(&request) {
        Ok(()) => Either::Left(AssertUnwindSafe(router.call(request)).catch_unwind()),
        Err(refusal) => Either::Right(ready(Ok(Ok(refusal.into_response())))),
    };
    handled.map(move |handled| {
        let response = match handled {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => panicked(&*panic).into_response(),
        };
        if let Some(cause) = response.extensions().get().and_then(ApiError::cause) {
            error!(request = id, %cause, "the request failed");
        }
        let mut response = finish(&app, response);
        response
            .headers_mut()
            .insert(REQUEST_ID, HeaderValue::from(id));
        if let Some((started, method, path)) = logged.map(|logged| *logged) {
            let status = response.status().as_u16();
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            let answered = response.extensions().get::<AnsweredVersion>();
            let prompt = answered.map(|answered| display(answered.prompt));
            let version = answered.map(|answered| display(answered.version));
            let number = answered.map(|answered| display(answered.number));
            info!(request = id, %method, path, status, micros, prompt, version, number);
        }
        response
    })
}

/// Converts a panic to an internal error, so that the client gets a response.
fn panicked(panic: &(dyn Any + Send)) -> ApiError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::Internal(text.unwrap_or("a panic").into())
}

/// Passes on requests that carry a valid key.
pub(crate) async fn authorize(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    match app.keys.admit(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Returns the status that a response has after [`finish`].
pub(crate) fn status(app: &App, response: &Response) -> StatusCode {
    match response.extensions().get::<ApiError>() {
        Some(refusal) => refusal.status(app.status).unwrap_or(StatusCode::OK),
        None => response.status(),
    }
}

/// Marks the errors of a route that are written as Helicone's gateway does: `{"error": "text"}`.
pub(crate) async fn in_gateway_form(mut response: Response) -> Response {
    if response.extensions().get::<ApiError>().is_some() {
        response.extensions_mut().insert(GatewayForm);
    }
    response
}

#[derive(Clone, Copy, Debug)]
struct GatewayForm;

/// Writes the envelope if the response is an error; returns other responses unchanged.
pub(crate) fn finish(app: &App, mut response: Response) -> Response {
    let Some(refusal) = response.extensions_mut().remove::<ApiError>() else {
        return response;
    };
    let is_of_gateway = response.extensions().get::<GatewayForm>().is_some();
    let mut written = match (refusal.status(app.status), &refusal) {
        (Some(status), ApiError::Model(text)) => (status, text.clone()).into_response(),
        (Some(status), _) if is_of_gateway => {
            ApiResponse::gateway_error(status, refusal.text()).into_response()
        }
        (Some(status), _) => ApiResponse::error(status, refusal.text()).into_response(),
        (None, _) => ApiResponse::empty().into_response(),
    };
    let (parts, _) = response.into_parts();
    if written.status() == StatusCode::SERVICE_UNAVAILABLE {
        written
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    // Keep the other headers, such as those that let a browser read the response.
    for (name, value) in &parts.headers {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            written.headers_mut().append(name, value.clone());
        }
    }
    written
}
