//! [`Transaction`], the write transaction of an index.

use chrono::{DateTime, Utc};

use super::{Indexable, Snapshot, StorageResult};
use crate::model::id::{BlobId, OperationId, PromptId, VersionId};
use crate::model::record::{Operation, RecordedInputs};

/// A write in progress.
///
/// Dropping it without a commit changes nothing.
///
/// # Errors
///
/// A method that fails may have applied a part of its change. The caller must then call
/// [`roll_back`](Self::roll_back) to return to a savepoint, or drop the transaction.
pub trait Transaction {
    /// Returns a snapshot that includes the transaction's own writes.
    ///
    /// The call reads nothing.
    fn snapshot(&self) -> &dyn Snapshot;

    /// Returns the number and the id of the last operation, those of this transaction included.
    ///
    /// It is `(0, OperationId::ROOT)` in a new store. Every write needs it, so an index for which
    /// each read is a round trip should read it when the transaction begins.
    fn last_operation(&self) -> StorageResult<(u64, OperationId)>;

    /// Announces ids that the caller is about to read or to use for something new.
    ///
    /// Most of them are not in use yet. An index for which each read is a round trip should look them
    /// all up at once, so that it can answer later reads. The provided method does nothing, which
    /// suits an index in this process. It changes no answer.
    fn announce(&mut self, ids: &AnnouncedIds) -> StorageResult<()> {
        let _ = ids;
        Ok(())
    }

    /// Stores bodies, appends an operation, and applies its changes in order.
    ///
    /// Each body is stored as [`put_body`](Self::put_body) or
    /// [`put_packed_body`](Self::put_packed_body) does. Returns the bodies of
    /// [`AppendedPlace::Pack`] that were newly stored; the caller ignores others.
    ///
    /// If there are no such bodies, the answer is known, and an index may delay the writes until
    /// the next read of the transaction, the next savepoint or the commit. These then fail instead
    /// of this call.
    ///
    /// `text` is the operation's content as it was hashed. The prompts, versions and environments
    /// get the time that the operation contains. `now` is the time at which it is appended; for an
    /// operation from another store that may be much later. Bodies that lose their last live
    /// version through this operation are unreferenced since `now`.
    ///
    /// The engine has checked the changes in this transaction.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](super::StorageErrorKind::Corrupt) if a change contradicts the state all the same, for
    /// example if a number is used twice or an environment points to a missing version, or if the
    /// operation's number is not the next one.
    fn append(
        &mut self,
        operation: &Operation,
        text: &str,
        now: DateTime<Utc>,
        bodies: &[AppendedBody<'_>],
    ) -> StorageResult<Vec<BlobId>>;

    /// Adds a body to the journal, unless it is already stored.
    fn put_body(&mut self, id: BlobId, bytes: &[u8]) -> StorageResult<()>;

    /// Records a body of `size` bytes as stored outside the journal, unless it is already stored.
    ///
    /// The caller makes the bytes durable in the blob store before it commits this transaction.
    /// Returns whether the body is newly stored.
    fn put_packed_body(&mut self, id: BlobId, size: u64) -> StorageResult<bool>;

    /// Adds a body to the journal that this transaction recorded as stored elsewhere.
    ///
    /// It takes back what [`put_packed_body`](Self::put_packed_body) said: the bytes are in the
    /// journal now, and nowhere else.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](super::StorageErrorKind::Corrupt) if the body is not recorded as stored.
    fn journal_body(&mut self, id: BlobId, bytes: &[u8]) -> StorageResult<()>;

    /// Allows versions in this transaction to have a body of `size` bytes that is not stored.
    ///
    /// The versions may be created or restored with it. This serves history from another store in
    /// which the body was removed by garbage collection. A body that is stored remains stored, and
    /// one that is put later in the transaction is stored from then on.
    ///
    /// If the transaction would leave a live version with a body that is not stored,
    /// [`commit`](Self::commit) fails as [`Corrupt`](super::StorageErrorKind::Corrupt).
    fn put_absent_body(&mut self, id: BlobId, size: u64) -> StorageResult<()>;

    /// Removes the journal rows of bodies that are durable in the blob store.
    ///
    /// A body without a journal row is ignored.
    fn drop_journal(&mut self, ids: &[BlobId]) -> StorageResult<()>;

    /// Marks bodies as not stored, and removes their journal rows.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](super::StorageErrorKind::Corrupt) if a live version uses one of them.
    fn forget_blobs(&mut self, ids: &[BlobId]) -> StorageResult<()>;

    /// Records the inputs of a request for a version.
    ///
    /// They replace all that the same request recorded for the version before.
    fn put_inputs(&mut self, inputs: &RecordedInputs) -> StorageResult<()>;

    /// Removes the recorded inputs of at most `limit` requests for a version.
    ///
    /// Returns the number of requests whose inputs were removed.
    fn drop_inputs(&mut self, version: VersionId, limit: usize) -> StorageResult<u64>;

    /// Updates the full text index as [`Indexable`] describes.
    ///
    /// Searches in this transaction answer from it at once, and other snapshots once the
    /// transaction is committed.
    fn index_documents(&mut self, news: &Indexable) -> StorageResult<()>;

    /// Sets the savepoint to the current state. It replaces an earlier savepoint.
    fn savepoint(&mut self) -> StorageResult<()>;

    /// Undoes everything since the last savepoint, a change that failed part-way included.
    ///
    /// The savepoint remains.
    ///
    /// # Errors
    ///
    /// After a failure, such as a missing savepoint, the whole transaction is lost: the caller can
    /// only drop it.
    fn roll_back(&mut self) -> StorageResult<()>;

    /// Makes the transaction durable as requested, and then visible, as a whole.
    ///
    /// # Errors
    ///
    /// - [`OutcomeUnknown`](super::StorageErrorKind::OutcomeUnknown): the transaction may or may not have
    ///   been committed. Only a later read, through a new handle, can show which.
    /// - [`Corrupt`](super::StorageErrorKind::Corrupt): a live version would be left with a body that is
    ///   not stored. Nothing was changed.
    /// - Any other error: the transaction was not committed. Nothing was changed.
    fn commit(self: Box<Self>) -> StorageResult<()>;
}

/// The ids that a caller is about to read or to use for something new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnouncedIds {
    /// The addresses of bodies.
    pub bodies: Vec<BlobId>,
    /// The ids of versions.
    pub versions: Vec<VersionId>,
    /// The ids of prompts.
    pub prompts: Vec<PromptId>,
}

/// A body of a version that an operation creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendedBody<'a> {
    /// The body's address.
    pub id: BlobId,
    /// Where its bytes are.
    pub place: AppendedPlace<'a>,
}

/// Where the bytes of a body are when the operation that needs it is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendedPlace<'a> {
    /// Here: they go to the journal.
    Journal(&'a [u8]),
    /// In a pack that the caller makes durable before it commits, with this size in bytes.
    Pack(u64),
}
