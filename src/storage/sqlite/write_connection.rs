//! The connection that writes an index, with its caches.

use super::snapshot::SqliteSnapshot;
use super::transaction::RowIdCache;
use crate::model::record::Durability;

/// The connection that writes.
#[derive(Debug)]
pub(super) struct WriteConnection {
    /// The reads of the transaction.
    pub(super) snapshot: SqliteSnapshot<'static>,
    /// The durability that the connection is set to.
    pub(super) durability: Durability,
    /// The keys of committed rows.
    pub(super) keys: RowIdCache,
}
