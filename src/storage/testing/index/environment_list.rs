//! The suite for the environment list.

use super::Test;
use crate::model::id::EnvironmentName;
use crate::model::record::{Durability, OperationFilter};
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::history_writer::append;
use crate::storage::testing::values::{environment, environment_list_change, prompt_id};
use crate::storage::{Index, StorageErrorKind};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    a_new_index_has_no_list,
    operations_change_the_list,
    the_list_before_is_the_one_that_the_operation_expects,
    a_change_of_the_list_belongs_to_no_prompt,
    a_change_that_is_rolled_back_leaves_the_list,
];

fn list(index: &dyn Index) -> Option<Vec<EnvironmentName>> {
    index.snapshot().unwrap().environment_list().unwrap()
}

fn names(names: &[&str]) -> Option<Vec<EnvironmentName>> {
    Some(names.iter().map(|name| environment(name)).collect())
}

/// A new index has no environment list.
pub fn a_new_index_has_no_list(index: &dyn Index) {
    assert_eq!(list(index), None);
}

/// An operation sets, replaces or removes the list, whose order is kept.
pub fn operations_change_the_list(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    let lists: [Option<&[&str]>; 4] = [
        None,
        Some(&["staging", "dev"]),
        Some(&["dev", "a \"name\", é"]),
        None,
    ];
    for (before, after) in lists.iter().zip(&lists[1..]) {
        let earlier = index.snapshot().unwrap();
        let found = earlier.environment_list().unwrap();
        scribe.write(vec![environment_list_change(*before, *after)]);
        assert_eq!(list(index), after.and_then(names));
        assert_eq!(
            earlier.environment_list().unwrap(),
            found,
            "an earlier snapshot shows a later list"
        );
    }
    scribe.write(vec![
        environment_list_change(None, Some(&["a"])),
        environment_list_change(Some(&["a"]), Some(&["b"])),
    ]);
    assert_eq!(list(index), names(&["b"]));
}

/// The list before must be the one that the operation names, in its order.
pub fn the_list_before_is_the_one_that_the_operation_expects(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    let mut refused = |before: Option<&[&str]>, after: Option<&[&str]>| {
        let error = scribe
            .try_write(vec![environment_list_change(before, after)])
            .expect_err("a change of another list was accepted");
        assert_eq!(error.kind(), StorageErrorKind::Corrupt, "{error}");
    };
    refused(Some(&["dev"]), None);
    let mut other = HistoryWriter::new(index);
    other.write(vec![environment_list_change(None, Some(&["dev", "qa"]))]);
    let mut refused = |before: Option<&[&str]>| {
        let change = environment_list_change(before, Some(&["other"]));
        assert!(other.try_write(vec![change]).is_err());
    };
    refused(None);
    refused(Some(&["dev"]));
    refused(Some(&["qa", "dev"]));
    assert_eq!(list(index), names(&["dev", "qa"]));
}

/// Operations on the list are in the list of all operations, and in that of no prompt or
/// environment.
pub fn a_change_of_the_list_belongs_to_no_prompt(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    let written = scribe.write(vec![environment_list_change(None, Some(&["dev"]))]);
    let snapshot = index.snapshot().unwrap();
    let listed = |filter: OperationFilter| snapshot.operations(&filter, None, usize::MAX).unwrap();
    let all = OperationFilter::default();
    assert_eq!(listed(all.clone()).first(), Some(&written));
    assert_eq!(listed(all.clone().prompt(prompt_id(1))).len(), 1);
    assert_eq!(listed(all.environment(environment("dev"))), []);
    assert_eq!(snapshot.self_check().unwrap(), Vec::<String>::new());
}

/// A savepoint contains the list, and so does a transaction that is dropped.
pub fn a_change_that_is_rolled_back_leaves_the_list(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.write(vec![environment_list_change(None, Some(&["dev"]))]);
    let at = scribe.now();
    let mut transaction = index.transaction(Durability::Full).unwrap();
    transaction.savepoint().unwrap();
    let change = environment_list_change(Some(&["dev"]), None);
    append(&mut *transaction, at, vec![change.clone()]).unwrap();
    let changed = transaction.snapshot().environment_list().unwrap();
    assert_eq!(changed, None, "the transaction does not see its change");
    transaction.roll_back().unwrap();
    let back = transaction.snapshot().environment_list().unwrap();
    assert_eq!(back, names(&["dev"]));
    append(&mut *transaction, at, vec![change]).unwrap();
    drop(transaction);
    assert_eq!(list(index), names(&["dev"]));
}
