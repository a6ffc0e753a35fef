//! The place of everything but settled bodies: SQLite here, another database elsewhere.

use std::fmt;
use std::ops::{ControlFlow, Deref};

use chrono::{DateTime, Utc};
use semver::VersionReq;

use super::prompt_table::{PromptTable, VersionRow};
use super::search::{SearchQuery, SearchVisitor, Searchable, Told};
use super::{Deadline, Result};
use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::model::record::{
    Durability, Environment, Operation, OperationFilter, Prompt, PromptFilter, RecordedInputs,
    Settings, Version, VersionFilter,
};
use crate::model::version_number::VersionNumber;

/// A transactional index of prompts, versions, pointers, operations, and of bodies that wait to be
/// settled.
///
/// - Any number of threads and processes use one index at once.
/// - Readers never wait for writers, nor writers for readers.
/// - A committed transaction is seen by every snapshot taken after, in any process.
pub trait Index: Send + Sync + fmt::Debug {
    /// The state as of now, or as of the first read where that is later; from then on it does not change. Hold it
    /// shortly.
    fn snapshot(&self) -> Result<Held<'_>>;

    /// The one write transaction: waits for its turn, and fails as [busy](super::ErrorKind::Busy) if that does not come
    /// within the index's own limit, if it has one. Dropped without a commit, it changes nothing.
    fn transaction(&self, durability: Durability) -> Result<Box<dyn Transaction + '_>>;

    /// As [`transaction`](Self::transaction), with another limit. An index that always has the transaction in a moment
    /// need not observe it.
    fn transaction_by(
        &self,
        durability: Durability,
        _deadline: Deadline,
    ) -> Result<Box<dyn Transaction + '_>> {
        self.transaction(durability)
    }

    /// Ends all waits for locks at this moment at the latest, those of later calls included: the handle is being closed.
    fn close_by(&self, _moment: Deadline) {}

    /// Where the index stands, in microseconds at most and without waiting for others: what was read is still so while
    /// the mark is the same.
    ///
    /// - Two equal marks of one index mean that between the two calls no transaction was committed that changed
    ///   anything, by any thread of any process. So a mark that was read *before* a snapshot was taken vouches for what
    ///   that snapshot answers, as long as the current mark equals it.
    /// - Different marks don't mean that anybody sees a change: dropping journal rows is a commit too, and a rollback or
    ///   maintenance may change the mark. Reading leaves it, and so does what is not committed yet.
    /// - None where there is no mark to be had, for whatever reason: then nothing vouches for what was read. Asking the
    ///   index itself tells what is wrong, if anything is.
    fn change_mark(&self) -> Option<ChangeMark>;

    /// Work that keeps the index fast and small and is never on a caller's path, such as folding a journal in. Says whether
    /// there is more of it: it does a part at a time.
    fn maintain(&self) -> Result<bool>;

    /// Checks whether the index is still where it was opened. If its files were moved, removed or replaced, it refuses all further
    /// work as [`Replaced`](super::ErrorKind::Replaced). A handle that only reads from memory asks once a second.
    ///
    /// An index that has no files has nothing to check.
    fn check_location(&self) -> Result<()> {
        Ok(())
    }
}

/// Where an index stands: see [`Index::change_mark`].
///
/// It means nothing beside a mark of another [`Index`], be it one of the same store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeMark([u32; 12]);

