//! A search for an intact copy of a body among its loose file and the packs.

use crate::model::id::BlobId;
use crate::model::verified_bytes::{HashMismatch, VerifiedBytes};
use crate::storage::StorageError;

/// The address of the body that is searched, and why no copy was intact so far.
#[derive(Debug)]
pub(super) struct CopySearch {
    pub(super) id: BlobId,
    /// Why a place that may contain a copy could not be read.
    pub(super) unread: Option<StorageError>,
    /// The last copy with another hash.
    mismatch: Option<HashMismatch>,
}

impl CopySearch {
    pub(super) fn of(id: BlobId) -> Self {
        Self {
            id,
            unread: None,
            mismatch: None,
        }
    }

    /// Returns the copy if it is intact; otherwise the search continues.
    pub(super) fn accept(&mut self, copy: Vec<u8>) -> Option<VerifiedBytes> {
        match VerifiedBytes::check(self.id, copy) {
            Ok(bytes) => Some(bytes),
            Err(mismatch) => {
                self.mismatch = Some(mismatch);
                None
            }
        }
    }

    /// Returns why the body cannot be read; `None` if there is no copy of it.
    ///
    /// A place that could not be read may contain an intact copy, so it takes precedence over a
    /// copy with another hash.
    pub(super) fn into_error(self) -> Option<StorageError> {
        self.unread.or_else(|| self.mismatch.map(Into::into))
    }
}
