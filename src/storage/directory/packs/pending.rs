//! [`PendingRecord`], a body that is to be added to a pack.

use super::format::PackHour;
use crate::model::id::BlobId;
use crate::storage::DeltaGroup;

/// A body that is to be added to a pack.
#[derive(Debug)]
pub(crate) struct PendingRecord {
    pub(crate) id: BlobId,
    pub(crate) group: DeltaGroup,
    pub(crate) bytes: Vec<u8>,
    pub(crate) written: PackHour,
}
