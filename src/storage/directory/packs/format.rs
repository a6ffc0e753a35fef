//! The format of a pack file.
//!
//! ```text
//! magic    8 bytes: "PmBkPck1"
//! records  one after another
//! fan-out  2^bits numbers of 4 bytes: the number of entries whose address begins with these bits
//!          or lower ones
//! entries  14 bytes each, ascending: the first 6 bytes of the address, the offset of the record
//!          (5 bytes), the time when the body was written: hours since 1970, rounded up (3 bytes)
//! footer   64 bytes: offset of the fan-out (8 bytes), number of entries (4), bits (1), zeros (3),
//!          total size of all bodies (8), zeros (8), BLAKE3 of fan-out, entries and the footer so
//!          far (32)
//! ```
//!
//! Numbers are little-endian. The file's name is the BLAKE3 of the whole file. A record:
//!
//! ```text
//! size     varint (LEB128): size of the body in bytes
//! back     varint: 0, or the number of bytes by which its base, another record, begins before this
//!          one; 1 in a dictionary
//! stored   varint: number of bytes that follow
//! bytes    the body unchanged, if there are `size` bytes and no base; otherwise a zstd frame
//!          without its magic number, whose prefix is the body of the base
//! ```
//!
//! A dictionary is not a body and has no entry. It is the base of full bodies, is stored as a zstd
//! frame without a base, and contains the BLAKE3 of its text before the text. The dictionary that
//! bodies refer to has a copy before it, with 4,096 zeros in between, so that the loss of one disk
//! sector affects only one of them.
//!
//! Distances are relative, so records can be copied to another pack unchanged. A body that was read
//! is checked against its whole address: the six bytes in an entry only show where to look.

use chrono::{DateTime, Utc};

use crate::model::body::Body;
use crate::model::id::BlobId;
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

pub(super) const MAGIC: &[u8; 8] = b"PmBkPck1";
pub(super) const FOOTER: usize = 64;
/// The part of the footer that its hash covers.
pub(super) const HASHED_FOOTER: usize = FOOTER - 32;
pub(super) const ENTRY: usize = 14;
pub(super) const FAN: usize = 4;
/// The value of `back` in a dictionary. It is never a distance, because no record is that short.
pub(super) const DICTIONARY: u64 = 1;
/// Number of zeros between a dictionary and its copy.
pub(super) const GAP: usize = 4096;
/// Maximum size of a record's header.
pub(super) const MAX_HEADER: usize = 30;
/// Maximum average number of entries that begin with the same bits.
const BUCKET: usize = 8;
const MAX_BITS: u8 = 24;

/// The part of an address that a pack's index contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prefix([u8; 6]);

impl Prefix {
    pub(super) fn of(id: BlobId) -> Self {
        let [a, b, c, d, e, f, ..] = *id.as_bytes();
        Self([a, b, c, d, e, f])
    }

    /// Returns the first `bits` bits as a number.
    pub(super) fn leading(self, bits: u8) -> usize {
        let [a, b, c, d, ..] = self.0;
        let leading = u64::from(u32::from_be_bytes([a, b, c, d])) >> (32 - bits.min(MAX_BITS));
        usize::try_from(leading).unwrap_or(0)
    }
}

/// The hour by which a body was written to the store, to a loose file or to another pack.
///
/// It does not change when the body is moved to another pack, or when packs are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackHour(u32);

impl PackHour {
    const SECONDS: i64 = 60 * 60;
    const MAX: u32 = (1 << 24) - 1;

    pub(super) fn of(written: DateTime<Utc>) -> Self {
        let hours = written.timestamp().div_euclid(Self::SECONDS) + 1;
        let hours = u32::try_from(hours.max(0)).unwrap_or(Self::MAX);
        Self(hours.min(Self::MAX))
    }

    /// Checks whether the body may have been written after a moment.
    pub(super) fn is_after(self, moment: DateTime<Utc>) -> bool {
        i64::from(self.0) * Self::SECONDS > moment.timestamp()
    }
}

/// An entry of the index: the offset of a body's record, and when the body was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackEntry {
    pub(super) prefix: Prefix,
    pub(super) offset: u64,
    pub(super) written: PackHour,
}

impl PackEntry {
    pub(super) fn write(self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.prefix.0);
        to.extend_from_slice(&self.offset.to_le_bytes()[..5]);
        to.extend_from_slice(&self.written.0.to_le_bytes()[..3]);
    }

    pub(super) fn read(from: &[u8; ENTRY]) -> Self {
        let [a, b, c, d, e, f, v, w, x, y, z, g, h, i] = *from;
        Self {
            prefix: Prefix([a, b, c, d, e, f]),
            offset: u64::from_le_bytes([v, w, x, y, z, 0, 0, 0]),
            written: PackHour(u32::from_le_bytes([g, h, i, 0])),
        }
    }
}

/// Returns the number of leading bits that distinguish the buckets of this number of entries.
pub(super) fn bits_for(entries: usize) -> u8 {
    let buckets = entries.div_ceil(BUCKET).max(1).next_power_of_two();
    u8::try_from(buckets.trailing_zeros())
        .unwrap_or(MAX_BITS)
        .min(MAX_BITS)
}

/// The end of a pack, from which the other parts are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    /// Offset at which the records end and the fan-out begins.
    pub(super) index: u64,
    pub(super) entries: u32,
    pub(super) bits: u8,
    /// Total size of all bodies in bytes.
    pub(super) bytes: u64,
}

