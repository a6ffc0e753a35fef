//! The content of a segment: the texts of its operations, compressed.
//!
//! An id that a row contains for good is replaced by that row's key. This applies to the ids of
//! versions and the addresses of bodies: they are random, so no compression makes them smaller. The
//! hash of the segment's last operation proves that they are the same when they are read, as it
//! proves the whole text.

use std::io::Write as _;

use crate::model::id::{BlobId, VersionId};
use crate::model::operation_text;
use crate::storage::sqlite::error::SqliteResult;
use crate::storage::{StorageError, StorageErrorKind};

/// Bytes below this one are marks for what is not written out. JSON contains none of them.
const MARKS: u8 = 4;
/// The mark at the end of a text.
const END: u8 = 0;
/// The mark for a version's id. The difference of its key from the last one follows.
const VERSION: u8 = 1;
/// The mark for a body's address. The difference of its key from the last one follows.
const BODY: u8 = 2;
/// The mark for a repetition of the operation's moment, which its text begins with.
const MOMENT: u8 = 3;

/// The rows that contain ids.
pub(super) trait OperationTexts {
    fn version_key(&self, id: VersionId) -> SqliteResult<Option<i64>>;
    fn version_id(&self, key: i64) -> SqliteResult<Option<VersionId>>;
    fn blob_key(&self, id: BlobId) -> SqliteResult<Option<i64>>;
    fn blob_id(&self, key: i64) -> SqliteResult<Option<BlobId>>;
}

/// Texts, one after the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SegmentText {
    all: String,
    ends: Vec<usize>,
}

impl SegmentText {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.len()
    }

    pub(super) fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }

    pub(super) fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.all[start..end])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}

/// The keys that the next ones are counted from.
#[derive(Default)]
struct LastOperation {
    version: i64,
    blob: i64,
}

/// Returns the content of a segment of these texts.
///
/// `None` if a text contains a byte that is a mark, which JSON never does.
pub(super) fn write(
    texts: &SegmentText,
    rows: &dyn OperationTexts,
) -> SqliteResult<Option<Vec<u8>>> {
    if texts.all.bytes().any(|byte| byte < MARKS) {
        return Ok(None);
    }
    let mut marked = Vec::with_capacity(texts.bytes());
    let mut last = LastOperation::default();
    for text in texts.iter() {
        mark(text, rows, &mut last, &mut marked)?;
        marked.push(END);
    }
    compressed(&marked).map(Some)
}

fn mark(
    text: &str,
    rows: &dyn OperationTexts,
    last: &mut LastOperation,
    marked: &mut Vec<u8>,
) -> SqliteResult<()> {
    let mut moment = None;
    let has_moment = operation_text::moment_in(text.as_bytes()).is_some();
    for (at, part) in text.split('"').enumerate() {
        if at > 0 {
            marked.push(b'"');
        }
        if at == 3 && has_moment {
            moment = Some(part);
        } else if moment == Some(part) {
            marked.push(MOMENT);
            continue;
        } else if let Some(key) = version_key(part, rows)? {
            marked.push(VERSION);
            put_step(&mut last.version, key, marked);
            continue;
        } else if let Some(key) = blob_key(part, rows)? {
            marked.push(BODY);
            put_step(&mut last.blob, key, marked);
            continue;
        }
        marked.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

/// Returns the key of the version if a part of a text is its id, written as ids are.
fn version_key(part: &str, rows: &dyn OperationTexts) -> SqliteResult<Option<i64>> {
    if part.len() != 36 {
        return Ok(None);
    }
    match part.parse::<VersionId>() {
        Ok(id) if is_lowercase(part) => rows.version_key(id),
        _ => Ok(None),
    }
}

fn blob_key(part: &str, rows: &dyn OperationTexts) -> SqliteResult<Option<i64>> {
    if part.len() != 64 {
        return Ok(None);
    }
    match part.parse::<BlobId>() {
        Ok(id) if is_lowercase(part) => rows.blob_key(id),
        _ => Ok(None),
    }
}

/// Returns whether an id with this text is written in the same way when it is read.
fn is_lowercase(id: &str) -> bool {
    !id.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Appends the difference of a key from the last one.
///
/// It is small in absolute value, so it takes few bytes of 7 bits each.
fn put_step(last: &mut i64, key: i64, marked: &mut Vec<u8>) {
    let step = key.wrapping_sub(*last);
    *last = key;
    let mut rest = (step.wrapping_shl(1) ^ (step >> 63)).cast_unsigned();
    while rest > 0x7f {
        #[allow(clippy::cast_possible_truncation)] // Its lowest 7 bits.
        marked.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)] // 7 bits are left.
    marked.push(rest as u8);
}

fn take_step(last: &mut i64, marked: &mut &[u8]) -> SqliteResult<i64> {
    let mut rest = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = marked
            .split_first()
            .ok_or_else(|| damaged("it ends early"))?;
        *marked = behind;
        rest |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let step = (rest >> 1).cast_signed() ^ -(rest & 1).cast_signed();
            *last = last.wrapping_add(step);
            return Ok(*last);
        }
    }
    Err(damaged("a key is too long"))
}

