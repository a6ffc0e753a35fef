//! Bodies that arrive piece by piece, and may break off.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

/// Time in which the last piece is sent before the connection is closed.
const PAUSE: Duration = Duration::from_millis(20);

/// Returns a body of these pieces, with a delay before each, that optionally breaks off after half
/// of them.
pub(super) fn body_of(mut pieces: Vec<Bytes>, delay: Duration, is_cut: bool) -> Body {
    if is_cut {
        pieces.truncate(pieces.len().div_ceil(2));
    }
    Body::new(PacedBody {
        pieces: pieces.into(),
        delay,
        is_cut,
        sleep: None,
    })
}

/// Returns a body that breaks off after half of these bytes.
pub(super) fn half_of(mut bytes: Bytes) -> Body {
    let rest = bytes.split_off(bytes.len() / 2);
    body_of(vec![bytes, rest], Duration::ZERO, true)
}

/// Pieces with a delay before each.
struct PacedBody {
    pieces: VecDeque<Bytes>,
    delay: Duration,
    is_cut: bool,
    /// The wait for the next piece, or for the end.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let pause = match self.pieces.front() {
            Some(_) => self.delay,
            None if self.is_cut => PAUSE,
            None => return Poll::Ready(None),
        };
        if !pause.is_zero() {
            let wait = self.sleep.get_or_insert_with(|| Box::pin(sleep(pause)));
            ready!(wait.as_mut().poll(context));
            self.sleep = None;
        }
        Poll::Ready(Some(match self.pieces.pop_front() {
            Some(piece) => Ok(Frame::data(piece)),
            None => Err(BrokenOff),
        }))
    }
}

/// The body broke off on purpose.
#[derive(Debug, thiserror::Error)]
#[error("broken off on purpose")]
struct BrokenOff;
