//! The suite for operations, listed and filtered, and for recorded inputs.

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::Test;
use crate::model::id::BlobId;
use crate::model::inputs::Inputs;
use crate::model::record::{Durability, OperationFilter, RecordedInputs};
use crate::storage::Index;
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::values::{
    body, environment, environment_change, moment, prompt_id, version_id,
};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    operations_are_read_as_they_were_written,
    operations_are_listed_newest_first,
    operations_are_filtered_by_prompt,
    operations_are_filtered_by_environment,
    both_filters_mean_one_change,
    inputs_are_kept,
    new_inputs_replace_earlier_ones,
    inputs_are_listed_by_version,
    inputs_go_with_their_version,
    inputs_of_lost_versions_are_found_and_removed,
];

fn numbers(
    index: &dyn Index,
    filter: &OperationFilter,
    before: Option<u64>,
    limit: usize,
) -> Vec<u64> {
    let operations = index.snapshot().unwrap().operations(filter, before, limit);
    operations
        .unwrap()
        .iter()
        .map(|operation| operation.number)
        .collect()
}

/// Writes two prompts. The comments contain the numbers of the operations.
fn two_prompts(index: &dyn Index) -> HistoryWriter<'_> {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "one", &[]); // 1
    scribe.create(2, "two", &[]); // 2
    scribe.commit(1, 1, "1.0"); // 3
    scribe.commit(2, 2, "1.0"); // 4
    scribe.point(1, "production", Some(1)); // 5
    scribe.point(2, "staging", Some(2)); // 6
    scribe.write(vec![
        environment_change(prompt_id(1), "staging", None, Some(version_id(1))),
        environment_change(prompt_id(2), "production", None, Some(version_id(2))),
        environment_change(prompt_id(2), "canary", None, Some(version_id(2))),
        environment_change(prompt_id(1), "canary", None, Some(version_id(1))),
    ]); // 7
    scribe.point(2, "production", None); // 8
    scribe.delete_prompt(1); // 9
    scribe
}

/// Every kind of change is read as it was written.
pub fn operations_are_read_as_they_were_written(index: &dyn Index) {
    let mut scribe = two_prompts(index);
    let written = scribe.write(vec![environment_change(
        prompt_id(2),
        "production",
        None,
        Some(version_id(2)),
    )]);
    let snapshot = index.snapshot().unwrap();
    let read = snapshot
        .operations(&OperationFilter::default(), None, usize::MAX)
        .unwrap();
    assert_eq!(read[0], written);
    let mut texts = Vec::new();
    let visited = snapshot.each_operation(0, &mut |_, _, text| {
        texts.push(text.to_owned());
        ControlFlow::Continue(())
    });
    visited.unwrap();
    for (operation, text) in read.iter().rev().zip(&texts) {
        let content = serde_json::to_string(&operation.content).unwrap();
        assert_eq!(
            content, *text,
            "operation {} differs from the text that was hashed",
            operation.number
        );
    }
}

/// At most `limit` operations below `before` are listed, newest first.
pub fn operations_are_listed_newest_first(index: &dyn Index) {
    two_prompts(index);
    let all = OperationFilter::default();
    assert_eq!(
        numbers(index, &all, None, usize::MAX),
        [9, 8, 7, 6, 5, 4, 3, 2, 1]
    );
    assert_eq!(numbers(index, &all, None, 2), [9, 8]);
    assert_eq!(
        numbers(index, &all, Some(8), 2),
        [7, 6],
        "the next page starts below the last number"
    );
    assert_eq!(numbers(index, &all, Some(2), 2), [1]);
    assert_eq!(numbers(index, &all, Some(1), 2), [0_u64; 0]);
    assert_eq!(numbers(index, &all, Some(0), 2), [0_u64; 0]);
    assert_eq!(numbers(index, &all, Some(u64::MAX), 1), [9]);
    assert_eq!(numbers(index, &all, None, 0), [0_u64; 0]);
}

