//! The suite for bodies that are recorded but not stored, as deleted versions may have them.

use std::ops::ControlFlow;

use super::Test;
use crate::model::id::BlobId;
use crate::model::record::{Change, Durability};
use crate::storage::testing::history_writer::append;
use crate::storage::testing::values::{
    body, moment, prompt_change, prompt_id, state, version, version_created, version_deleted,
    version_id, version_restored,
};
use crate::storage::testing::{HistoryWriter, all_answers};
use crate::storage::{Index, ReleasedBefore, StorageErrorKind, StoredBlob, Transaction};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    a_version_without_its_body_comes_and_goes,
    a_live_version_is_not_left_without_its_body,
    a_stored_body_stays_stored,
    an_absent_body_may_be_put_later,
    a_version_comes_back_without_its_body_and_goes_again,
    only_one_transaction_knows_an_absent_body,
];

fn blob(number: u32) -> BlobId {
    BlobId::of(&body(number))
}

fn absent(transaction: &mut dyn Transaction, number: u32) {
    let size = body(number).len() as u64;
    transaction.put_absent_body(blob(number), size).unwrap();
}

fn created(number: u32) -> Change {
    let numbered = format!("1.{number}");
    version_created(version(prompt_id(1), number, &numbered, &body(number)))
}

/// A version without a stored body can be created and deleted in one transaction.
///
/// This happens when history is merged from a store that removed the body. The version retains its
/// address and its size.
pub fn a_version_without_its_body_comes_and_goes(index: &dyn Index) {
    HistoryWriter::new(index).create(1, "p", &[]);
    let mut transaction = index.transaction(Durability::Full).unwrap();
    absent(&mut *transaction, 1);
    append(&mut *transaction, moment(2), vec![created(1)]).unwrap();
    let gone = version_deleted(prompt_id(1), version_id(1));
    append(&mut *transaction, moment(3), vec![gone]).unwrap();
    transaction.commit().unwrap();
    let snapshot = index.snapshot().unwrap();
    assert_eq!(snapshot.blob(blob(1)).unwrap(), None, "it is not stored");
    assert_eq!(snapshot.waiting().unwrap().bodies, 0);
    assert_eq!(
        snapshot
            .unreferenced(ReleasedBefore::since(moment(99)), 9)
            .unwrap(),
        []
    );
    let row = snapshot
        .version_even_deleted(version_id(1))
        .unwrap()
        .unwrap();
    let size = body(1).len() as u64;
    assert_eq!((row.version.blob, row.version.size), (blob(1), size));
    assert_eq!(row.deleted_at, Some(moment(3)));
    drop(snapshot);
    // A body that was removed elsewhere is stored like any other once a version here uses it.
    HistoryWriter::new(index).commit_body(1, 2, "2.0", &body(1));
    let stored = index.snapshot().unwrap().blob(blob(1)).unwrap();
    assert_eq!(stored, Some(StoredBlob::Journaled(body(1))));
}

/// A commit that would leave a live version without its body is refused, and leaves nothing.
pub fn a_live_version_is_not_left_without_its_body(index: &dyn Index) {
    HistoryWriter::new(index).create(1, "p", &[]);
    let before = all_answers(&*index.snapshot().unwrap());
    let mut transaction = index.transaction(Durability::Full).unwrap();
    absent(&mut *transaction, 1);
    absent(&mut *transaction, 2);
    append(&mut *transaction, moment(2), vec![created(1), created(2)]).unwrap();
    let gone = version_deleted(prompt_id(1), version_id(1));
    append(&mut *transaction, moment(3), vec![gone]).unwrap();
    let error = transaction.commit().expect_err("version 2 has no body");
    assert_eq!(error.kind(), StorageErrorKind::Corrupt, "{error}");
    assert_eq!(all_answers(&*index.snapshot().unwrap()), before);
}

/// A stored body remains stored, in the journal or in the blob store.
pub fn a_stored_body_stays_stored(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    scribe.commit(1, 1, "1.1");
    scribe.commit(1, 2, "1.2");
    scribe.drop_journal(&[blob(2)]);
    let before = all_answers(&*index.snapshot().unwrap());
    let mut transaction = index.transaction(Durability::Full).unwrap();
    absent(&mut *transaction, 1);
    absent(&mut *transaction, 2);
    transaction.commit().unwrap();
    assert_eq!(all_answers(&*index.snapshot().unwrap()), before);
}

/// The body may be put in the same transaction, before its versions are created or after.
pub fn an_absent_body_may_be_put_later(index: &dyn Index) {
    HistoryWriter::new(index).create(1, "p", &[]);
    let mut transaction = index.transaction(Durability::Full).unwrap();
    absent(&mut *transaction, 1);
    absent(&mut *transaction, 2);
    transaction.put_body(blob(1), &body(1)).unwrap();
    append(&mut *transaction, moment(2), vec![created(1), created(2)]).unwrap();
    transaction.put_body(blob(2), &body(2)).unwrap();
    transaction.commit().unwrap();
    let mut bodies = Vec::new();
    let snapshot = index.snapshot().unwrap();
    let visited = snapshot.each_blob(&mut |id, stored, live| {
        assert!(matches!(stored, StoredBlob::Journaled(_)), "{id}");
        bodies.push((id, live));
        ControlFlow::Continue(())
    });
    visited.unwrap();
    bodies.sort();
    let mut both = [(blob(1), 1), (blob(2), 1)];
    both.sort();
    assert_eq!(bodies, both);
}

/// A version whose body was removed by garbage collection can be restored and deleted again.
pub fn a_version_comes_back_without_its_body_and_goes_again(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    scribe.commit(1, 1, "1.1");
    scribe.delete_version(1, 1);
    scribe.forget(&[blob(1)]);
    for (second, stays) in [(10, false), (20, true)] {
        let mut transaction = index.transaction(Durability::Full).unwrap();
        absent(&mut *transaction, 1);
        let back = version_restored(prompt_id(1), version_id(1));
        append(&mut *transaction, moment(second), vec![back]).unwrap();
        if !stays {
            let gone = prompt_change(prompt_id(1), Some(state("p", &[])), None);
            append(&mut *transaction, moment(second + 1), vec![gone]).unwrap();
            let back = prompt_change(prompt_id(1), None, Some(state("p", &[])));
            append(&mut *transaction, moment(second + 2), vec![back]).unwrap();
        }
        assert_eq!(transaction.commit().is_err(), stays, "{stays}");
    }
}

/// A transaction does not know what an earlier one recorded as absent.
pub fn only_one_transaction_knows_an_absent_body(index: &dyn Index) {
    HistoryWriter::new(index).create(1, "p", &[]);
    let mut transaction = index.transaction(Durability::Full).unwrap();
    absent(&mut *transaction, 1);
    transaction.commit().unwrap();
    let mut transaction = index.transaction(Durability::Full).unwrap();
    let error = append(&mut *transaction, moment(2), vec![created(1)]);
    let error = error.expect_err("its body is not recorded");
    assert_eq!(error.kind(), StorageErrorKind::Corrupt, "{error}");
}
