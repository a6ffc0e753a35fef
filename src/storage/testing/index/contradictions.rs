//! The suite for contradictions, which an index must refuse without leaving anything behind.
//!
//! The engine checks before it writes, so it causes none of these. They are a second line of
//! defense.

use super::Test;
use crate::model::id::{BlobId, OperationId, PromptId};
use crate::model::record::{Change, Durability};
use crate::storage::testing::history_writer::{append, operation};
use crate::storage::testing::values::{
    body, environment_change, moment, prompt_change, prompt_id, state, version, version_created,
    version_deleted, version_id,
};
use crate::storage::testing::{HistoryWriter, all_answers};
use crate::storage::{Index, StorageErrorKind, StorageResult};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    a_number_is_never_used_twice,
    an_id_is_never_used_twice,
    versions_need_a_live_prompt_and_a_stored_body,
    environments_need_a_live_version_of_their_prompt,
    environments_point_where_the_operation_expects,
    a_version_with_an_environment_is_not_deleted,
    missing_data_is_not_changed,
    operations_have_no_gaps,
    a_body_that_a_live_version_has_is_not_forgotten,
];

const PROMPT: u32 = 1;

fn id() -> PromptId {
    prompt_id(PROMPT)
}

/// Writes the history that the tests contradict.
///
/// Prompt 1 has versions 1.0 (id 1, in production), 1.1 (id 2) and a deleted 1.2 (id 3). A second
/// prompt has a version with id 4. A third prompt is deleted.
fn filled(index: &dyn Index) -> HistoryWriter<'_> {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(PROMPT, "p", &["tag"]);
    scribe.commit(PROMPT, 1, "1.0");
    scribe.commit(PROMPT, 2, "1.1");
    scribe.commit(PROMPT, 3, "1.2");
    scribe.delete_version(PROMPT, 3);
    scribe.point(PROMPT, "production", Some(1));
    scribe.create(2, "other", &[]);
    scribe.commit(2, 4, "1.0");
    scribe.create(3, "gone", &[]);
    scribe.commit(3, 5, "1.0");
    scribe.delete_prompt(3);
    scribe
}

/// Checks that these changes are refused as corrupt.
///
/// They must leave nothing once the transaction is dropped.
fn refused(index: &dyn Index, why: &str, changes: Vec<Change>) {
    let before = all_answers(&*index.snapshot().unwrap());
    let mut transaction = index.transaction(Durability::Full).unwrap();
    is_corrupt(why, append(&mut *transaction, moment(100), changes));
    drop(transaction);
    let after = all_answers(&*index.snapshot().unwrap());
    assert_eq!(after, before, "{why}: it was refused, but left something");
}

fn is_corrupt<T>(why: &str, answer: StorageResult<T>) {
    match answer {
        Ok(_) => panic!("{why}: it was accepted"),
        Err(error) => assert_eq!(error.kind(), StorageErrorKind::Corrupt, "{why}: {error}"),
    }
}

fn committed(prompt: u32, number: u32, numbered: &str) -> Vec<Change> {
    // This body is stored.
    vec![version_created(version(
        prompt_id(prompt),
        number,
        numbered,
        &body(1),
    ))]
}

/// The number of a live or a deleted version cannot be used again.
pub fn a_number_is_never_used_twice(index: &dyn Index) {
    let mut scribe = filled(index);
    refused(
        index,
        "the number of a live version",
        committed(PROMPT, 10, "1.1"),
    );
    refused(
        index,
        "the number of a deleted version",
        committed(PROMPT, 10, "1.2"),
    );
    let twice = [committed(PROMPT, 10, "2.0"), committed(PROMPT, 11, "2.0")].concat();
    refused(index, "a number twice in one operation", twice);
    scribe.write(committed(PROMPT, 10, "1.3"));
}

/// Version ids are unique across all prompts, and prompt ids are never reused.
pub fn an_id_is_never_used_twice(index: &dyn Index) {
    filled(index);
    refused(
        index,
        "the id of a live version",
        committed(PROMPT, 1, "2.0"),
    );
    refused(
        index,
        "the id of a deleted version",
        committed(PROMPT, 3, "2.0"),
    );
    refused(
        index,
        "the id of another prompt's version",
        committed(PROMPT, 4, "2.0"),
    );
    refused(
        index,
        "the id of a deleted prompt's version",
        committed(PROMPT, 5, "2.0"),
    );
    let created = |number| {
        vec![prompt_change(
            prompt_id(number),
            None,
            Some(state("p", &[])),
        )]
    };
    refused(index, "the id of a live prompt", created(PROMPT));
}

/// A visible version always has its body and its prompt.
pub fn versions_need_a_live_prompt_and_a_stored_body(index: &dyn Index) {
    let mut scribe = filled(index);
    refused(
        index,
        "a version of a prompt that never existed",
        committed(9, 10, "1.0"),
    );
    refused(
        index,
        "a version of a deleted prompt",
        committed(3, 10, "2.0"),
    );
    let of_body = |bytes: &[u8]| vec![version_created(version(id(), 10, "2.0", bytes))];
    refused(
        index,
        "a version of a body that was never stored",
        of_body(b"{}"),
    );
    scribe.forget(&[BlobId::of(&body(3))]);
    refused(
        index,
        "a version of a body that was forgotten",
        of_body(&body(3)),
    );
}

