//! A pack file that is being written: records, then the index.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::codec::Encoder;
use super::dictionary::{Dictionary, SampledText};
use super::format::{
    DICTIONARY, ENTRY, FOOTER, Footer, GAP, Header, MAGIC, PackEntry, Prefix, bits_for,
};
use super::pack::PackFile;
use super::pending::PendingRecord;
use super::records::RecordReader;
use crate::fs::folder::{Folder, Root};
use crate::fs::io_error::path_error;
use crate::fs::temporary::TemporaryFile;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::{CompressionLevel, StorageResult};

/// The writer of one pack.
///
/// Consecutive bodies of one delta group are stored as deltas, from the last one to the first, each
/// against the body after it. The newest versions, which are read most, then depend on the fewest
/// records.
#[derive(Debug)]
pub(crate) struct PackBuilder {
    output: PackOutput,
    encoder: Encoder,
    /// Bodies from which a dictionary will be made; `None` if the pack gets none, or has one
    /// already.
    sample: Option<SampledText>,
    /// The dictionary that is the base of full bodies, and its offset.
    dictionary: Option<(u64, Dictionary)>,
    /// Bodies of one delta group that wait for those after them.
    waiting: Vec<PendingRecord>,
    /// The size of the bodies that wait.
    waiting_bytes: usize,
    header: Vec<u8>,
    /// Total size of all bodies in bytes.
    bytes: u64,
    entries: Vec<PackEntry>,
}

/// The file, and the hash and length of everything written to it.
#[derive(Debug)]
struct PackOutput {
    file: BufWriter<TemporaryFile>,
    hasher: blake3::Hasher,
    length: u64,
}

/// A pack that is in its place.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) path: PathBuf,
    /// The locked file, which prevents a repack until rows refer to its bodies.
    pub(crate) lock: File,
}

/// The last body that was written, and the possible bases of the next one of its delta group.
#[derive(Debug)]
struct Chain {
    full: Link,
    last: Link,
    /// Number of records that the last body depends on.
    depth: usize,
}

#[derive(Clone, Debug)]
struct Link {
    offset: u64,
    bytes: Vec<u8>,
}

/// Maximum number of records that a body depends on, in a chain: reading it decompresses them all.
/// The next body then has the full body as its base.
const MAX_DEPTH: usize = 8;
/// The number of bodies of a group, and of their bytes, of which one is stored in full.
const MAX_WAITING: usize = 32;
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;
/// A delta must take at most this part (1/n) of the body. Otherwise the body has little in common
/// with its base and is stored in full.
const WORTH_IT: usize = 3;
/// Number of bodies, and of bytes, at which a pack is full.
const MAX_ENTRIES: usize = 1 << 20;
const MAX_BYTES: u64 = 512 * 1024 * 1024;
const BUFFER: usize = 256 * 1024;

