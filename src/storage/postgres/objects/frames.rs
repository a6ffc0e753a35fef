//! The contents of an object: frames, each of which contains similar bodies compressed together.
//!
//! An object has no header: the rows of the schema say where each frame and each body is.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::model::id::BlobId;
use crate::storage::{CompressionLevel, DeltaGroup, StorageError, StorageErrorKind, StorageResult};

/// The size of a frame, uncompressed, from which it gets no further body.
///
/// Reading a body reads its frame, so a larger frame costs time, and a smaller one costs space.
const MAX_FRAME_BYTES: usize = 64 * 1024;
/// The size of a frame, uncompressed, up to which it gets bodies of another delta group.
const MIN_FRAME_BYTES: usize = 8 * 1024;
/// The size from which an object gets no further frame.
pub(super) const MAX_OBJECT_BYTES: usize = 8 * 1024 * 1024;

const FAST: i32 = 3;
const BEST: i32 = 12;

/// The place of a body in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BodyPlace {
    pub(super) id: BlobId,
    pub(super) frame: FramePlace,
    /// Where the body begins in its frame.
    pub(super) start: u64,
    pub(super) size: u64,
    pub(super) written: DateTime<Utc>,
}

/// The place of a frame in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FramePlace {
    pub(super) begin: u64,
    /// Its length in the object.
    pub(super) stored: u64,
    /// Its length uncompressed. If it is equal, the frame is not compressed.
    pub(super) size: u64,
}

/// An object that is complete, and not stored yet.
#[derive(Clone, Debug)]
pub(super) struct NewObject {
    pub(super) bytes: Bytes,
    pub(super) bodies: Vec<BodyPlace>,
}

/// The writer of an object in memory.
#[derive(Debug)]
pub(super) struct ObjectBuilder {
    level: i32,
    stored: Vec<u8>,
    bodies: Vec<BodyPlace>,
    /// The frame that is being filled. Its bodies are the last ones.
    frame: Vec<u8>,
    first_of_frame: usize,
    group: Option<DeltaGroup>,
}

impl ObjectBuilder {
    pub(super) fn new(level: CompressionLevel) -> Self {
        Self {
            level: match level {
                CompressionLevel::Fast => FAST,
                CompressionLevel::Best => BEST,
            },
            stored: Vec::new(),
            bodies: Vec::new(),
            frame: Vec::new(),
            first_of_frame: 0,
            group: None,
        }
    }

    /// Returns whether the object is so large that it should be put.
    pub(super) fn is_full(&self) -> bool {
        self.stored.len() >= MAX_OBJECT_BYTES
    }

    /// Adds a body. Bodies of one delta group that come one after another share a frame.
    pub(super) fn add(
        &mut self,
        id: BlobId,
        bytes: &[u8],
        group: DeltaGroup,
        written: DateTime<Utc>,
    ) -> StorageResult<()> {
        let is_other = self.group != Some(group);
        let length = self.frame.len();
        if length + bytes.len() > MAX_FRAME_BYTES || is_other && length >= MIN_FRAME_BYTES {
            self.end_frame()?;
        }
        self.group = Some(group);
        self.bodies.push(BodyPlace {
            id,
            frame: FramePlace {
                begin: self.stored.len() as u64,
                stored: 0,
                size: 0,
            },
            start: self.frame.len() as u64,
            size: bytes.len() as u64,
            written,
        });
        self.frame.extend_from_slice(bytes);
        Ok(())
    }

    fn end_frame(&mut self) -> StorageResult<()> {
        if self.first_of_frame == self.bodies.len() {
            return Ok(());
        }
        let compressed = compress(&self.frame, self.level)?;
        let stored = if compressed.len() < self.frame.len() {
            &compressed
        } else {
            &self.frame
        };
        let frame = FramePlace {
            begin: self.stored.len() as u64,
            stored: stored.len() as u64,
            size: self.frame.len() as u64,
        };
        self.stored.extend_from_slice(stored);
        for body in &mut self.bodies[self.first_of_frame..] {
            body.frame = frame;
        }
        self.frame.clear();
        self.first_of_frame = self.bodies.len();
        Ok(())
    }

