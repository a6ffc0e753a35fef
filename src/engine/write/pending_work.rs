//! Pending work: what a transaction leaves for maintenance.

use crate::model::id::BlobId;

/// The maximum number of listed ids; if there are more bodies, a checkpoint follows anyway.
const MAX_LISTED_IDS: usize = 1024;

/// The bodies that a transaction journaled, and other work that it leaves for maintenance.
#[derive(Debug, Default)]
pub(crate) struct PendingWork {
    pub(crate) bodies: u64,
    pub(crate) bytes: u64,
    /// The ids of the bodies, while they are few enough to be written one by one.
    pub(crate) ids: Vec<BlobId>,
    /// The number of operations that it appended.
    pub(crate) operations: u64,
    /// The number of packs that it created.
    pub(crate) packs: u64,
}

/// The amounts in [`PendingWork`] at a savepoint.
pub(super) struct BodyCount {
    bodies: u64,
    bytes: u64,
    ids: usize,
    operations: u64,
}

impl PendingWork {
    pub(super) fn amount(&self) -> BodyCount {
        BodyCount {
            bodies: self.bodies,
            bytes: self.bytes,
            ids: self.ids.len(),
            operations: self.operations,
        }
    }

    /// Goes back to an earlier amount.
    pub(super) fn shrink(&mut self, to: BodyCount) {
        (self.bodies, self.bytes) = (to.bodies, to.bytes);
        self.operations = to.operations;
        self.ids.truncate(to.ids);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.bodies += other.bodies;
        self.bytes += other.bytes;
        self.operations += other.operations;
        self.packs += other.packs;
        self.ids.extend(other.ids);
        self.ids.truncate(MAX_LISTED_IDS);
    }
}
