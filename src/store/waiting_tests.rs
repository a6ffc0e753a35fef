//! Tests of waiting: who looks, how often, and what ends a wait.

use std::sync::mpsc;
use std::thread;

use super::*;
use crate::Store;
use crate::history::LogPosition;
use crate::model::record::Durability;
use crate::storage::{Snapshot, StorageResult, Transaction, WakeFn, testing};

/// The state of a watched index whose last commit was announced some time ago.
fn announced(ago: Duration, is_eager: bool) -> WaitState {
    WaitState {
        watch: Some(CommitWatch::polling(Duration::from_millis(250))),
        announced: Instant::now().checked_sub(ago),
        is_eager,
        ..WaitState::default()
    }
}

#[test]
fn looks_are_frequent_after_a_notice_until_a_flush_has_ended() {
    let millis = Duration::from_millis;
    assert_eq!(announced(millis(10), true).pause(), EAGER_LOOK_INTERVAL);
    assert_eq!(announced(millis(10), false).pause(), USUAL_LOOK_INTERVAL);
    assert_eq!(announced(millis(2_000), true).pause(), USUAL_LOOK_INTERVAL);
    assert_eq!(announced(millis(20_000), true).pause(), millis(250));
}

#[test]
fn a_signal_ends_every_wait_that_has_it() {
    let store = Store::in_memory().unwrap();
    let stop = StopSignal::new();
    thread::scope(|scope| {
        let wait = || store.wait_for_changes_until(LogPosition::START, 9, Duration::MAX, &stop);
        let waiting: Vec<_> = (0..3).map(|_| scope.spawn(wait)).collect();
        assert!(!stop.is_stopped());
        stop.stop();
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap().unwrap(), []);
        }
    });
    assert!(stop.is_stopped());
    let waited = store.wait_for_changes_until(LogPosition::START, 9, Duration::MAX, &stop);
    assert_eq!(waited.unwrap(), [], "a later wait ends, too");
}

/// The thread that looks ends first, so another one has to look.
#[test]
fn every_waiting_thread_notices_a_change() {
    let directory = tempfile::tempdir().unwrap();
    for store in [
        Store::in_memory().unwrap(),
        Store::create(directory.path()).unwrap(),
    ] {
        let stop = StopSignal::new();
        let wait = |stop: StopSignal| {
            store.wait_for_changes_until(LogPosition::START, 9, Duration::MAX, &stop)
        };
        thread::scope(|scope| {
            let first = scope.spawn(|| wait(stop.clone()));
            while !store.shared().waiters.state().is_led {
                thread::yield_now();
            }
            let others: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| wait(StopSignal::new())))
                .collect();
            stop.stop();
            assert_eq!(first.join().unwrap().unwrap(), []);
            store
                .create_prompt(crate::NewPrompt::new("a", r#"{"messages": []}"#))
                .unwrap();
            for other in others {
                assert_eq!(other.join().unwrap().unwrap().len(), 1);
            }
        });
    }
}

/// An index that gives notice of a commit before it answers, as one on a server can: one thread
/// receives both.
struct Announcing {
    index: Arc<dyn Index>,
    wake: Mutex<Option<WakeFn>>,
}

impl std::fmt::Debug for Announcing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Announcing").finish_non_exhaustive()
    }
}

impl Index for Announcing {
    fn snapshot(&self) -> StorageResult<Box<dyn Snapshot + '_>> {
        self.index.snapshot()
    }

    fn transaction(&self, durability: Durability) -> StorageResult<Box<dyn Transaction + '_>> {
        self.index.transaction(durability)
    }

    testing::forwarded_upkeep!(index);

    fn change_mark(&self) -> Option<ChangeMark> {
        if let Some(wake) = self.wake.lock().unwrap().clone() {
            thread::spawn(move || wake()).join().unwrap();
        }
        self.index.change_mark()
    }

    fn watch(&self, wake: WakeFn) -> CommitWatch {
        *self.wake.lock().unwrap() = Some(wake);
        CommitWatch::polling(Duration::from_millis(250))
    }
}

#[test]
fn a_notice_during_a_look_does_not_hold_it_up() {
    let index = Announcing {
        index: testing::in_memory().0,
        wake: Mutex::default(),
    };
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        let waiters = Arc::new(ChangeWaiters::default());
        // The first wait begins the watch.
        for _ in 0..3 {
            let deadline = Instant::now() + Duration::from_millis(20);
            let mark = index.change_mark();
            let end = waiters.wait(&index, mark, Some(deadline), &StopSignal::new());
            sender.send(end.unwrap()).unwrap();
        }
    });
    for _ in 0..3 {
        let end = ended.recv_timeout(Duration::from_secs(30));
        assert_eq!(end.expect("the wait ends"), WaitEnd::TimedOut);
    }
}