    /// Returns a body that was added last among those of its address.
    pub(super) fn get(&self, id: BlobId) -> StorageResult<Option<Vec<u8>>> {
        let Some(number) = self.bodies.iter().rposition(|body| body.id == id) else {
            return Ok(None);
        };
        let body = &self.bodies[number];
        if number >= self.first_of_frame {
            return Ok(slice(&self.frame, body).map(<[u8]>::to_vec));
        }
        read_body(&self.stored, body).map(Some)
    }

    /// Returns the object, and begins another one. Returns `None` if no body was added.
    pub(super) fn take(&mut self) -> StorageResult<Option<NewObject>> {
        self.end_frame()?;
        self.group = None;
        self.first_of_frame = 0;
        let bodies = std::mem::take(&mut self.bodies);
        let bytes = Bytes::from(std::mem::take(&mut self.stored));
        Ok((!bodies.is_empty()).then_some(NewObject { bytes, bodies }))
    }
}

/// Returns a body from the bytes of its whole object.
pub(super) fn read_body(object: &[u8], body: &BodyPlace) -> StorageResult<Vec<u8>> {
    let begin = usize::try_from(body.frame.begin).unwrap_or(usize::MAX);
    let end = begin.saturating_add(usize::try_from(body.frame.stored).unwrap_or(usize::MAX));
    let stored = object
        .get(begin..end)
        .ok_or_else(|| corrupt("an object is too short"))?;
    let frame = decode(stored, body.frame)?;
    let bytes = slice(&frame, body).ok_or_else(|| corrupt("a frame is too short"))?;
    Ok(bytes.to_vec())
}

/// Returns the body in the bytes of its frame.
pub(super) fn slice<'a>(frame: &'a [u8], body: &BodyPlace) -> Option<&'a [u8]> {
    let start = usize::try_from(body.start).ok()?;
    frame.get(start..start.checked_add(usize::try_from(body.size).ok()?)?)
}

/// Returns the contents of a frame.
pub(super) fn decode(stored: &[u8], place: FramePlace) -> StorageResult<Vec<u8>> {
    if place.stored == place.size {
        return Ok(stored.to_vec());
    }
    let size = usize::try_from(place.size).unwrap_or(usize::MAX);
    let decoded = zstd::bulk::decompress(stored, size);
    decoded.map_err(|error| corrupt("a frame of an object cannot be decompressed").because(error))
}

fn compress(bytes: &[u8], level: i32) -> StorageResult<Vec<u8>> {
    let compressed = zstd::bulk::compress(bytes, level);
    compressed.map_err(|error| {
        StorageError::new(StorageErrorKind::Other, "compressing bodies").because(error)
    })
}

fn corrupt(reason: &str) -> StorageError {
    StorageError::new(StorageErrorKind::Corrupt, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;

    #[test]
    fn bodies_round_trip() {
        let texts: Vec<Vec<u8>> = (0..200_usize)
            .map(|n| format!("{n} {}", "similar text ".repeat(n * n % 977)).into_bytes())
            .chain([vec![], vec![7; 300_000]])
            .collect();
        let mut builder = ObjectBuilder::new(CompressionLevel::Fast);
        for (n, text) in texts.iter().enumerate() {
            let group = DeltaGroup(n as u64 / 50);
            builder
                .add(BlobId::of(text), text, group, clock::system())
                .unwrap();
        }
        for text in &texts {
            assert_eq!(builder.get(BlobId::of(text)).unwrap().as_ref(), Some(text));
        }
        let object = builder.take().unwrap().unwrap();
        assert!(builder.take().unwrap().is_none());
        let total: usize = texts.iter().map(Vec::len).sum();
        assert!(
            object.bytes.len() < total / 10,
            "{} of {total}",
            object.bytes.len()
        );
        for (body, text) in object.bodies.iter().zip(&texts) {
            assert_eq!(&read_body(&object.bytes, body).unwrap(), text);
        }
    }
}
