//! Responses that break off in the middle of the body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

/// Time in which the first half is sent before the connection is closed.
const PAUSE: Duration = Duration::from_millis(20);

/// Returns the response with a body that breaks off in the middle.
pub(super) async fn cut(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // The length is declared, so that the client sees that the body is incomplete.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let half = HalfBody {
        bytes: Some(bytes.slice(..bytes.len() / 2)),
        pause: Box::pin(sleep(PAUSE)),
    };
    Response::from_parts(parts, Body::new(half))
}

/// Some bytes, followed by an error that closes the connection.
struct HalfBody {
    bytes: Option<Bytes>,
    pause: Pin<Box<Sleep>>,
}

impl HttpBody for HalfBody {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        ready!(self.pause.as_mut().poll(context));
        Poll::Ready(Some(Err(CutShort)))
    }
}

/// The body was cut short on purpose.
#[derive(Debug, thiserror::Error)]
#[error("cut short on purpose")]
struct CutShort;
