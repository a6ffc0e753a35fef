//! The content of a chunk: the texts of operations, one after the other, much shorter.
//!
//! What of a text stands in a row that is never changed nor dropped is that row's key here: a version's id, a body's
//! address. Random as they are, no compression makes them smaller. That they are the same when they are read is proved,
//! as all of a text, by the hash of the chunk's last operation.

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, ToSql};

use crate::model::id::{BlobId, VersionId};
use crate::storage::sqlite::error::{Context, Result};
use crate::storage::sqlite::ids::{blob_is, version_is};
use crate::storage::{Error, ErrorKind};

/// The bytes that mark what is not written out; JSON has none of them.
const MARKS: u8 = 4;
/// The end of a text.
const END: u8 = 0;
/// A version's id; behind it, how far its key is from that of the last one.
const VERSION: u8 = 1;
/// A body's address, likewise.
const BODY: u8 = 2;
/// The operation's moment, which its text begins with, once more.
const MOMENT: u8 = 3;

const OPENING: &str = "{\"at\":\"";
/// Moments are shorter: so that damage can't make much of little.
const LONGEST_MOMENT: usize = 40;

/// Where ids stand in rows.
pub(super) trait Rows {
    fn version_key(&self, id: VersionId) -> Result<Option<i64>>;
    fn version_id(&self, key: i64) -> Result<Option<VersionId>>;
    fn blob_key(&self, id: BlobId) -> Result<Option<i64>>;
    fn blob_id(&self, key: i64) -> Result<Option<BlobId>>;
}

/// Texts, one after the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
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

/// What keys are counted from.
#[derive(Default)]
struct Last {
    version: i64,
    blob: i64,
}

/// The content of a chunk of these texts; none where one has a byte that is a mark, as no JSON has.
pub(super) fn write(texts: &Texts, rows: &dyn Rows) -> Result<Option<Vec<u8>>> {
    if texts.all.bytes().any(|byte| byte < MARKS) {
        return Ok(None);
    }
    let mut marked = Vec::with_capacity(texts.bytes());
    let mut last = Last::default();
    for text in texts.iter() {
        mark(text, rows, &mut last, &mut marked)?;
        marked.push(END);
    }
    compressed(&marked).map(Some)
}