impl ChangeMark {
    /// The mark that a backend calls so.
    #[must_use]
    pub const fn new(mark: u64) -> Self {
        #[allow(clippy::cast_possible_truncation)] // Each half is one word.
        let (low, high) = (mark as u32, (mark >> 32) as u32);
        Self([low, high, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// The mark that a backend has these words for.
    #[must_use]
    pub const fn of_words(words: [u32; 12]) -> Self {
        Self(words)
    }
}

/// A snapshot, held until this is dropped.
pub type Held<'a> = Box<dyn Deref<Target = dyn Snapshot> + 'a>;

/// Is given an operation's number, its id and the text that was hashed, and says whether it wants more.
pub type OperationVisitor<'a> =
    dyn FnMut(u64, OperationId, &str) -> crate::Result<ControlFlow<()>> + 'a;

/// Reads of one moment. A deleted prompt or version is not found, unless a method says otherwise.
pub trait Snapshot {
    /// Whether everything that was read so far is of one committed state. If not, the answers are dropped, errors included, and
    /// read again from a new snapshot.
    ///
    /// Only an index that this process reads without locks, as it may not write, can say no.
    fn is_consistent(&self) -> bool {
        true
    }

    /// What the store was made with.
    fn settings(&self) -> Result<Settings>;

    /// A prompt by id.
    fn prompt(&self, id: PromptId) -> Result<Option<Prompt>>;

    /// Whether an id is, or was, a prompt's.
    fn prompt_id_taken(&self, id: PromptId) -> Result<bool>;

    /// The prompts of exactly this name, newest first.
    fn prompts_named(&self, name: &PromptName) -> Result<Vec<PromptId>>;

    /// Prompts newest first, made before the prompt `before` (which may be deleted), `limit` at most.
    fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> Result<Vec<Prompt>>;

    /// The number of the operation that search was told of last; 0 in a new store. What changed later is not in what
    /// it answers: whoever asks it looks into the later operations too.
    fn searchable_up_to(&self) -> Result<u64>;

    /// Shows the prompts in which a query is found, each once, until it is told to stop: those whose name has all of it
    /// first, then by how well their texts match.
    fn search(&self, query: &SearchQuery, visit: &mut SearchVisitor<'_>) -> crate::Result<()>;

    /// The live versions whose message has all of a query, in the order they were committed, newest first, `limit` at
    /// most.
    fn search_messages(&self, query: &SearchQuery, limit: usize) -> Result<Vec<VersionId>>;

    /// The versions that search was told of, and that name a partial of this prompt in this environment, in no order.
    fn dependents(
        &self,
        prompt: PromptId,
        environment: &EnvironmentName,
    ) -> Result<Vec<(PromptId, VersionId)>>;

    /// How many prompts there are.
    fn prompt_count(&self) -> Result<u64>;

    /// Every tag in use, sorted.
    fn tags(&self) -> Result<Vec<String>>;

    /// The name of every environment in use, sorted.
    fn environment_names(&self) -> Result<Vec<EnvironmentName>>;

    /// A version by id.
    fn version(&self, id: VersionId) -> Result<Option<Version>>;

    /// A version by id, also one that is deleted, itself or with its prompt.
    fn version_ever(&self, id: VersionId) -> Result<Option<VersionRow>>;

    /// A version by number.
    fn version_numbered(&self, prompt: PromptId, number: VersionNumber) -> Result<Option<Version>>;

    /// The version of the highest number, or of the highest that meets a requirement.
    fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> Result<Option<Version>>;

    /// The version that an environment points to.
    fn version_in(&self, prompt: PromptId, name: &EnvironmentName) -> Result<Option<Version>>;

    /// Versions in the order they were committed, newest first, those committed before `before`
    /// (which may be deleted), `limit` at most.
    fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> Result<Vec<Version>>;

    /// A prompt's environments, sorted by name.
    fn environments(&self, prompt: PromptId) -> Result<Vec<Environment>>;

    /// The numbers a prompt has used up, also by what is deleted, of `major` among them.
    fn numbering(&self, prompt: PromptId, major: u32) -> Result<Numbering>;

    /// Where a body is; nothing where it never was or was collected.
    fn blob(&self, id: BlobId) -> Result<Option<StoredBlob>>;

    /// The body of a version, deleted or not, if it is not stored; nothing if there never was such a version.
    fn lost_body(&self, version: VersionId) -> Result<Option<BlobId>> {
        let Some(row) = self.version_ever(version)? else {
            return Ok(None);
        };
        let blob = row.version.blob;
        Ok(self.blob(blob)?.is_none().then_some(blob))
    }

    /// The number and id of the last operation; nothing in a new store.
    fn last_operation(&self) -> Result<Option<(u64, OperationId)>>;

    /// The number of the last operation, of those up to a number, that was made at a moment or before it, as the operation
    /// itself says; 0 if there is none. What others say, before it and after it, is no matter.
    fn last_operation_by(&self, moment: DateTime<Utc>, up_to: u64) -> Result<u64>;

    /// The number of the first operation that was made after one moment, and at another or before it, as the operation itself
    /// says.
    fn first_operation_between(
        &self,
        after: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> Result<Option<u64>>;

    /// Operations newest first, those of a number below `before`, `limit` at most.
    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Operation>>;

    /// The number of a prompt's last operation. It is asked for prompt after prompt, where an operation of many prompts
    /// should not be read for each.
    fn last_operation_of(&self, prompt: PromptId) -> Result<Option<u64>> {
        let filter = OperationFilter::default().prompt(prompt);
        let last = self.operations(&filter, None, 1)?;
        Ok(last.first().map(|last| last.number))
    }

    /// The inputs that a request gave to a version.
    fn inputs(&self, version: VersionId, request: &str) -> Result<Option<RecordedInputs>>;

    /// The inputs that all requests gave to a version, sorted by the requests' ids.
    fn inputs_of(&self, version: VersionId) -> Result<Vec<RecordedInputs>>;

    /// The versions that have recorded inputs although they can't be brought back: they are deleted, and their body is not
    /// stored any more. In no order.
    fn lost_versions_with_inputs(&self) -> Result<Vec<VersionId>>;

    /// How much waits in the journal.
    fn waiting(&self) -> Result<Waiting>;

    /// Journaled bodies by ascending position, those above `after`: one at least, then as many as have
    /// `bytes` in sum. Positions are above 0. A body that was never stored comes above all others; one that was
    /// forgotten may come back to where it was.
    fn journal(&self, after: u64, bytes: usize) -> Result<Vec<Journaled>>;

    /// Bodies that no live version has, and that have been unused for long enough, `limit` at most.
    fn collectable(&self, unused: Unused, limit: usize) -> Result<Vec<Collectable>>;

    /// Visits every prompt ever made, deleted ones too, with all that is known of it.
    fn each_prompt(
        &self,
        visit: &mut dyn FnMut(PromptTable) -> crate::Result<()>,
    ) -> crate::Result<()>;

    /// Visits every body that is stored, with how many live versions have it.
    fn each_blob(
        &self,
        visit: &mut dyn FnMut(BlobId, StoredBlob, u64) -> crate::Result<()>,
    ) -> crate::Result<()>;

    /// Visits the operations of a number above `after` in order, each content as the text that was hashed, until it is
    /// told to stop.
    fn each_operation(&self, after: u64, visit: &mut OperationVisitor<'_>) -> crate::Result<()>;

    /// Visits what search was told and goes by, in no order.
    fn each_searchable(
        &self,
        visit: &mut dyn FnMut(Told) -> crate::Result<()>,
    ) -> crate::Result<()>;

    /// The backend's own check of its files: a line for each thing that is wrong.
    fn self_check(&self) -> Result<Vec<String>>;
}

/// A write in progress. It reads, through the snapshot that it derefs to, what it has written itself.
pub trait Transaction: Deref<Target = dyn Snapshot> {
    /// Appends an operation and applies its changes, in order.
    ///
    /// `text` is the operation's content as it was hashed. The changes are right: the engine has
    /// checked them in this transaction. What contradicts the state all the same (a number used twice, a
    /// pointer to a missing version) is refused as [`Corrupt`](super::ErrorKind::Corrupt).
    ///
    /// All that is kept of prompts, versions and pointers is of the operation's own moment. `now` is when it is
    /// appended, which may be long after, as for one from elsewhere: bodies that lose their last live version by it
    /// are unused since `now`, by this operation.
    fn append(&mut self, operation: &Operation, text: &str, now: DateTime<Utc>) -> Result<()>;

    /// Puts a body in the journal, unless it is stored already.
    fn put_body(&mut self, id: BlobId, bytes: &[u8]) -> Result<()>;

    /// Makes a body of this size known as stored, whose bytes are durable elsewhere before this is committed, unless it is stored
    /// already; says whether it was not.
    fn put_packed_body(&mut self, id: BlobId, size: u64) -> Result<bool>;

    /// Puts a body in the journal after all that this transaction made known as stored elsewhere.
    fn journal_body(&mut self, id: BlobId, bytes: &[u8]) -> Result<()>;

    /// Makes a body of this size known that is not stored, such as one that was collected where its versions come from:
    /// versions may come, or come back, with it in this transaction. One that is stored stays so, and one that is put
    /// later is stored then. If a live version were left with a body that is not stored, the commit is refused
    /// as [`Corrupt`](super::ErrorKind::Corrupt).
    fn put_absent_body(&mut self, id: BlobId, size: u64) -> Result<()>;

    /// Drops journal rows of bodies that are durable elsewhere.
    fn drop_journal(&mut self, ids: &[BlobId]) -> Result<()>;

    /// Marks bodies as no longer stored, and drops their journal rows.
    fn forget_blobs(&mut self, ids: &[BlobId]) -> Result<()>;

    /// Records the inputs of a request; those it gave to the version before are replaced.
    fn put_inputs(&mut self, inputs: &RecordedInputs) -> Result<()>;

    /// Drops recorded inputs of a version, `limit` requests' at most; says of how many.
    fn drop_inputs(&mut self, version: VersionId, limit: usize) -> Result<u64>;

    /// Tells search what it answers with from now on.
    fn make_searchable(&mut self, news: &Searchable) -> Result<()>;

    /// Keeps the state so far as the one to roll back to, instead of an earlier one.
    fn savepoint(&mut self) -> Result<()>;

    /// Takes back what was done since the last savepoint, also a change that failed half-way; the savepoint stays. On an
    /// error the whole transaction is lost, and good for nothing but being dropped.
    fn roll_back(&mut self) -> Result<()>;

    /// Makes it durable as was asked for, then visible, whole. With
    /// [`OutcomeUnknown`](super::ErrorKind::OutcomeUnknown) it may yet prove to have taken place; with any other
    /// error it has not.
    fn commit(self: Box<Self>) -> Result<()>;
}

/// What numbers a prompt has used up, also by what is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbering {
    /// The highest major.
    pub highest_major: Option<u32>,
    /// The highest minor of the major that was asked for.
    pub highest_minor: Option<u32>,
}

/// Where a body's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredBlob {
    /// In the journal: here they are.
    Journaled(Vec<u8>),
    /// In the blob store, this many bytes.
    Settled(u64),
}

/// How much waits in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Bodies.
    pub bodies: u64,
    /// Their bytes in sum.
    pub bytes: u64,
}

/// A body that waits to be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// Its place in the journal.
    pub position: u64,
    /// Its address.
    pub id: BlobId,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// How long a body must have been unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Its last live version went at this moment or before it, as the clock said,
    pub since: DateTime<Utc>,
    /// and by an operation of a number below this.
    pub before: u64,
}

impl Unused {
    /// Since a moment, whatever operation it was.
    #[must_use]
    pub const fn since(moment: DateTime<Utc>) -> Self {
        Self {
            since: moment,
            before: u64::MAX,
        }
    }
}

/// A body that may be collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collectable {
    /// Its address.
    pub id: BlobId,
    /// Its size in bytes.
    pub size: u64,
}
