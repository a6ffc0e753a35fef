//! Requests: read within their limits, and held against the shape that a route expects.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::app::{App, Limits, blocking};
use super::refusal::Refusal;

/// A request's JSON object.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        expect_json(&parts.headers)?;
        let bytes = read(body, &app.limits).await?;
        if bytes.len() <= MOST_PARSED_INLINE {
            return parse(&bytes).map(Self);
        }
        blocking(move || parse(&bytes)).await?.map(Self)
    }
}

/// Larger requests are parsed where they keep no other waiting.
const MOST_PARSED_INLINE: usize = 64 * 1024;

/// The ids in a path, as text: what is no id at all is as unknown as one that nobody has.
pub(super) struct Ids<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Ids<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        match Path::from_request_parts(parts, app).await {
            Ok(Path(ids)) => Ok(Self(ids)),
            Err(rejection) => Err(Refusal::Shape(format!("the path: {rejection}"))),
        }
    }
}

/// The text of a query's value, or none where it is no text: with a character replaced it would be another id.
pub(super) fn decoded(value: &str) -> Option<String> {
    let value = value.replace('+', " ");
    let decoded = percent_decode_str(&value).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Reads a request's body, in the time and to the size that are allowed.
pub(super) async fn read(body: Body, limits: &Limits) -> Result<Bytes, Refusal> {
    let mut whole = pin!(to_bytes(body, limits.body_bytes));
    let read = match soon(whole.as_mut()).await {
        Some(read) => Ok(read),
        // Apart, as every request's future is as large as the largest of its cases.
        None => Box::pin(timeout(limits.body_time, whole)).await,
    };
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_large(&error) => {
            let most = limits.body_bytes;
            Err(Refusal::TooLarge(format!(
                "The request is too large: at most {most} bytes"
            )))
        }
        // It was cut short; nobody is there to read why.
        Ok(Err(error)) => Err(Refusal::Shape(format!("the body can't be read: {error}"))),
        Err(_) => Err(Refusal::TooSlow),
    }
}

/// What is there once the connection's task was polled once more, after which small bodies are: they need no timer.
async fn soon<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut asked = false;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if std::mem::replace(&mut asked, true) => Poll::Ready(None),
        Poll::Pending => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

fn is_too_large(error: &axum::Error) -> bool {
    let cause = std::error::Error::source(error);
    cause.is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>)
}

/// The live service reads no other bodies either.
fn expect_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let plainly = |value: &HeaderValue| value == "application/json";
    if headers.get(header::CONTENT_TYPE).is_some_and(plainly)
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
            return Err(Refusal::Shape(format!(
                "Content-Type: expected application/json, found {found}"
            )));
        }
    }
    match text(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => Err(Refusal::Shape(
            format!("Content-Encoding: expected none, found {encoding}"),
        )),
        _ => Ok(()),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| shape(format!("it is not UTF-8 at byte {}", error.valid_up_to())))?;
    match text.trim_start().chars().next() {
        Some('{') => {}
        None => return Err(shape("it is empty; expected a JSON object")),
        // serde would take an array for an object, member by member.
        Some('[') => return Err(shape("expected a JSON object, found an array")),
        Some(_) => {
            let found = match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => "expected a JSON object".into(),
                Err(error) => error.to_string(),
            };
            return Err(shape(found));
        }
    }
    serde_json::from_str(text).map_err(|error| why::<T>(text, &error))
}

fn shape(reason: impl std::fmt::Display) -> Refusal {
    Refusal::Shape(format!("the body: {reason}"))
}

/// Parses again, to tell which member is wrong; right requests need not pay for it.
fn why<T: DeserializeOwned>(text: &str, error: &serde_json::Error) -> Refusal {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed: Result<T, _> = serde_path_to_error::deserialize(&mut deserializer);
    match parsed {
        Err(error) => match error.path().to_string().as_str() {
            // In no member, or between two.
            "." | "?" => shape(error.inner()),
            path => Refusal::Shape(format!("{path}: {}", error.inner())),
        },
        // What follows the object.
        Ok(_) => shape(error),
    }
}
