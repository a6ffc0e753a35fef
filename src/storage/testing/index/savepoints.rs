//! The suite for savepoints, which undo a part of a transaction.

use super::Test;
use crate::model::id::BlobId;
use crate::model::record::{Durability, OperationFilter};
use crate::storage::testing::history_writer::append;
use crate::storage::testing::values::{
    body, environment_change, moment, prompt_change, prompt_id, state, version, version_created,
    version_id,
};
use crate::storage::testing::{HistoryWriter, all_answers};
use crate::storage::{Index, Transaction};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    a_rollback_undoes_everything_since_the_savepoint,
    a_savepoint_remains_until_the_next_one,
    operations_of_a_prompt_follow_a_rollback,
    a_change_that_failed_is_rolled_back,
    a_transaction_without_a_savepoint_has_nothing_to_roll_back_to,
];

/// Writes a prompt with this number, its version, environment and body.
fn write(transaction: &mut dyn Transaction, number: u32) {
    let id = prompt_id(number);
    let blob = BlobId::of(&body(number));
    transaction.put_body(blob, &body(number)).unwrap();
    let changes = vec![
        prompt_change(id, None, Some(state("written", &["tag"]))),
        version_created(version(id, number, "1.0", &body(number))),
        environment_change(id, "production", None, Some(version_id(number))),
    ];
    append(transaction, moment(number), changes).unwrap();
}

/// A rollback undoes everything since the savepoint, and nothing before it.
///
/// The numbers and ids that were used since are free again.
pub fn a_rollback_undoes_everything_since_the_savepoint(index: &dyn Index) {
    HistoryWriter::new(index).create(1, "before", &[]);
    let mut transaction = index.transaction(Durability::Full).unwrap();
    write(&mut *transaction, 2);
    let kept = all_answers(transaction.snapshot());
    transaction.savepoint().unwrap();
    write(&mut *transaction, 3);
    let version = version_id(2);
    let unset = environment_change(prompt_id(2), "production", Some(version), None);
    append(&mut *transaction, moment(4), vec![unset]).unwrap();
    transaction.roll_back().unwrap();
    assert_eq!(
        all_answers(transaction.snapshot()),
        kept,
        "a rollback left something"
    );
    write(&mut *transaction, 3);
    let all = all_answers(transaction.snapshot());
    transaction.commit().unwrap();
    let snapshot = index.snapshot().unwrap();
    assert_eq!(
        all_answers(&*snapshot),
        all,
        "the state differs from what was committed"
    );
    assert_eq!(snapshot.self_check().unwrap(), [""; 0]);
}

/// A search for the operations of a prompt does not answer from an earlier state, whose operations
/// had the same numbers.
pub fn operations_of_a_prompt_follow_a_rollback(index: &dyn Index) {
    let mut transaction = index.transaction(Durability::Full).unwrap();
    write(&mut *transaction, 1);
    write(&mut *transaction, 2);
    let numbers = |transaction: &dyn Transaction, prompt| -> Vec<u64> {
        let filter = OperationFilter::default().prompt(prompt_id(prompt));
        let found = transaction.snapshot().operations(&filter, None, usize::MAX);
        found.unwrap().iter().map(|found| found.number).collect()
    };
    let all = |transaction: &dyn Transaction| [1, 2, 3].map(|prompt| numbers(transaction, prompt));
    let (first, second) = (vec![1], vec![2]);
    assert_eq!(all(&*transaction), [first.clone(), second.clone(), vec![]]);
    transaction.savepoint().unwrap();
    let unset = environment_change(prompt_id(1), "production", Some(version_id(1)), None);
    append(&mut *transaction, moment(3), vec![unset]).unwrap();
    assert_eq!(all(&*transaction), [vec![3, 1], second.clone(), vec![]]);
    transaction.roll_back().unwrap();
    write(&mut *transaction, 3);
    assert_eq!(all(&*transaction), [first, second, vec![3]]);
}

/// A rollback returns to the last savepoint, any number of times.
pub fn a_savepoint_remains_until_the_next_one(index: &dyn Index) {
    let mut transaction = index.transaction(Durability::Full).unwrap();
    transaction.savepoint().unwrap();
    let mut kept = Vec::new();
    for number in 1..=3 {
        write(&mut *transaction, number);
        kept.push(all_answers(transaction.snapshot()));
        transaction.savepoint().unwrap();
        for _ in 0..2 {
            write(&mut *transaction, 9);
            transaction.roll_back().unwrap();
            assert_eq!(
                kept.last(),
                Some(&all_answers(transaction.snapshot())),
                "after {number}"
            );
        }
    }
    transaction.commit().unwrap();
    let snapshot = index.snapshot().unwrap();
    assert_eq!(kept.last(), Some(&all_answers(&*snapshot)));
}

/// A change that the index refuses part-way leaves nothing after a rollback.
pub fn a_change_that_failed_is_rolled_back(index: &dyn Index) {
    let mut transaction = index.transaction(Durability::Full).unwrap();
    write(&mut *transaction, 1);
    let kept = all_answers(transaction.snapshot());
    transaction.savepoint().unwrap();
    let changes = vec![
        prompt_change(prompt_id(2), None, Some(state("half", &[]))),
        version_created(version(prompt_id(2), 2, "1.0", b"never stored")),
    ];
    append(&mut *transaction, moment(2), changes).unwrap_err();
    transaction.roll_back().unwrap();
    assert_eq!(all_answers(transaction.snapshot()), kept);
    transaction.commit().unwrap();
    let snapshot = index.snapshot().unwrap();
    assert_eq!(all_answers(&*snapshot), kept);
}

/// A rollback without a savepoint fails.
pub fn a_transaction_without_a_savepoint_has_nothing_to_roll_back_to(index: &dyn Index) {
    let mut transaction = index.transaction(Durability::Full).unwrap();
    write(&mut *transaction, 1);
    transaction.roll_back().unwrap_err();
    drop(transaction);
    let snapshot = index.snapshot().unwrap();
    assert_eq!(snapshot.last_operation().unwrap(), None);
}
