use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::*;
use crate::engine::{BodyReader, ContractCache, HeadCache, NewPrompt, WriteContext};
use crate::model::id::PromptId;
use crate::model::record::{BumpPolicy, Durability, Settings};
use crate::storage::testing::in_memory;
use crate::storage::{Index, StorageErrorKind};

/// Transactions that begin only when a given number of others wait, and that can be made to fail.
struct TestTransactions {
    index: Arc<dyn Index>,
    bodies: BodyReader,
    context: WriteContext,
    queue: WriteQueue,
    others: AtomicUsize,
    begun: AtomicUsize,
    begin: Option<StorageErrorKind>,
    commit: Option<StorageErrorKind>,
}

impl TestTransactions {
    fn new() -> Self {
        let (index, blobs) = in_memory();
        Self {
            index,
            bodies: BodyReader::new(blobs),
            context: WriteContext {
                settings: Settings::default(),
                policy: BumpPolicy::default(),
                author: "queue".into(),
                durability: Durability::Full,
                clock: Arc::new(crate::model::clock::system),
                rng: Mutex::new(fastrand::Rng::with_seed(1)),
                seeded: false,
                contracts: ContractCache::default(),
                heads: HeadCache::default(),
            },
            queue: WriteQueue::new(Duration::from_secs(60)),
            others: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            begin: None,
            commit: None,
        }
    }

    /// Makes this many threads write at the same time, and returns the result of each.
    ///
    /// Their first transaction begins when all of them are in the queue.
    fn all_at_once<T: Send + 'static>(
        &self,
        threads: usize,
        change: impl Fn(usize, &mut WriteTransaction<'_>) -> Result<T> + Clone + Send + Sync + 'static,
    ) -> Vec<Result<T>> {
        self.others.store(threads - 1, Ordering::Release);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|number| {
                    let change = change.clone();
                    let write =
                        move || self.queue.write(self, move |writer| change(number, writer));
                    scope.spawn(write)
                })
                .collect();
            let answers = threads.into_iter().map(|thread| thread.join().unwrap());
            answers.collect()
        })
    }

    fn prompts(&self) -> u64 {
        self.index.snapshot().unwrap().prompt_count().unwrap()
    }
}

impl Transactions for TestTransactions {
    fn begin(&self, deadline: Deadline) -> storage::StorageResult<WriteTransaction<'_>> {
        let others = self.others.swap(0, Ordering::AcqRel);
        while self.queue.state().waiting.len() < others {
            thread::yield_now();
        }
        self.begun.fetch_add(1, Ordering::Relaxed);
        match self.begin {
            Some(kind) => Err(storage::StorageError::new(kind, "beginning")),
            None => WriteTransaction::begin(&*self.index, &self.bodies, &self.context, deadline),
        }
    }

    fn commit(&self, writer: WriteTransaction<'_>) -> storage::StorageResult<()> {
        match self.commit {
            Some(kind) => Err(storage::StorageError::new(kind, "committing")),
            None => writer.commit().map(drop),
        }
    }
}

