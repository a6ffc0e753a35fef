//! The accept loop: connections are accepted up to a limit and served until they end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::DATE;
use axum::response::Response;
use chrono::DateTime;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::connections::Connections;
use super::date;
use super::drain::DrainingBody;
use super::early_errors::{EnvelopingStream, raw_envelope};
use super::idle::Activity;
use super::middleware::handle;
use super::site::{RoutedApp, Site};
use super::streaming::keep_busy;
use crate::model::clock;

/// A response extension that closes the connection instead of sending the response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hangup;

/// Serves until `stop` completes, and then until the requests in progress are answered.
pub(super) async fn serve(listener: TcpListener, site: Arc<Site>, stop: impl Future<Output = ()>) {
    let app = &site.main().app;
    let limits = &app.limits;
    let mut http = http1::Builder::new();
    // It would cost one timer for each request.
    http.header_read_timeout(None);
    // hyper's own date does not follow a clock that is set back.
    http.auto_date_header(false);
    let slots = Arc::new(Semaphore::new(app.connections.min(Semaphore::MAX_PERMITS)));
    let turned_away = Arc::new(Semaphore::new(MAX_REFUSALS));
    let graceful = GracefulShutdown::new();
    let mut connections = Connections::default();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                recover(&error).await;
                continue;
            }
        };
        if clock::system() < DateTime::UNIX_EPOCH {
            // hyper panics if the clock is before 1970.
            warn!("the clock is before 1970: nothing is served until it is set");
            if let Ok(permit) = Arc::clone(&turned_away).try_acquire_owned() {
                let reason = "The server's clock is before 1970";
                tokio::spawn(turn_away(stream, reason).map(|()| drop(permit)));
            }
            continue;
        }
        let slot = Arc::clone(&slots).try_acquire_owned().ok();
        if slot.is_none() && !connections.close_one() {
            warn!(connections = app.connections, "too many connections");
            // Further connections are closed without an explanation.
            if let Ok(permit) = Arc::clone(&turned_away).try_acquire_owned() {
                tokio::spawn(turn_away(stream, "Too many connections").map(|()| drop(permit)));
            }
            continue;
        }
        // Queue for the slot that is being freed before another connection is accepted, which would
        // take it.
        let mut turn = Box::pin(Arc::clone(&slots).acquire_owned());
        let slot = match slot {
            Some(slot) => Some(Ok(slot)),
            None => turn.as_mut().now_or_never(),
        };
        // A response is one write, so it need not be delayed to be joined with another.
        let _ = stream.set_nodelay(true);
        let activity = Activity::new();
        let handler = Handler {
            site: Arc::clone(&site),
            activity: activity.clone(),
        };
        let stream = TokioIo::new(EnvelopingStream::new(activity.wrap(stream)));
        let connection = graceful.watch(http.serve_connection(stream, handler));
        let limit = limits.header_time;
        connections.add(activity.clone(), async move {
            // Waits until the connection that is being closed for this one has ended.
            let slot = match slot {
                Some(slot) => slot,
                None => turn.await,
            };
            tokio::select! {
                biased;
                ended = connection => if let Err(error) = ended {
                    debug!(%error, "connection ended");
                },
                () = activity.idle_for(limit) => debug!("idle connection closed"),
            }
            drop(slot);
        });
    }
    drop(listener);
    if !connections.finish(graceful, limits.stop_time).await {
        warn!("stopped with requests under way");
    }
}

/// Maximum number of concurrent connections that are turned away with a response.
const MAX_REFUSALS: usize = 8;

/// Waits after a failed accept, if that can help.
///
/// If only the new connection failed, there is nothing to wait for. Otherwise the usual cause is a
/// lack of file descriptors, so the caller pauses until one may be free.
async fn recover(error: &io::Error) {
    let of_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    );
    if !of_connection {
        warn!(%error, "a connection cannot be accepted");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Sends the reason why a connection is not served.
async fn turn_away(mut stream: TcpStream, reason: &str) {
    let (headers, body) = raw_envelope(reason);
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\n\
         {headers}connection: close\r\nretry-after: 1\r\n\r\n{body}"
    );
    let sent = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing with unread input would reset the connection, and the response could be lost.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    let _ = timeout(Duration::from_secs(1), sent).await;
}

/// The site as a hyper service.
struct Handler {
    site: Arc<Site>,
    activity: Activity,
}

impl Service<hyper::Request<Incoming>> for Handler {
    type Response = Response;
    type Error = HangupFuture;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, HangupFuture>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let RoutedApp { app, router } = self.site.route(request.uri(), request.headers());
        if !self.activity.has_key() && app.keys.admit(request.headers()).is_ok() {
            self.activity.set_has_key();
        }
        let busy = self.activity.request();
        let request: Request = request.map(|body| Body::new(DrainingBody::new(body, &app.limits)));
        let activity = self.activity.clone();
        let answered = handle(app, router, request);
        Box::pin(answered.map(move |mut response| {
            if let Some(date) = date::now() {
                response.headers_mut().insert(DATE, date);
            }
            // From here on, only the sending of the response counts as activity.
            drop(busy);
            let response = keep_busy(response, &activity);
            match response.extensions().get::<Hangup>() {
                Some(_) => Err(HangupFuture),
                None => Ok(response),
            }
        }))
    }
}

/// The connection is closed without a response, on purpose.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct HangupFuture;
