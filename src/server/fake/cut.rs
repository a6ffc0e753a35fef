//! Responses that break off in the middle of the body.

use axum::body::to_bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;

use super::paced_body::half_of;

/// Returns the response with a body that breaks off in the middle.
pub(super) async fn cut(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // The length is declared, so that the client sees that the body is incomplete.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Response::from_parts(parts, half_of(bytes))
}
