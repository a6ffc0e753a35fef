use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::engine::maintenance::schedule::PAUSE;
use crate::engine::maintenance::tasks::CLOSE_TIMEOUT;
use crate::model::record::Durability;
use crate::storage;
use crate::storage::testing;
use crate::storage::testing::HistoryWriter;
use crate::storage::{ChangeMark, Snapshot, Transaction};

fn worker() -> MaintenanceWorker {
    let (index, blobs) = testing::in_memory();
    MaintenanceWorker::new(
        index,
        Arc::new(BodyReader::new(blobs)),
        Arc::new(crate::model::clock::system),
    )
}

fn some(bodies: u64) -> PendingWork {
    PendingWork {
        bodies,
        bytes: bodies,
        ..PendingWork::default()
    }
}

/// Otherwise the worker would look for them again and again without a pause.
#[test]
fn bodies_that_others_checkpointed_are_not_waited_for() {
    let worker = worker();
    worker.shared.schedule().put_back(some(3));
    worker.checkpoint(&mut Reporter::default()).unwrap();
    let schedule = worker.shared.schedule();
    assert_eq!(schedule.next(Instant::now()), Task::Wait(None));
}

/// An index that others commit to before each transaction of this handle.
///
/// The journal is filled as fast as it is emptied.
#[derive(Debug)]
struct Crowded {
    index: Arc<dyn Index>,
    /// The number of the last version that was committed.
    last: AtomicU32,
    /// The time that a transaction takes.
    time: Duration,
}

impl Crowded {
    const COMMITS_PER_TRANSACTION: u32 = 100;
    /// The number of versions after which the others stop, so that a close that waits ends.
    const MAX_COMMITS: u32 = 5_000;

    fn new(time: Duration) -> Self {
        let (index, _) = testing::in_memory();
        HistoryWriter::new(&*index).create(1, "a", &[]);
        let crowded = Self {
            index,
            last: AtomicU32::new(0),
            time,
        };
        crowded.commit();
        crowded
    }

    fn commit(&self) {
        let last = self
            .last
            .fetch_add(Self::COMMITS_PER_TRANSACTION, Ordering::Relaxed);
        let mut scribe = HistoryWriter::new(&*self.index);
        for number in last + 1..=last + Self::COMMITS_PER_TRANSACTION {
            scribe.commit(1, number, &format!("1.{number}"));
        }
    }
}

impl Index for Crowded {
    fn snapshot(&self) -> storage::StorageResult<Box<dyn Snapshot + '_>> {
        self.index.snapshot()
    }

    fn transaction(
        &self,
        durability: Durability,
    ) -> storage::StorageResult<Box<dyn Transaction + '_>> {
        if self.last.load(Ordering::Relaxed) < Self::MAX_COMMITS {
            std::thread::sleep(self.time);
            self.commit();
        }
        self.index.transaction(durability)
    }

    testing::forwarded_upkeep!(index);

    fn change_mark(&self) -> Option<ChangeMark> {
        self.index.change_mark()
    }
}

/// Closes a store that others write to, and returns how many bodies they committed meanwhile.
fn close_beside_others(time: Duration) -> u32 {
    let crowded = Arc::new(Crowded::new(time));
    let (_, blobs) = testing::in_memory();
    let index: Arc<dyn Index> = Arc::clone(&crowded) as _;
    let worker = MaintenanceWorker::new(
        index,
        Arc::new(BodyReader::new(blobs)),
        Arc::new(crate::model::clock::system),
    );
    // This makes closing the first work of the thread.
    worker.shared.schedule().close();
    worker.committed(some(100));
    drop(worker);
    crowded.last.load(Ordering::Relaxed) - Crowded::COMMITS_PER_TRANSACTION
}

#[test]
fn bodies_committed_during_a_close_are_left_to_others() {
    // One transaction checkpoints what was there, and two index it, 64 operations each.
    let others = close_beside_others(Duration::ZERO);
    assert!(others > 0, "nothing was checkpointed");
    assert!(
        others <= 4 * Crowded::COMMITS_PER_TRANSACTION,
        "{others} bodies were committed"
    );
}

