//! A reader for the parts of a bundle, each of bounded size.

use std::io::{self, BufRead, Read};

use super::format::{BundleHead, KIND, MAX_OPERATION_BYTES, malformed};
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;

/// The maximum length of any line except an operation.
const MAX_LINE_BYTES: u64 = 256;

/// A reader for a bundle's content.
///
/// It reports malformed content. It does not verify the seal or the chain of ids; the caller does.
#[derive(Debug)]
pub(crate) struct BundleReader<R> {
    from: R,
    /// The number of bytes read so far.
    offset: u64,
    line: Vec<u8>,
}

impl<R: BufRead> BundleReader<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            offset: 0,
            line: Vec::new(),
        }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Skips the first line.
    pub(super) fn first_line(&mut self) -> Result<()> {
        self.line(MAX_LINE_BYTES, || "the first line".into())
            .map(drop)
    }

    /// Reads the second line.
    pub(super) fn head(&mut self) -> Result<BundleHead> {
        let line = self.line(MAX_LINE_BYTES, || "the second line".into())?;
        let head: BundleHead = serde_json::from_str(line)
            .map_err(|error| malformed(format!("the second line cannot be read: {error}")))?;
        // Only one text is accepted for a head, so that equal contents make equal bundles.
        match serde_json::to_string(&head) {
            Ok(text) if text == line => Ok(head),
            _ => Err(malformed("the second line is not in its canonical form")),
        }
    }

    /// Reads the text of the next operation, which must have this number.
    pub(super) fn operation(&mut self, number: u64) -> Result<&str> {
        self.line(MAX_OPERATION_BYTES, || format!("operation {number}"))
    }

    /// Reads the line before a body: its address and its length in bytes.
    pub(super) fn body_line(&mut self) -> Result<(BlobId, u64)> {
        let line = self.line(MAX_LINE_BYTES, || "the line before a body".into())?;
        let parsed = line
            .split_once(' ')
            .and_then(|(id, size)| Some((id.parse().ok()?, size.parse().ok()?)));
        match parsed {
            Some((id, size)) if format!("{id} {size}") == line => {
                if size > Body::MAX_BYTES as u64 {
                    return Err(malformed(format!(
                        "body {id} has a length of {size} bytes, above the maximum"
                    )));
                }
                Ok((id, size))
            }
            _ => Err(malformed(format!(
                "the line before a body is not an address and a length: {line:?}"
            ))),
        }
    }

    /// Reads the bytes of a body and the line break after them, and verifies the hash.
    pub(super) fn body_bytes(&mut self, id: BlobId, size: u64) -> Result<VerifiedBytes> {
        // The buffer grows with the bytes that are read, not to the size that the file claims.
        let mut bytes = Vec::new();
        let mut body = (&mut self.from).take(size + 1);
        let read = body.read_to_end(&mut bytes).map_err(failed)?;
        self.offset += read as u64;
        let is_whole = bytes.pop() == Some(b'\n') && bytes.len() as u64 == size;
        is_whole
            .then(|| VerifiedBytes::check(id, bytes).ok())
            .flatten()
            .ok_or_else(|| malformed(format!("body {id} does not match the bytes after it")))
    }

    /// Skips the bytes of a body and the line break after them.
    pub(super) fn skip_body(&mut self, size: u64) -> Result<()> {
        let mut body = (&mut self.from).take(size + 1);
        self.offset += io::copy(&mut body, &mut io::sink()).map_err(failed)?;
        Ok(())
    }

    /// Reads everything that is left, and returns whether there was nothing.
    pub(super) fn is_at_end(&mut self) -> Result<bool> {
        let left = io::copy(&mut self.from, &mut io::sink()).map_err(failed)?;
        Ok(left == 0)
    }

    pub(super) fn into_inner(self) -> R {
        self.from
    }

    /// Reads a line, and returns it without its line break.
    fn line(&mut self, most: u64, what: impl Fn() -> String) -> Result<&str> {
        self.line.clear();
        let mut line = (&mut self.from).take(most + 1);
        let read = line.read_until(b'\n', &mut self.line).map_err(failed)?;
        self.offset += read as u64;
        if self.line.pop() != Some(b'\n') {
            let reason = if read as u64 > most {
                format!("{} is too long", what())
            } else {
                format!("it ends before the end of {}", what())
            };
            return Err(malformed(reason));
        }
        std::str::from_utf8(&self.line).map_err(|_| malformed(format!("{} is not UTF-8", what())))
    }
}

/// Converts a read error, which may be due to a wrong seal.
pub(super) fn failed(error: io::Error) -> Error {
    KIND.unread(error).into()
}
