//! Event streams of an upstream, which end with an error event if the upstream dies.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use memchr::memmem;
use serde_json::{Value, json};
use tracing::warn;

use crate::server::gateway::GatewayApi;

/// Maximum number of bytes of an incomplete event that are held back.
const MAX_HELD_BYTES: usize = 1024 * 1024;

/// An event stream that is passed on event by event, as soon as each is complete.
///
/// A client cannot use a part of an event. If the upstream dies within one, the part is dropped, so
/// that the error event after it can be read.
pub(super) struct EventBody<B> {
    body: B,
    api: GatewayApi,
    /// Whether the end of the connection is the only end of the stream, so that it may be a failure.
    ends_by_close: bool,
    /// The beginning of an event.
    held: Vec<u8>,
    /// Whether the beginning of an incomplete event was passed on, because it was too long.
    is_within_event: bool,
    /// The last piece that was passed on.
    last: Bytes,
    is_over: bool,
}

impl<B> EventBody<B> {
    pub(super) fn new(body: B, api: GatewayApi, ends_by_close: bool) -> Self {
        Self {
            body,
            api,
            ends_by_close,
            held: Vec::new(),
            is_within_event: false,
            last: Bytes::new(),
            is_over: false,
        }
    }

    /// Takes in a piece, and returns the complete events.
    fn take_in(&mut self, piece: Bytes) -> Option<Bytes> {
        if self.held.is_empty() && end_of_events(&piece) == Some(piece.len()) {
            self.is_within_event = false;
            return Some(piece);
        }
        // What was held has no end of an event, except for a part of one.
        let from = self.held.len().saturating_sub(3);
        self.held.extend_from_slice(&piece);
        match end_of_events(&self.held[from..]) {
            Some(end) => {
                let rest = self.held.split_off(from + end);
                self.is_within_event = false;
                Some(mem::replace(&mut self.held, rest).into())
            }
            None if self.held.len() > MAX_HELD_BYTES => {
                self.is_within_event = true;
                Some(mem::take(&mut self.held).into())
            }
            None => None,
        }
    }

    /// Returns the last piece of a stream that ended, if there is more to pass on.
    fn end(&mut self) -> Option<Bytes> {
        self.is_over = true;
        if self.ends_by_close && !self.has_end() {
            return Some(self.error_event());
        }
        Some(mem::take(&mut self.held))
            .filter(|held| !held.is_empty())
            .map(Into::into)
    }

    /// Returns whether the stream has the event that is the last one of a complete stream.
    fn has_end(&self) -> bool {
        let ends: &[&str] = match self.api {
            GatewayApi::ChatCompletions => &["[DONE]"],
            GatewayApi::Responses => &[
                "response.completed",
                "response.incomplete",
                "response.failed",
                "[DONE]",
            ],
        };
        let is_in = |bytes: &[u8]| {
            ends.iter()
                .any(|end| memmem::find(bytes, end.as_bytes()).is_some())
        };
        is_in(&self.held) || is_in(&self.last)
    }

    /// Returns the event that reports the failure, as OpenAI's clients understand it.
    fn error_event(&self) -> Bytes {
        warn!("the upstream ended a stream early");
        const MESSAGE: &str = "The upstream ended the stream early";
        const CODE: &str = "upstream_closed";
        let error = json!({
            "message": MESSAGE, "type": "upstream_error", "param": null, "code": CODE,
        });
        let end = if self.is_within_event { "\n\n" } else { "" };
        let event = match self.api {
            GatewayApi::ChatCompletions => {
                format!("{end}data: {}\n\n", json!({"error": error}))
            }
            GatewayApi::Responses => {
                let data: Value = json!({
                    "type": "error", "code": CODE, "message": MESSAGE, "param": null,
                    "error": error,
                });
                format!("{end}event: error\ndata: {data}\n\n")
            }
        };
        event.into()
    }
}

/// Returns the end of the last complete event: an event ends with an empty line.
fn end_of_events(bytes: &[u8]) -> Option<usize> {
    let ends = ["\n\n", "\r\n\r\n", "\r\r"].iter();
    ends.filter_map(|end| memmem::rfind(bytes, end.as_bytes()).map(|at| at + end.len()))
        .max()
}

impl<B> HttpBody for EventBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        loop {
            if this.is_over {
                return Poll::Ready(None);
            }
            let piece = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => this.take_in(piece),
                    // A frame without data contains trailers.
                    Err(_) => None,
                },
                Some(Err(_)) => {
                    this.is_over = true;
                    Some(this.error_event())
                }
                None => this.end(),
            };
            if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
                this.last = piece.clone();
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http_body_util::BodyExt;

    use super::*;

    /// The pieces of a stream, and whether it then fails.
    struct Pieces(VecDeque<&'static str>, bool);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            Poll::Ready(match self.0.pop_front() {
                Some(piece) => Some(Ok(Frame::data(piece.into()))),
                None if self.1 => Some(Err(std::io::ErrorKind::BrokenPipe.into())),
                None => None,
            })
        }
    }

    async fn passed(
        pieces: &[&'static str],
        api: GatewayApi,
        ends_by_close: bool,
        fails: bool,
    ) -> Vec<String> {
        let pieces = Pieces(pieces.iter().copied().collect(), fails);
        let mut body = EventBody::new(pieces, api, ends_by_close);
        let mut passed = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            passed.push(String::from_utf8(data.to_vec()).unwrap());
        }
        passed
    }

    const CHAT: GatewayApi = GatewayApi::ChatCompletions;

    #[tokio::test]
    async fn events_are_passed_on_when_they_are_complete() {
        let pieces = [
            "data: 1\n\n",
            "data: 2",
            "\n",
            "\ndata: 3\r\n\r\nda",
            "ta: [DONE]\n\n",
        ];
        let found = passed(&pieces, CHAT, false, false).await;
        let expected = [
            "data: 1\n\n",
            "data: 2\n\ndata: 3\r\n\r\n",
            "data: [DONE]\n\n",
        ];
        assert_eq!(found, expected);
        // The end of a stream without an empty line is passed on.
        assert_eq!(passed(&["data: 1"], CHAT, false, false).await, ["data: 1"]);
    }

    #[tokio::test]
    async fn a_failure_is_an_event_of_its_own() {
        let error = "data: {\"error\":{\"message\":\"The upstream ended the stream early\",\
            \"type\":\"upstream_error\",\"param\":null,\"code\":\"upstream_closed\"}}\n\n";
        let found = passed(&["data: 1\n\n", "data: {\"a"], CHAT, false, true).await;
        assert_eq!(found, ["data: 1\n\n", error]);
        let found = passed(&["data: 1\n\n"], GatewayApi::Responses, false, true).await;
        assert!(
            found[1].starts_with("event: error\ndata: {\"type\":\"error\","),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn a_connection_that_ends_too_early_is_a_failure() {
        let complete = passed(&["data: 1\n\ndata: [DONE]\n\n"], CHAT, true, false).await;
        assert_eq!(complete.len(), 1);
        let cut = passed(&["data: 1\n\n"], CHAT, true, false).await;
        assert_eq!(cut.len(), 2);
        assert!(cut[1].contains("upstream_closed"));
    }

    #[tokio::test]
    async fn a_long_event_is_not_held_back_for_ever() {
        let long: &'static str = Box::leak("x".repeat(MAX_HELD_BYTES + 1).into_boxed_str());
        let found = passed(&[long, "y"], CHAT, false, true).await;
        assert_eq!(found[0], long);
        assert!(found[1].starts_with("\n\ndata: {\"error\""), "{}", found[1]);
    }
}