/// An environment points to a live version of its prompt, or does not exist.
pub fn environments_need_a_live_version_of_their_prompt(index: &dyn Index) {
    filled(index);
    let point = |prompt, to| {
        vec![environment_change(
            prompt_id(prompt),
            "staging",
            None,
            Some(version_id(to)),
        )]
    };
    refused(
        index,
        "an environment that points to a version that never existed",
        point(PROMPT, 99),
    );
    refused(
        index,
        "an environment that points to a deleted version",
        point(PROMPT, 3),
    );
    refused(
        index,
        "an environment that points to another prompt's version",
        point(PROMPT, 4),
    );
    refused(
        index,
        "an environment of a prompt that never existed",
        point(9, 1),
    );
    refused(index, "an environment of a deleted prompt", point(3, 5));
    let (one, three) = (Some(version_id(1)), Some(version_id(3)));
    let moved = vec![environment_change(id(), "production", one, three)];
    refused(index, "an environment moved to a deleted version", moved);
}

/// The previous version of an environment must be the one that the operation names.
///
/// A lost update can therefore not be recorded.
pub fn environments_point_where_the_operation_expects(index: &dyn Index) {
    filled(index);
    let (one, two) = (Some(version_id(1)), Some(version_id(2)));
    let change = |name, before, after| vec![environment_change(id(), name, before, after)];
    refused(
        index,
        "an environment set although it exists",
        change("production", None, two),
    );
    refused(
        index,
        "an environment moved from a version that it does not point to",
        change("production", two, one),
    );
    refused(
        index,
        "a missing environment moved",
        change("staging", one, two),
    );
    refused(
        index,
        "an environment removed from a version that it does not point to",
        change("production", two, None),
    );
    refused(
        index,
        "a missing environment removed",
        change("staging", one, None),
    );
}

/// A version with an environment cannot be deleted, and neither can a prompt with one.
pub fn a_version_with_an_environment_is_not_deleted(index: &dyn Index) {
    let mut scribe = filled(index);
    let deleted = vec![version_deleted(id(), version_id(1))];
    refused(
        index,
        "a version that production points to",
        deleted.clone(),
    );
    let gone = prompt_change(id(), Some(state("p", &["tag"])), None);
    refused(index, "a prompt that has an environment", vec![gone]);
    scribe.point(PROMPT, "production", None);
    scribe.write(deleted);
}

/// A deleted or missing version or prompt cannot be changed, nor a version of another prompt.
pub fn missing_data_is_not_changed(index: &dyn Index) {
    filled(index);
    let deleted = |prompt, number| vec![version_deleted(prompt_id(prompt), version_id(number))];
    refused(index, "a version deleted twice", deleted(PROMPT, 3));
    refused(index, "a version that never existed", deleted(PROMPT, 99));
    refused(index, "a version under another prompt", deleted(PROMPT, 4));
    let (before, after) = (Some(state("gone", &[])), Some(state("back", &[])));
    let changed = |prompt, after| vec![prompt_change(prompt_id(prompt), before.clone(), after)];
    refused(index, "a deleted prompt renamed", changed(3, after.clone()));
    refused(index, "a deleted prompt deleted", changed(3, None));
    refused(
        index,
        "a prompt that never existed, renamed",
        changed(9, after),
    );
    refused(
        index,
        "a prompt that never existed, deleted",
        changed(9, None),
    );
}

/// The number of an operation is the previous one plus one.
pub fn operations_have_no_gaps(index: &dyn Index) {
    filled(index);
    let last = index.snapshot().unwrap().last_operation().unwrap();
    let (last, _) = last.expect("a history");
    for number in [0, 1, last, last + 2] {
        let created = prompt_change(prompt_id(50), None, Some(state("p", &[])));
        let (operation, text) = operation(number, OperationId::ROOT, moment(100), vec![created]);
        let mut transaction = index.transaction(Durability::Full).unwrap();
        let why = format!("operation {number} after operation {last}");
        is_corrupt(
            &why,
            transaction.append(&operation, &text, moment(100), &[]),
        );
    }
}

/// A visible version always has its body.
pub fn a_body_that_a_live_version_has_is_not_forgotten(index: &dyn Index) {
    let mut scribe = filled(index);
    for checkpointed in [false, true] {
        if checkpointed {
            scribe.drop_journal(&[BlobId::of(&body(1))]);
        }
        let mut transaction = index.transaction(Durability::Full).unwrap();
        let forgotten = transaction.forget_blobs(&[BlobId::of(&body(1))]);
        is_corrupt("a body that a live version uses", forgotten);
    }
    assert!(
        index
            .snapshot()
            .unwrap()
            .blob(BlobId::of(&body(1)))
            .unwrap()
            .is_some()
    );
}
