//! The suite for the visitors, on which `verify` is built.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::Test;
use crate::model::id::{BlobId, OperationId};
use crate::model::operation_text;
use crate::model::record::OperationFilter;
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::values::{body, environment, moment, prompt_id, version_id};
use crate::storage::{Index, PromptRows, PromptTable, StoredBlob};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    every_prompt_is_visited_with_all_its_rows,
    replayed_operations_give_the_same_prompts,
    every_body_is_visited_with_its_live_versions,
    every_operation_is_visited_in_order,
    a_visitor_can_stop_a_visit,
];

fn filled(index: &dyn Index) -> HistoryWriter<'_> {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "kept", &["b", "a"]); // second 1
    scribe.create(2, "gone", &["c"]);
    scribe.create(3, "empty", &[]);
    scribe.commit(1, 1, "1.0");
    scribe.commit_body(1, 2, "2.0", &body(1));
    scribe.commit(1, 3, "1.1"); // second 6
    scribe.point(1, "production", Some(2)); // second 7
    scribe.point(1, "old", Some(1));
    scribe.delete_version(1, 3); // second 9
    scribe.commit(2, 4, "1.0");
    scribe.point(2, "production", Some(4));
    scribe.delete_prompt(2); // second 12
    scribe.change(1, "renamed", &["b"]);
    scribe.drop_journal(&[BlobId::of(&body(1))]);
    scribe
}

fn tables(index: &dyn Index) -> BTreeMap<String, PromptTable> {
    let mut tables = BTreeMap::new();
    let visited = index.snapshot().unwrap().each_prompt(&mut |table| {
        let again = tables.insert(table.id.to_string(), table);
        assert!(again.is_none(), "a prompt was visited twice");
        ControlFlow::Continue(())
    });
    visited.unwrap();
    tables
}

/// Every prompt and version is visited, deleted ones included, in the order of commits.
pub fn every_prompt_is_visited_with_all_its_rows(index: &dyn Index) {
    filled(index);
    let tables = tables(index);
    assert_eq!(tables.len(), 3, "deleted and empty prompts are visited too");
    let kept = &tables[prompt_id(1).as_str()];
    assert_eq!(kept.created_at, moment(1));
    let state = kept.state.as_ref().expect("a live prompt has a name");
    assert_eq!(
        (state.name.as_str(), &*state.tags),
        ("renamed", &["b".to_owned()][..])
    );
    let versions: Vec<_> = kept
        .versions
        .iter()
        .map(|row| (row.version.id, row.deleted_at))
        .collect();
    let expected = [
        (version_id(1), None),
        (version_id(2), None),
        (version_id(3), Some(moment(9))),
    ];
    assert_eq!(
        versions, expected,
        "in the order of commits, including deleted ones"
    );
    assert!(
        kept.versions
            .iter()
            .all(|row| row.version.environments.is_empty())
    );
    let pointers = [
        (environment("production"), (version_id(2), moment(7))),
        (environment("old"), (version_id(1), moment(8))),
    ];
    assert_eq!(kept.environments, BTreeMap::from(pointers));
    let gone = &tables[prompt_id(2).as_str()];
    assert_eq!(gone.state, None);
    assert_eq!(gone.environments, BTreeMap::new());
    assert_eq!(gone.versions.len(), 1);
    assert_eq!(
        gone.versions[0].deleted_at,
        Some(moment(12)),
        "it was deleted with its prompt"
    );
}

/// Replaying a prompt's operations gives the rows that the index shows.
///
/// `verify` relies on this.
pub fn replayed_operations_give_the_same_prompts(index: &dyn Index) {
    filled(index);
    for (id, found) in tables(index) {
        let filter = OperationFilter::default().prompt(id.parse().unwrap());
        let snapshot = index.snapshot().unwrap();
        let mut operations = snapshot.operations(&filter, None, usize::MAX).unwrap();
        operations.reverse();
        let mut rows = PromptRows::new(found.id, operations[0].content.at);
        for operation in &operations {
            let changes = operation.content.changes.iter();
            for change in changes.filter(|change| change.prompt() == Some(found.id)) {
                rows.apply(operation.content.at, change).unwrap();
            }
        }
        assert_eq!(found, rows.to_table());
    }
}

/// Every stored body is visited with its live versions. Forgotten bodies are not visited.
pub fn every_body_is_visited_with_its_live_versions(index: &dyn Index) {
    let mut scribe = filled(index);
    let visit = || {
        let mut found = BTreeMap::new();
        let visited = index
            .snapshot()
            .unwrap()
            .each_blob(&mut |id, stored, live| {
                assert!(
                    found.insert(id, (stored, live)).is_none(),
                    "a body was visited twice"
                );
                ControlFlow::Continue(())
            });
        visited.unwrap();
        found
    };
    let id = |number| BlobId::of(&body(number));
    let journaled = |number| StoredBlob::Journaled(body(number));
    let checkpointed = StoredBlob::Settled(body(1).len() as u64);
    let mut expected = BTreeMap::from([
        (id(1), (checkpointed, 2)),
        (id(3), (journaled(3), 0)),
        (id(4), (journaled(4), 0)),
    ]);
    assert_eq!(visit(), expected);
    scribe.forget(&[id(3)]);
    expected.remove(&id(3));
    assert_eq!(visit(), expected, "a forgotten body is not stored");
}

/// Operations are visited in order with the text that was hashed, so the hash chain can be checked.
pub fn every_operation_is_visited_in_order(index: &dyn Index) {
    filled(index);
    let (mut expected, mut last) = (1, OperationId::ROOT);
    let snapshot = index.snapshot().unwrap();
    let visited = snapshot.each_operation(0, &mut |number, id, text| {
        assert_eq!(
            number, expected,
            "operations are visited in order, without gaps"
        );
        assert_eq!(
            id,
            last.followed_by(text.as_bytes()),
            "operation {number} was not hashed from this text"
        );
        let content = operation_text::read(text).unwrap();
        assert!(!content.changes.is_empty());
        (expected, last) = (number + 1, id);
        ControlFlow::Continue(())
    });
    visited.unwrap();
    assert_eq!(
        snapshot.last_operation().unwrap(),
        Some((expected - 1, last))
    );
}

/// A visitor that stops ends its visit, which succeeds.
pub fn a_visitor_can_stop_a_visit(index: &dyn Index) {
    filled(index);
    let snapshot = index.snapshot().unwrap();
    let mut visits = 0;
    let mut enough = || {
        visits += 1;
        ControlFlow::Break(())
    };
    snapshot.each_prompt(&mut |_| enough()).unwrap();
    snapshot.each_blob(&mut |_, _, _| enough()).unwrap();
    snapshot.each_operation(0, &mut |_, _, _| enough()).unwrap();
    assert_eq!(visits, 3, "a visit continued after the visitor stopped");
    assert!(
        snapshot.prompt_count().is_ok(),
        "the snapshot must remain usable"
    );
}
