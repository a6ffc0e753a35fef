//! What of a request nobody reads: taken off the connection all the same.
//!
//! A connection that is closed with something unread is reset, and then the client may never read the answer that was
//! sent: not why it was refused, only that it was cut off. Most clients read only once they have sent everything.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use super::app::Limits;

/// A request's body. When it is dropped, its rest is read and thrown away in the background, within limits.
pub(crate) struct WithRest {
    body: Option<Incoming>,
    most: usize,
    time: Duration,
}

impl WithRest {
    /// Of the rest, twice as much is read as a body may have, in the time that one may take: a body that is known to be too
    /// large is refused before it is read.
    pub(crate) fn new(body: Incoming, limits: &Limits) -> Self {
        Self {
            body: Some(body),
            most: limits.body_bytes.saturating_mul(2),
            time: limits.body_time,
        }
    }
}

impl Body for WithRest {
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

impl Drop for WithRest {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        let (most, time) = (self.most, self.time);
        // Outside a runtime, which is being shut down then, nobody is there to read for.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(timeout(time, throw_away(body, most)));
        }
    }
}

/// A client that sends nothing for so long is not amid sending.
const PAUSE: Duration = Duration::from_secs(1);

async fn throw_away(mut body: Incoming, most: usize) {
    let mut left = most;
    while let Ok(Some(Ok(frame))) = timeout(PAUSE, body.frame()).await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(size) {
            Some(less) => left = less,
            None => return,
        }
    }
}
