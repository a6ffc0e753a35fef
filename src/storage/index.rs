//! The index: the database of everything except bodies at rest.
//!
//! This crate implements it with SQLite and in memory. Another database can implement it too.

use std::fmt;
use std::ops::{ControlFlow, Deref};

use chrono::{DateTime, Utc};
use semver::VersionReq;

use super::prompt_table::{PromptTable, VersionRow};
use super::search::{Indexable, IndexedItem, SearchQuery, SearchVisitor};
use super::{Deadline, StorageResult};
use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::model::record::{
    Durability, Environment, Operation, OperationFilter, Prompt, PromptFilter, RecordedInputs,
    Settings, Version, VersionFilter,
};
use crate::model::version_number::VersionNumber;

/// A transactional index of prompts, versions, environments, operations and journaled bodies.
///
/// - Any number of threads and processes use one index at the same time.
/// - Readers never wait for writers, and writers never wait for readers.
/// - Every snapshot that is taken after a commit shows the whole transaction, in any process.
///
/// # Errors
///
/// Every method that returns a [`StorageResult`] can fail for the reasons that
/// [`ErrorKind`](super::StorageErrorKind) lists. The documentation of a method names those that callers
/// rely on.
///
/// - A failure changes nothing that a snapshot shows. The only exception is
///   [`OutcomeUnknown`](super::StorageErrorKind::OutcomeUnknown), which leaves the outcome of a commit
///   open.
/// - [`Poisoned`](super::StorageErrorKind::Poisoned), [`Forked`](super::StorageErrorKind::Forked) and
///   [`Replaced`](super::StorageErrorKind::Replaced) are final: every later call through the handle fails
///   too. After any other failure the handle remains usable, unless it is poisoned.
pub trait Index: Send + Sync + fmt::Debug {
    /// Takes a snapshot.
    ///
    /// It shows the state as of this call, or as of its first read if that is later. From then on
    /// it does not change. Hold it only briefly.
    ///
    /// # Errors
    ///
    /// A failure takes no snapshot and changes nothing.
    fn snapshot(&self) -> StorageResult<SnapshotGuard<'_>>;

    /// Begins the write transaction.
    ///
    /// An index has at most one at a time: the call waits until the previous one has ended. A
    /// transaction that is dropped without a commit changes nothing. `durability` says what its
    /// commit guarantees.
    ///
    /// # Errors
    ///
    /// - [`Busy`](super::StorageErrorKind::Busy) if the previous transaction does not end within the
    ///   index's own limit, if it has one.
    /// - [`ReadOnly`](super::StorageErrorKind::ReadOnly) if the index was opened for reading only.
    ///
    /// After a failure no transaction is open, and nothing was changed.
    fn transaction(&self, durability: Durability) -> StorageResult<Box<dyn Transaction + '_>>;

