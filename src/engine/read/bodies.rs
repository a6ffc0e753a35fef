//! Reading a body: from memory, the journal or its place, and never unchecked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::BlobId;
use crate::model::memory_size::ENTRY;
use crate::storage::{Blobs, ErrorKind, Snapshot, StoredBlob};

/// The bodies of a store. Those that were read stay in memory: what an address stands for never changes.
#[derive(Debug)]
pub(crate) struct Bodies {
    blobs: Arc<dyn Blobs>,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    bodies: HashMap<BlobId, Body>,
    /// The memory that they take.
    bytes: usize,
}

const OTHER_BYTES: &str = "its bytes are not those it was stored with";

/// The memory of the bodies that are kept, parsed; when there is more, all are forgotten.
const MOST_BYTES: usize = 32 * 1024 * 1024;

impl Bodies {
    pub(crate) fn new(blobs: Arc<dyn Blobs>) -> Self {
        Self {
            blobs,
            cache: Mutex::default(),
        }
    }

    /// The same bodies, for work that reads many of them once: what it reads is not kept for others.
    pub(crate) fn apart(&self) -> Self {
        Self::new(Arc::clone(&self.blobs))
    }

    /// Where bodies lie once they are settled.
    pub(crate) fn blobs(&self) -> &dyn Blobs {
        &*self.blobs
    }

    /// The body of this address, which a version of this snapshot has.
    ///
    /// A body that is [`Damaged`](Error::Damaged) because it is missing may have been collected after the snapshot
    /// was taken: the caller looks again in a newer one.
    pub(crate) fn read(&self, snapshot: &dyn Snapshot, id: BlobId) -> Result<Body> {
        if let Some(body) = self.remembered(id) {
            return Ok(body);
        }
        let body = self.read_once(snapshot, id)?;
        // A large one, which would push out all others, is not even weighed.
        if body.as_bytes().len() <= MOST_BYTES {
            self.keep(&body);
        }
        Ok(body)
    }

    fn keep(&self, body: &Body) {
        // Who reads it from here parses it, perhaps.
        let bytes = ENTRY + body.weight();
        let mut cache = self.cache();
        if cache.bytes + bytes > MOST_BYTES {
            *cache = Cache::default();
        }
        if bytes <= MOST_BYTES && cache.bodies.insert(body.id(), body.clone()).is_none() {
            cache.bytes += bytes;
        }
    }

    /// As [`read`](Self::read), for what is not read again soon: it is neither looked for in memory nor kept there.
    pub(crate) fn read_once(&self, snapshot: &dyn Snapshot, id: BlobId) -> Result<Body> {
        Body::from_store(id, self.read_checked(snapshot, id)?)
    }

    /// The body of this address, if it is in memory.
    pub(crate) fn remembered(&self, id: BlobId) -> Option<Body> {
        self.cache().bodies.get(&id).cloned()
    }

    /// The bytes of this address, not kept in memory.
    pub(crate) fn read_checked(&self, snapshot: &dyn Snapshot, id: BlobId) -> Result<Vec<u8>> {
        let damaged = |reason: &str| Error::Damaged {
            blob: id,
            reason: reason.into(),
        };
        let is_sound = |bytes: &[u8]| BlobId::of(bytes) == id;
        let mut reason = match snapshot.blob(id)? {
            Some(StoredBlob::Journaled(bytes)) if is_sound(&bytes) => return Ok(bytes),
            Some(StoredBlob::Journaled(_)) => OTHER_BYTES,
            Some(StoredBlob::Settled(_)) => "its file is missing",
            None => return Err(damaged("the index does not know it")),
        };
        let mut sound = None;
        let got = self.blobs.get(id, &mut |bytes| {
            match is_sound(&bytes) {
                true => sound = Some(bytes),
                false => reason = OTHER_BYTES,
            }
            sound.is_some()
        });
        match got {
            Err(error) if error.kind() == ErrorKind::Corrupt => Err(damaged(&error.to_string())),
            Err(error) => Err(error.into()),
            Ok(_) => sound.ok_or_else(|| damaged(reason)),
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