fn create(name: &str, writer: &mut WriteTransaction<'_>) -> Result<PromptId> {
    let new = NewPrompt::new(name, r#"{"messages": []}"#).allow_duplicate_name();
    Ok(writer.create(&new.finish()?)?.prompt.id)
}

/// Creates a prompt, and then fails.
fn fail_half_way(writer: &mut WriteTransaction<'_>) -> Result<PromptId> {
    let id = create("half", writer)?;
    Err(Error::PromptIdTaken { id })
}

#[test]
fn waiting_writers_share_a_transaction_and_get_their_own_results() {
    let transactions = TestTransactions::new();
    let answers = transactions.all_at_once(20, |number, writer| {
        create(&format!("prompt {number}"), writer)
    });
    for (number, id) in answers.into_iter().enumerate() {
        let found = transactions
            .index
            .snapshot()
            .unwrap()
            .prompt(id.unwrap())
            .unwrap();
        assert_eq!(found.unwrap().name.as_str(), format!("prompt {number}"));
    }
    assert_eq!(
        transactions.begun.into_inner(),
        1,
        "they did not share a transaction"
    );
}

#[test]
fn a_transaction_has_a_maximum_number_of_changes() {
    let transactions = TestTransactions::new();
    let answers =
        transactions.all_at_once(MAX_CHANGES + 1, |_, writer| create("one of many", writer));
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(transactions.prompts(), MAX_CHANGES as u64 + 1);
    assert_eq!(transactions.begun.into_inner(), 2);
}

/// This holds in whatever order the threads arrive.
#[test]
fn a_failed_change_does_not_affect_the_others() {
    for _ in 0..20 {
        let transactions = TestTransactions::new();
        let answers = transactions.all_at_once(9, |number, writer| match number % 3 {
            0 => fail_half_way(writer),
            _ => create("whole", writer),
        });
        for (number, answer) in answers.iter().enumerate() {
            match number % 3 {
                0 => assert!(matches!(answer, Err(Error::PromptIdTaken { .. }))),
                _ => assert!(answer.is_ok(), "{answer:?}"),
            }
        }
        let snapshot = transactions.index.snapshot().unwrap();
        assert_eq!(snapshot.prompt_count().unwrap(), 6);
        assert_eq!(snapshot.last_operation().unwrap().unwrap().0, 6);
        assert_eq!(
            snapshot.prompts_named(&"half".parse().unwrap()).unwrap(),
            []
        );
    }
}

#[test]
fn a_failed_begin_is_reported_to_all_writers() {
    let mut transactions = TestTransactions::new();
    transactions.begin = Some(StorageErrorKind::Busy);
    for answer in transactions.all_at_once(5, |_, writer| create("none", writer)) {
        assert!(
            matches!(answer, Err(Error::Storage(error)) if error.kind() == StorageErrorKind::Busy)
        );
    }
    transactions.begin = None;
    assert!(
        transactions
            .all_at_once(5, |_, writer| create("some", writer))
            .iter()
            .all(Result::is_ok)
    );
}

#[test]
fn a_failed_commit_is_reported_to_all_writers() {
    let mut transactions = TestTransactions::new();
    transactions.commit = Some(StorageErrorKind::Full);
    for answer in transactions.all_at_once(5, |_, writer| create("none", writer)) {
        assert!(
            matches!(answer, Err(Error::Storage(error)) if error.kind() == StorageErrorKind::Full)
        );
    }
    // Each writer can look its operation up later by the number. A writer without an operation has
    // nothing to look up.
    transactions.commit = Some(StorageErrorKind::OutcomeUnknown);
    let answers = transactions.all_at_once(5, |number, writer| match number {
        0 => Ok(None),
        _ => create("perhaps", writer).map(Some),
    });
    let mut numbers: Vec<Option<u64>> = answers
        .iter()
        .map(|answer| match answer {
            Err(Error::OutcomeUnknown { number, .. }) => Some(*number),
            Err(Error::Storage(_)) => None,
            other => panic!("{other:?}"),
        })
        .collect();
    numbers.sort();
    assert_eq!(numbers, [None, Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(transactions.prompts(), 0);
}

/// A panic affects the change that panics, and those that share its transaction.
#[test]
fn after_a_panic_the_next_writer_continues() {
    let transactions = TestTransactions::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        transactions
            .queue
            .write(&transactions, |_| -> Result<()> { panic!("on purpose") })
    }));
    assert!(panicked.is_err());
    let id = transactions
        .queue
        .write(&transactions, |writer| create("after", writer))
        .unwrap();
    assert!(
        transactions
            .index
            .snapshot()
            .unwrap()
            .prompt(id)
            .unwrap()
            .is_some()
    );
    let exclusive = catch_unwind(AssertUnwindSafe(|| {
        transactions
            .queue
            .exclusive(|_| -> Result<()> { panic!("on purpose") })
    }));
    assert!(exclusive.is_err());
    transactions.queue.exclusive(|_| Ok(())).unwrap();
}

