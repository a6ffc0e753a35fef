//! An index and a blob store on the public traits, as another crate could implement them.
//!
//! They forward every call to the implementations in memory, count it, and make it take some time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

use chrono::{DateTime, Utc};
use promptbook::history::{Operation, RecordedInputs};
use promptbook::list::{OperationFilter, PromptFilter, VersionFilter};
use promptbook::maintenance::BlobUsage;
use promptbook::storage::{
    AppendedBody, BlobVisitor, Blobs, BodyReads, ChangeMark, CompactionScope, CompactionSummary,
    CompressionLevel, EnvironmentLookup, HeadLookup, Index, Indexable, IndexedItemVisitor,
    JournaledBodies, LiveBodies, LockGuard, LogReads, LookupReads, MemoryBlobs, MemoryIndex,
    Numbering, OldestJournaled, OperationVisitor, Pack, PromptReads, PromptVisitor, ReleasedBefore,
    Resolution, SearchQuery, SearchReads, SearchVisitor, Snapshot, StorageResult, StoredBlob,
    Transaction, Unreferenced, VerifiedBytes, VersionReads, VersionRow,
};
use promptbook::{
    BlobId, Durability, Environment, EnvironmentName, OperationId, Prompt, PromptId, PromptName,
    PromptRef, Selector, Settings, Store, StoreOptions, Version, VersionId, VersionNumber,
    VersionSpec,
};
use semver::VersionReq;

/// What a call costs: it is counted, and takes some time.
#[derive(Debug)]
struct Meter {
    /// The calls by `thread`. Others are those of maintenance in the background.
    calls: AtomicU64,
    thread: ThreadId,
    delay: Duration,
}

impl Meter {
    fn call(&self) {
        if std::thread::current().id() == self.thread {
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
    }
}

#[derive(Debug)]
struct MeteredIndex {
    inner: MemoryIndex,
    meter: Arc<Meter>,
}

struct MeteredSnapshot<'a> {
    inner: Box<dyn Snapshot + 'a>,
    meter: Arc<Meter>,
}

/// The reads of a transaction borrow from it, so the transaction itself forwards them.
struct MeteredTransaction<'a> {
    inner: Box<dyn Transaction + 'a>,
    meter: Arc<Meter>,
}

impl Index for MeteredIndex {
    /// A snapshot may begin with its first read.
    fn snapshot(&self) -> StorageResult<Box<dyn Snapshot + '_>> {
        Ok(Box::new(MeteredSnapshot {
            inner: self.inner.snapshot()?,
            meter: Arc::clone(&self.meter),
        }))
    }

    fn transaction(&self, durability: Durability) -> StorageResult<Box<dyn Transaction + '_>> {
        self.meter.call();
        Ok(Box::new(MeteredTransaction {
            inner: self.inner.transaction(durability)?,
            meter: Arc::clone(&self.meter),
        }))
    }

    fn lock_shared(&self) -> StorageResult<Box<dyn LockGuard + '_>> {
        self.meter.call();
        self.inner.lock_shared()
    }

    fn lock_exclusive(&self) -> StorageResult<Box<dyn LockGuard + '_>> {
        self.meter.call();
        self.inner.lock_exclusive()
    }

    fn change_mark(&self) -> Option<ChangeMark> {
        self.meter.call();
        self.inner.change_mark()
    }

    fn shorten_log(&self) -> StorageResult<()> {
        self.meter.call();
        self.inner.shorten_log()
    }

    fn maintain(&self) -> StorageResult<bool> {
        self.meter.call();
        self.inner.maintain()
    }
}

/// Implements a group of reads by `reads`, and counts each call.
macro_rules! metered_reads {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> StorageResult<$answer> {
            self.meter.call();
            self.reads().$name($($argument),*)
        })*
    };
}

