//! The reads of bodies: where each one is stored, and which ones are unreferenced.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};

use crate::model::id::BlobId;
use crate::storage::StorageResult;

/// A callback that receives a body's address, its place, and the number of its live versions.
///
/// It returns whether to continue.
pub type BlobVisitor<'a> = dyn FnMut(BlobId, StoredBlob, u64) -> ControlFlow<()> + 'a;

/// Reads of bodies: where each one is stored, and which ones are unreferenced.
///
/// # Errors
///
/// As those of a [`Snapshot`](crate::storage::Snapshot), which has these methods too.
pub trait BodyReads {
    /// Returns where a body is stored.
    ///
    /// The answer is `None` if the body was never stored, or was removed by garbage collection.
    fn blob(&self, id: BlobId) -> StorageResult<Option<StoredBlob>>;

    /// Returns the number and the total size of the bodies in the journal.
    fn waiting(&self) -> StorageResult<OldestJournaled>;

    /// Returns journaled bodies by ascending position, starting above `after`.
    ///
    /// The answer contains at least one body if any is left, and as many more as keep the total
    /// size within `bytes` bytes.
    ///
    /// Positions are greater than 0. A body that was never stored before comes after all others. A
    /// body that was forgotten and is put again may return to its previous position.
    fn journal(&self, after: u64, bytes: usize) -> StorageResult<Vec<JournaledBodies>>;

    /// Returns at most `limit` bodies that are unreferenced for as long as `unused` requires.
    fn unreferenced(
        &self,
        unused: ReleasedBefore,
        limit: usize,
    ) -> StorageResult<Vec<Unreferenced>>;

    /// Visits every stored body, with the number of live versions that use it.
    ///
    /// It ends early if the visitor stops.
    fn each_blob(&self, visit: &mut BlobVisitor<'_>) -> StorageResult<()>;
}

/// The place of a body's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredBlob {
    /// In the journal, with these bytes.
    Journaled(Vec<u8>),
    /// In the blob store, with this size in bytes.
    Settled(u64),
}

impl StoredBlob {
    /// Returns the body's size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Journaled(bytes) => bytes.len() as u64,
            Self::Settled(size) => *size,
        }
    }
}

/// The amount of bodies in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OldestJournaled {
    /// The number of bodies.
    pub bodies: u64,
    /// Their total size in bytes.
    pub bytes: u64,
}

/// A body in the journal, which a checkpoint moves to the blob store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournaledBodies {
    /// Its position in the journal.
    pub position: u64,
    /// The body's address.
    pub id: BlobId,
    /// The body's bytes.
    pub bytes: Vec<u8>,
}

/// A condition on how long a body has been unreferenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleasedBefore {
    /// Its last live version was deleted at this time or before it, by the clock,
    pub since: DateTime<Utc>,
    /// and by an operation with a lower number than this.
    pub before: u64,
}

impl ReleasedBefore {
    /// Returns the condition that a body is unreferenced since a time, by any operation.
    #[must_use]
    pub const fn since(moment: DateTime<Utc>) -> Self {
        Self {
            since: moment,
            before: u64::MAX,
        }
    }
}

/// A body that garbage collection may remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreferenced {
    /// The body's address.
    pub id: BlobId,
    /// The body's size in bytes.
    pub size: u64,
}
