//! The suite for restoring deleted data, and for finding an earlier moment in the history.

use std::ops::ControlFlow;

use super::Test;
use crate::model::id::BlobId;
use crate::model::record::{Change, Durability, PromptFilter, VersionFilter};
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::history_writer::append;
use crate::storage::testing::values::{
    body, moment, prompt_change, prompt_id, state, version, version_created, version_deleted,
    version_id, version_restored,
};
use crate::storage::{
    Index, OperationVisitor, ReleasedBefore, Snapshot, StorageErrorKind, StorageResult,
};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    a_version_comes_back_as_it_was,
    a_prompt_comes_back_as_it_was,
    only_what_is_deleted_comes_back,
    a_version_comes_back_with_its_body_only,
    a_deleted_version_is_still_known,
    a_moment_is_found_whatever_the_clock_said,
    operations_are_visited_from_a_number_on,
    operations_of_a_prompt_are_visited_newest_first,
];

/// Writes a prompt with versions 1.0 (id 1) and 1.1 (id 2).
fn filled(index: &dyn Index) -> HistoryWriter<'_> {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &["tag"]);
    scribe.commit(1, 1, "1.0");
    scribe.commit(1, 2, "1.1");
    scribe
}

/// Returns the reads of the prompt, and the reference counts of its bodies.
fn reads(index: &dyn Index) -> String {
    let snapshot = index.snapshot().unwrap();
    let prompts = snapshot.prompts(&PromptFilter::default(), None, usize::MAX);
    let all = VersionFilter::default();
    let versions = snapshot.versions(prompt_id(1), &all, None, usize::MAX);
    let mut bodies = Vec::new();
    let visited = snapshot.each_blob(&mut |id, _, live| {
        bodies.push((id, live));
        ControlFlow::Continue(())
    });
    visited.unwrap();
    let (mut prompts, versions) = (prompts.unwrap(), versions.unwrap());
    for prompt in &mut prompts {
        // That something was restored is a change too.
        prompt.updated_at = prompt.created_at;
    }
    let unused = snapshot
        .unreferenced(ReleasedBefore::since(moment(1000)), usize::MAX)
        .unwrap();
    format!(
        "{prompts:?} {versions:?} {bodies:?} {unused:?} {}",
        snapshot.prompt_count().unwrap()
    )
}

/// A restored version has the same number, id, place and body.
///
/// The body is referenced again.
pub fn a_version_comes_back_as_it_was(index: &dyn Index) {
    let mut scribe = filled(index);
    let before = reads(index);
    for number in [1, 2] {
        scribe.delete_version(1, number);
        assert_ne!(reads(index), before);
        scribe.write(vec![version_restored(prompt_id(1), version_id(number))]);
        assert_eq!(
            reads(index),
            before,
            "version {number} differs after it was restored"
        );
    }
}

/// A restored prompt has the same place among the others, and so have its restored versions.
pub fn a_prompt_comes_back_as_it_was(index: &dyn Index) {
    let mut scribe = filled(index);
    scribe.create(2, "younger", &[]);
    let before = reads(index);
    scribe.delete_prompt(1);
    scribe.write(vec![
        prompt_change(prompt_id(1), None, Some(state("p", &["tag"]))),
        version_restored(prompt_id(1), version_id(2)),
    ]);
    assert_eq!(
        index
            .snapshot()
            .unwrap()
            .prompt(prompt_id(1))
            .unwrap()
            .unwrap()
            .versions,
        1
    );
    scribe.write(vec![version_restored(prompt_id(1), version_id(1))]);
    assert_eq!(reads(index), before);
}

fn refused(index: &dyn Index, why: &str, changes: Vec<Change>) {
    let before = reads(index);
    let mut transaction = index.transaction(Durability::Full).unwrap();
    let error = append(&mut *transaction, moment(500), changes);
    let error = error.expect_err(why);
    assert_eq!(error.kind(), StorageErrorKind::Corrupt, "{why}: {error}");
    drop(transaction);
    assert_eq!(reads(index), before, "{why}");
}

/// Only a deleted version can be restored, and only into a live prompt.
pub fn only_what_is_deleted_comes_back(index: &dyn Index) {
    let mut scribe = filled(index);
    let back = |number| version_restored(prompt_id(1), version_id(number));
    refused(index, "a live version", vec![back(1)]);
    refused(index, "a version that never existed", vec![back(9)]);
    let made = prompt_change(prompt_id(1), None, Some(state("p", &[])));
    refused(index, "a live prompt", vec![made]);
    scribe.create(2, "other", &[]);
    scribe.delete_version(1, 1);
    let foreign = version_restored(prompt_id(2), version_id(1));
    refused(index, "a version of another prompt", vec![foreign]);
    scribe.delete_prompt(1);
    refused(index, "a version of a deleted prompt", vec![back(1)]);
}

/// A version cannot be restored if its body was removed by garbage collection.
pub fn a_version_comes_back_with_its_body_only(index: &dyn Index) {
    let mut scribe = filled(index);
    scribe.delete_version(1, 1);
    scribe.forget(&[BlobId::of(&body(1))]);
    let back = version_restored(prompt_id(1), version_id(1));
    refused(index, "a version without its body", vec![back]);
}