    /// Begins the write transaction, and waits for it until `_deadline` at the latest.
    ///
    /// It does the same as [`transaction`](Self::transaction), and replaces the index's own limit.
    ///
    /// The provided method ignores the deadline. That suits an index whose transactions are all
    /// short.
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction).
    fn transaction_by(
        &self,
        durability: Durability,
        _deadline: Deadline,
    ) -> StorageResult<Box<dyn Transaction + '_>> {
        self.transaction(durability)
    }

    /// Ends every wait for a lock at `_moment` at the latest, including the waits of later calls.
    ///
    /// It is called when the handle is being closed. A wait that ends this way fails as
    /// [`Busy`](super::StorageErrorKind::Busy). The provided method does nothing.
    fn close_by(&self, _moment: Deadline) {}

    /// Returns the current change mark, or `None` if there is none.
    ///
    /// What was read remains current as long as the mark remains the same. The call takes
    /// microseconds at most, and waits for no other thread or process.
    ///
    /// - Two equal marks of one index mean that no transaction that changed anything was committed
    ///   between the two calls, by any thread of any process. An answer of a snapshot is therefore
    ///   current as long as the current mark equals a mark that was read *before* the snapshot was
    ///   taken.
    /// - Two different marks do not mean that a reader sees a change: dropping journal rows is a
    ///   commit too, and a rollback or maintenance may change the mark. Reading does not change the
    ///   mark, and neither do uncommitted writes.
    /// - `None` means that the index cannot determine a mark, for whatever reason. Then no earlier
    ///   answer may be assumed to be current. Reading from the index reports the problem, if there
    ///   is one.
    fn change_mark(&self) -> Option<ChangeMark>;

    /// Does maintenance work that no caller waits for, such as a WAL checkpoint.
    ///
    /// It keeps the index fast and small. One call does a part of the work, and returns whether
    /// more is left. What snapshots show does not change, whether the call succeeds or fails.
    fn maintain(&self) -> StorageResult<bool>;

    /// Checks whether the index is still where it was opened.
    ///
    /// A handle that answers from memory calls this once a second. The provided method suits an
    /// index without files: it checks nothing.
    ///
    /// # Errors
    ///
    /// [`Replaced`](super::StorageErrorKind::Replaced) if the files of the index were moved, removed or
    /// replaced. The handle then refuses all further work.
    fn check_location(&self) -> StorageResult<()> {
        Ok(())
    }
}

/// An opaque value that differs after every commit; see [`Index::change_mark`].
///
/// Marks of different [`Index`] values cannot be compared, even if both have the same store open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeMark([u32; 12]);

