//! The result of a garbage collection.

use serde::{Deserialize, Serialize};

/// The result of a garbage collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GcSummary {
    /// Bodies without a live version that were removed.
    pub bodies: u64,
    /// Total size of those bodies in bytes.
    pub bytes: u64,
    /// Files without a row in the index that were removed.
    ///
    /// An interrupted garbage collection left them, or they are newer than an index that was
    /// restored from a copy.
    pub leftovers: u64,
    /// Requests whose recorded inputs were removed.
    ///
    /// Their version is deleted and its body was garbage-collected.
    pub inputs: u64,
    /// Bodies that were moved from files of their own into packs.
    pub packed: u64,
    /// Unreferenced bodies that were removed from packs, which freed their space on the disk.
    pub dropped: u64,
}
