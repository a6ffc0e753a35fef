use std::sync::atomic::AtomicU32;

use super::*;
use crate::model::record::Durability;
use crate::storage::testing::HistoryWriter;
use crate::storage::{ChangeMark, Transaction, testing};

/// An index that others commit to after each of the first snapshots.
#[derive(Debug)]
struct Busy {
    index: std::sync::Arc<dyn Index>,
    snapshots: AtomicU32,
    commits: u32,
}

impl Index for Busy {
    fn snapshot(&self) -> StorageResult<Box<dyn Snapshot + '_>> {
        let snapshot = self.index.snapshot()?;
        snapshot.last_operation()?;
        let taken = self.snapshots.fetch_add(1, Ordering::Relaxed);
        if taken < self.commits {
            HistoryWriter::new(&*self.index).create(taken + 1, &format!("p{taken}"), &[]);
        }
        Ok(snapshot)
    }

    fn transaction(&self, durability: Durability) -> StorageResult<Box<dyn Transaction + '_>> {
        self.index.transaction(durability)
    }

    testing::forwarded_upkeep!(index);

    fn change_mark(&self) -> Option<ChangeMark> {
        self.index.change_mark()
    }
}

/// Verifies a store that others commit to after each of the first snapshots. Returns whether it was
/// found sound, and the number of snapshots.
fn verify_beside(commits: u32) -> (bool, u32) {
    let (index, blobs) = testing::in_memory();
    let busy = Busy {
        index,
        snapshots: AtomicU32::new(0),
        commits,
    };
    let found = verify_sound(&busy, &*blobs, &[], &mut Reporter::default()).unwrap();
    (
        found.is_some_and(|report| report.is_clean()),
        busy.snapshots.into_inner(),
    )
}

#[test]
fn a_commit_between_the_snapshots_begins_the_check_again() {
    assert_eq!(verify_beside(0), (true, 3));
    assert_eq!(verify_beside(1), (true, 6));
    assert_eq!(verify_beside(4), (true, 9));
}

#[test]
fn a_store_that_others_commit_to_all_the_time_is_checked_a_limited_number_of_times() {
    assert_eq!(verify_beside(u32::MAX), (false, 3 * MAX_ATTEMPTS));
}