macro_rules! metered_snapshot {
    ($reader:ident) => {
        impl PromptReads for $reader<'_> {
            metered_reads! {
                prompt(id: PromptId) -> Option<Prompt>;
                prompt_id_taken(id: PromptId) -> bool;
                prompts_named(name: &PromptName) -> Vec<PromptId>;
                prompts(filter: &PromptFilter, before: Option<PromptId>, limit: usize) -> Vec<Prompt>;
                prompt_count() -> u64;
                tags() -> Vec<String>;
                environment_names() -> Vec<EnvironmentName>;
                environments(prompt: PromptId) -> Vec<Environment>;
                each_prompt(visit: &mut PromptVisitor<'_>) -> ();
            }
        }
        impl VersionReads for $reader<'_> {
            metered_reads! {
                version(id: VersionId) -> Option<Version>;
                version_even_deleted(id: VersionId) -> Option<VersionRow>;
                version_numbered(prompt: PromptId, number: VersionNumber) -> Option<Version>;
                highest_version(prompt: PromptId, requirement: Option<&VersionReq>) -> Option<Version>;
                version_in(prompt: PromptId, name: &EnvironmentName) -> Option<Version>;
                versions(prompt: PromptId, filter: &VersionFilter, before: Option<VersionId>, limit: usize) -> Vec<Version>;
                numbering(prompt: PromptId, major: u32) -> Numbering;
                inputs(version: VersionId, request: &str) -> Option<RecordedInputs>;
                inputs_of(version: VersionId) -> Vec<RecordedInputs>;
                lost_versions_with_inputs() -> Vec<VersionId>;
            }
        }
        impl BodyReads for $reader<'_> {
            metered_reads! {
                blob(id: BlobId) -> Option<StoredBlob>;
                waiting() -> OldestJournaled;
                journal(after: u64, bytes: usize) -> Vec<JournaledBodies>;
                unreferenced(unused: ReleasedBefore, limit: usize) -> Vec<Unreferenced>;
                each_blob(visit: &mut BlobVisitor<'_>) -> ();
            }
        }
        impl LogReads for $reader<'_> {
            metered_reads! {
                last_operation() -> Option<(u64, OperationId)>;
                last_operation_by(moment: DateTime<Utc>, up_to: u64) -> u64;
                first_operation_between(after: DateTime<Utc>, by: DateTime<Utc>) -> Option<u64>;
                operations(filter: &OperationFilter, before: Option<u64>, limit: usize) -> Vec<Operation>;
                each_operation(after: u64, visit: &mut OperationVisitor<'_>) -> ();
                each_operation_of(prompt: PromptId, until: u64, visit: &mut OperationVisitor<'_>) -> ();
            }
        }
        impl LookupReads for $reader<'_> {
            metered_reads! {
                prompts_of(prompt: &PromptRef) -> Vec<PromptId>;
                selected(prompt: PromptId, selector: &Selector) -> Option<Version>;
                resolve(spec: &VersionSpec, is_last_needed: bool, is_known: &dyn Fn(&Version) -> bool) -> Resolution;
                head(prompt: &PromptRef, is_known: &dyn Fn(&Version) -> bool) -> HeadLookup;
                environment(prompt: &PromptRef, name: &EnvironmentName, to: Option<&Selector>) -> EnvironmentLookup;
            }
        }
        impl SearchReads for $reader<'_> {
            metered_reads! {
                indexed_through() -> u64;
                search(query: &SearchQuery, visit: &mut SearchVisitor<'_>) -> ();
                search_messages(query: &SearchQuery, limit: usize) -> Vec<VersionId>;
                dependents(prompt: PromptId, environment: &EnvironmentName) -> Vec<(PromptId, VersionId)>;
                each_searchable(visit: &mut IndexedItemVisitor<'_>) -> ();
            }
        }
        impl Snapshot for $reader<'_> {
            metered_reads! {
                settings() -> Settings;
                environment_list() -> Option<Vec<EnvironmentName>>;
                self_check() -> Vec<String>;
            }
        }
    };
}

metered_snapshot!(MeteredSnapshot);
metered_snapshot!(MeteredTransaction);

impl MeteredSnapshot<'_> {
    fn reads(&self) -> &dyn Snapshot {
        &*self.inner
    }
}

impl MeteredTransaction<'_> {
    fn reads(&self) -> &dyn Snapshot {
        self.inner.snapshot()
    }
}

