//! Reading of records by offset, each with the records that it depends on.

use std::cell::RefCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::codec;
use super::dictionary::{MAX_RECORD_BYTES, is_sound};
use super::format::{GAP, Header, MAGIC, MAX_HEADER, corrupt};
use crate::fs::io_error::path_error;
use crate::storage::{StorageError, StorageResult};

/// The records of a pack, which may be unfinished.
#[derive(Debug)]
pub(super) struct RecordReader {
    file: File,
    path: PathBuf,
    /// Offset of the end of the records.
    end: u64,
    /// A number that no other records in this process have.
    number: u64,
    /// The dictionaries that were read as bases, by offset.
    dictionaries: RwLock<Vec<(u64, Arc<[u8]>)>>,
}

/// Number of bytes before and after the beginning of a record that are read at a time. They mostly
/// contain the record and its bases.
const BEFORE: u64 = 4096;
const AFTER: u64 = 4096;
/// Maximum length of a chain of records that a body may depend on: more than is ever written.
const MAX_DEPTH: usize = 64;
/// Maximum number of dictionaries that are kept of a pack. A pack that was joined from several may
/// have several.
const MAX_DICTIONARIES: usize = 4;

static NUMBERS: AtomicU64 = AtomicU64::new(1);

impl RecordReader {
    pub(super) fn new(file: File, path: &Path, end: u64) -> Self {
        Self {
            file,
            path: path.to_owned(),
            end,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            dictionaries: RwLock::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file, for its lock.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Returns the body whose record begins at this offset.
    pub(super) fn read(&self, offset: u64) -> StorageResult<Vec<u8>> {
        RECENT.with_borrow_mut(|recent| {
            recent.select_pack(self.number);
            let body = self.read_by(offset, recent);
            match body {
                Err(_) if self.use_dictionary_copy(offset) => self.read_by(offset, recent),
                body => body,
            }
        })
    }

    fn read_by(&self, offset: u64, recent: &mut RecentRecords) -> StorageResult<Vec<u8>> {
        let mut window = std::mem::take(&mut recent.window);
        let chain = self.chain(offset, recent, &mut window);
        recent.keep(window);
        for record in chain?.into_iter().rev() {
            let body = self.decode(&record, recent)?;
            if record.header.is_dictionary() {
                self.keep_dictionary(record.offset, body)?
            } else {
                recent.put(record.offset, body)
            }
        }
        let body = recent.get(offset).map(<[u8]>::to_vec);
        body.ok_or_else(|| self.has_none_at(offset))
    }

    /// Returns the record at this offset and those that it depends on.
    ///
    /// The chain ends before the first record whose contents are in memory.
    fn chain(
        &self,
        offset: u64,
        recent: &RecentRecords,
        window: &mut Window,
    ) -> StorageResult<Vec<Record>> {
        let mut records = Vec::new();
        let mut next = Some(offset);
        while let Some(offset) = next {
            if recent.get(offset).is_some() || self.kept_dictionary(offset).is_some() {
                break;
            }
            if records.len() == MAX_DEPTH {
                return Err(self.has_none_at(offset));
            }
            let record = self.record(offset, window)?;
            next = record.base();
            records.push(record);
        }
        Ok(records)
    }

    fn decode(&self, record: &Record, recent: &RecentRecords) -> StorageResult<Vec<u8>> {
        let Some(base) = record.base() else {
            return codec::decode(record.header, &record.stored, None);
        };
        let dictionary = self.kept_dictionary(base);
        let base = dictionary.as_deref().or_else(|| recent.get(base));
        codec::decode(record.header, &record.stored, base)
    }

    fn kept_dictionary(&self, offset: u64) -> Option<Arc<[u8]>> {
        let kept = self
            .dictionaries
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let (_, dictionary) = kept.iter().find(|(at, _)| *at == offset)?;
        Some(Arc::clone(dictionary))
    }

    fn keep_dictionary(&self, offset: u64, bytes: Vec<u8>) -> StorageResult<()> {
        if !is_sound(&bytes) {
            let path = self.path.display();
            return Err(corrupt(format!(
                "the dictionary at {offset} of {path} is damaged"
            )));
        }
        let mut kept = self
            .dictionaries
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MAX_DICTIONARIES {
            kept.remove(0);
        }
        kept.push((offset, bytes.into()));
        Ok(())
    }

    /// Replaces a damaged dictionary that this record depends on by its copy, if that is intact.
    ///
    /// Returns whether it did. Called if the record cannot be read: a damaged dictionary may not
    /// even look like one.
    fn use_dictionary_copy(&self, offset: u64) -> bool {
        let (mut window, mut at) = (Window::default(), offset);
        for _ in 0..MAX_DEPTH {
            let Some(base) = self
                .record(at, &mut window)
                .ok()
                .and_then(|record| record.base())
            else {
                return false;
            };
            if let Some(dictionary) = self.copy_before(base) {
                return self.keep_dictionary(base, dictionary).is_ok();
            }
            at = base;
        }
        false
    }

    /// Returns the copy of the dictionary that is, or was, at this offset.
    fn copy_before(&self, offset: u64) -> Option<Vec<u8>> {
        let end = offset.checked_sub(GAP as u64)?;
        let first = end
            .saturating_sub(MAX_RECORD_BYTES as u64)
            .max(MAGIC.len() as u64);
        let mut bytes = vec![0; usize::try_from(end.checked_sub(first)?).ok()?];
        self.read_at(&mut bytes, first).ok()?;
        // Only the copy itself contains its length, so every offset is tried.
        (0..bytes.len()).find_map(|at| {
            let header = Header::read(&bytes[at..]).ok()?;
            let stored = bytes.get(at + header.length..)?;
            if !header.is_dictionary() || stored.len() != header.stored {
                return None;
            }
            let dictionary = codec::decode(header, stored, None).ok()?;
            is_sound(&dictionary).then_some(dictionary)
        })
    }

    /// Checks whether the body of this record depends on no other body.
    pub(super) fn is_full(&self, offset: u64) -> StorageResult<bool> {
        RECENT.with_borrow_mut(|recent| {
            recent.select_pack(self.number);
            let header = self.window(offset, MAX_HEADER, &mut recent.window)?;
            let Some(back) = Header::read(header)?.base() else {
                return Ok(true);
            };
            let base = self.window(offset.saturating_sub(back), MAX_HEADER, &mut recent.window)?;
            Ok(Header::read(base).is_ok_and(Header::is_dictionary))
        })
    }

    /// Returns the header of the record at this offset.
    pub(super) fn header(&self, offset: u64) -> StorageResult<Header> {
        RECENT.with_borrow_mut(|recent| {
            recent.select_pack(self.number);
            Header::read(self.window(offset, MAX_HEADER, &mut recent.window)?)
        })
    }

    fn record(&self, offset: u64, window: &mut Window) -> StorageResult<Record> {
        let header = Header::read(self.window(offset, MAX_HEADER, window)?)?;
        let whole = self.window(offset, header.length + header.stored, window)?;
        let stored = whole
            .get(header.length..header.length + header.stored)
            .ok_or_else(|| corrupt(format!("a body in {} is cut off", self.path.display())))?;
        Ok(Record {
            offset,
            header,
            stored: stored.to_vec(),
        })
    }

    /// Returns `length` bytes from this offset on, or fewer at the end of the records.
    fn window<'w>(
        &self,
        offset: u64,
        length: usize,
        window: &'w mut Window,
    ) -> StorageResult<&'w [u8]> {
        if !(MAGIC.len() as u64..self.end).contains(&offset) {
            return Err(self.has_none_at(offset));
        }
        let end = (offset + length as u64).min(self.end);
        if !window.has(offset, end) {
            window.begin = offset.saturating_sub(BEFORE);
            let size = end.max(offset + AFTER).min(self.end) - window.begin;
            window.bytes.resize(usize::try_from(size).unwrap_or(0), 0);
            if let Err(error) = self.read_at(&mut window.bytes, window.begin) {
                // The buffer no longer matches the file.
                window.bytes.clear();
                return Err(error);
            }
        }
        let begin = usize::try_from(offset - window.begin).unwrap_or(usize::MAX);
        let end = usize::try_from(end - window.begin).unwrap_or(0);
        let bytes = window.bytes.get(begin..end);
        bytes.ok_or_else(|| self.has_none_at(offset))
    }

