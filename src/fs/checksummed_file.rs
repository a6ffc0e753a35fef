//! Checksummed files: the first line names the kind and the format, the last line contains a hash.
//!
//! The crate writes them for transport. The hash shows whether the file was altered.
//!
//! ```text
//! promptbook KIND FORMAT
//! … content, which ends with a line break …
//! blake3 HEX
//! ```
//!
//! KIND is a word, FORMAT a number. HEX is the BLAKE3 hash of all bytes before the last line, in
//! lower case: the [`Seal`]. Lines end with a line feed, and nothing follows the last one.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use super::text_file::{BYTE_ORDER_MARK, is_utf16, with_line_feeds};
use crate::model::id::Seal;

/// An error in a checksummed file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file does not exist, or the system does not allow reading it.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// The reader that provides the file failed.
    #[error("the {kind} file cannot be read: {source}")]
    Reading {
        /// The kind that was expected.
        kind: &'static str,
        /// The reader's error.
        source: io::Error,
    },

    /// The writer that receives the file failed.
    #[error("the {kind} file cannot be written: {source}")]
    Writing {
        /// The kind that was being written.
        kind: &'static str,
        /// The writer's error.
        source: io::Error,
    },

    /// The file is of another kind.
    #[error("this is not a promptbook {kind} file")]
    Foreign {
        /// The kind that was expected, such as `frozen`.
        kind: &'static str,
    },

    /// Another program converted the text of the file: line ends, or a byte order mark.
    #[error("another program changed the text of the {kind} file: {how}")]
    Converted {
        /// The kind that was expected.
        kind: &'static str,
        /// The conversion.
        how: &'static str,
    },

    /// The file was written by a newer release of this crate.
    #[error("the {kind} file is of format {found}; this release reads up to {supported}")]
    NewerFormat {
        /// The kind that was expected.
        kind: &'static str,
        /// The format of the file.
        found: u32,
        /// The newest format that this release reads.
        supported: u32,
    },

    /// The file does not end with a hash line: bytes are missing, or were appended.
    #[error(
        "the {kind} file is truncated, or has bytes after its end: its last line is not a hash"
    )]
    Unsealed {
        /// The kind that was expected.
        kind: &'static str,
    },

    /// The file's bytes do not match the hash in its last line.
    #[error("the {kind} file was altered: its bytes do not match the hash in its last line")]
    Altered {
        /// The kind that was expected.
        kind: &'static str,
    },

    /// The hash matches, but the content contradicts itself or the format.
    #[error("the {kind} file is malformed: {reason}")]
    Malformed {
        /// The kind that was expected.
        kind: &'static str,
        /// What is wrong, with the line or the prompt.
        reason: String,
    },
}

/// A kind of checksummed files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileKind {
    /// The word in the first line.
    pub(crate) name: &'static str,
    /// The format that is written, which is also the newest that is read.
    pub(crate) format: u32,
}

/// The start of the first line.
const BEGINNING: &[u8] = b"promptbook ";

/// The start of the last line.
const MARK: &str = "blake3 ";

/// The length of the last line: the mark, 64 digits, a line break.
const SEAL_LINE: usize = MARK.len() + 64 + 1;

/// The maximum length of the first line.
const MAX_FIRST_LINE_BYTES: usize = 64;

impl FileKind {
    pub(crate) fn malformed(self, reason: impl Into<String>) -> FileError {
        FileError::Malformed {
            kind: self.name,
            reason: reason.into(),
        }
    }

    pub(crate) fn altered(self) -> FileError {
        FileError::Altered { kind: self.name }
    }

    /// Returns the error for a failure to read a checksummed file.
    pub(crate) fn unread(self, error: io::Error) -> FileError {
        let kind = self.name;
        match error.downcast::<FileError>() {
            Ok(error) => error,
            Err(source) => FileError::Reading { kind, source },
        }
    }

    /// Returns the error for a failure to write a checksummed file.
    pub(crate) fn unwritten(self, source: io::Error) -> FileError {
        let kind = self.name;
        FileError::Writing { kind, source }
    }

    fn unsealed(self) -> FileError {
        FileError::Unsealed { kind: self.name }
    }