/// Such a writer must not keep the leader from committing.
#[test]
fn a_writer_whose_change_is_being_made_waits_beyond_its_deadline() {
    let limit = Duration::from_secs(2);
    let mut transactions = TestTransactions::new();
    transactions.queue = WriteQueue::new(limit);
    let tried = Arc::new(AtomicUsize::new(0));
    let answers = transactions.all_at_once(2, move |number, writer| {
        // The first change is the leader's, and the second is that of the writer that waits.
        if tried.fetch_add(1, Ordering::Relaxed) == 1 {
            thread::sleep(limit + Duration::from_millis(200));
        }
        create(&format!("prompt {number}"), writer)
    });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

/// Writers are served in order of arrival: shared, exclusive, then shared again.
#[test]
fn an_exclusive_writer_waits_for_its_turn() {
    let transactions = TestTransactions::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let waiting = |number: usize| {
        while transactions.queue.state().waiting.len() < number {
            thread::yield_now();
        }
    };
    let note = |what: &'static str| {
        let order = Arc::clone(&order);
        move |_: &mut WriteTransaction<'_>| {
            order.lock().unwrap().push(what);
            Ok(())
        }
    };
    thread::scope(|scope| {
        // The transaction begins when the four others wait.
        transactions.others.store(4, Ordering::Release);
        scope.spawn(|| {
            transactions
                .queue
                .write(&transactions, note("first"))
                .unwrap()
        });
        while transactions.others.load(Ordering::Acquire) > 0 {
            thread::yield_now();
        }
        scope.spawn(|| {
            transactions
                .queue
                .write(&transactions, note("shared"))
                .unwrap()
        });
        waiting(1);
        scope.spawn(|| {
            let exclusive = transactions.queue.exclusive(|_| {
                order.lock().unwrap().push("exclusive");
                Ok(())
            });
            exclusive.unwrap();
        });
        waiting(2);
        scope.spawn(|| {
            transactions
                .queue
                .write(&transactions, note("third"))
                .unwrap()
        });
        waiting(3);
        scope.spawn(|| {
            transactions
                .queue
                .write(&transactions, note("fourth"))
                .unwrap()
        });
    });
    let order = order.lock().unwrap();
    assert_eq!(*order, ["first", "shared", "exclusive", "third", "fourth"]);
    assert_eq!(
        transactions.begun.load(Ordering::Relaxed),
        2,
        "one before and one after the exclusive writer"
    );
}

#[test]
fn a_writer_that_times_out_leaves_the_queue_and_changes_nothing() {
    let mut transactions = TestTransactions::new();
    transactions.queue = WriteQueue::new(Duration::from_millis(300));
    let transactions = &transactions;
    thread::scope(|scope| {
        let (begun, has_begun) = channel();
        let (done, go_on) = channel::<()>();
        let exclusive = scope.spawn(move || {
            transactions.queue.exclusive(|_| {
                begun.send(()).unwrap();
                go_on.recv().unwrap();
                Ok(())
            })
        });
        has_begun.recv().unwrap();
        let began = Instant::now();
        let shared = scope.spawn(|| {
            transactions
                .queue
                .write(transactions, |writer| create("shared", writer))
        });
        let other = scope.spawn(|| transactions.queue.exclusive(|_| Ok(())));
        let refused = [
            shared.join().unwrap().unwrap_err(),
            other.join().unwrap().unwrap_err(),
        ];
        assert!(began.elapsed() < Duration::from_secs(5));
        for error in refused {
            match error {
                Error::Storage(error) => assert_eq!(error.kind(), StorageErrorKind::Busy),
                other => panic!("{other:?}"),
            }
        }
        assert!(transactions.queue.state().waiting.is_empty());
        done.send(()).unwrap();
        exclusive.join().unwrap().unwrap();
    });
    assert_eq!(transactions.prompts(), 0);
    // The queue continues.
    transactions
        .queue
        .write(transactions, |writer| create("after", writer))
        .unwrap();
    assert_eq!(transactions.prompts(), 1);
}

/// Each writer is refused by its own deadline, not by that of the writer before it.
#[test]
fn after_a_failed_begin_the_next_writer_tries_again() {
    let mut transactions = TestTransactions::new();
    transactions.begin = Some(StorageErrorKind::Busy);
    let answers = transactions.all_at_once(3, |_, writer| create("in vain", writer));
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(transactions.begun.load(Ordering::Relaxed), 3);
    assert!(!transactions.queue.state().is_led);
}
