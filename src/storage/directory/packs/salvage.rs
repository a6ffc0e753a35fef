//! Packs whose index is damaged. Their records are found by walking from the first to the last.

use std::path::Path;

use super::format::{Footer, GAP, MAGIC, PackEntry, PackHour, Prefix};
use super::pack::PackFile;
use super::records::RecordReader;
use crate::model::clock;
use crate::model::id::BlobId;
use crate::storage::StorageResult;

impl PackFile {
    /// Opens a pack whose end does not even show where its index is.
    pub(super) fn open_without_index(path: &Path) -> StorageResult<Self> {
        let footer = |index| Footer {
            index,
            entries: 0,
            bits: 0,
            bytes: 0,
        };
        Self::open_by(path, |_, length| Ok(footer(length)))
    }

    /// Returns the bodies that can be read without the index, ascending by offset.
    ///
    /// The walk continues as long as each record shows where the next one begins. Bytes after the
    /// last record may be taken for bodies, too. Their addresses are requested by no caller.
    pub(super) fn walk(&self) -> Vec<PackEntry> {
        let records = &self.records;
        // The times were in the index. No body must count as old.
        let written = PackHour::of(clock::system());
        let mut entries = Vec::new();
        let mut next = Some(MAGIC.len() as u64);
        while let Some(offset) = next.filter(|offset| *offset < records.end()) {
            next = end_of(records, offset);
            if let (Some(_), Ok(bytes)) = (next, records.read(offset)) {
                let prefix = Prefix::of(BlobId::of(&bytes));
                entries.push(PackEntry {
                    prefix,
                    offset,
                    written,
                });
            }
        }
        entries
    }
}

/// Returns the offset of the record after this one.
fn end_of(records: &RecordReader, offset: u64) -> Option<u64> {
    let header = records.header(offset).ok()?;
    let end = offset + (header.length + header.stored) as u64;
    if !header.is_dictionary() || end + GAP as u64 >= records.end() {
        return Some(end);
    }
    let mut gap = vec![0; GAP];
    records.read_at(&mut gap, end).ok()?;
    let is_gap = gap.iter().all(|byte| *byte == 0);
    Some(if is_gap { end + GAP as u64 } else { end })
}
