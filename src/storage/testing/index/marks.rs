//! The suite for change marks: the mark remains without a commit, and differs after every commit.
//!
//! An index need not have marks. Those that it has must be right.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Test;
use crate::model::id::BlobId;
use crate::model::inputs::Inputs;
use crate::model::record::{Durability, RecordedInputs};
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::history_writer::append;
use crate::storage::testing::values::{body, moment, prompt_change, prompt_id, state, version_id};
use crate::storage::{ChangeMark, Index};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    reading_does_not_change_the_mark,
    a_transaction_does_not_change_the_mark_until_it_is_committed,
    every_commit_changes_the_mark,
    a_stale_answer_never_has_the_current_mark,
    a_snapshot_shows_a_commit_once_the_mark_has_changed,
];

/// Returns the current mark.
///
/// The first call on an index may return none; then the next call returns one.
fn mark_of(index: &dyn Index) -> Option<ChangeMark> {
    index.change_mark().or_else(|| index.change_mark())
}

/// Neither taking snapshots nor requesting the mark changes the mark.
pub fn reading_does_not_change_the_mark(index: &dyn Index) {
    HistoryWriter::new(index).create(1, "there", &[]);
    let mark = mark_of(index);
    for _ in 0..3 {
        let snapshot = index.snapshot().unwrap();
        assert!(snapshot.prompt(prompt_id(1)).unwrap().is_some());
        assert_eq!(mark_of(index), mark, "nothing was committed");
        drop(snapshot);
        assert_eq!(mark_of(index), mark, "nothing was committed");
    }
}

/// Uncommitted writes do not change the mark, and requesting it does not wait for them.
///
/// A rollback may change the mark.
pub fn a_transaction_does_not_change_the_mark_until_it_is_committed(index: &dyn Index) {
    let write = |number: u32| {
        let created = prompt_change(prompt_id(number), None, Some(state("written", &[])));
        let mut transaction = index.transaction(Durability::Full).unwrap();
        append(&mut *transaction, moment(number), vec![created]).unwrap();
        transaction
    };
    let before = mark_of(index);
    let transaction = write(1);
    assert_eq!(mark_of(index), before, "nothing was committed");
    drop(transaction);
    let taken_back = mark_of(index);
    assert_eq!(mark_of(index), taken_back, "nothing was committed");
    write(2).commit().unwrap();
    is_new(index, &[before, taken_back], "a commit after a rollback");
}

/// Every commit changes the mark, even one without an operation.
pub fn every_commit_changes_the_mark(index: &dyn Index) {
    let mut marks = vec![mark_of(index)];
    let mut scribe = HistoryWriter::new(index);
    let mut after = |what: &str, write: &dyn Fn(&mut HistoryWriter<'_>)| {
        write(&mut scribe);
        marks.push(is_new(index, &marks, what));
    };
    let inputs = RecordedInputs {
        request_id: "request".into(),
        version_id: version_id(1),
        inputs: Inputs::new(),
        environment: None,
        recorded_at: moment(1),
    };
    after("a prompt", &|scribe| scribe.create(1, "there", &[]));
    after("a version", &|scribe| drop(scribe.commit(1, 1, "1.0")));
    after("an environment", &|scribe| scribe.point(1, "a", Some(1)));
    after("a name", &|scribe| scribe.change(1, "renamed", &[]));
    after("inputs", &|scribe| scribe.record_inputs(&inputs));
    after("an environment removed", &|scribe| {
        scribe.point(1, "a", None);
    });
    after("removing a row of the journal", &|scribe| {
        scribe.drop_journal(&[BlobId::of(&body(1))]);
    });
    after("a deletion", &|scribe| scribe.delete_version(1, 1));
    after("forgetting a body", &|scribe| {
        scribe.forget(&[BlobId::of(&body(1))]);
    });
    after("a deleted prompt", &|scribe| scribe.delete_prompt(1));
}

/// Returns the current mark, after a check that it differs from all earlier ones.
fn is_new(index: &dyn Index, before: &[Option<ChangeMark>], what: &str) -> Option<ChangeMark> {
    let mark = mark_of(index);
    let known = mark.is_some() && before.contains(&mark);
    assert!(
        !known,
        "{what} did not change the mark, or restored an earlier one"
    );
    mark
}

/// A cached answer with an earlier mark is never current after a later commit was acknowledged.
///
/// The threads cache an answer with the mark that they read before it.
pub fn a_stale_answer_never_has_the_current_mark(index: &dyn Index) {
    const PROMPTS: u32 = 200;
    let acknowledged = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut remembered = (None, 0);
                while remembered.1 < u64::from(PROMPTS) {
                    let least = acknowledged.load(Ordering::Acquire);
                    let mark = mark_of(index);
                    if mark.is_none() || mark != remembered.0 {
                        let count = index.snapshot().unwrap().prompt_count().unwrap();
                        remembered = (mark, count);
                    }
                    assert!(remembered.1 >= least, "a stale answer has the current mark");
                }
            });
        }
        let mut scribe = HistoryWriter::new(index);
        for number in 1..=PROMPTS {
            scribe.create(number, "one more", &[]);
            acknowledged.store(number.into(), Ordering::Release);
        }
    });
}

/// A snapshot that shows a commit is taken after the mark has changed.
///
/// Otherwise another thread could cache the answer of an earlier snapshot with the same mark, and a
/// reader that has seen the commit would get that answer.
pub fn a_snapshot_shows_a_commit_once_the_mark_has_changed(index: &dyn Index) {
    const PROMPTS: u32 = 200;
    let count = || index.snapshot().unwrap().prompt_count().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < u64::from(PROMPTS) {
                    let mark = mark_of(index);
                    let before = count();
                    seen = count();
                    let is_unchanged = mark.is_some() && mark_of(index) == mark;
                    assert!(
                        !is_unchanged || seen == before,
                        "a commit is visible, and the mark has not changed"
                    );
                }
            });
        }
        let mut writer = HistoryWriter::new(index);
        for number in 1..=PROMPTS {
            writer.create(number, "one more", &[]);
        }
    });
}