/// A deleted version is found by its id, with the time of its deletion and without environments.
pub fn a_deleted_version_is_still_known(index: &dyn Index) {
    let mut scribe = filled(index);
    scribe.point(1, "production", Some(2));
    let ever = |number| {
        let snapshot = index.snapshot().unwrap();
        snapshot.version_even_deleted(version_id(number)).unwrap()
    };
    let live = ever(2).expect("a live version");
    assert_eq!(
        (live.version.environments.len(), live.deleted_at),
        (0, None)
    );
    scribe.delete_version(1, 1);
    let deleted = ever(1).expect("a deleted version");
    assert_eq!(deleted.version.number.to_string(), "1.0");
    assert_eq!(deleted.deleted_at, Some(scribe.now()));
    scribe.delete_prompt(1);
    assert_eq!(ever(2).unwrap().deleted_at, Some(scribe.now()));
    assert_eq!(ever(3), None);
}

fn by(snapshot: &dyn Snapshot, second: u32) -> u64 {
    snapshot
        .last_operation_by(moment(second), u64::MAX)
        .unwrap()
}

/// Each operation is found by its own time, whatever the times before and after it are.
pub fn a_moment_is_found_whatever_the_clock_said(index: &dyn Index) {
    assert_eq!(by(&*index.snapshot().unwrap(), 9), 0, "no history");
    let seconds = [10, 20, 15, 20, 30, 5, 40];
    for (number, second) in (1..).zip(seconds) {
        let mut transaction = index.transaction(Durability::Full).unwrap();
        let made = prompt_change(prompt_id(number), None, Some(state("p", &[])));
        append(&mut *transaction, moment(second), vec![made]).unwrap();
        transaction.commit().unwrap();
    }
    let snapshot = index.snapshot().unwrap();
    let found = [9, 10, 11, 19, 20, 29, 30, 39, 40, 99].map(|second| by(&*snapshot, second));
    assert_eq!(found, [6, 6, 6, 6, 6, 6, 6, 6, 7, 7]);
    let up_to = |up_to| {
        [4, 9, 10, 14, 15, 20, 30, 99].map(|second| {
            let found = snapshot.last_operation_by(moment(second), up_to);
            found.unwrap()
        })
    };
    assert_eq!(up_to(0), [0; 8]);
    assert_eq!(up_to(1), [0, 0, 1, 1, 1, 1, 1, 1]);
    assert_eq!(up_to(3), [0, 0, 1, 1, 3, 3, 3, 3]);
    assert_eq!(up_to(5), [0, 0, 1, 1, 3, 4, 5, 5]);
    assert_eq!(up_to(6), [0, 6, 6, 6, 6, 6, 6, 6]);
    let first = |after, by| {
        let found = snapshot.first_operation_between(moment(after), moment(by));
        found.unwrap()
    };
    assert_eq!(first(0, 99), Some(1));
    assert_eq!(first(10, 99), Some(2), "after the first limit");
    assert_eq!(first(4, 5), Some(6), "at the second limit");
    assert_eq!(first(10, 15), Some(3));
    assert_eq!(first(20, 39), Some(5));
    assert_eq!(first(20, 29), None);
    assert_eq!(first(15, 15), None);
    assert_eq!(first(40, 99), None);
}

/// Returns the numbers of the operations that a visit shows, which stops after `most` of them.
fn numbers(
    most: usize,
    visit: impl FnOnce(&mut OperationVisitor<'_>) -> StorageResult<()>,
) -> Vec<u64> {
    let mut numbers = Vec::new();
    let visited = visit(&mut |number, _, _| {
        numbers.push(number);
        if numbers.len() < most {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    visited.unwrap();
    numbers
}

/// Operations are visited from a number on, until the visitor stops.
pub fn operations_are_visited_from_a_number_on(index: &dyn Index) {
    let mut scribe = filled(index);
    scribe.delete_version(1, 1);
    let version = version(prompt_id(1), 7, "1.2", &body(2));
    scribe.write(vec![version_created(version)]);
    scribe.write(vec![version_deleted(prompt_id(1), version_id(7))]);
    let snapshot = index.snapshot().unwrap();
    let visit = |after, most| numbers(most, |visit| snapshot.each_operation(after, visit));
    assert_eq!(visit(0, usize::MAX), [1, 2, 3, 4, 5, 6]);
    assert_eq!(visit(4, usize::MAX), [5, 6]);
    assert_eq!(visit(1, 2), [2, 3]);
    assert!(visit(6, usize::MAX).is_empty());
    assert!(visit(u64::MAX, usize::MAX).is_empty());
}

/// A prompt's operations are visited back from a number, until the visitor stops.
pub fn operations_of_a_prompt_are_visited_newest_first(index: &dyn Index) {
    let mut scribe = filled(index);
    scribe.create(2, "q", &[]);
    scribe.delete_version(1, 1);
    let snapshot = index.snapshot().unwrap();
    let visit = |prompt, until, most| {
        numbers(most, |visit| {
            snapshot.each_operation_of(prompt_id(prompt), until, visit)
        })
    };
    assert_eq!(visit(1, u64::MAX, usize::MAX), [5, 3, 2, 1]);
    assert_eq!(visit(1, 4, usize::MAX), [3, 2, 1]);
    assert_eq!(visit(1, 3, 2), [3, 2]);
    assert_eq!(visit(2, 5, usize::MAX), [4]);
    assert!(visit(1, 0, usize::MAX).is_empty());
    assert!(visit(3, u64::MAX, usize::MAX).is_empty());
}
