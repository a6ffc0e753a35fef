//! The reads of the full text index.

use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::storage::{IndexedItemVisitor, SearchQuery, SearchVisitor, StorageResult};

/// Reads of the full text index.
///
/// # Errors
///
/// As those of a [`Snapshot`](crate::storage::Snapshot), which has these methods too.
pub trait SearchReads {
    /// Returns the number of the last operation that is indexed for search; 0 in a new store.
    ///
    /// Searches do not reflect later operations: a caller that searches must also read those.
    fn indexed_through(&self) -> StorageResult<u64>;

    /// Visits all live prompts that match a query, each once, in no order, until the visitor stops.
    ///
    /// The caller ranks them by the figures of each match, which reflect what is indexed.
    fn search(&self, query: &SearchQuery, visit: &mut SearchVisitor<'_>) -> StorageResult<()>;

    /// Returns at most `limit` live versions whose indexed message contains all of a query.
    ///
    /// They are in the order of their commits, newest first.
    fn search_messages(&self, query: &SearchQuery, limit: usize) -> StorageResult<Vec<VersionId>>;

    /// Returns the indexed versions that contain a partial of a prompt in an environment.
    ///
    /// Each comes with its prompt. They are in no particular order.
    fn dependents(
        &self,
        prompt: PromptId,
        environment: &EnvironmentName,
    ) -> StorageResult<Vec<(PromptId, VersionId)>>;

    /// Visits everything that is indexed for search, in no order.
    ///
    /// It ends early if the visitor stops.
    fn each_searchable(&self, visit: &mut IndexedItemVisitor<'_>) -> StorageResult<()>;
}
