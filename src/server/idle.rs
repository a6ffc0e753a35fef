//! The idle time of connections.
//!
//! There is one timer for each connection. A timer for each request would cost a tenth of the
//! throughput.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

/// A practically unlimited time.
const MAX_IDLE_TIME: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The activity of a connection.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<IdleState>);

#[derive(Debug)]
struct IdleState {
    begun: Instant,
    /// Whether a request is in progress: from its head until its response is ready to be sent.
    busy: AtomicBool,
    /// When the connection last became idle or sent something, in milliseconds since `begun`; or 0.
    idle_since: AtomicU64,
    /// Whether one of its requests carried a key.
    has_key: AtomicBool,
}

impl IdleState {
    fn idle_from_now(&self) {
        let elapsed = self.begun.elapsed().as_millis();
        let millis = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.idle_since.store(millis, Ordering::Release);
    }

    /// Returns the start of the idle time, or `None` while a request is in progress.
    ///
    /// `busy` is read before `idle_since`, and the two are written in the opposite order. So a
    /// thread that sees the end of a request also sees the time of that end.
    fn idle_since(&self) -> Option<Instant> {
        if self.busy.load(Ordering::Acquire) {
            return None;
        }
        let millis = self.idle_since.load(Ordering::Acquire);
        Some(self.begun + Duration::from_millis(millis))
    }
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(IdleState {
            begun: Instant::now(),
            busy: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
            has_key: AtomicBool::new(false),
        }))
    }

    /// Marks a request as in progress until the returned guard is dropped.
    pub(super) fn request(&self) -> BusyGuard {
        self.0.busy.store(true, Ordering::Release);
        BusyGuard(Arc::clone(&self.0))
    }

    /// Wraps the connection's stream to observe what is sent.
    ///
    /// A client that receives its response slowly is not idle as long as it receives any of it.
    pub(super) fn wrap<S>(&self, stream: S) -> ObservedStream<S> {
        let shared = Arc::clone(&self.0);
        ObservedStream { stream, shared }
    }

    /// Returns whether there has been no request, and nothing sent, for this time.
    pub(super) fn is_idle_for(&self, time: Duration) -> bool {
        let since = self.0.idle_since();
        since.is_some_and(|since| since.elapsed() >= time)
    }

    /// Returns the time since which there has been no request and nothing sent.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.0.idle_since()
    }

    /// Returns whether one of the connection's requests carried a key.
    pub(super) fn has_key(&self) -> bool {
        self.0.has_key.load(Ordering::Relaxed)
    }

    pub(super) fn set_has_key(&self) {
        self.0.has_key.store(true, Ordering::Relaxed);
    }

    /// Waits until there has been no request, and nothing sent, for this time.
    pub(super) async fn idle_for(&self, limit: Duration) {
        // Adding a longer time could overflow `Instant`.
        let limit = limit.min(MAX_IDLE_TIME);
        loop {
            let now = Instant::now();
            match self.0.idle_since() {
                None => sleep_until(now + limit).await,
                Some(since) if now < since + limit => sleep_until(since + limit).await,
                Some(_) => return,
            }
        }
    }
}

/// A request in progress.
#[derive(Debug)]
pub(super) struct BusyGuard(Arc<IdleState>);

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.idle_from_now();
        self.0.busy.store(false, Ordering::Release);
    }
}

/// A stream that records when something was sent.
#[derive(Debug)]
pub(super) struct ObservedStream<S> {
    stream: S,
    shared: Arc<IdleState>,
}

impl<S> ObservedStream<S> {
    fn sent(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.shared.idle_from_now();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ObservedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ObservedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.sent(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    /// Returns whether a connection with this activity would be closed within six times the limit.
    async fn closes(activity: &Activity) -> bool {
        timeout(LIMIT * 6, activity.idle_for(LIMIT)).await.is_ok()
    }

    #[tokio::test]
    async fn a_connection_without_requests_is_closed() {
        assert!(closes(&Activity::new()).await);
    }

    #[tokio::test]
    async fn a_connection_that_waits_for_its_response_is_not_closed() {
        let activity = Activity::new();
        let busy = activity.request();
        assert!(!closes(&activity).await);
        drop(busy);
        assert!(closes(&activity).await);
    }

    #[tokio::test]
    async fn a_connection_that_receives_its_response_is_not_closed() {
        let activity = Activity::new();
        let mut stream = activity.wrap(tokio::io::sink());
        let taking = async {
            loop {
                stream.write_all(b"part").await.unwrap();
                tokio::time::sleep(LIMIT / 4).await;
            }
        };
        tokio::select! {
            () = taking => {}
            closes = closes(&activity) => assert!(!closes),
        }
        assert!(closes(&activity).await);
    }
}
