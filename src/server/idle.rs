//! How long a connection has had nothing to do: one timer for each connection, where one for each request would cost a tenth
//! of the requests that can be answered.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

/// As good as for ever.
const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// What a connection is at.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    begun: Instant,
    /// A request is under way: from its head until its answer is there to be sent.
    busy: AtomicBool,
    /// Milliseconds from the beginning until it was over, or until something was sent last; or 0.
    idle_since: AtomicU64,
    /// One of its requests had a key.
    has_key: AtomicBool,
}

impl Shared {
    fn idle_from_now(&self) {
        let millis = self.begun.elapsed().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        self.idle_since.store(millis, Ordering::Release);
    }

    /// Since when; none while a request is under way. Whether one is comes first: who sees that it is over then sees
    /// when that was, as both were written the other way round.
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
        Self(Arc::new(Shared {
            begun: Instant::now(),
            busy: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
            has_key: AtomicBool::new(false),
        }))
    }

    /// A request is under way, until this is dropped.
    pub(super) fn request(&self) -> Busy {
        self.0.busy.store(true, Ordering::Release);
        Busy(Arc::clone(&self.0))
    }

    /// Its connection: a client that takes its answer slowly is not idle as long as it takes any of it.
    pub(super) fn of<S>(&self, stream: S) -> Sending<S> {
        let shared = Arc::clone(&self.0);
        Sending { stream, shared }
    }

    /// Whether there has been no request for so long, and nothing sent.
    pub(super) fn is_idle_for(&self, time: Duration) -> bool {
        let since = self.0.idle_since();
        since.is_some_and(|since| since.elapsed() >= time)
    }

    /// Since when there has been no request, and nothing sent.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.0.idle_since()
    }

    /// Whether one of its requests had a key.
    pub(super) fn has_key(&self) -> bool {
        self.0.has_key.load(Ordering::Relaxed)
    }

    pub(super) fn had_key(&self) {
        self.0.has_key.store(true, Ordering::Relaxed);
    }

    /// Waits until there has been no request for so long, and nothing sent.
    pub(super) async fn idle_for(&self, limit: Duration) {
        // A moment later than all that the clock can tell of is no moment.
        let limit = limit.min(YEARS);
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

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Busy(Arc<Shared>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_from_now();
        self.0.busy.store(false, Ordering::Release);
    }
}

/// A connection that tells when something of it was sent.
#[derive(Debug)]
pub(super) struct Sending<S> {
    stream: S,
    shared: Arc<Shared>,
}

impl<S> Sending<S> {
    fn sent(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.shared.idle_from_now();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sending<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sending<S> {
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
        drop(busy);
        assert!(closes(&activity).await);
    }

    #[tokio::test]
    async fn one_that_takes_its_answer_is_not() {
        let activity = Activity::new();
        let mut stream = activity.of(tokio::io::sink());
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