impl ChangeMark {
    /// Returns the mark that a backend represents as this number.
    #[must_use]
    pub const fn new(mark: u64) -> Self {
        #[allow(clippy::cast_possible_truncation)] // Each half is one word.
        let (low, high) = (mark as u32, (mark >> 32) as u32);
        Self([low, high, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Returns the mark that a backend represents as these words.
    #[must_use]
    pub const fn of_words(words: [u32; 12]) -> Self {
        Self(words)
    }
}

/// A snapshot that is held until this value is dropped.
pub type SnapshotGuard<'a> = Box<dyn Deref<Target = dyn Snapshot> + 'a>;

/// A callback that receives an operation's number, its id and the text that was hashed.
///
/// It returns whether to continue.
pub type OperationVisitor<'a> =
    dyn FnMut(u64, OperationId, &str) -> crate::Result<ControlFlow<()>> + 'a;

/// Consistent reads of one state of the index.
///
/// Deleted prompts and versions are not found, unless a method says otherwise.
///
/// # Errors
///
/// A failed read changes nothing. The methods that take a visitor return the visitor's error
/// unchanged, and visit nothing after it; the snapshot remains usable.
pub trait Snapshot {
    /// Returns whether everything that was read so far belongs to one committed state.
    ///
    /// If not, the caller must discard all answers, errors included, and read again from a new
    /// snapshot.
    ///
    /// Only an index that this process reads without locks, because it may not write, can return
    /// `false`. The provided method returns `true`.
    fn is_consistent(&self) -> bool {
        true
    }

    /// Returns the settings that the store was created with.
    fn settings(&self) -> StorageResult<Settings>;

    /// Returns the prompt with this id.
    fn prompt(&self, id: PromptId) -> StorageResult<Option<Prompt>>;

    /// Returns whether a prompt has this id.
    ///
    /// The provided method reads the prompt with its environments. An index should override it.
    fn prompt_exists(&self, id: PromptId) -> StorageResult<bool> {
        Ok(self.prompt(id)?.is_some())
    }

    /// Returns whether a prompt has this id, deleted prompts included.
    fn prompt_id_taken(&self, id: PromptId) -> StorageResult<bool>;

    /// Returns the prompts with exactly this name, newest first.
    fn prompts_named(&self, name: &PromptName) -> StorageResult<Vec<PromptId>>;

    /// Returns at most `limit` prompts that pass the filter, in the filter's order.
    ///
    /// [`Newest`](crate::list::PromptOrder::Newest) is the order in which prompts were created,
    /// whatever their ids and times are. With `before`, only the prompts that follow that one in
    /// the order are returned. It may be deleted, and then keeps its last name; if it never
    /// existed, the list is empty.
    fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> StorageResult<Vec<Prompt>>;

    /// Returns the number of the last operation that is indexed for search; 0 in a new store.
    ///
    /// Searches do not reflect later operations: a caller that searches must also read those.
    fn indexed_through(&self) -> StorageResult<u64>;

    /// Visits the prompts that match a query, each once, until the visitor stops.
    ///
    /// Prompts whose name contains all of the query come first. The others follow, ordered by how
    /// well their texts match.
    fn search(&self, query: &SearchQuery, visit: &mut SearchVisitor<'_>) -> crate::Result<()>;

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

    /// Returns the number of prompts.
    fn prompt_count(&self) -> StorageResult<u64>;

    /// Returns the number of prompts that pass the filter.
    ///
    /// The provided method lists them. An index should override it if it can count them.
    fn prompt_count_of(&self, filter: &PromptFilter) -> StorageResult<u64> {
        Ok(self.prompts(filter, None, usize::MAX)?.len() as u64)
    }

    /// Returns every tag in use, sorted.
    fn tags(&self) -> StorageResult<Vec<String>>;

    /// Returns the name of every environment in use, sorted.
    fn environment_names(&self) -> StorageResult<Vec<EnvironmentName>>;

    /// Returns the version with this id.
    fn version(&self, id: VersionId) -> StorageResult<Option<Version>>;

    /// Returns the version with this id, even if it or its prompt is deleted.
    fn version_even_deleted(&self, id: VersionId) -> StorageResult<Option<VersionRow>>;

    /// Returns the version of a prompt with this number.
    fn version_numbered(
        &self,
        prompt: PromptId,
        number: VersionNumber,
    ) -> StorageResult<Option<Version>>;

    /// Returns the version with the highest number, or with the highest that meets a requirement.
    ///
    /// Numbers are compared with the requirement as `major.minor.0`.
    fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> StorageResult<Option<Version>>;

    /// Returns the version that an environment points to.
    fn version_in(
        &self,
        prompt: PromptId,
        name: &EnvironmentName,
    ) -> StorageResult<Option<Version>>;

    /// Returns at most `limit` versions of a prompt that pass the filter, newest commit first.
    ///
    /// With `before`, only versions that were committed before that one are returned. It may be
    /// deleted; if it is no version of this prompt, the list is empty.
    fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> StorageResult<Vec<Version>>;

    /// Returns the environments of a prompt, sorted by name.
    fn environments(&self, prompt: PromptId) -> StorageResult<Vec<Environment>>;

    /// Returns the highest numbers that a prompt has used, deleted versions included.
    ///
    /// The answer contains the highest major, and the highest minor within `major`.
    fn numbering(&self, prompt: PromptId, major: u32) -> StorageResult<Numbering>;

    /// Returns where a body is stored.
    ///
    /// The answer is `None` if the body was never stored, or was removed by garbage collection.
    fn blob(&self, id: BlobId) -> StorageResult<Option<StoredBlob>>;

    /// Returns the address of a version's body if that body is not stored.
    ///
    /// The version may be deleted. The answer is `None` if the body is stored, or if the version
    /// never existed.
    fn missing_body_of(&self, version: VersionId) -> StorageResult<Option<BlobId>> {
        let Some(row) = self.version_even_deleted(version)? else {
            return Ok(None);
        };
        let blob = row.version.blob;
        Ok(self.blob(blob)?.is_none().then_some(blob))
    }

    /// Returns the number and the id of the last operation; `None` in a new store.
    fn last_operation(&self) -> StorageResult<Option<(u64, OperationId)>>;

    /// Returns the number of the last operation that was made at `moment` or before it.
    ///
    /// Only operations with numbers up to `up_to` are considered, each by the time that it contains
    /// itself. The times of the operations before and after it do not matter. The answer is 0 if
    /// there is no such operation.
    fn last_operation_by(&self, moment: DateTime<Utc>, up_to: u64) -> StorageResult<u64>;

    /// Returns the number of the first operation made after `after`, and at `by` or before it.
    ///
    /// Each operation is considered by the time that it contains itself.
    fn first_operation_between(
        &self,
        after: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> StorageResult<Option<u64>>;

    /// Returns at most `limit` operations that pass the filter, newest first.
    ///
    /// With `before`, only operations with lower numbers are returned.
    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> StorageResult<Vec<Operation>>;

    /// Returns the number of the last operation that changed a prompt.
    ///
    /// Callers ask for one prompt after another. The provided method reads the whole operation each
    /// time; an index should override it if it can avoid that, because one operation may change
    /// many prompts.
    fn last_operation_of(&self, prompt: PromptId) -> StorageResult<Option<u64>> {
        let filter = OperationFilter::default().prompt(prompt);
        let last = self.operations(&filter, None, 1)?;
        Ok(last.first().map(|last| last.number))
    }

    /// Returns the inputs that a request recorded for a version.
    fn inputs(&self, version: VersionId, request: &str) -> StorageResult<Option<RecordedInputs>>;

    /// Returns the inputs that all requests recorded for a version, sorted by request id.
    fn inputs_of(&self, version: VersionId) -> StorageResult<Vec<RecordedInputs>>;

    /// Returns the versions that have recorded inputs but cannot be restored, in no order.
    ///
    /// These versions are deleted, and their bodies are not stored any more.
    fn lost_versions_with_inputs(&self) -> StorageResult<Vec<VersionId>>;

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

    /// Visits every prompt that was ever created, deleted ones included, with all its rows.
    fn each_prompt(
        &self,
        visit: &mut dyn FnMut(PromptTable) -> crate::Result<()>,
    ) -> crate::Result<()>;

    /// Visits every stored body, with the number of live versions that use it.
    fn each_blob(
        &self,
        visit: &mut dyn FnMut(BlobId, StoredBlob, u64) -> crate::Result<()>,
    ) -> crate::Result<()>;

    /// Visits operations in order, starting above the number `after`, until the visitor stops.
    ///
    /// The visitor receives each operation's content as the text that was hashed.
    fn each_operation(&self, after: u64, visit: &mut OperationVisitor<'_>) -> crate::Result<()>;

    /// Visits everything that is indexed for search, in no order.
    fn each_searchable(
        &self,
        visit: &mut dyn FnMut(IndexedItem) -> crate::Result<()>,
    ) -> crate::Result<()>;

    /// Checks the backend's own files, and returns one line for each problem.
    fn self_check(&self) -> StorageResult<Vec<String>>;
}

/// A write in progress.
///
/// It dereferences to a snapshot that includes its own writes. Dropping it without a commit changes
/// nothing.
///
/// # Errors
///
/// A method that fails may have applied a part of its change. The caller must then call
/// [`roll_back`](Self::roll_back) to return to a savepoint, or drop the transaction.
pub trait Transaction: Deref<Target = dyn Snapshot> {
    /// Appends an operation, and applies its changes in order.
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
    ) -> StorageResult<()>;

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

/// The highest numbers that a prompt has used, deleted versions included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbering {
    /// The highest major, or `None` if the prompt never had a version.
    pub highest_major: Option<u32>,
    /// The highest minor of the requested major, or `None` if no version ever had that major.
    pub highest_minor: Option<u32>,
}

/// The place of a body's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredBlob {
    /// In the journal, with these bytes.
    Journaled(Vec<u8>),
    /// In the blob store, with this size in bytes.
    Settled(u64),
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
