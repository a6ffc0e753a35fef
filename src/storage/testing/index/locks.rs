//! The suite for the locks that order writing and removing bodies.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Test;
use crate::storage::testing::wait_a_moment;
use crate::storage::{Index, LockGuard};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    shared_and_exclusive_locks_exclude_each_other,
    exclusive_locks_exclude_each_other,
];

/// The shared lock waits for the exclusive lock, and the exclusive lock for the shared one.
pub fn shared_and_exclusive_locks_exclude_each_other(index: &dyn Index) {
    waits(index, shared, exclusive);
    waits(index, exclusive, shared);
}

/// Two exclusive locks are never held at the same time.
pub fn exclusive_locks_exclude_each_other(index: &dyn Index) {
    waits(index, exclusive, exclusive);
}

type Take = for<'a> fn(&'a dyn Index) -> Box<dyn LockGuard + 'a>;

fn shared<'a>(index: &'a dyn Index) -> Box<dyn LockGuard + 'a> {
    index.lock_shared().unwrap()
}

fn exclusive<'a>(index: &'a dyn Index) -> Box<dyn LockGuard + 'a> {
    index.lock_exclusive().unwrap()
}

/// Checks that `second` waits while `first` is held, and is granted once it is dropped.
fn waits(index: &dyn Index, first: Take, second: Take) {
    let given = AtomicBool::new(false);
    let held = first(index);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _second = second(index);
            given.store(true, Ordering::Release);
        });
        wait_a_moment();
        assert!(
            !given.load(Ordering::Acquire),
            "a lock was granted while another one excluded it"
        );
        drop(held);
    });
    assert!(given.load(Ordering::Acquire), "the lock was never granted");
}
