//! [`ObjectPack`], a pack that is being written: one object, or several if there are many bodies.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::mem;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::blobs::ObjectBlobs;
use super::frames::{NewObject, ObjectBuilder, read_body};
use super::placed_body::PlacedBody;
use super::reader::ReadBody;
use super::rows::{BegunObject, Publication};
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::postgres::blobs::PackLock;
use crate::storage::s3::StartedPut;
use crate::storage::{
    CompressionLevel, DeltaGroup, LockGuard, Pack, StorageError, StorageErrorKind, StorageResult,
};

/// The maximum total size of bodies that wait so that those of one delta group come together.
const MAX_PENDING_BYTES: usize = 4 * 1024 * 1024;
/// The maximum number of objects that are put at the same time.
const MAX_PUTS: usize = 4;

/// A pack that is being written.
///
/// If a caller waits for it and the object store does not answer, its bodies become rows of the
/// database instead, so that large changes are committed too. They move to objects later.
pub(super) struct ObjectPack<'a> {
    blobs: &'a ObjectBlobs,
    level: CompressionLevel,
    pending: Vec<(BlobId, Vec<u8>, DeltaGroup, DateTime<Utc>)>,
    pending_bytes: usize,
    builder: ObjectBuilder,
    puts: VecDeque<ObjectPut>,
    stored: Vec<BegunObject>,
    in_table: Vec<(BlobId, Vec<u8>, DateTime<Utc>)>,
    /// The lock of packs. It is taken before the first object is put.
    lock: Option<PackLock>,
}

/// An object that is being put.
struct ObjectPut {
    begun: BegunObject,
    bytes: Bytes,
    started: StorageResult<StartedPut>,
}

impl<'a> ObjectPack<'a> {
    pub(super) fn new(blobs: &'a ObjectBlobs, level: CompressionLevel) -> Self {
        Self {
            blobs,
            level,
            pending: Vec::new(),
            pending_bytes: 0,
            builder: ObjectBuilder::new(level),
            puts: VecDeque::new(),
            stored: Vec::new(),
            in_table: Vec::new(),
            lock: None,
        }
    }

    /// Adds the bodies that wait to objects, those of each delta group together.
    fn add_pending(&mut self) -> StorageResult<()> {
        let mut pending = mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let mut order = HashMap::new();
        for (_, _, group, _) in &pending {
            let next = order.len();
            order.entry(*group).or_insert(next);
        }
        pending.sort_by_key(|(_, _, group, _)| order.get(group).copied());
        for (id, bytes, group, written) in pending {
            self.builder.add(id, &bytes, group, written)?;
            if self.builder.is_full() {
                self.start_put()?;
            }
        }
        Ok(())
    }

    fn start_put(&mut self) -> StorageResult<()> {
        let Some(object) = self.builder.take()? else {
            return Ok(());
        };
        self.lock()?;
        if self.may_use_table()
            && let Some(failure) = self.blobs.bucket.recent_failure()
        {
            self.blobs.note_failure(&failure);
            return self.put_in_table(&object);
        }
        let bytes = object.bytes.clone();
        let begun = self.blobs.begin_object(object, None)?;
        self.blobs.steps.begin()?;
        let started = self.blobs.bucket.start_put(&begun.key, bytes.clone());
        self.puts.push_back(ObjectPut {
            begun,
            bytes,
            started,
        });
        while self.puts.len() >= MAX_PUTS {
            self.finish_put()?;
        }
        Ok(())
    }

    /// Waits for the object that is being put for the longest time.
    fn finish_put(&mut self) -> StorageResult<()> {
        let Some(put) = self.puts.pop_front() else {
            return Ok(());
        };
        match put
            .started
            .and_then(|started| self.blobs.bucket.finish_put(started))
        {
            Ok(()) => {
                self.stored.push(put.begun);
                Ok(())
            }
            Err(error) => {
                self.blobs.note_failure(&error.to_string());
                if !self.may_use_table() || error.kind() != StorageErrorKind::Busy {
                    return Err(error);
                }
                self.put_in_table(&NewObject {
                    bytes: put.bytes,
                    bodies: put.begun.bodies,
                })
            }
        }
    }

    /// Returns whether bodies may become rows, because a caller waits.
    fn may_use_table(&self) -> bool {
        self.level == CompressionLevel::Fast
    }

    fn put_in_table(&mut self, object: &NewObject) -> StorageResult<()> {
        for body in &object.bodies {
            let bytes = read_body(&object.bytes, body)?;
            self.in_table.push((body.id, bytes, body.written));
        }
        Ok(())
    }

    fn lock(&mut self) -> StorageResult<()> {
        if self.lock.is_none() {
            self.lock = Some(PackLock::take(
                &self.blobs.pool,
                self.blobs.locks.packs,
                self.blobs.limit,
            )?);
        }
        Ok(())
    }

    fn get_stored(&self, id: BlobId) -> StorageResult<Option<Vec<u8>>> {
        for object in &self.stored {
            let Some(body) = object.bodies.iter().find(|body| body.id == id) else {
                continue;
            };
            let placed = PlacedBody {
                object: object.number,
                key: object.key.clone(),
                object_size: 0,
                place: body.clone(),
            };
            return Ok(match self.blobs.reader.read(&self.blobs.bucket, &placed)? {
                ReadBody::Intact(body) => Some(body.into_bytes()),
                ReadBody::Missing => None,
            });
        }
        Ok(None)
    }
}

impl Pack for ObjectPack<'_> {
    fn add(
        &mut self,
        id: BlobId,
        bytes: &[u8],
        group: DeltaGroup,
        written: DateTime<Utc>,
    ) -> StorageResult<()> {
        self.pending_bytes += bytes.len();
        self.pending.push((id, bytes.to_vec(), group, written));
        if self.pending_bytes < MAX_PENDING_BYTES {
            return Ok(());
        }
        self.add_pending()
    }

    fn get(&mut self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let verified = |bytes: Vec<u8>| Ok(VerifiedBytes::check(id, bytes).ok());
        if let Some((_, bytes, ..)) = self.pending.iter().rev().find(|(added, ..)| *added == id) {
            return verified(bytes.clone());
        }
        if let Some(bytes) = self.builder.get(id)? {
            return verified(bytes);
        }
        for put in &self.puts {
            if let Some(body) = put.begun.bodies.iter().find(|body| body.id == id) {
                return verified(read_body(&put.bytes, body)?);
            }
        }
        if let Some((_, bytes, _)) = self.in_table.iter().find(|(added, ..)| *added == id) {
            return verified(bytes.clone());
        }
        self.get_stored(id)?.map_or(Ok(None), verified)
    }

    fn finish(mut self: Box<Self>) -> StorageResult<Box<dyn LockGuard>> {
        self.add_pending()?;
        self.start_put()?;
        while !self.puts.is_empty() {
            self.finish_put()?;
        }
        self.lock()?;
        self.blobs.publish(&Publication {
            objects: &self.stored,
            in_table: &self.in_table,
            ..Publication::default()
        })?;
        let lock = self.lock.take().ok_or_else(|| {
            StorageError::new(StorageErrorKind::Other, "the lock of packs is not held")
        })?;
        Ok(Box::new(lock))
    }
}

impl fmt::Debug for ObjectPack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectPack")
            .field("stored", &self.stored.len())
            .finish_non_exhaustive()
    }
}
