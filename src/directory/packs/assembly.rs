//! A pack file being written: records as they come, then the index.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::codec::Encoder;
use super::dictionary::{Dictionary, Sample};
use super::format::{
    DICTIONARY, ENTRY, Entry, FOOTER, Footer, GAP, Header, MAGIC, Prefix, bits_for,
};
use super::pack::Pack;
use super::records::Records;
use crate::backend::{Effort, Kin, Result};
use crate::directory::{failed, temporary_file};
use crate::id::BlobId;

/// A body that is to be added.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: BlobId,
    pub(super) kin: Kin,
    pub(super) bytes: Vec<u8>,
}

/// Writes one pack. Bodies of one kin that come one after another are kept as what they differ in from the one before.
#[derive(Debug)]
pub(super) struct Assembly {
    output: Output,
    encoder: Encoder,
    /// Bodies that a dictionary is made of; none where none is, or is any more.
    sample: Option<Sample>,
    /// What full bodies hang on, and where it is.
    dictionary: Option<(u64, Dictionary)>,
    chain: Option<Chain>,
    header: Vec<u8>,
    /// Bytes of all bodies.
    bytes: u64,
    entries: Vec<Entry>,
}

/// The file, and what is to be known of all that was written to it.
#[derive(Debug)]
struct Output {
    tmp: PathBuf,
    file: BufWriter<NamedTempFile>,
    hasher: blake3::Hasher,
    length: u64,
}

/// A pack that is in its place.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) path: PathBuf,
    /// Says, as long as it is open, that rows may not name its bodies yet.
    pub(super) lock: File,
}

/// Where the last body was written, and what the next one of its kin may hang on.
#[derive(Debug)]
struct Chain {
    kin: Kin,
    full: Link,
    last: Link,
    /// Bodies since the full one, and how many of them the last one hangs on.
    bodies: usize,
    depth: usize,
}

#[derive(Clone, Debug)]
struct Link {
    offset: u64,
    bytes: Vec<u8>,
}

/// A body hangs on so many others at most, one by the other: reading it decompresses them all. The next one hangs on the
/// full body again.
const MOST_DEPTH: usize = 8;
/// After so many bodies one is written in full,
const MOST_BODIES: usize = 32;
/// and where one can't be kept in this part of its bytes, as it has little of the one before.
const WORTH_IT: usize = 3;
/// A pack has so many bodies at most, or bytes.
const MOST_ENTRIES: usize = 1 << 20;
const MOST_BYTES: u64 = 512 * 1024 * 1024;
const BUFFER: usize = 256 * 1024;
/// Files of a pack that are begun before it is given up, if others lock or remove each.
const MAX_ATTEMPTS: usize = 100;

