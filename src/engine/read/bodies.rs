//! Reading of bodies from memory, the journal or the blob store, with their hash verified.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::read::lookup::version_label;
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::BlobId;
use crate::model::memory_size::ENTRY;
use crate::model::record::Version;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::{Blobs, Snapshot, StorageErrorKind, StoredBlob};

/// The bodies of a store, with a cache of those that were read.
///
/// A cached body never becomes stale, because an address always means the same bytes.
#[derive(Debug)]
pub(crate) struct BodyReader {
    blobs: Arc<dyn Blobs>,
    cache: Mutex<BodyCache>,
}

#[derive(Debug, Default)]
struct BodyCache {
    bodies: HashMap<BlobId, Body>,
    /// The memory that the cached bodies take, in bytes.
    bytes: usize,
}

/// The maximum size of the cache in bytes, parsed bodies included.
///
/// When a body would exceed it, the cache is cleared.
const MAX_CACHE_BYTES: usize = 32 * 1024 * 1024;

impl BodyReader {
    pub(crate) fn new(blobs: Arc<dyn Blobs>) -> Self {
        Self {
            blobs,
            cache: Mutex::default(),
        }
    }

    /// Returns a reader of the same bodies with a cache of its own.
    ///
    /// It is for work that reads many bodies once and should not fill the shared cache.
    pub(crate) fn apart(&self) -> Self {
        Self::new(Arc::clone(&self.blobs))
    }

    /// Returns the blob store.
    pub(crate) fn blobs(&self) -> &dyn Blobs {
        &*self.blobs
    }

    /// Reads the body with this address, which a version of this snapshot has.
    ///
    /// If the body is missing, the error is [`CorruptBody`](Error::CorruptBody). It may also have been
    /// garbage-collected after the snapshot was taken, so the caller tries again with a newer
    /// snapshot.
    pub(crate) fn read(&self, snapshot: &dyn Snapshot, id: BlobId) -> Result<Body> {
        self.read_by(id, || self.read_once(snapshot, id))
    }

    /// Returns a body from the cache, or else reads and caches it.
    fn read_by(&self, id: BlobId, read_once: impl FnOnce() -> Result<Body>) -> Result<Body> {
        if let Some(body) = self.remembered(id) {
            return Ok(body);
        }
        let body = read_once()?;
        // A body that would evict all others is not cached; its weight need not even be computed.
        if body.as_bytes().len() <= MAX_CACHE_BYTES {
            self.keep(&body);
        }
        Ok(body)
    }

    /// Reads the body of a version as [`read`](Self::read) does. An error names the version.
    pub(crate) fn read_of(&self, snapshot: &dyn Snapshot, version: &Version) -> Result<Body> {
        self.read_of_from(snapshot, version, None)
    }

    /// Reads a body as [`read_of`](Self::read_of) does, if its place is known from there.
    pub(crate) fn read_of_from(
        &self,
        snapshot: &dyn Snapshot,
        version: &Version,
        stored: Option<StoredBlob>,
    ) -> Result<Body> {
        let id = version.blob;
        let body = self.read_by(id, || match stored {
            Some(stored) => self.read_once_from(stored, id),
            None => self.read_once(snapshot, id),
        });
        body.map_err(|error| named_by(error, snapshot, version))
    }

    fn keep(&self, body: &Body) {
        // The weight includes the parsed JSON, because a reader of the cached body may parse it.
        let bytes = ENTRY + body.weight();
        let mut cache = self.cache();
        if cache.bytes + bytes > MAX_CACHE_BYTES {
            *cache = BodyCache::default();
        }
        if bytes <= MAX_CACHE_BYTES && cache.bodies.insert(body.id(), body.clone()).is_none() {
            cache.bytes += bytes;
        }
    }

    /// Reads a body as [`read`](Self::read) does, without the cache.
    pub(crate) fn read_once(&self, snapshot: &dyn Snapshot, id: BlobId) -> Result<Body> {
        Ok(Body::from_store(self.read_checked(snapshot, id)?)?)
    }

    /// Reads a body that is `stored` in this place, without the cache.
    pub(crate) fn read_once_from(&self, stored: StoredBlob, id: BlobId) -> Result<Body> {
        Ok(Body::from_store(self.check_stored(Some(stored), id)?)?)
    }

    /// Returns the body with this address if it is cached.
    pub(crate) fn remembered(&self, id: BlobId) -> Option<Body> {
        self.cache().bodies.get(&id).cloned()
    }

    /// Reads the bytes with this address and verifies their hash, without the cache.
    pub(crate) fn read_checked(
        &self,
        snapshot: &dyn Snapshot,
        id: BlobId,
    ) -> Result<VerifiedBytes> {
        self.check_stored(snapshot.blob(id)?, id)
    }

    /// Returns the bytes that the index or the blob store has of a body, verified.
    fn check_stored(&self, stored: Option<StoredBlob>, id: BlobId) -> Result<VerifiedBytes> {
        let damaged = |reason| Error::CorruptBody {
            blob: id,
            version: None,
            reason,
        };
        let mismatch = match stored {
            Some(StoredBlob::Journaled(bytes)) => match VerifiedBytes::check(id, bytes) {
                Ok(bytes) => return Ok(bytes),
                Err(mismatch) => Some(mismatch),
            },
            Some(StoredBlob::Settled(_)) => None,
            None => return Err(damaged("the index has no row for it".into())),
        };
        match self.blobs.get(id) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(damaged(mismatch.map_or_else(
                || "its file is missing".into(),
                |mismatch| mismatch.to_string(),
            ))),
            Err(error) if error.kind() == StorageErrorKind::Corrupt => {
                let mismatch = error.hash_mismatch();
                Err(damaged(mismatch.map_or_else(
                    || error.to_string(),
                    |mismatch| mismatch.to_string(),
                )))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn cache(&self) -> MutexGuard<'_, BodyCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds the version that has a corrupt body to an error.
fn named_by(error: Error, snapshot: &dyn Snapshot, version: &Version) -> Error {
    match error {
        Error::CorruptBody { blob, reason, .. } => Error::CorruptBody {
            blob,
            version: version_label(snapshot, version).ok(),
            reason,
        },
        error => error,
    }
}
