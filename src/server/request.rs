//! Reading of requests within their limits, and parsing to the types that routes expect.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::api_error::ApiError;
use super::app::{App, Limits, blocking};
use super::budget::{BudgetShare, MemoryBudget, UNCOUNTED_BYTES};

/// A request's JSON object, and the share of the budget that it holds while it is in memory.
pub(super) struct JsonBody<T>(pub(super) T, pub(super) BudgetShare);

/// A JSON object of any content type. An empty body is an empty object.
///
/// Only the fake's control routes are so lenient: the live service has no such routes.
pub(super) struct AnyJsonBody<T>(pub(super) T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<App>> for AnyJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let (bytes, _share) = read(request.into_body(), &app.limits, &app.budget).await?;
        let parsed = blocking(move || {
            if bytes.is_empty() {
                parse(b"{}")
            } else {
                parse(&bytes)
            }
        });
        Ok(Self(parsed.await??))
    }
}

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        expect_json(&parts.headers)?;
        let (bytes, passing) = read(body, &app.limits, &app.budget).await?;
        let working = app.budget.take_working(&bytes).await?;
        // Larger requests are parsed on a separate thread, so that they delay no other request.
        if bytes.len() <= UNCOUNTED_BYTES {
            return Ok(Self(parse(&bytes)?, working));
        }
        let parsed = blocking(move || {
            let parsed = parse(&bytes);
            drop((bytes, passing));
            parsed.map(|value| (value, working))
        });
        let (value, working) = parsed.await??;
        Ok(Self(value, working))
    }
}

/// The ids in a path, as text: a malformed id gets the same response as an unknown one.
pub(super) struct PathIds<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for PathIds<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, app).await {
            Ok(Path(ids)) => Ok(Self(ids)),
            Err(rejection) => Err(ApiError::Shape(format!("the path: {rejection}"))),
        }
    }
}