#[test]
fn a_close_that_takes_long_is_cut_short() {
    let begun = Instant::now();
    let others = close_beside_others(CLOSE_TIMEOUT * 3 / 4);
    // The third transaction must not begin.
    assert!(
        others <= 2 * Crowded::COMMITS_PER_TRANSACTION,
        "{others} bodies were committed"
    );
    assert!(begun.elapsed() >= CLOSE_TIMEOUT * 3 / 4);
}

#[test]
fn an_abandoned_store_closes_without_work() {
    for abandoned in [false, true] {
        let (index, blobs) = testing::in_memory();
        let mut scribe = testing::HistoryWriter::new(&*index);
        scribe.create(1, "a", &[]);
        for number in 1..=100 {
            scribe.commit(1, number, &format!("1.{number}"));
        }
        let worker = MaintenanceWorker::new(
            Arc::clone(&index),
            Arc::new(BodyReader::new(blobs)),
            Arc::new(crate::model::clock::system),
        );
        if abandoned {
            worker.abandon();
        }
        // This makes closing the first work of the thread.
        worker.shared.schedule().close();
        worker.committed(some(100));
        drop(worker);
        let waiting = index.snapshot().unwrap().waiting().unwrap().bodies;
        assert_eq!(waiting > 0, abandoned, "{waiting} bodies are journaled");
    }
}

/// A batch of the few operations that an import has added meanwhile costs as much as a full one.
#[test]
fn indexing_beside_commits_leaves_a_short_tail() {
    let crowded = Arc::new(Crowded::new(Duration::ZERO));
    (0..3).for_each(|_| crowded.commit());
    let (_, blobs) = testing::in_memory();
    let index: Arc<dyn Index> = Arc::clone(&crowded) as _;
    let bodies = Arc::new(BodyReader::new(blobs));
    let worker = MaintenanceWorker::new(index, bodies, Arc::new(crate::model::clock::system));
    worker.shared.index_for_a_slice(true);
    let committed = crowded.last.load(Ordering::Relaxed);
    assert_eq!(committed, 5 * Crowded::COMMITS_PER_TRANSACTION, "one batch");
    // They are indexed at the next pause.
    let later = Instant::now() + Duration::from_secs(1);
    worker
        .shared
        .schedule()
        .add_commit(PendingWork::default(), later);
    let next = worker.shared.schedule().next(later + PAUSE);
    assert_eq!(next, Task::Index { is_urgent: false });
}

/// An index in memory that counts its transactions.
///
/// Before each, other threads have time to prepare the same batch.
#[derive(Debug)]
struct Counted {
    index: Arc<dyn Index>,
    transactions: AtomicU32,
}

impl Index for Counted {
    fn snapshot(&self) -> storage::StorageResult<Box<dyn Snapshot + '_>> {
        self.index.snapshot()
    }

    fn transaction(
        &self,
        durability: Durability,
    ) -> storage::StorageResult<Box<dyn Transaction + '_>> {
        self.transactions.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(100));
        self.index.transaction(durability)
    }

    testing::forwarded_upkeep!(index);

    fn change_mark(&self) -> Option<ChangeMark> {
        self.index.change_mark()
    }
}

/// Two callers of a checkpoint and the worker index 1,000 prompts, 256 in a batch.
#[test]
fn threads_of_a_handle_do_not_index_the_same_documents() {
    let (index, blobs) = testing::in_memory();
    let mut scribe = HistoryWriter::new(&*index);
    for prompt in 1..=1000 {
        scribe.create(prompt, &format!("p{prompt}"), &[]);
    }
    let counted = Arc::new(Counted {
        index,
        transactions: AtomicU32::new(0),
    });
    let index: Arc<dyn Index> = Arc::clone(&counted) as _;
    let bodies = Arc::new(BodyReader::new(blobs));
    let worker = MaintenanceWorker::new(index, bodies, Arc::new(crate::model::clock::system));
    std::thread::scope(|scope| {
        let indexed_by = [IfIndexing::Wait, IfIndexing::Wait, IfIndexing::Skip];
        for if_indexing in indexed_by {
            let shared = &worker.shared;
            scope.spawn(move || {
                shared.index_documents(if_indexing, |_| true);
                if matches!(if_indexing, IfIndexing::Wait) {
                    let snapshot = shared.tasks.index.snapshot().unwrap();
                    assert_eq!(snapshot.indexed_through().unwrap(), 1000);
                }
            });
        }
    });
    assert_eq!(counted.transactions.load(Ordering::Relaxed), 4);
}
