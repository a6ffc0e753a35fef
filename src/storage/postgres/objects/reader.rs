//! Reading of bodies in objects: one request for a frame, or fewer if frames are read in order.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::frames::{FramePlace, decode, slice};
use super::placed_body::PlacedBody;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::StorageResult;
use crate::storage::s3::Bucket;

/// The maximum total size of the frames that are kept, uncompressed.
const MAX_CACHED_BYTES: usize = 16 * 1024 * 1024;
/// The maximum number of bytes that are requested at once if frames are read in order.
const MAX_WINDOW_BYTES: u64 = 4 * 1024 * 1024;

/// The frames that a handle read last.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    cache: Mutex<FrameCache>,
    window: Mutex<Option<ObjectWindow>>,
}

/// A body in an object.
#[derive(Debug)]
pub(super) enum ReadBody {
    Intact(VerifiedBytes),
    /// The object does not exist.
    Missing,
}

/// A part of an object in memory.
#[derive(Clone, Debug)]
struct ObjectWindow {
    object: i64,
    begin: u64,
    bytes: Bytes,
}

impl FrameReader {
    /// Returns a body.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::storage::StorageErrorKind::Corrupt) if the bytes have another hash, also when they are
    /// requested again.
    pub(super) fn read(&self, bucket: &Bucket, body: &PlacedBody) -> StorageResult<ReadBody> {
        match self.read_once(bucket, body) {
            Err(error) if error.kind() == crate::storage::StorageErrorKind::Corrupt => {
                // What is in memory may be what was damaged on the way.
                self.forget(body);
                self.read_once(bucket, body)
            }
            read => read,
        }
    }

    fn read_once(&self, bucket: &Bucket, body: &PlacedBody) -> StorageResult<ReadBody> {
        let Some(frame) = self.frame(bucket, body)? else {
            return Ok(ReadBody::Missing);
        };
        let bytes = slice(&frame, &body.place).unwrap_or_default();
        Ok(ReadBody::Intact(VerifiedBytes::check(
            body.place.id,
            bytes.to_vec(),
        )?))
    }

    fn frame(&self, bucket: &Bucket, body: &PlacedBody) -> StorageResult<Option<Arc<[u8]>>> {
        let (key, place) = ((body.object, body.place.frame.begin), body.place.frame);
        let cached = self.cache().frames.get(&key).cloned();
        if let Some(frame) = cached {
            return Ok(Some(frame));
        }
        let Some(stored) = self.stored(bucket, body)? else {
            return Ok(None);
        };
        let frame: Arc<[u8]> = decode(&stored, place)?.into();
        self.cache().keep(key, Arc::clone(&frame));
        Ok(Some(frame))
    }

    /// Returns the bytes of a frame as they are in the object.
    ///
    /// If the frame follows what was read before, twice as much is requested.
    fn stored(&self, bucket: &Bucket, body: &PlacedBody) -> StorageResult<Option<Bytes>> {
        let place = body.place.frame;
        let before = self
            .window
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let before = before.filter(|window| window.object == body.object);
        if let Some(bytes) = before.as_ref().and_then(|window| window.part(place)) {
            return Ok(Some(bytes));
        }
        let twice = before
            .filter(|window| window.begin + window.bytes.len() as u64 == place.begin)
            .map_or(0, |window| 2 * window.bytes.len() as u64);
        let length = place.stored.max(twice.min(MAX_WINDOW_BYTES));
        let end = (place.begin + length).min(body.object_size.max(place.begin + place.stored));
        let Some(bytes) = bucket.get(&body.key, place.begin..end)? else {
            return Ok(None);
        };
        let window = ObjectWindow {
            object: body.object,
            begin: place.begin,
            bytes,
        };
        let part = window.part(place);
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = Some(window);
        Ok(part)
    }

    /// Forgets what is in memory of the frame of a body.
    fn forget(&self, body: &PlacedBody) {
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.cache().remove((body.object, body.place.frame.begin));
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, FrameCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ObjectWindow {
    /// Returns the bytes of a frame, if it is in this part.
    fn part(&self, frame: FramePlace) -> Option<Bytes> {
        let from = usize::try_from(frame.begin.checked_sub(self.begin)?).ok()?;
        let to = from.checked_add(usize::try_from(frame.stored).ok()?)?;
        (to <= self.bytes.len()).then(|| self.bytes.slice(from..to))
    }
}

/// An object and the beginning of a frame in it.
type FrameKey = (i64, u64);

#[derive(Debug, Default)]
struct FrameCache {
    frames: HashMap<FrameKey, Arc<[u8]>>,
    /// The keys in the order in which they were added.
    order: VecDeque<FrameKey>,
    bytes: usize,
}

impl FrameCache {
    fn keep(&mut self, key: FrameKey, frame: Arc<[u8]>) {
        self.bytes += frame.len();
        if let Some(old) = self.frames.insert(key, frame) {
            self.bytes -= old.len();
        } else {
            self.order.push_back(key);
        }
        while self.bytes > MAX_CACHED_BYTES
            && let Some(first) = self.order.front().copied()
        {
            self.remove(first);
        }
    }

    fn remove(&mut self, key: FrameKey) {
        if let Some(frame) = self.frames.remove(&key) {
            self.bytes -= frame.len();
            self.order.retain(|other| *other != key);
        }
    }
}