impl Assembly {
    pub(super) fn begin(tmp: &Path, effort: Effort) -> Result<Self> {
        let file = begin_file(|| temporary_file(tmp)).map_err(failed("making a file in", tmp))?;
        let mut output = Output {
            tmp: tmp.to_owned(),
            file: BufWriter::with_capacity(BUFFER, file),
            hasher: blake3::Hasher::new(),
            length: 0,
        };
        output.write(MAGIC)?;
        Ok(Self {
            output,
            encoder: Encoder::new(effort),
            sample: (effort == Effort::Thorough).then(Sample::default),
            dictionary: None,
            chain: None,
            header: Vec::new(),
            bytes: 0,
            entries: Vec::new(),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.sample.as_ref();
        self.entries.is_empty() && waiting.is_none_or(|sample| sample.bodies.is_empty())
    }

    /// Whether it is large enough to be finished.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= MOST_ENTRIES || self.output.length >= MOST_BYTES
    }

    /// Adds bodies: those of one kin together, each kin where its first one is.
    pub(super) fn add_all(&mut self, mut bodies: Vec<Pending>) -> Result<()> {
        let mut order = HashMap::new();
        for body in &bodies {
            let next = order.len();
            order.entry(body.kin).or_insert(next);
        }
        bodies.sort_by_key(|body| order.get(&body.kin).copied());
        bodies.into_iter().try_for_each(|body| self.add(body))
    }

    pub(super) fn add(&mut self, body: Pending) -> Result<()> {
        let Some(sample) = &mut self.sample else {
            return self.write(body);
        };
        match sample.add(body) {
            Some(dictionary) => self.end_sample(Some(dictionary)),
            None => Ok(()),
        }
    }

    /// Writes what waited, with a dictionary or without.
    fn end_sample(&mut self, dictionary: Option<Dictionary>) -> Result<()> {
        let waiting = self.sample.take().unwrap_or_default().bodies;
        if let Some(dictionary) = dictionary {
            let stored = self.encoder.encode(&dictionary.bytes, None)?;
            let size = dictionary.bytes.len();
            let (output, header) = (&mut self.output, &mut self.header);
            output.record(header, size, DICTIONARY, stored)?;
            output.write(&[0; GAP])?;
            let offset = output.length;
            output.record(header, size, DICTIONARY, stored)?;
            self.dictionary = Some((offset, dictionary));
        }
        waiting.into_iter().try_for_each(|body| self.write(body))
    }

    fn write(&mut self, body: Pending) -> Result<()> {
        let Pending { id, kin, bytes } = body;
        let (offset, prefix) = (self.output.length, Prefix::of(id));
        self.bytes += bytes.len() as u64;
        self.entries.push(Entry { prefix, offset });
        let chain = self.chain.take();
        let chain = chain.filter(|chain| chain.kin == kin && chain.bodies < MOST_BODIES);
        if let Some(mut chain) = chain {
            let base = chain.base();
            let stored = self.encoder.encode(&bytes, Some(&base.bytes))?;
            if stored.len() <= bytes.len() / WORTH_IT {
                let back = offset - base.offset;
                self.output
                    .record(&mut self.header, bytes.len(), back, stored)?;
                chain.append(Link { offset, bytes });
                self.chain = Some(chain);
                return Ok(());
            }
        }
        let (back, stored) = match &self.dictionary {
            Some((base, dictionary)) => {
                let stored = self.encoder.encode_by(&bytes, dictionary)?;
                (offset - base, stored)
            }
            None => (0, self.encoder.encode(&bytes, None)?),
        };
        let (back, stored) = match stored.len() < bytes.len() {
            true => (back, stored),
            false => (0, &bytes[..]),
        };
        self.output
            .record(&mut self.header, bytes.len(), back, stored)?;
        self.chain = Some(Chain::new(kin, Link { offset, bytes }));
        Ok(())
    }

    /// Copies all records of a pack that is there, as they are.
    pub(super) fn append(&mut self, pack: &Pack) -> Result<()> {
        self.end_sample(None)?;
        self.chain = None;
        let begin = MAGIC.len() as u64;
        let moved = self.output.length - begin;
        let mut bytes = vec![0; BUFFER];
        let (mut at, end) = (begin, pack.records.end());
        while at < end {
            let left = usize::try_from(end - at).unwrap_or(BUFFER).min(BUFFER);
            pack.records.read_at(&mut bytes[..left], at)?;
            self.output.write(&bytes[..left])?;
            at += left as u64;
        }
        let entries = pack.entries()?.into_iter();
        self.entries.extend(entries.map(|entry| Entry {
            offset: entry.offset + moved,
            ..entry
        }));
        self.bytes += pack.footer.bytes;
        Ok(())
    }

    /// The body of this address, if it was added.
    pub(super) fn get(&mut self, id: BlobId) -> Result<Option<Vec<u8>>> {
        let waiting = self.sample.iter().flat_map(|sample| &sample.bodies);
        if let Some(waiting) = waiting.rev().find(|waiting| waiting.id == id) {
            return Ok(Some(waiting.bytes.clone()));
        }
        let prefix = Prefix::of(id);
        let offsets = self.entries.iter().filter(|entry| entry.prefix == prefix);
        let offsets: Vec<u64> = offsets.map(|entry| entry.offset).collect();
        if offsets.is_empty() {
            return Ok(None);
        }
        let records = self.output.records()?;
        for offset in offsets {
            let bytes = records.read(offset)?;
            if BlobId::of(&bytes) == id {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Writes the index, flushes all, and puts the pack in its place; the caller flushes that folder.
    pub(super) fn finish(mut self, folder: &Path) -> Result<Published> {
        self.end_sample(None)?;
        self.entries.sort_unstable();
        let footer = Footer {
            index: self.output.length,
            entries: u32::try_from(self.entries.len()).unwrap_or(u32::MAX),
            bits: bits_for(self.entries.len()),
            bytes: self.bytes,
        };
        let index = write_index(&self.entries, footer);
        self.output.write(&index)?;
        self.output.publish(folder)
    }
}

/// A file that is locked for as long as it is open: by that a sweep knows that somebody writes it.
///
/// Others may have the file locked before: a sweep for an instant, and anyone who may read it. It is not waited for.
fn begin_file(
    mut make: impl FnMut() -> std::io::Result<NamedTempFile>,
) -> std::io::Result<NamedTempFile> {
    for _ in 0..MAX_ATTEMPTS {
        let file = make()?;
        match file.as_file().try_lock_shared() {
            // It may have been swept before it was locked.
            Ok(()) if has_a_name(file.as_file())? => return Ok(file),
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    let reason = "another process locks each new file";
    Err(std::io::Error::new(
        std::io::ErrorKind::ResourceBusy,
        reason,
    ))
}

#[cfg(unix)]
fn has_a_name(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.nlink() > 0)
}

/// A file that is open can't be removed.
#[cfg(not(unix))]
fn has_a_name(_file: &File) -> std::io::Result<bool> {
    Ok(true)
}

/// Fan-out, entries and footer.
fn write_index(entries: &[Entry], footer: Footer) -> Vec<u8> {
    let mut index = Vec::with_capacity(footer.fan_out() + entries.len() * ENTRY + FOOTER);
    let mut up_to = 0_u32;
    let mut rest = entries.iter().peekable();
    for bucket in 0..1_usize << footer.bits {
        while rest
            .next_if(|entry| entry.prefix.leading(footer.bits) == bucket)
            .is_some()
        {
            up_to += 1;
        }
        index.extend_from_slice(&up_to.to_le_bytes());
    }
    entries.iter().for_each(|entry| entry.write(&mut index));
    index.extend_from_slice(&footer.write());
    let hash = blake3::hash(&index);
    index.extend_from_slice(hash.as_bytes());
    index
}

impl Chain {
    fn new(kin: Kin, full: Link) -> Self {
        Self {
            kin,
            last: full.clone(),
            full,
            bodies: 1,
            depth: 0,
        }
    }

    /// What the next body hangs on.
    fn base(&self) -> &Link {
        match self.depth < MOST_DEPTH {
            true => &self.last,
            false => &self.full,
        }
    }

    fn append(&mut self, link: Link) {
        self.depth = match self.depth < MOST_DEPTH {
            true => self.depth + 1,
            false => 1,
        };
        self.bodies += 1;
        self.last = link;
    }
}

impl Output {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        let written = self.file.write_all(bytes);
        written.map_err(failed("writing a pack in", &self.tmp))
    }

    fn record(
        &mut self,
        header: &mut Vec<u8>,
        size: usize,
        back: u64,
        stored: &[u8],
    ) -> Result<()> {
        header.clear();
        Header::write(size, back, stored.len(), header);
        self.write(header)?;
        self.write(stored)
    }

    /// What was written so far, to be read.
    fn records(&mut self) -> Result<Records> {
        self.file
            .flush()
            .map_err(failed("writing a pack in", &self.tmp))?;
        let file = self.file.get_ref();
        let again = file.as_file().try_clone();
        let again = again.map_err(failed("opening again", file.path()))?;
        Ok(Records::new(again, file.path(), self.length))
    }

    fn publish(self, folder: &Path) -> Result<Published> {
        let path = folder.join(format!("{}.pack", self.hasher.finalize().to_hex()));
        let file = self.file.into_inner();
        let file =
            file.map_err(|error| failed("writing a pack in", &self.tmp)(error.into_error()))?;
        let flushed = file.as_file().sync_data();
        flushed.map_err(failed("flushing", file.path()))?;
        match file.persist(&path) {
            Ok(lock) => Ok(Published { path, lock }),
            Err(error) => Err(failed("renaming a pack to", &path)(error.error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pack that waits for one who reads its file waits for ever.
    #[test]
    fn a_file_that_others_lock_is_not_waited_for() {
        let tmp = tempfile::tempdir().unwrap();
        let mut locks = Vec::new();
        let mut locked_at_first = |count: usize| {
            begin_file(|| {
                let file = temporary_file(tmp.path())?;
                if locks.len() < count {
                    let other = File::open(file.path())?;
                    other.lock()?;
                    locks.push(other);
                }
                Ok(file)
            })
        };
        let file = locked_at_first(3).unwrap();
        let other = File::open(file.path()).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        let refused = locked_at_first(usize::MAX).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ResourceBusy);
        drop(file);
        let left = std::fs::read_dir(tmp.path()).unwrap().count();
        assert_eq!(left, 0, "files are left");
    }
}
