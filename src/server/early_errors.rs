//! Envelopes for the responses that hyper writes itself.
//!
//! hyper answers a request whose head it cannot read before the router sees it, with a status and
//! no body. Clients expect the envelope in every response, so it is inserted on the way to the
//! client.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::middleware::REQUEST_ID;

/// A stream that inserts the envelope in hyper's own responses.
#[derive(Debug)]
pub(super) struct EnvelopingStream<S> {
    stream: S,
    /// The response that is being written instead of hyper's, and how much of it is written.
    replaced: Option<(Vec<u8>, usize)>,
}

impl<S: AsyncWrite + Unpin> EnvelopingStream<S> {
    pub(super) fn new(stream: S) -> Self {
        let replaced = None;
        Self { stream, replaced }
    }

    /// Writes the replacement of a response, if it is one of hyper's own.
    ///
    /// Returns `None` if the bytes must be written as they are.
    fn poll_replaced(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Option<Poll<io::Result<usize>>> {
        if self.replaced.is_none() {
            self.replaced = Some((with_envelope(bytes)?, 0));
        }
        Some(self.poll_rest(context).map_ok(|()| bytes.len()))
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((response, written)) = &mut self.replaced {
            let rest = &response[*written..];
            if rest.is_empty() {
                self.replaced = None;
                break;
            }
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => *written += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Returns hyper's own response with the envelope, or `None` for other bytes.
///
/// The router's responses have a request id. Bytes of a body cannot begin like a response, because
/// bodies are JSON.
fn with_envelope(bytes: &[u8]) -> Option<Vec<u8>> {
    const NO_BODY: &str = "content-length: 0\r\n";
    if !bytes.starts_with(b"HTTP/1.") {
        return None;
    }
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    let head = format!("{head}\r\n");
    if !head.contains(NO_BODY) || head.contains(REQUEST_ID.as_str()) {
        return None;
    }
    let reason = match head.split(' ').nth(1)? {
        "400" => "The request is not HTTP/1.1",
        "414" => "The URL is too long",
        "431" => "The request has too many headers, or they are too long",
        _ => return None,
    };
    let (headers, body) = raw_envelope(reason);
    let head = head.replace(NO_BODY, &headers);
    Some(format!("{head}\r\n{body}").into_bytes())
}

/// Returns an error in the envelope as it is sent: the headers of the content, and the content.
pub(super) fn raw_envelope(reason: &str) -> (String, String) {
    let body = format!(r#"{{"data":null,"error":"{reason}"}}"#);
    let headers = format!(
        "content-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n",
        body.len()
    );
    (headers, body)
}

impl<S: AsyncRead + Unpin> AsyncRead for EnvelopingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for EnvelopingStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.poll_replaced(context, bytes) {
            Some(written) => written,
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = parts.iter().find(|part| !part.is_empty());
        if let Some(first) = first
            && let Some(written) = self.poll_replaced(context, first)
        {
            return written;
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const OWN: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

    #[tokio::test]
    async fn an_envelope_is_inserted_however_slowly_the_client_reads() {
        // The client receives one byte at a time.
        let (client, mut end) = tokio::io::duplex(1);
        let writer = async {
            let mut stream = EnvelopingStream::new(client);
            stream.write_all(OWN.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let mut received = String::new();
        tokio::join!(writer, async {
            end.read_to_string(&mut received).await.unwrap();
        });
        let (head, body) = received.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 ") && head.contains("connection: close"));
        assert!(head.contains(&format!("content-length: {}", body.len())));
        assert!(body.starts_with(r#"{"data":null,"error":"The request has too many"#));
    }

    #[test]
    fn other_responses_are_not_changed() {
        let routed = OWN.replace("connection", "x-request-id: 1\r\nconnection");
        for bytes in [
            routed.as_str(),
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 0\r\n\r\n",
            r#"{"error": "HTTP/1.1 431 content-length: 0"}"#,
            "",
        ] {
            assert_eq!(with_envelope(bytes.as_bytes()), None, "{bytes}");
        }
    }
}