    fn has_none_at(&self, offset: u64) -> StorageError {
        corrupt(format!("{} has no record at {offset}", self.path.display()))
    }

    pub(super) fn read_at(&self, bytes: &mut [u8], offset: u64) -> StorageResult<()> {
        read_at(&self.file, &self.path, bytes, offset)
    }
}

struct Record {
    offset: u64,
    header: Header,
    stored: Vec<u8>,
}

impl Record {
    /// Returns the offset of the base.
    ///
    /// If it were before the file, 0 is returned: no record is there.
    fn base(&self) -> Option<u64> {
        let back = self.header.base()?;
        Some(self.offset.saturating_sub(back))
    }
}

/// A part of the records in memory.
#[derive(Default)]
struct Window {
    begin: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn has(&self, begin: u64, end: u64) -> bool {
        self.begin <= begin && end <= self.begin + self.bytes.len() as u64
    }
}

#[cfg(unix)]
pub(super) fn read_at(
    file: &File,
    path: &Path,
    bytes: &mut [u8],
    offset: u64,
) -> StorageResult<()> {
    use std::os::unix::fs::FileExt;
    let read = file.read_exact_at(bytes, offset);
    read.map_err(path_error("reading", path))
}

#[cfg(windows)]
pub(super) fn read_at(
    file: &File,
    path: &Path,
    bytes: &mut [u8],
    offset: u64,
) -> StorageResult<()> {
    use std::os::windows::fs::FileExt;
    let mut done = 0;
    while done < bytes.len() {
        match file.seek_read(&mut bytes[done..], offset + done as u64) {
            Ok(0) => {
                return Err(path_error("reading", path)(
                    std::io::ErrorKind::UnexpectedEof.into(),
                ));
            }
            Ok(read) => done += read,
            Err(error) => return Err(path_error("reading", path)(error)),
        }
    }
    Ok(())
}