/// Operations are found by prompt, even by a deleted one.
///
/// An operation on several prompts is found by each of them.
pub fn operations_are_filtered_by_prompt(index: &dyn Index) {
    two_prompts(index);
    let of = |prompt| OperationFilter::default().prompt(prompt_id(prompt));
    assert_eq!(numbers(index, &of(1), None, usize::MAX), [9, 7, 5, 3, 1]);
    assert_eq!(numbers(index, &of(2), None, usize::MAX), [8, 7, 6, 4, 2]);
    assert_eq!(numbers(index, &of(2), Some(7), 2), [6, 4]);
    assert_eq!(
        numbers(index, &of(3), None, 9),
        [0_u64; 0],
        "a prompt that never existed"
    );
}

/// An operation is listed once, even if it moved the environment of several prompts.
pub fn operations_are_filtered_by_environment(index: &dyn Index) {
    two_prompts(index);
    let of = |name| OperationFilter::default().environment(environment(name));
    assert_eq!(
        numbers(index, &of("production"), None, usize::MAX),
        [9, 8, 7, 5]
    );
    assert_eq!(numbers(index, &of("canary"), None, usize::MAX), [9, 7]);
    assert_eq!(numbers(index, &of("production"), Some(8), 1), [7]);
    assert_eq!(
        numbers(index, &of("Production"), None, 9),
        [0_u64; 0],
        "names are compared exactly"
    );
}

/// With both filters, an operation must have moved that environment of that prompt.
pub fn both_filters_mean_one_change(index: &dyn Index) {
    two_prompts(index);
    let of = |prompt, name| {
        let filter = OperationFilter::default().prompt(prompt_id(prompt));
        numbers(
            index,
            &filter.environment(environment(name)),
            None,
            usize::MAX,
        )
    };
    assert_eq!(
        of(1, "production"),
        [9, 5],
        "operation 7 moved the other prompt's environment"
    );
    assert_eq!(of(2, "production"), [8, 7]);
    assert_eq!(of(2, "staging"), [6]);
    assert_eq!(of(2, "canary"), [7]);
}

fn inputs(version: u32, request: &str, value: Value) -> RecordedInputs {
    let inputs = Inputs::from([("b", value), ("a", json!({"deep": [1.5, null, "\u{0}ü"]}))]);
    RecordedInputs {
        request_id: request.into(),
        version_id: version_id(version),
        inputs,
        environment: None,
        recorded_at: moment(version),
    }
}

fn one_version(index: &dyn Index) -> HistoryWriter<'_> {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    scribe.commit(1, 1, "1.0");
    scribe.commit(1, 2, "1.1");
    scribe
}

/// Inputs are stored by version and request. Recording them is not an operation.
///
/// Any text can be a request id.
pub fn inputs_are_kept(index: &dyn Index) {
    let mut scribe = one_version(index);
    let mut with_environment = inputs(1, "", json!(true));
    with_environment.environment = Some(environment("production"));
    let recorded = [
        inputs(1, "r", json!(1)),
        inputs(2, "r", json!("2")),
        inputs(1, "R\u{0}é", json!([])),
        with_environment,
    ];
    for inputs in &recorded {
        scribe.record_inputs(inputs);
    }
    let snapshot = index.snapshot().unwrap();
    for inputs in &recorded {
        let found = snapshot
            .inputs(inputs.version_id, &inputs.request_id)
            .unwrap();
        assert_eq!(found.as_ref(), Some(inputs));
    }
    assert_eq!(snapshot.inputs(version_id(1), "missing").unwrap(), None);
    assert_eq!(snapshot.inputs(version_id(3), "r").unwrap(), None);
    let last = snapshot.last_operation().unwrap().map(|(number, _)| number);
    assert_eq!(last, Some(3), "recorded inputs are not an operation");
}

/// New inputs replace the previous ones of the same request entirely.
pub fn new_inputs_replace_earlier_ones(index: &dyn Index) {
    let mut scribe = one_version(index);
    let mut first = inputs(1, "r", json!(1));
    first.environment = Some(environment("production"));
    scribe.record_inputs(&first);
    let mut second = inputs(1, "r", json!(2));
    second.inputs = Inputs::from([("b", json!(2))]);
    second.recorded_at = moment(50);
    scribe.record_inputs(&second);
    let found = index
        .snapshot()
        .unwrap()
        .inputs(version_id(1), "r")
        .unwrap();
    assert_eq!(found, Some(second));
}