/// Implements methods of `Transaction` that only forward, and counts each call.
macro_rules! metered_writes {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&mut self, $($argument: $type),*) -> StorageResult<$answer> {
            self.meter.call();
            self.inner.$name($($argument),*)
        })*
    };
}

impl Transaction for MeteredTransaction<'_> {
    fn snapshot(&self) -> &dyn Snapshot {
        self
    }

    /// It was read when the transaction began.
    fn last_operation(&self) -> StorageResult<(u64, OperationId)> {
        self.inner.last_operation()
    }

    /// It may be delayed until the next call that is counted.
    fn append(
        &mut self,
        operation: &Operation,
        text: &str,
        now: DateTime<Utc>,
        bodies: &[AppendedBody<'_>],
    ) -> StorageResult<Vec<BlobId>> {
        self.inner.append(operation, text, now, bodies)
    }

    metered_writes! {
        put_body(id: BlobId, bytes: &[u8]) -> ();
        put_packed_body(id: BlobId, size: u64) -> bool;
        journal_body(id: BlobId, bytes: &[u8]) -> ();
        put_absent_body(id: BlobId, size: u64) -> ();
        drop_journal(ids: &[BlobId]) -> ();
        forget_blobs(ids: &[BlobId]) -> ();
        put_inputs(inputs: &RecordedInputs) -> ();
        drop_inputs(version: VersionId, limit: usize) -> u64;
        index_documents(news: &Indexable) -> ();
        savepoint() -> ();
        roll_back() -> ();
    }

    fn commit(self: Box<Self>) -> StorageResult<()> {
        self.meter.call();
        self.inner.commit()
    }
}

/// A blob store whose calls cost as much as those of the index.
#[derive(Debug)]
struct MeteredBlobs {
    inner: MemoryBlobs,
    meter: Arc<Meter>,
}

macro_rules! metered_blobs {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> StorageResult<$answer> {
            self.meter.call();
            self.inner.$name($($argument),*)
        })*
    };
}

impl Blobs for MeteredBlobs {
    metered_blobs! {
        put(id: BlobId, bytes: &[u8]) -> ();
        flush(ids: &[BlobId]) -> ();
        get(id: BlobId) -> Option<VerifiedBytes>;
        delete(id: BlobId) -> ();
        list(visit: &mut dyn FnMut(BlobId) -> StorageResult<()>) -> ();
        written(id: BlobId) -> Option<DateTime<Utc>>;
        newest() -> Option<DateTime<Utc>>;
        compact(scope: CompactionScope, young_since: DateTime<Utc>, live: &mut LiveBodies<'_>) -> CompactionSummary;
        join_packs() -> ();
        holds(id: BlobId) -> bool;
        check_packs(all: bool) -> Vec<String>;
        usage() -> BlobUsage;
        sweep(deleted_before: DateTime<Utc>) -> ();
    }

    fn pack(&self, level: CompressionLevel) -> StorageResult<Box<dyn Pack + '_>> {
        self.inner.pack(level)
    }
}

/// An index and a blob store whose calls are counted and take some time.
pub struct Backends {
    index: Arc<MeteredIndex>,
    blobs: Arc<MeteredBlobs>,
}

impl Backends {
    pub fn new(delay: Duration, settings: Settings) -> Self {
        let meter = || {
            Arc::new(Meter {
                calls: AtomicU64::new(0),
                thread: std::thread::current().id(),
                delay,
            })
        };
        Self {
            index: Arc::new(MeteredIndex {
                inner: MemoryIndex::new(settings),
                meter: meter(),
            }),
            blobs: Arc::new(MeteredBlobs {
                inner: MemoryBlobs::new(),
                meter: meter(),
            }),
        }
    }

    /// Opens a store, which shares everything that is committed with other stores of the backends.
    pub fn open(&self, options: &StoreOptions) -> Store {
        let (index, blobs) = (Arc::clone(&self.index), Arc::clone(&self.blobs));
        options.open_with(index, blobs).unwrap()
    }

    /// Returns the number of calls of the index that `work` makes.
    pub fn calls(&self, work: impl FnOnce()) -> u64 {
        let count = || self.index.meter.calls.load(Ordering::Relaxed);
        let before = count();
        work();
        count() - before
    }
}
