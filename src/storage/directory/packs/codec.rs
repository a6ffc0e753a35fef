//! Compression of single bodies, alone or against a base.

use std::cell::RefCell;

// `zstd::bulk` would make a new dictionary for each base.
use zstd::zstd_safe::{CCtx, DCtx, SafeResult, compress_bound, get_error_name};

use super::dictionary::Dictionary;
use super::format::{Header, corrupt};
use crate::storage::{CompressionLevel, StorageError, StorageErrorKind, StorageResult};

/// The magic number that begins every zstd frame. Records omit it.
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// A higher level saves less than a hundredth on bodies with a base, and costs ten times as much.
const FAST: i32 = 1;
const BEST: i32 = 12;

/// A compressor of bodies.
pub(super) struct Encoder {
    context: CCtx<'static>,
    level: i32,
    frame: Vec<u8>,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    pub(super) fn new(level: CompressionLevel) -> Self {
        Self {
            context: CCtx::create(),
            level: match level {
                CompressionLevel::Fast => FAST,
                CompressionLevel::Best => BEST,
            },
            frame: Vec::new(),
        }
    }

    /// Returns the compression level.
    pub(super) fn level(&self) -> i32 {
        self.level
    }

    /// Returns the stored form of a body, compressed against `base` if there is one.
    pub(super) fn encode(&mut self, body: &[u8], base: Option<&[u8]>) -> StorageResult<&[u8]> {
        let (base, level) = (base.unwrap_or_default(), self.level);
        self.frame(body, |context, frame| {
            context.compress_using_dict(frame, body, base, level)
        })
    }

    /// Returns the stored form of a body that has a dictionary as its base.
    pub(super) fn encode_by(
        &mut self,
        body: &[u8],
        dictionary: &Dictionary,
    ) -> StorageResult<&[u8]> {
        self.frame(body, |context, frame| {
            context.compress_using_cdict(frame, body, &dictionary.digested)
        })
    }

    fn frame(
        &mut self,
        body: &[u8],
        compress: impl FnOnce(&mut CCtx<'static>, &mut Vec<u8>) -> SafeResult,
    ) -> StorageResult<&[u8]> {
        self.frame.clear();
        self.frame.reserve(compress_bound(body.len()));
        compress(&mut self.context, &mut self.frame).map_err(|code| {
            let reason = format!("compressing a body: {}", get_error_name(code));
            StorageError::new(StorageErrorKind::Other, reason)
        })?;
        Ok(self.frame.strip_prefix(&MAGIC).unwrap_or(&self.frame))
    }
}

/// Returns the body that `stored` is the stored form of.
pub(super) fn decode(header: Header, stored: &[u8], base: Option<&[u8]>) -> StorageResult<Vec<u8>> {
    if header.is_plain() {
        return Ok(stored.to_vec());
    }
    let mut body = Vec::new();
    // In a damaged file, the size may be any number.
    body.try_reserve_exact(header.size).map_err(|error| {
        StorageError::new(StorageErrorKind::Other, "allocating memory for a body").because(error)
    })?;
    DECODER.with_borrow_mut(|(context, frame)| {
        frame.clear();
        frame.extend_from_slice(&MAGIC);
        frame.extend_from_slice(stored);
        context
            .decompress_using_dict(&mut body, frame, base.unwrap_or_default())
            .map_err(|code| {
                corrupt(format!(
                    "a body in a pack cannot be decompressed: {}",
                    get_error_name(code)
                ))
            })
    })?;
    if body.len() == header.size {
        Ok(body)
    } else {
        Err(corrupt(
            "a body in a pack does not have the size in its header",
        ))
    }
}

thread_local! {
    /// A context costs more than a small body.
    static DECODER: RefCell<(DCtx<'static>, Vec<u8>)> = RefCell::new((DCtx::create(), Vec::new()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_decoded_and_damage_is_reported() {
        let base = b"{\"messages\": [\"how are you\"]}".repeat(40);
        let mut body = base.clone();
        body.extend_from_slice(b" ");
        let mut encoder = Encoder::new(CompressionLevel::Fast);
        for base in [None, Some(&base[..])] {
            let stored = encoder.encode(&body, base).unwrap().to_vec();
            assert!(stored.len() < 100, "{} bytes", stored.len());
            let header = Header {
                size: body.len(),
                back: u64::from(base.is_some()),
                stored: stored.len(),
                length: 0,
            };
            assert_eq!(decode(header, &stored, base).unwrap(), body);
            let shorter = Header {
                size: body.len() - 1,
                ..header
            };
            assert!(decode(shorter, &stored, base).is_err());
            assert!(decode(header, &stored[1..], base).is_err());
        }
    }
}