/// The inputs of one version are listed by request id, whatever the order of recording.
pub fn inputs_are_listed_by_version(index: &dyn Index) {
    let mut scribe = one_version(index);
    let requests = ["", "R", "R\u{0}é", "a", "r10", "r2", "é"];
    let mut recorded: Vec<_> = requests
        .into_iter()
        .map(|request| inputs(1, request, json!(request)))
        .collect();
    recorded[2].environment = Some(environment("production"));
    for inputs in recorded.iter().rev() {
        scribe.record_inputs(inputs);
    }
    scribe.record_inputs(&inputs(2, "m", json!(2)));
    let snapshot = index.snapshot().unwrap();
    assert_eq!(snapshot.inputs_of(version_id(1)).unwrap(), recorded);
    assert_eq!(snapshot.inputs_of(version_id(2)).unwrap().len(), 1);
    assert_eq!(snapshot.inputs_of(version_id(3)).unwrap(), []);
    drop(snapshot);
    scribe.delete_version(1, 1);
    let snapshot = index.snapshot().unwrap();
    let found = snapshot.inputs_of(version_id(1)).unwrap();
    assert_eq!(found, [], "their version is deleted");
}

/// The inputs of a deleted version are not found.
pub fn inputs_go_with_their_version(index: &dyn Index) {
    let mut scribe = one_version(index);
    scribe.record_inputs(&inputs(1, "r", json!(1)));
    scribe.record_inputs(&inputs(2, "r", json!(2)));
    scribe.delete_version(1, 1);
    let snapshot = index.snapshot().unwrap();
    assert_eq!(
        snapshot.inputs(version_id(1), "r").unwrap(),
        None,
        "its version is deleted"
    );
    assert!(snapshot.inputs(version_id(2), "r").unwrap().is_some());
    drop(snapshot);
    scribe.delete_prompt(1);
    let snapshot = index.snapshot().unwrap();
    assert_eq!(
        snapshot.inputs(version_id(2), "r").unwrap(),
        None,
        "its prompt is deleted"
    );
}

/// A version cannot be restored once it is deleted and its body is not stored.
pub fn inputs_of_lost_versions_are_found_and_removed(index: &dyn Index) {
    let mut scribe = one_version(index);
    let twin = scribe.commit_body(1, 3, "1.2", &body(1));
    scribe.commit(1, 4, "1.3");
    for request in ["a", "b", "c"] {
        for version in [1, 2, 3] {
            scribe.record_inputs(&inputs(version, request, json!(1)));
        }
    }
    let lost = || {
        let found = index.snapshot().unwrap().lost_versions_with_inputs();
        let mut found = found.unwrap();
        found.sort();
        found
    };
    scribe.delete_version(1, 1);
    scribe.delete_version(1, 4);
    scribe.forget(&[BlobId::of(&body(4))]);
    assert_eq!(
        lost(),
        [],
        "another version uses its body, or it has no inputs"
    );
    scribe.delete_version(1, 3);
    assert_eq!(lost(), [], "both can be restored");
    scribe.forget(&[twin.blob]);
    assert_eq!(lost(), [version_id(1), version_id(3)]);
    let drop_inputs = |version, limit| {
        let mut transaction = index.transaction(Durability::Full).unwrap();
        let dropped = transaction.drop_inputs(version_id(version), limit).unwrap();
        transaction.commit().unwrap();
        dropped
    };
    assert_eq!([2, 2, 2].map(|limit| drop_inputs(1, limit)), [2, 1, 0]);
    assert_eq!(lost(), [version_id(3)]);
    assert_eq!(drop_inputs(3, 3), 3);
    assert_eq!(lost(), []);
    let left = index.snapshot().unwrap().inputs_of(version_id(2)).unwrap();
    assert_eq!(left.len(), 3, "the inputs of a live version");
}