fn mark(text: &str, rows: &dyn Rows, last: &mut Last, marked: &mut Vec<u8>) -> Result<()> {
    let mut moment = None;
    for (at, part) in text.split('"').enumerate() {
        if at > 0 {
            marked.push(b'"');
        }
        if at == 3 && text.starts_with(OPENING) && part.len() < LONGEST_MOMENT {
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

/// The key of the version that a part of a text is the id of, written as ids are.
fn version_key(part: &str, rows: &dyn Rows) -> Result<Option<i64>> {
    if part.len() != 36 {
        return Ok(None);
    }
    match part.parse::<VersionId>() {
        Ok(id) if id.to_string() == part => rows.version_key(id),
        _ => Ok(None),
    }
}

fn blob_key(part: &str, rows: &dyn Rows) -> Result<Option<i64>> {
    if part.len() != 64 {
        return Ok(None);
    }
    match part.parse::<BlobId>() {
        Ok(id) if id.to_string() == part => rows.blob_key(id),
        _ => Ok(None),
    }
}

/// How far a key is from the last one: small in absolute value, so few bytes of 7 bits each.
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

fn take_step(last: &mut i64, marked: &mut &[u8]) -> Result<i64> {
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

/// The texts of a chunk of this content.
pub(super) fn read(content: &[u8], rows: &dyn Rows) -> Result<Texts> {
    unmark(&decompressed(content)?, rows)
}

fn unmark(mut marked: &[u8], rows: &dyn Rows) -> Result<Texts> {
    let mut last = Last::default();
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
                all.extend_from_slice(id.to_string().as_bytes());
            }
            BODY => {
                let id = rows.blob_id(take_step(&mut last.blob, &mut marked)?)?;
                let id = id.ok_or_else(|| damaged("a body is missing"))?;
                all.extend_from_slice(id.to_string().as_bytes());
            }
            _ => {
                let moment = moment(&all[start..]).ok_or_else(|| damaged("it has no moment"))?;
                let moment = start + moment.start..start + moment.end;
                all.extend_from_within(moment);
            }
        }
    }
    if !marked.is_empty() || start != all.len() {
        return Err(damaged("it ends early"));
    }
    let all = String::from_utf8(all).map_err(|error| damaged("it is no text").because(error))?;
    // A string is cut between characters only.
    match ends.iter().all(|end| all.is_char_boundary(*end)) {
        true => Ok(Texts { all, ends }),
        false => Err(damaged("it is no text")),
    }
}

/// Where the moment of an operation is in the text so far.
fn moment(text: &[u8]) -> Option<std::ops::Range<usize>> {
    let moment = text.strip_prefix(OPENING.as_bytes())?;
    let first = &moment[..moment.len().min(LONGEST_MOMENT)];
    let length = first.iter().position(|byte| *byte == b'"')?;
    Some(OPENING.len()..OPENING.len() + length)
}

/// What the byte behind the check says of those behind it.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// A content begins with so many bytes of the hash of the others: there are bits of which decompression takes no notice.
const CHECK: usize = 8;

/// As small as any: keys are what made the texts large. Higher levels win a twentieth, for twenty times the time.
const LEVEL: i32 = 9;

/// What so many bytes may grow to. Texts that shrink more stay as they are: damage must not fill the memory.
fn most(compressed: usize) -> usize {
    compressed.saturating_mul(256).saturating_add(1 << 20)
}

fn compressed(marked: &[u8]) -> Result<Vec<u8>> {
    let packed = zstd::bulk::compress(marked, LEVEL);
    let packed = packed.map_err(|error| Error::io("compressing operations", error))?;
    let (kind, content) = match marked.len() <= most(packed.len()) {
        true => (ZSTD, packed.as_slice()),
        false => (PLAIN, marked),
    };
    let content = [&[kind], content].concat();
    Ok([&check(&content), content.as_slice()].concat())
}

fn check(content: &[u8]) -> [u8; CHECK] {
    let hash = blake3::hash(content);
    std::array::from_fn(|at| hash.as_bytes()[at])
}

fn decompressed(content: &[u8]) -> Result<Vec<u8>> {
    let (_, content) = content
        .split_first_chunk()
        .filter(|(found, content)| **found == check(content))
        .ok_or_else(|| damaged("its bytes have another hash"))?;
    match content.split_first() {
        Some((&PLAIN, marked)) => Ok(marked.to_vec()),
        Some((&ZSTD, packed)) => zstd::bulk::decompress(packed, most(packed.len()))
            .map_err(|error| damaged("it can't be decompressed").because(error)),
        _ => Err(damaged("it is of no kind that is known")),
    }
}

fn damaged(what: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("a chunk of operations is damaged: {what}"),
    )
}

/// Rows by the connection that they are read on.
impl Rows for Connection {
    fn version_key(&self, id: VersionId) -> Result<Option<i64>> {
        let sql = concat!(
            "SELECT key FROM version WHERE ",
            version_is!("version", "?1")
        );
        found(self, sql, id.as_bytes())
    }

    fn version_id(&self, key: i64) -> Result<Option<VersionId>> {
        let id: Option<[u8; 16]> = found(self, "SELECT id FROM version WHERE key = ?1", key)?;
        Ok(id.map(VersionId::from_bytes))
    }

    fn blob_key(&self, id: BlobId) -> Result<Option<i64>> {
        let sql = concat!("SELECT key FROM blob WHERE ", blob_is!("blob", "?1"));
        found(self, sql, id.as_bytes())
    }

    fn blob_id(&self, key: i64) -> Result<Option<BlobId>> {
        let hash: Option<[u8; 32]> = found(self, "SELECT hash FROM blob WHERE key = ?1", key)?;
        Ok(hash.map(BlobId::from_bytes))
    }
}

fn found<T: FromSql>(connection: &Connection, sql: &str, by: impl ToSql) -> Result<Option<T>> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([by], |row| row.get(0)).optional())
        .context("looking up a row that operations name")
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