    fn first_line(self) -> String {
        format!("promptbook {} {}\n", self.name, self.format)
    }

    /// Parses the first line of a file, and returns its length.
    fn read_first_line(self, bytes: &[u8]) -> Result<usize, FileError> {
        let kind = self.name;
        let head = &bytes[..bytes.len().min(MAX_FIRST_LINE_BYTES)];
        if let Some(how) = conversion(head) {
            return Err(FileError::Converted { kind, how });
        }
        let end = head.iter().position(|byte| *byte == b'\n');
        let line = end.and_then(|end| std::str::from_utf8(&head[..end]).ok());
        let number = line
            .and_then(|line| line.strip_prefix("promptbook ")?.strip_prefix(kind))
            .and_then(|rest| rest.strip_prefix(' '));
        let found = number
            .and_then(|number| number.parse::<u32>().ok())
            .filter(|found| *found > 0 && Some(found.to_string().as_str()) == number);
        let supported = self.format;
        match (line, found) {
            (Some(line), Some(found)) if found <= supported => Ok(line.len() + 1),
            (Some(_), Some(found)) => Err(FileError::NewerFormat {
                kind,
                found,
                supported,
            }),
            _ => Err(FileError::Foreign { kind }),
        }
    }

    /// Compares the last line with the hash of all bytes before it.
    fn check(self, last_line: &[u8], hash: blake3::Hash) -> Result<Seal, FileError> {
        // The texts are compared, not the hashes: digits in upper case would mean the same hash.
        if last_line == seal_line(hash).as_bytes() {
            return Ok(Seal::from_bytes(*hash.as_bytes()));
        }
        let (digits, line_break) = match last_line.strip_prefix(MARK.as_bytes()) {
            Some(rest) if last_line.len() == SEAL_LINE => rest.split_at(rest.len() - 1),
            _ => return Err(self.unsealed()),
        };
        if line_break == b"\n" && digits.iter().all(u8::is_ascii_hexdigit) {
            Err(self.altered())
        } else {
            Err(self.unsealed())
        }
    }
}

/// Returns how another program converted a file of any kind that begins with these bytes.
fn conversion(head: &[u8]) -> Option<&'static str> {
    if is_utf16(head) {
        let letters: Vec<u8> = head[2..]
            .iter()
            .copied()
            .filter(|byte| *byte != 0)
            .collect();
        return letters.starts_with(BEGINNING).then_some("it is UTF-16");
    }
    if let Some(text) = head.strip_prefix(BYTE_ORDER_MARK) {
        return text
            .starts_with(BEGINNING)
            .then_some("it begins with a byte order mark");
    }
    has_carriage_returns(head).then_some("its lines end with CR LF")
}

/// Returns whether the first line of a checksummed file of any kind ends with CR LF.
fn has_carriage_returns(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(MAX_FIRST_LINE_BYTES)];
    let line_end = head.iter().position(|byte| *byte == b'\n');
    head.starts_with(BEGINNING) && line_end.is_some_and(|end| head[..end].ends_with(b"\r"))
}

/// Returns the bytes of a file of this kind before its line ends were converted to CR LF.
///
/// Returns `None` if they were not converted, or if the result does not match its hash.
pub(crate) fn with_original_line_ends(bytes: &[u8], kind: FileKind) -> Option<Vec<u8>> {
    if !has_carriage_returns(bytes) {
        return None;
    }
    let original = with_line_feeds(bytes).into_owned();
    open(&original, kind).is_ok().then_some(original)
}

fn seal_line(hash: blake3::Hash) -> String {
    format!("{MARK}{}\n", hash.to_hex())
}

/// A writer of a checksummed file. All that is written to it is content.
#[derive(Debug)]
pub(crate) struct ChecksumWriter<W> {
    out: W,
    hasher: blake3::Hasher,
}

impl<W: Write> ChecksumWriter<W> {
    /// Begins a file of this kind.
    ///
    /// # Errors
    ///
    /// The writer's error. The file is incomplete then.
    pub(crate) fn new(out: W, kind: FileKind) -> io::Result<Self> {
        let hasher = blake3::Hasher::new();
        let mut sealer = Self { out, hasher };
        sealer.write_all(kind.first_line().as_bytes())?;
        Ok(sealer)
    }