/// Returns the texts of a segment with this content.
pub(super) fn read(content: &[u8], rows: &dyn OperationTexts) -> SqliteResult<SegmentText> {
    unmark(&decompressed(content)?, rows)
}

fn unmark(mut marked: &[u8], rows: &dyn OperationTexts) -> SqliteResult<SegmentText> {
    let mut last = LastOperation::default();
    let mut all = Vec::with_capacity(marked.len() * 2);
    let mut ends = Vec::new();
    let mut start = 0;
    while let Some(at) = marked.iter().position(|byte| *byte < MARKS) {
        all.extend_from_slice(&marked[..at]);
        let mark = marked[at];
        marked = &marked[at + 1..];
        match mark {
            END => {
                start = all.len();
                ends.push(start);
            }
            VERSION => {
                let id = rows.version_id(take_step(&mut last.version, &mut marked)?)?;
                let id = id.ok_or_else(|| damaged("a version is missing"))?;
                write!(all, "{id}").map_err(unwritten)?;
            }
            BODY => {
                let id = rows.blob_id(take_step(&mut last.blob, &mut marked)?)?;
                let id = id.ok_or_else(|| damaged("a body is missing"))?;
                write!(all, "{id}").map_err(unwritten)?;
            }
            _ => {
                let moment = operation_text::moment_in(&all[start..])
                    .ok_or_else(|| damaged("it has no time"))?;
                let moment = start + moment.start..start + moment.end;
                all.extend_from_within(moment);
            }
        }
    }
    if !marked.is_empty() || start != all.len() {
        return Err(damaged("it ends early"));
    }
    let all =
        String::from_utf8(all).map_err(|error| damaged("it is not valid text").because(error))?;
    // A string can be cut only between characters.
    if ends.iter().all(|end| all.is_char_boundary(*end)) {
        Ok(SegmentText { all, ends })
    } else {
        Err(damaged("it is not valid text"))
    }
}

/// The values of the byte after the check, which says how the following bytes are stored.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Length of the check at the start of a content: the first bytes of the hash of all others.
/// Decompression ignores some bits, so it cannot detect all damage.
const CHECK: usize = 8;

/// The compression level. Level 9 saves a sixth, which is four bytes a version, in eighteen times the
/// time: the ids made the texts large, and keys replace them.
const LEVEL: i32 = 1;

/// Returns the size up to which this number of bytes may be decompressed.
///
/// Texts that shrink more are stored uncompressed, because damage must not fill the memory.
fn most(compressed: usize) -> usize {
    compressed.saturating_mul(256).saturating_add(1 << 20)
}

fn compressed(marked: &[u8]) -> SqliteResult<Vec<u8>> {
    let packed = zstd::bulk::compress(marked, LEVEL);
    let packed = packed.map_err(|error| StorageError::io("compressing operations", error))?;
    let (kind, content) = if marked.len() <= most(packed.len()) {
        (ZSTD, packed.as_slice())
    } else {
        (PLAIN, marked)
    };
    let content = [&[kind], content].concat();
    Ok([&check(&content), content.as_slice()].concat())
}

fn check(content: &[u8]) -> [u8; CHECK] {
    let hash = blake3::hash(content);
    std::array::from_fn(|at| hash.as_bytes()[at])
}

fn decompressed(content: &[u8]) -> SqliteResult<Vec<u8>> {
    let (_, content) = content
        .split_first_chunk()
        .filter(|(found, content)| **found == check(content))
        .ok_or_else(|| damaged("its hash does not match"))?;
    match content.split_first() {
        Some((&PLAIN, marked)) => Ok(marked.to_vec()),
        Some((&ZSTD, packed)) => zstd::bulk::decompress(packed, most(packed.len()))
            .map_err(|error| damaged("it cannot be decompressed").because(error)),
        _ => Err(damaged("its kind is unknown")),
    }
}

fn damaged(what: &str) -> StorageError {
    StorageError::new(
        StorageErrorKind::Corrupt,
        format!("a segment of operations is damaged: {what}"),
    )
}

fn unwritten(error: std::io::Error) -> StorageError {
    StorageError::io("writing the text of operations", error)
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