thread_local! {
    static RECENT: RefCell<RecentRecords> = RefCell::default();
}

/// The bodies of a pack that a thread read last.
///
/// The next body mostly depends on them, because versions are read in order.
#[derive(Default)]
struct RecentRecords {
    pack: u64,
    bodies: Vec<(u64, Vec<u8>)>,
    bytes: usize,
    window: Window,
}

/// Maximum number of bodies that a thread keeps, and of their bytes.
const MAX_RECENT: usize = 40;
const MAX_RECENT_BYTES: usize = 1024 * 1024;

impl RecentRecords {
    fn select_pack(&mut self, pack: u64) {
        if self.pack != pack {
            *self = Self {
                pack,
                ..Self::default()
            };
        }
    }

    fn keep(&mut self, window: Window) {
        // A window that had to contain a large body is not worth its memory.
        if window.bytes.len() as u64 <= BEFORE + AFTER {
            self.window = window;
        }
    }

    fn get(&self, offset: u64) -> Option<&[u8]> {
        let mut bodies = self.bodies.iter().rev();
        let (_, body) = bodies.find(|(at, _)| *at == offset)?;
        Some(body)
    }

    fn put(&mut self, offset: u64, body: Vec<u8>) {
        self.bytes += body.len();
        self.bodies.push((offset, body));
        // The body that was just added stays. Its base is not needed any more.
        while self.bodies.len() > 1
            && (self.bodies.len() > MAX_RECENT || self.bytes > MAX_RECENT_BYTES)
        {
            self.bytes -= self.bodies.remove(0).1.len();
        }
    }
}