impl PackBuilder {
    pub(crate) fn begin(root: &Root, level: CompressionLevel) -> StorageResult<Self> {
        let file = TemporaryFile::create(root.open()?.tmp()?)?;
        let mut output = PackOutput {
            file: BufWriter::with_capacity(BUFFER, file),
            hasher: blake3::Hasher::new(),
            length: 0,
        };
        output.write(MAGIC)?;
        let encoder = Encoder::new(level);
        let has_dictionary = level == CompressionLevel::Best;
        Ok(Self {
            output,
            sample: has_dictionary.then(|| SampledText::new(encoder.level())),
            encoder,
            dictionary: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
            header: Vec::new(),
            bytes: 0,
            entries: Vec::new(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        let sample = self.sample.as_ref();
        self.entries.is_empty()
            && self.waiting.is_empty()
            && sample.is_none_or(|sample| sample.bodies.is_empty())
    }

    /// Checks whether the pack is large enough to be finished.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= MAX_ENTRIES || self.output.length >= MAX_BYTES
    }

    /// Adds bodies grouped by delta group; the groups are in order of their first bodies.
    pub(crate) fn add_all(&mut self, mut bodies: Vec<PendingRecord>) -> StorageResult<()> {
        let mut order = HashMap::new();
        for body in &bodies {
            let next = order.len();
            order.entry(body.group).or_insert(next);
        }
        bodies.sort_by_key(|body| order.get(&body.group).copied());
        bodies.into_iter().try_for_each(|body| self.add(body))
    }

    pub(crate) fn add(&mut self, body: PendingRecord) -> StorageResult<()> {
        let Some(sample) = &mut self.sample else {
            return self.collect(body);
        };
        match sample.add(body) {
            Some(dictionary) => self.end_sample(Some(dictionary)),
            None => Ok(()),
        }
    }

    /// Writes the bodies that waited, with a dictionary or without one.
    fn end_sample(&mut self, dictionary: Option<Dictionary>) -> StorageResult<()> {
        let waiting = self.sample.take().map(|sample| sample.bodies);
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
        waiting
            .into_iter()
            .flatten()
            .try_for_each(|body| self.collect(body))
    }

    /// Makes a body wait for those of its delta group that follow.
    fn collect(&mut self, body: PendingRecord) -> StorageResult<()> {
        let ends = self
            .waiting
            .last()
            .is_some_and(|last| last.group != body.group);
        if ends || self.waiting.len() >= MAX_WAITING || self.waiting_bytes >= MAX_WAITING_BYTES {
            self.write_waiting()?;
        }
        self.waiting_bytes += body.bytes.len();
        self.waiting.push(body);
        Ok(())
    }

    /// Writes the bodies that wait, the last one first.
    fn write_waiting(&mut self) -> StorageResult<()> {
        self.waiting_bytes = 0;
        let mut chain = None;
        let mut bodies = std::mem::take(&mut self.waiting);
        bodies
            .drain(..)
            .rev()
            .try_for_each(|body| self.write(body, &mut chain))?;
        self.waiting = bodies;
        Ok(())
    }

    fn write(&mut self, body: PendingRecord, chain: &mut Option<Chain>) -> StorageResult<()> {
        let PendingRecord {
            id, bytes, written, ..
        } = body;
        let (offset, prefix) = (self.output.length, Prefix::of(id));
        self.bytes += bytes.len() as u64;
        self.entries.push(PackEntry {
            prefix,
            offset,
            written,
        });
        if let Some(chain) = chain {
            let base = chain.base();
            let stored = self.encoder.encode(&bytes, Some(&base.bytes))?;
            if stored.len() <= bytes.len() / WORTH_IT {
                let back = offset - base.offset;
                self.output
                    .record(&mut self.header, bytes.len(), back, stored)?;
                chain.append(Link { offset, bytes });
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
        let (back, stored) = if stored.len() < bytes.len() {
            (back, stored)
        } else {
            (0, &bytes[..])
        };
        self.output
            .record(&mut self.header, bytes.len(), back, stored)?;
        *chain = Some(Chain::new(Link { offset, bytes }));
        Ok(())
    }

    /// Copies all records of an existing pack unchanged.
    pub(crate) fn append(&mut self, pack: &PackFile) -> StorageResult<()> {
        self.end_sample(None)?;
        self.write_waiting()?;
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
        self.entries.extend(entries.map(|entry| PackEntry {
            offset: entry.offset + moved,
            ..entry
        }));
        self.bytes += pack.footer.bytes;
        Ok(())
    }

    /// Returns the body of this address, if it was added.
    pub(crate) fn get(&mut self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let sampled = self.sample.iter().flat_map(|sample| &sample.bodies);
        let waiting = self.waiting.iter().chain(sampled);
        if let Some(waiting) = waiting.rev().find(|waiting| waiting.id == id) {
            return Ok(VerifiedBytes::check(id, waiting.bytes.clone()).ok());
        }
        let prefix = Prefix::of(id);
        let offsets = self.entries.iter().filter(|entry| entry.prefix == prefix);
        let offsets: Vec<u64> = offsets.map(|entry| entry.offset).collect();
        if offsets.is_empty() {
            return Ok(None);
        }
        let records = self.output.records()?;
        for offset in offsets {
            if let Ok(bytes) = VerifiedBytes::check(id, records.read(offset)?) {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Writes the index, flushes the file, and puts the pack in its place.
    ///
    /// The caller must flush `folder`.
    pub(crate) fn finish(mut self, folder: &Folder) -> StorageResult<Published> {
        self.end_sample(None)?;
        self.write_waiting()?;
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

/// Returns the bytes of fan-out, entries and footer.
fn write_index(entries: &[PackEntry], footer: Footer) -> Vec<u8> {
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
    fn new(full: Link) -> Self {
        Self {
            last: full.clone(),
            full,
            depth: 0,
        }
    }

    /// Returns the base of the next body.
    fn base(&self) -> &Link {
        if self.depth < MAX_DEPTH {
            &self.last
        } else {
            &self.full
        }
    }

    fn append(&mut self, link: Link) {
        self.depth = if self.depth < MAX_DEPTH {
            self.depth + 1
        } else {
            1
        };
        self.last = link;
    }
}

impl PackOutput {
    fn write(&mut self, bytes: &[u8]) -> StorageResult<()> {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        let written = self.file.write_all(bytes);
        written.map_err(path_error("writing", &self.file.get_ref().path()))
    }

    fn record(
        &mut self,
        header: &mut Vec<u8>,
        size: usize,
        back: u64,
        stored: &[u8],
    ) -> StorageResult<()> {
        header.clear();
        Header::write(size, back, stored.len(), header);
        self.write(header)?;
        self.write(stored)
    }

    /// Returns a reader of the records written so far.
    fn records(&mut self) -> StorageResult<RecordReader> {
        let path = self.file.get_ref().path();
        self.file.flush().map_err(path_error("writing", &path))?;
        let again = self.file.get_ref().file().and_then(File::try_clone);
        let again = again.map_err(path_error("reopening", &path))?;
        Ok(RecordReader::new(again, &path, self.length))
    }

    fn publish(self, folder: &Folder) -> StorageResult<Published> {
        let name = format!("{}.pack", self.hasher.finalize().to_hex());
        let path = folder.path_of(&name);
        let temporary = self.file.get_ref().path();
        let file = self.file.into_inner();
        let mut file =
            file.map_err(|error| path_error("writing", &temporary)(error.into_error()))?;
        let flushed = file.file().and_then(File::sync_data);
        flushed.map_err(path_error("flushing", &temporary))?;
        match file.publish(folder, &name) {
            Ok(lock) => Ok(Published { path, lock }),
            Err(error) => Err(path_error("renaming a pack to", &path)(error)),
        }
    }
}