impl Footer {
    /// Returns the part that is hashed.
    pub(super) fn write(self) -> [u8; HASHED_FOOTER] {
        let mut footer = [0; HASHED_FOOTER];
        footer[..8].copy_from_slice(&self.index.to_le_bytes());
        footer[8..12].copy_from_slice(&self.entries.to_le_bytes());
        footer[12] = self.bits;
        footer[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        footer
    }

    pub(super) fn read(from: &[u8; FOOTER]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, bits, rest @ ..] = *from;
        let [_, _, _, m, n, o, p, q, r, s, t, ..] = rest;
        Self {
            index: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            entries: u32::from_le_bytes([i, j, k, l]),
            bits,
            bytes: u64::from_le_bytes([m, n, o, p, q, r, s, t]),
        }
    }

    /// Returns the size of the fan-out in bytes.
    pub(super) fn fan_out(self) -> usize {
        FAN << self.bits.min(MAX_BITS)
    }

    /// Checks whether this is the footer of a file of this length.
    pub(super) fn fits(self, length: u64) -> bool {
        let entries = u64::from(self.entries) * ENTRY as u64;
        let rest = self.fan_out() as u64 + entries + FOOTER as u64;
        self.bits <= MAX_BITS
            && self.index >= MAGIC.len() as u64
            && self.index.checked_add(rest) == Some(length)
    }
}

/// The part of a record before its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) size: usize,
    pub(super) back: u64,
    pub(super) stored: usize,
    /// Size of the header itself in bytes.
    pub(super) length: usize,
}

impl Header {
    /// Checks whether the body is stored unchanged.
    pub(super) fn is_plain(self) -> bool {
        self.back == 0 && self.stored == self.size
    }

    pub(super) fn is_dictionary(self) -> bool {
        self.back == DICTIONARY
    }

    /// Returns the number of bytes by which the base begins before this record, if there is one.
    pub(super) fn base(self) -> Option<u64> {
        (self.back > DICTIONARY).then_some(self.back)
    }

    pub(super) fn write(size: usize, back: u64, stored: usize, to: &mut Vec<u8>) {
        write_varint(size as u64, to);
        write_varint(back, to);
        write_varint(stored as u64, to);
    }

    /// Parses the header at the start of `bytes`, which may end within it at the end of the file.
    pub(super) fn read(bytes: &[u8]) -> StorageResult<Self> {
        let mut rest = bytes;
        let mut next = || read_varint(&mut rest);
        let (size, back, stored) = (next(), next(), next());
        let small = |number: Option<u64>| {
            let number = usize::try_from(number?).ok()?;
            (number <= Body::MAX_BYTES).then_some(number)
        };
        match (small(size), back, small(stored)) {
            (Some(size), Some(back), Some(stored)) => Ok(Self {
                size,
                back,
                stored,
                length: bytes.len() - rest.len(),
            }),
            _ => Err(corrupt("a record of a pack has an invalid header")),
        }
    }
}

fn write_varint(mut number: u64, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    to.push(u8::try_from(number).unwrap_or(0));
}

fn read_varint(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub(super) fn corrupt(reason: impl Into<String>) -> StorageError {
    StorageError::new(StorageErrorKind::Corrupt, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for number in [0, 1, 127, 128, 300, 1 << 20, (1 << 62) + 5] {
            let mut bytes = Vec::new();
            write_varint(number, &mut bytes);
            let mut rest = &bytes[..];
            assert_eq!((read_varint(&mut rest), rest.len()), (Some(number), 0));
            assert_eq!(read_varint(&mut &bytes[..bytes.len() - 1]), None, "cut off");
        }
        assert_eq!(read_varint(&mut &[0xff; 20][..]), None, "without an end");
    }

    #[test]
    fn entries_and_footers_round_trip() {
        let id = BlobId::of(b"{}");
        let entry = PackEntry {
            prefix: Prefix::of(id),
            offset: (1 << 39) + 7,
            written: PackHour(PackHour::MAX - 1),
        };
        let mut bytes = Vec::new();
        entry.write(&mut bytes);
        assert_eq!(PackEntry::read(bytes.first_chunk().unwrap()), entry);
        let footer = Footer {
            index: 4711,
            entries: 12,
            bits: 1,
            bytes: 1 << 40,
        };
        let mut bytes = [0; FOOTER];
        bytes[..HASHED_FOOTER].copy_from_slice(&footer.write());
        assert_eq!(Footer::read(&bytes), footer);
        assert!(footer.fits(4711 + 8 + 12 * 14 + 64) && !footer.fits(4711 + 8 + 12 * 14 + 63));
    }

    /// A body never counts as older than it is, whatever the minute of the hour.
    #[test]
    fn hours_are_rounded_up() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let written = at("2026-01-01T10:20:30Z");
        assert!(PackHour::of(written).is_after(written));
        assert!(PackHour::of(written).is_after(at("2026-01-01T10:59:59Z")));
        assert!(!PackHour::of(written).is_after(at("2026-01-01T11:00:00Z")));
        assert!(!PackHour::of(at("1960-01-01T00:00:00Z")).is_after(DateTime::UNIX_EPOCH));
        let [first, last] = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC];
        assert_eq!(
            (PackHour::of(first), PackHour::of(last)),
            (PackHour(0), PackHour(PackHour::MAX))
        );
        assert!(PackHour(0).is_after(first) && !PackHour(PackHour::MAX).is_after(last));
    }

    #[test]
    fn buckets_are_small() {
        for entries in [0, 1, 8, 9, 1000, 1 << 20] {
            let buckets = 1_usize << bits_for(entries);
            assert!(entries.div_ceil(buckets) <= BUCKET && buckets <= entries.max(1));
        }
    }

    #[test]
    fn an_invalid_record_is_refused() {
        let mut bytes = Vec::new();
        Header::write(usize::MAX >> 1, 0, 1, &mut bytes);
        assert!(Header::read(&bytes).is_err(), "larger than any body");
        assert!(Header::read(&[0x80]).is_err(), "cut off");
    }
}