/// Decodes the text of a query's value, or returns `None` if it is not UTF-8.
///
/// Replacing the faulty characters would produce another id.
pub(super) fn decoded(value: &str) -> Option<String> {
    let value = value.replace('+', " ");
    let decoded = percent_decode_str(&value).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Reads a request's body within the limits of time and size, and takes its share of the budget.
pub(super) async fn read(
    body: Body,
    limits: &Limits,
    budget: &MemoryBudget,
) -> Result<(Bytes, BudgetShare), ApiError> {
    let mut whole = pin!(whole(body, limits.body_bytes, budget.passing()));
    match poll_twice(whole.as_mut()).await {
        Some(read) => read,
        // Boxed, because every request's future is as large as its largest variant.
        None => Box::pin(timeout(limits.body_time, whole))
            .await
            .unwrap_or(Err(ApiError::TooSlow)),
    }
}

/// Reads a body of at most `max_bytes` bytes.
async fn whole(
    body: Body,
    max_bytes: usize,
    mut share: BudgetShare,
) -> Result<(Bytes, BudgetShare), ApiError> {
    let mut body = pin!(body);
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > max_bytes {
        return Err(too_large(max_bytes));
    }
    // Most bodies arrive in one piece, which is returned without a copy.
    let mut first = Bytes::new();
    let mut buffer = Vec::new();
    while let Some(piece) = next_piece(body.as_mut()).await? {
        let length = first.len().max(buffer.len()) + piece.len();
        if length > max_bytes {
            return Err(too_large(max_bytes));
        }
        share.grow_to(length)?;
        if first.is_empty() && buffer.is_empty() {
            first = piece;
            continue;
        }
        make_room(&mut buffer, length, max_bytes)?;
        buffer.extend_from_slice(&std::mem::take(&mut first));
        buffer.extend_from_slice(&piece);
    }
    if buffer.is_empty() {
        Ok((first, share))
    } else {
        Ok((buffer.into(), share))
    }
}

async fn next_piece(mut body: Pin<&mut Body>) -> Result<Option<Bytes>, ApiError> {
    loop {
        match poll_fn(|context| body.as_mut().poll_frame(context)).await {
            None => return Ok(None),
            // A frame without data contains trailers.
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
            // The body was cut off, so the client will not read the reason.
            Some(Err(error)) => {
                return Err(ApiError::Shape(format!("the body cannot be read: {error}")));
            }
        }
    }
}

/// The size above which a body gets all the space that one may need.
///
/// Memory that has not been written to costs nothing, and the buffer is not copied as it grows. The
/// default allocator also returns an allocation of this size to the system as soon as it is freed,
/// and keeps smaller ones.
const LARGE_BODY_BYTES: usize = 1024 * 1024;

/// Space for a body of the default maximum size.
const MAX_DEFAULT_CAPACITY: usize = crate::Body::MAX_BYTES + LARGE_BODY_BYTES;

/// Reserves space for a body of at least this length.
fn make_room(buffer: &mut Vec<u8>, length: usize, max_bytes: usize) -> Result<(), ApiError> {
    if length <= buffer.capacity() {
        return Ok(());
    }
    let room = if length > LARGE_BODY_BYTES {
        MAX_DEFAULT_CAPACITY.max(2 * length).min(max_bytes)
    } else {
        (2 * length).min(LARGE_BODY_BYTES)
    };
    let more = room - buffer.len();
    let reserved = buffer.try_reserve_exact(more);
    reserved.map_err(|_| ApiError::Loaded)
}

fn too_large(max_bytes: usize) -> ApiError {
    ApiError::TooLarge(format!(
        "The request is too large: at most {max_bytes} bytes"
    ))
}

/// Returns the output if the future is ready after the task has been polled once more.
///
/// Small bodies are ready by then, so they need no timer.
async fn poll_twice<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut polled = false;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if std::mem::replace(&mut polled, true) => Poll::Ready(None),
        Poll::Pending => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// The type of a body that `curl -d` sends.
const CURLS_DEFAULT: &str = "application/x-www-form-urlencoded";

/// Checks that the body is plain JSON: the live service reads no other bodies either.
fn expect_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_json = |value: &HeaderValue| value == "application/json";
    if headers.get(header::CONTENT_TYPE).is_some_and(is_json)
        && !headers.contains_key(header::CONTENT_ENCODING)
    {
        return Ok(());
    }
    let text = |name| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    let content_type = text(header::CONTENT_TYPE);
    let essence = content_type
        .as_deref()
        .and_then(|text| text.split(';').next());
    match essence.map(str::trim) {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => {}
        found => {
            let found = found.unwrap_or("none");
            return Err(ApiError::Shape(format!(
                "Content-Type: expected application/json, found {found}{}",
                if found == CURLS_DEFAULT {
                    "; with curl, pass --json instead of -d"
                } else {
                    ""
                }
            )));
        }
    }
    match text(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => Err(ApiError::Shape(
            format!("Content-Encoding: expected none, found {encoding}"),
        )),
        _ => Ok(()),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| shape(format!("it is not UTF-8 at byte {}", error.valid_up_to())))?;
    match text.trim_start().chars().next() {
        Some('{') => {}
        None => return Err(shape("it is empty; expected a JSON object")),
        // serde would accept an array for an object, member by member.
        Some('[') => return Err(shape("expected a JSON object, found an array")),
        Some(_) => {
            let found = match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => "expected a JSON object".into(),
                Err(error) => error.to_string(),
            };
            return Err(shape(found));
        }
    }
    serde_json::from_str(text).map_err(|error| locate_error::<T>(text, &error))
}

fn shape(reason: impl std::fmt::Display) -> ApiError {
    ApiError::Shape(format!("the body: {reason}"))
}

/// Parses again to find the faulty member, so that valid requests do not pay for the search.
fn locate_error<T: DeserializeOwned>(text: &str, error: &serde_json::Error) -> ApiError {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed: Result<T, _> = serde_path_to_error::deserialize(&mut deserializer);
    match parsed {
        Err(error) => match error.path().to_string().as_str() {
            // The fault is in no member, or between two.
            "." | "?" => shape(error.inner()),
            path => ApiError::Shape(format!("{path}: {}", error.inner())),
        },
        // The fault follows the object.
        Ok(_) => shape(error),
    }
}