    /// Writes the last line, and returns the writer and the hash.
    ///
    /// The content must end with a line break.
    ///
    /// # Errors
    ///
    /// The writer's error. The file is incomplete then.
    pub(crate) fn finish(mut self) -> io::Result<(W, Seal)> {
        let hash = self.hasher.finalize();
        self.out.write_all(seal_line(hash).as_bytes())?;
        self.out.flush()?;
        Ok((self.out, Seal::from_bytes(*hash.as_bytes())))
    }
}

impl<W: Write> Write for ChecksumWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Checks a file of this kind that is in memory.
///
/// Returns the range of its content, and its hash.
///
/// # Errors
///
/// A [`FileError`] if the file is of another kind or format, or does not match its hash.
pub(crate) fn open(
    bytes: &[u8],
    kind: FileKind,
) -> Result<(std::ops::Range<usize>, Seal), FileError> {
    let start = kind.read_first_line(bytes)?;
    let end = bytes.len().saturating_sub(SEAL_LINE);
    if end < start || bytes[end - 1] != b'\n' {
        return Err(kind.unsealed());
    }
    let seal = kind.check(&bytes[end..], blake3::hash(&bytes[..end]))?;
    Ok((start..end, seal))
}

/// A reader of the content of a checksummed file that may be larger than memory.
///
/// The hash is compared at the end of the file. If it does not match, reading fails there, with a
/// [`FileError`] inside the error. Until then no content is verified.
#[derive(Debug)]
pub(crate) struct ChecksumReader<R> {
    file: R,
    kind: FileKind,
    hasher: blake3::Hasher,
    /// Bytes that were read from the file. The last line is never returned as content.
    held: Vec<u8>,
    given: usize,
    /// Whether the content that was returned so far ends with a line break.
    at_line_end: bool,
    seal: Option<Seal>,
}

impl<R: Read> ChecksumReader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    ///
    /// The file's error, or an error that contains a [`FileError`].
    pub(crate) fn new(file: R, kind: FileKind) -> io::Result<Self> {
        let mut reader = Self {
            file,
            kind,
            hasher: blake3::Hasher::new(),
            held: Vec::new(),
            given: 0,
            at_line_end: false,
            seal: None,
        };
        reader.hold(MAX_FIRST_LINE_BYTES)?;
        let line = kind.read_first_line(&reader.held).map_err(invalid)?;
        reader.give(line);
        Ok(reader)
    }

    /// Returns the hash, once the whole file was read and matches it.
    pub(crate) fn seal(&self) -> Option<Seal> {
        self.seal
    }

    /// Reads until `bytes` bytes are buffered, or the file ends.
    fn hold(&mut self, bytes: usize) -> io::Result<()> {
        const CHUNK: u64 = 64 * 1024;
        self.held.drain(..self.given);
        self.given = 0;
        while self.held.len() < bytes {
            let mut chunk = (&mut self.file).take(CHUNK);
            if chunk.read_to_end(&mut self.held)? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn give(&mut self, bytes: usize) {
        let given = &self.held[self.given..][..bytes];
        self.hasher.update(given);
        self.at_line_end = given.last() == Some(&b'\n');
        self.given += bytes;
    }

    fn left(&self) -> usize {
        let held = self.held.len() - self.given;
        held.saturating_sub(SEAL_LINE)
    }
}

impl<R: Read> Read for ChecksumReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left() == 0 && self.seal.is_none() {
            self.hold(SEAL_LINE + 1)?;
        }
        let count = self.left().min(out.len());
        if count > 0 {
            out[..count].copy_from_slice(&self.held[self.given..][..count]);
            self.give(count);
        } else if self.left() == 0 && self.seal.is_none() {
            let last_line = &self.held[self.given..];
            let checked = if self.at_line_end {
                self.kind.check(last_line, self.hasher.finalize())
            } else {
                Err(self.kind.unsealed())
            };
            self.seal = Some(checked.map_err(invalid)?);
        }
        Ok(count)
    }
}

fn invalid(error: FileError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
#[path = "checksummed_file_tests.rs"]
mod tests;
