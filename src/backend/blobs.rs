//! The place of bodies at rest: a directory here, an object store elsewhere.

use std::fmt;

use super::Result;
use crate::id::BlobId;

/// Bodies by content address.
///
/// Which bodies exist is for the index to say; what lies here without a row there is left over from
/// an interrupted collection. A body is put here only while the index's journal still has its bytes,
/// so no method needs to be atomic with the index.
pub trait Blobs: Send + Sync + fmt::Debug {
    /// Puts a body in its place. Whole or not at all to every reader, and harmless if it is there
    /// already. It need not be durable until [`flush`](Self::flush).
    fn put(&self, id: BlobId, bytes: &[u8]) -> Result<()>;

    /// Makes bodies durable that this handle put. After an error none of them may be taken for durable, and
    /// a later success says nothing of them: they must be put again.
    fn flush(&self, ids: &[BlobId]) -> Result<()>;

    /// Reads a body as it lies there, or nothing where it is not. The caller checks its hash.
    fn get(&self, id: BlobId) -> Result<Option<Vec<u8>>>;

    /// Removes a body if it is there; only while [`hold_all`](Self::hold_all) is held.
    fn delete(&self, id: BlobId) -> Result<()>;

    /// Visits every address that has a body, in no particular order.
    fn list(&self, visit: &mut dyn FnMut(BlobId) -> Result<()>) -> Result<()>;

    /// Removes what interrupted writers left half-made; only while [`hold_all`](Self::hold_all) is held.
    fn sweep(&self) -> Result<()>;

    /// The side of the lock that settling takes: held from the look into the journal until the bodies are here
    /// and, where they are flushed, their journal rows are dropped. Waits for the other side, and, where a put could
    /// replace what another flushed, for all others on this one.
    fn hold(&self) -> Result<Box<dyn Hold + '_>>;

    /// The exclusive side: held from making sure that no row names a body until it is removed. Waits.
    fn hold_all(&self) -> Result<Box<dyn Hold + '_>>;
}

/// A lock that is held until it is dropped.
pub trait Hold: fmt::Debug {}
