//! Responses that arrive piece by piece, with pauses of any length.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use super::idle::{Activity, BusyGuard};

/// A response extension: the body may pause, and its connection is not idle then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streamed;

/// Keeps a connection busy while the body of a streamed response waits for its next piece.
///
/// A client that does not read is not waited for: then the body is not asked for a piece.
pub(super) fn keep_busy(response: Response, activity: &Activity) -> Response {
    if response.extensions().get::<Streamed>().is_none() {
        return response;
    }
    let activity = activity.clone();
    response.map(|body| {
        Body::new(PausingBody {
            body,
            activity,
            busy: None,
        })
    })
}

/// A body whose pauses are activity of its connection.
struct PausingBody {
    body: Body,
    activity: Activity,
    busy: Option<BusyGuard>,
}

impl HttpBody for PausingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.busy = None;
        } else if self.busy.is_none() {
            self.busy = Some(self.activity.request());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
