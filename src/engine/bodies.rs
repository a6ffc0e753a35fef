//! Reading a body: from the journal or its place, and never unchecked.

use crate::backend::{Blobs, Snapshot, StoredBlob};
use crate::body::Body;
use crate::error::{Error, Result};
use crate::id::BlobId;

/// The body of this address, its bytes checked.
///
/// A body that is [`Damaged`](Error::Damaged) because it is missing may have been collected after the snapshot was
/// taken: the caller looks again in a newer one.
pub(crate) fn read_body(snapshot: &dyn Snapshot, blobs: &dyn Blobs, id: BlobId) -> Result<Body> {
    let damaged = |reason: &str| Error::Damaged {
        blob: id,
        reason: reason.into(),
    };
    let bytes = match snapshot.blob(id)? {
        Some(StoredBlob::Journaled(bytes)) => bytes,
        Some(StoredBlob::Settled(_)) => blobs.get(id)?.ok_or_else(|| damaged("its file is missing"))?,
        None => return Err(damaged("the index does not know it")),
    };
    if BlobId::of(&bytes) != id {
        return Err(damaged("its bytes are not those it was stored with"));
    }
    Body::from_store(id, bytes)
}
