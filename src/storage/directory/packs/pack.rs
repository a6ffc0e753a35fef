//! A pack that exists: lookups in its index, and reads at offsets.

use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;

use super::format::{ENTRY, FAN, FOOTER, Footer, HASHED_FOOTER, PackEntry, Prefix, corrupt};
use super::records::{RecordReader, read_at};
use crate::fs::io_error::path_error;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::StorageResult;
use crate::storage::directory::copy_search::CopySearch;

/// An open pack. Only its fan-out is kept in memory.
#[derive(Debug)]
pub(super) struct PackFile {
    pub(super) records: RecordReader,
    pub(super) footer: Footer,
    pub(super) length: u64,
    fan_out: OnceLock<Vec<u8>>,
}

impl PackFile {
    pub(super) fn open(path: &Path) -> StorageResult<Self> {
        Self::open_by(path, |file, length| {
            let Some(at) = length.checked_sub(FOOTER as u64) else {
                return Err(corrupt(format!("{} is cut off", path.display())));
            };
            let mut bytes = [0; FOOTER];
            read_at(file, path, &mut bytes, at)?;
            let footer = Footer::read(&bytes);
            if footer.fits(length) {
                Ok(footer)
            } else {
                Err(corrupt(format!("{} has a wrong length", path.display())))
            }
        })
    }

    /// Opens a pack. `footer` returns its footer, given the file and its length.
    pub(super) fn open_by(
        path: &Path,
        footer: impl FnOnce(&File, u64) -> StorageResult<Footer>,
    ) -> StorageResult<Self> {
        let file = File::open(path).map_err(path_error("opening", path))?;
        let length = file
            .metadata()
            .map_err(path_error("measuring", path))?
            .len();
        let footer = footer(&file, length)?;
        Ok(Self {
            records: RecordReader::new(file, path, footer.index),
            footer,
            length,
            fan_out: OnceLock::new(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.records.path()
    }

    /// Returns an intact copy of a body.
    ///
    /// The index contains only the beginnings of addresses, so a body of another address may be
    /// read first.
    pub(super) fn find(&self, search: &mut CopySearch) -> StorageResult<Option<VerifiedBytes>> {
        let prefix = Prefix::of(search.id);
        for (_, entry) in self.bucket(prefix)? {
            if entry.prefix != prefix {
                continue;
            }
            if let Some(bytes) = search.accept(self.records.read(entry.offset)?) {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Checks whether the index contains this address.
    pub(super) fn holds(&self, id: BlobId) -> StorageResult<bool> {
        let prefix = Prefix::of(id);
        let mut bucket = self.bucket(prefix)?.into_iter();
        Ok(bucket.any(|(_, entry)| entry.prefix == prefix))
    }

    /// Returns the entries among which a prefix would be, each with its position among all.
    pub(super) fn bucket(&self, prefix: Prefix) -> StorageResult<Vec<(usize, PackEntry)>> {
        let fan_out = self.fan_out()?;
        let bucket = prefix.leading(self.footer.bits);
        let up_to = |bucket: usize| {
            let bytes = fan_out.get(bucket * FAN..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize
        };
        let first = bucket.checked_sub(1).map_or(0, up_to);
        let end = up_to(bucket).min(self.footer.entries as usize);
        let mut bytes = vec![0; end.saturating_sub(first) * ENTRY];
        let entries = self.footer.index + self.footer.fan_out() as u64;
        self.records
            .read_at(&mut bytes, entries + (first * ENTRY) as u64)?;
        let (entries, _) = bytes.as_chunks();
        Ok((first..).zip(entries.iter().map(PackEntry::read)).collect())
    }

    fn fan_out(&self) -> StorageResult<&[u8]> {
        if let Some(fan_out) = self.fan_out.get() {
            return Ok(fan_out);
        }
        let mut bytes = vec![0; self.footer.fan_out()];
        self.records.read_at(&mut bytes, self.footer.index)?;
        Ok(self.fan_out.get_or_init(|| bytes))
    }

    /// Returns all entries, ascending by prefix. Fails if the index is damaged.
    pub(super) fn entries(&self) -> StorageResult<Vec<PackEntry>> {
        let bytes = self.length - self.footer.index;
        let mut bytes = vec![0; usize::try_from(bytes).unwrap_or(0)];
        self.records.read_at(&mut bytes, self.footer.index)?;
        let hashed = bytes.len() - FOOTER + HASHED_FOOTER;
        if blake3::hash(&bytes[..hashed]).as_bytes()[..] != bytes[hashed..] {
            let path = self.path().display();
            return Err(corrupt(format!("the index of {path} is damaged")));
        }
        let (entries, _) = bytes[self.footer.fan_out()..bytes.len() - FOOTER].as_chunks();
        Ok(entries.iter().map(PackEntry::read).collect())
    }
}
