//! How long a connection has had nothing to do: one timer for each connection, where one for each request would cost a tenth
//! of the requests that can be answered.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

/// What a connection is at.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    begun: Instant,
    /// A request is under way: from its head to the last byte of its answer.
    busy: AtomicBool,
    /// Milliseconds from the beginning until it was over, or 0.
    idle_since: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            begun: Instant::now(),
            busy: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
        }))
    }

    /// A request is under way, until this is dropped.
    pub(super) fn request(&self) -> Busy {
        self.0.busy.store(true, Ordering::Release);
        Busy(Arc::clone(&self.0))
    }

    /// Waits until there has been no request for so long.
    pub(super) async fn idle_for(&self, limit: Duration) {
        let shared = &self.0;
        loop {
            let idle_since = Duration::from_millis(shared.idle_since.load(Ordering::Acquire));
            let (now, end) = (Instant::now(), shared.begun + idle_since + limit);
            match shared.busy.load(Ordering::Acquire) {
                true => sleep_until(now + limit).await,
                false if now < end => sleep_until(end).await,
                false => return,
            }
        }
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Busy(Arc<Shared>);

impl Busy {
    /// Under way until the answer is sent, or given up.
    pub(super) fn until_sent(self, response: Response) -> Response {
        response.map(|body| Body::new(Sent { body, _busy: self }))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let millis = self.0.begun.elapsed().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        self.0.idle_since.store(millis, Ordering::Release);
        self.0.busy.store(false, Ordering::Release);
    }
}

/// The body of an answer, which is dropped when it is sent.
struct Sent {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    /// Whether a connection of this activity would be closed within some limits' time.
    async fn closes(activity: &Activity) -> bool {
        timeout(LIMIT * 6, activity.idle_for(LIMIT)).await.is_ok()
    }

    #[tokio::test]
    async fn a_connection_that_asks_nothing_is_closed() {
        assert!(closes(&Activity::new()).await);
    }

    #[tokio::test]
    async fn one_that_waits_for_its_answer_is_not() {
        let activity = Activity::new();
        let busy = activity.request();
        assert!(!closes(&activity).await);
        let response = busy.until_sent(Response::new(Body::from("answer")));
        assert!(!closes(&activity).await, "it is not sent yet");
        drop(response);
        assert!(closes(&activity).await);
    }
}
