//! Draining of unread request bodies.
//!
//! If a connection is closed with unread input, it is reset, and the client may never read the
//! response: it sees that it was cut off, but not why. Most clients read only after they have sent
//! everything.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use super::app::Limits;

/// A request's body, whose unread rest is drained in the background when it is dropped.
pub(crate) struct DrainingBody {
    body: Option<Incoming>,
    max_bytes: usize,
    time: Duration,
}

impl DrainingBody {
    /// Wraps a body.
    ///
    /// The drain reads up to twice the maximum body size, in the time that a body may take: a body
    /// that declares a larger size is refused before it is read.
    pub(crate) fn new(body: Incoming, limits: &Limits) -> Self {
        Self {
            body: Some(body),
            max_bytes: limits.body_bytes.saturating_mul(2),
            time: limits.body_time,
        }
    }
}

impl Body for DrainingBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for DrainingBody {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        let (max_bytes, time) = (self.max_bytes, self.time);
        // Without a runtime, the server is shutting down and the connection is closed anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(timeout(time, drain(body, max_bytes)));
        }
    }
}

/// A client that sends nothing for this time has stopped sending.
const MAX_PAUSE: Duration = Duration::from_secs(1);

async fn drain(mut body: Incoming, max_bytes: usize) {
    let mut left = max_bytes;
    while let Ok(Some(Ok(frame))) = timeout(MAX_PAUSE, body.frame()).await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(size) {
            Some(less) => left = less,
            None => return,
        }
    }
}
