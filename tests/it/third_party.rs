//! Stores on an index and a blob store that another crate could implement, by the public API alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

use chrono::{DateTime, Utc};
use promptbook::history::{Operation, RecordedInputs};
use promptbook::list::{OperationFilter, PromptFilter, VersionFilter};
use promptbook::maintenance::{BlobUsage, GcOptions};
use promptbook::storage::{
    AppendedBody, BlobVisitor, Blobs, BodyReads, ChangeMark, CompactionSummary, Effort, Extent,
    Index, Indexable, IndexedItemVisitor, JournaledBodies, LiveBodies, LockGuard, LogReads,
    MemoryBlobs, MemoryIndex, Numbering, OldestJournaled, OperationVisitor, Pack, PromptReads,
    PromptVisitor, ReleasedBefore, SearchQuery, SearchReads, SearchVisitor, Snapshot,
    StorageResult, StoredBlob, Transaction, Unreferenced, VerifiedBytes, VersionReads, VersionRow,
};
use promptbook::{
    BlobId, Durability, Environment, EnvironmentName, NewPrompt, NewVersion, OperationId, Prompt,
    PromptId, PromptName, Settings, Store, StoreOptions, Version, VersionId, VersionNumber,
};
use semver::VersionReq;

use crate::support::{body, create};

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
    fn snapshot(&self) -> StorageResult<Box<dyn Snapshot + '_>> {
        self.meter.call();
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

    metered_writes! {
        append(operation: &Operation, text: &str, now: DateTime<Utc>, bodies: &[AppendedBody<'_>]) -> Vec<BlobId>;
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
        compact(extent: Extent, young_since: DateTime<Utc>, live: &mut LiveBodies<'_>) -> CompactionSummary;
        join_packs() -> ();
        holds(id: BlobId) -> bool;
        check_packs(all: bool) -> Vec<String>;
        usage() -> BlobUsage;
        sweep() -> ();
    }

    fn pack(&self, effort: Effort) -> StorageResult<Box<dyn Pack + '_>> {
        self.inner.pack(effort)
    }
}

/// A store whose calls take `delay`, and its meter of calls to the index.
fn open(delay: Duration) -> (Store, Arc<Meter>) {
    let meter = |delay| {
        Arc::new(Meter {
            calls: AtomicU64::new(0),
            thread: std::thread::current().id(),
            delay,
        })
    };
    let of_index = meter(delay);
    let index = MeteredIndex {
        inner: MemoryIndex::new(Settings::default()),
        meter: Arc::clone(&of_index),
    };
    let blobs = MeteredBlobs {
        inner: MemoryBlobs::new(),
        meter: meter(delay),
    };
    let options = StoreOptions::new().author("third party");
    let store = options.open_with(Arc::new(index), Arc::new(blobs)).unwrap();
    (store, of_index)
}

fn version(prompt: PromptId, text: &str) -> NewVersion {
    NewVersion::new(prompt, body(text))
}

/// Everything that a store does works on them, also if each call is a round trip.
#[test]
fn a_store_works_on_a_slow_index() {
    let (store, _) = open(Duration::from_millis(1));
    let created = create(&store, "greeting");
    let prompt = created.prompt.id;
    let second = store.commit(version(prompt, "second")).unwrap();
    store.set_environment(prompt, "staging", second.id).unwrap();
    let resolved = store.resolve("greeting@staging").unwrap();
    assert_eq!(resolved.version.id, second.id);
    assert_eq!(resolved.body.text(), body("second"));
    let names = |store: &Store| {
        let prompts = store.prompts().page(None, 9).unwrap();
        prompts
            .into_iter()
            .map(|prompt| prompt.name.to_string())
            .collect::<Vec<_>>()
    };
    create(&store, "other");
    assert_eq!(names(&store), ["other", "greeting"]);
    store.undo_newest().unwrap();
    assert_eq!(names(&store), ["greeting"]);
    store
        .batch(|batch| batch.commit(version(prompt, "third")).map(drop))
        .unwrap();
    store.checkpoint().unwrap();
    assert_eq!(store.stats().unwrap().waiting_bodies, 0);
    let collected = store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    assert_eq!(
        collected.bodies, 1,
        "the body of the prompt that was undone"
    );
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{:?}", report.violations);
    assert_eq!(
        store.resolve("greeting").unwrap().body.text(),
        body("third")
    );
}

/// A store that is opened for reading refuses every change.
#[test]
fn a_store_on_any_index_can_be_read_only() {
    let options = StoreOptions::new().read_only(true);
    let index = Arc::new(MemoryIndex::new(Settings::default()));
    let store = options
        .open_with(index, Arc::new(MemoryBlobs::new()))
        .unwrap();
    let refused = store.create_prompt(NewPrompt::new("a", body("a")));
    assert!(
        matches!(refused, Err(promptbook::Error::ReadOnly)),
        "{refused:?}"
    );
}

/// An index of another process, or in a database server, pays a round trip for each call.
///
/// The calls are those of `Index`, `Transaction` and `Snapshot`, except `Transaction::snapshot` and
/// `Transaction::last_operation`, which need none.
#[test]
fn an_operation_needs_few_calls_of_the_index() {
    let (store, meter) = open(Duration::ZERO);
    let prompt = create(&store, "greeting").prompt.id;
    let calls = |work: &dyn Fn()| {
        let before = meter.calls.load(Ordering::Relaxed);
        work();
        meter.calls.load(Ordering::Relaxed) - before
    };
    let commit = |text: &str| drop(store.commit(version(prompt, text)).unwrap());
    let set_environment = || {
        let latest = promptbook::Selector::Latest;
        store.set_environment(prompt, "staging", latest).unwrap();
    };
    let resolve = || drop(store.resolve("greeting@staging").unwrap());
    let list = || drop(store.prompts().page(None, 9).unwrap());
    let found = [
        ("first commit", calls(&|| commit("second"))),
        ("commit", calls(&|| commit("third"))),
        ("environment", calls(&set_environment)),
        ("resolve", calls(&resolve)),
        ("resolve again", calls(&resolve)),
        ("list", calls(&list)),
    ];
    let most = [
        ("first commit", 6),
        ("commit", 3),
        ("environment", 6),
        ("resolve", 6),
        ("resolve again", 1),
        ("list", 2),
    ];
    assert_eq!(found, most);
}
