//! An answer whose body ends before its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

/// How long the first half has to get away before the connection breaks.
const PAUSE: Duration = Duration::from_millis(20);

/// The answer, with a body that breaks off in the middle.
pub(super) async fn cut(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // What breaks off in the middle is of a known length.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let half = Half {
        bytes: Some(bytes.slice(..bytes.len() / 2)),
        pause: Box::pin(sleep(PAUSE)),
    };
    Response::from_parts(parts, Body::new(half))
}

/// So many bytes, and then an error, at which the connection is closed.
struct Half {
    bytes: Option<Bytes>,
    pause: Pin<Box<Sleep>>,
}

impl HttpBody for Half {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        ready!(self.pause.as_mut().poll(context));
        Poll::Ready(Some(Err(BrokenOff)))
    }
}

/// The body is cut short, on purpose.
#[derive(Debug, thiserror::Error)]
#[error("cut short on purpose")]
struct BrokenOff;
