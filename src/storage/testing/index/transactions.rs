//! Snapshots and transactions: which writes are visible to whom, and when.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Test;
use crate::model::id::{BlobId, OperationId};
use crate::model::record::{Change, Durability, OperationFilter, PromptFilter};
use crate::storage::testing::history_writer::append;
use crate::storage::testing::values::{
    body, environment_change, moment, prompt_change, prompt_id, state, version, version_created,
    version_id,
};
use crate::storage::testing::{HistoryWriter, all_answers, wait_a_moment};
use crate::storage::{Index, ReleasedBefore, Transaction};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    a_new_index_is_empty,
    a_snapshot_does_not_change,
    a_transaction_reads_its_own_writes,
    a_dropped_transaction_changes_nothing,
    a_committed_transaction_is_seen_whole,
    the_last_operation_is_known,
    readers_and_writers_do_not_wait_for_each_other,
    writers_wait_for_each_other,
    concurrent_writers_lose_no_operation,
    maintenance_changes_nothing,
];

/// A new index is empty.
pub fn a_new_index_is_empty(index: &dyn Index) {
    let snapshot = index.snapshot().unwrap();
    assert_eq!(snapshot.last_operation().unwrap(), None);
    assert_eq!(snapshot.prompt_count().unwrap(), 0);
    assert_eq!(snapshot.tags().unwrap(), [""; 0]);
    assert_eq!(snapshot.environment_names().unwrap(), []);
    assert_eq!(snapshot.waiting().unwrap(), Default::default());
    assert_eq!(snapshot.journal(0, 1).unwrap(), []);
    assert_eq!(
        snapshot
            .unreferenced(ReleasedBefore::since(moment(1000)), 10)
            .unwrap(),
        []
    );
    assert_eq!(snapshot.prompt(prompt_id(1)).unwrap(), None);
    assert_eq!(snapshot.version(version_id(1)).unwrap(), None);
    assert!(!snapshot.prompt_id_taken(prompt_id(1)).unwrap());
    assert!(
        snapshot
            .version_even_deleted(version_id(1))
            .unwrap()
            .is_none()
    );
    let prompts = snapshot.prompts(&PromptFilter::default(), None, 10);
    assert_eq!(prompts.unwrap(), []);
    let operations = snapshot.operations(&OperationFilter::default(), None, 10);
    assert_eq!(operations.unwrap(), []);
    assert_eq!(
        snapshot.self_check().unwrap(),
        [""; 0],
        "a new index reports problems"
    );
}

/// Writes some data of every kind.
fn fill(scribe: &mut HistoryWriter<'_>, from: u32) {
    scribe.create(from, "filled", &["a", "b"]);
    scribe.commit(from, from, "1.0");
    scribe.commit(from, from + 1, "1.1");
    scribe.point(from, "production", Some(from));
    scribe.point(from, "staging", Some(from + 1));
}

/// A snapshot gives the same answers whatever is written while it is held.
pub fn a_snapshot_does_not_change(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    fill(&mut scribe, 1);
    let held = index.snapshot().unwrap();
    let before = all_answers(&*held);
    fill(&mut scribe, 10);
    scribe.point(1, "production", Some(2));
    scribe.point(1, "staging", None);
    scribe.delete_version(1, 1);
    scribe.change(1, "renamed", &[]);
    scribe.drop_journal(&[BlobId::of(&body(2))]);
    scribe.delete_prompt(10);
    assert_eq!(
        all_answers(&*held),
        before,
        "a snapshot changed while it was held"
    );
    let now = index.snapshot().unwrap();
    assert_ne!(
        all_answers(&*now),
        before,
        "a later snapshot does not show the change"
    );
}

/// Writes a prompt, its version and its environment as one operation.
fn write_some(transaction: &mut dyn Transaction) {
    let id = prompt_id(7);
    let changes = vec![
        prompt_change(id, None, Some(state("written", &["tag"]))),
        version_created(version(id, 7, "1.0", &body(7))),
        environment_change(id, "production", None, Some(version_id(7))),
    ];
    transaction
        .put_body(BlobId::of(&body(7)), &body(7))
        .unwrap();
    append(transaction, moment(9), changes).unwrap();
}

/// A transaction sees its own writes, and no snapshot does until it is committed.
pub fn a_transaction_reads_its_own_writes(index: &dyn Index) {
    HistoryWriter::new(index).create(1, "before", &[]);
    let mut transaction = index.transaction(Durability::Full).unwrap();
    write_some(&mut *transaction);
    let within = all_answers(transaction.snapshot());
    let found = transaction.snapshot().prompt(prompt_id(7)).unwrap();
    assert_eq!(
        found.map(|prompt| prompt.versions),
        Some(1),
        "it does not read its own writes"
    );
    let outside = index.snapshot().unwrap();
    assert_eq!(
        outside.prompt(prompt_id(7)).unwrap(),
        None,
        "an uncommitted write is visible"
    );
    drop(outside);
    transaction.commit().unwrap();
    let after = index.snapshot().unwrap();
    assert_eq!(
        all_answers(&*after),
        within,
        "the commit made a state visible that differs from what the transaction read"
    );
}

/// A transaction that is not committed leaves nothing.
///
/// That applies to operations, bodies, removed journal rows and forgotten bodies.
pub fn a_dropped_transaction_changes_nothing(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    fill(&mut scribe, 1);
    scribe.commit(1, 3, "1.2");
    scribe.delete_version(1, 3);
    let before = all_answers(&*index.snapshot().unwrap());
    let mut transaction = index.transaction(Durability::Full).unwrap();
    write_some(&mut *transaction);
    let (one, three) = (BlobId::of(&body(1)), BlobId::of(&body(3)));
    transaction.drop_journal(&[one]).unwrap();
    transaction.forget_blobs(&[three]).unwrap();
    drop(transaction);
    assert_eq!(
        all_answers(&*index.snapshot().unwrap()),
        before,
        "a dropped transaction left something"
    );
    let mut transaction = index.transaction(Durability::Full).unwrap();
    write_some(&mut *transaction);
    transaction.commit().unwrap();
    assert_ne!(
        all_answers(&*index.snapshot().unwrap()),
        before,
        "a transaction after a dropped one has no effect"
    );
}

/// After a commit with any durability, the next snapshot shows the whole transaction.
pub fn a_committed_transaction_is_seen_whole(index: &dyn Index) {
    for (number, durability) in [(1, Durability::Full), (2, Durability::Relaxed)] {
        let id = prompt_id(number);
        let mut transaction = index.transaction(durability).unwrap();
        transaction
            .put_body(BlobId::of(&body(number)), &body(number))
            .unwrap();
        let changes = vec![
            prompt_change(id, None, Some(state("seen", &[]))),
            version_created(version(id, number, "1.0", &body(number))),
            environment_change(id, "production", None, Some(version_id(number))),
        ];
        append(&mut *transaction, moment(number), changes).unwrap();
        transaction.commit().unwrap();
        let snapshot = index.snapshot().unwrap();
        let found = snapshot
            .version_in(id, &"production".parse().unwrap())
            .unwrap();
        assert_eq!(
            found.map(|version| version.id),
            Some(version_id(number)),
            "a commit is not visible, {durability:?}"
        );
        assert!(
            snapshot.blob(BlobId::of(&body(number))).unwrap().is_some(),
            "its body is not visible"
        );
    }
}

/// The last operation is the one that was appended last.
///
/// Within a transaction, it is the one that the transaction appended itself.
pub fn the_last_operation_is_known(index: &dyn Index) {
    let mut last = None;
    for number in 1..=12 {
        let mut transaction = index.transaction(Durability::Full).unwrap();
        assert_eq!(
            transaction.snapshot().last_operation().unwrap(),
            last,
            "the last operation before {number}"
        );
        let created = prompt_change(prompt_id(number), None, Some(state("p", &[])));
        let operation = append(&mut *transaction, moment(number), vec![created]).unwrap();
        assert_eq!(operation.number, u64::from(number), "operations have gaps");
        last = Some((operation.number, operation.id));
        assert_eq!(
            transaction.snapshot().last_operation().unwrap(),
            last,
            "its own operation is not the last"
        );
        transaction.commit().unwrap();
    }
    assert_eq!(index.snapshot().unwrap().last_operation().unwrap(), last);
    assert_ne!(
        last.map(|(_, id)| id),
        Some(OperationId::ROOT),
        "an id must be a hash"
    );
}

/// Readers and writers do not wait for each other.
///
/// All calls are on one thread, so the test would deadlock otherwise.
pub fn readers_and_writers_do_not_wait_for_each_other(index: &dyn Index) {
    HistoryWriter::new(index).create(1, "there", &[]);
    let mut transaction = index.transaction(Durability::Full).unwrap();
    write_some(&mut *transaction);
    let reader = index.snapshot().unwrap();
    assert_eq!(reader.prompt_count().unwrap(), 1);
    transaction.commit().unwrap();
    assert_eq!(
        reader.prompt_count().unwrap(),
        1,
        "a snapshot changed while it was held"
    );
    HistoryWriter::new(index).create(2, "while it is read", &[]);
    assert_eq!(
        reader.prompt_count().unwrap(),
        1,
        "a snapshot changed while it was held"
    );
}

/// A second write transaction waits until the first one has ended.
pub fn writers_wait_for_each_other(index: &dyn Index) {
    let begun = AtomicBool::new(false);
    let first = index.transaction(Durability::Full).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _second = index.transaction(Durability::Full).unwrap();
            begun.store(true, Ordering::Release);
        });
        wait_a_moment();
        assert!(
            !begun.load(Ordering::Acquire),
            "two transactions are open at the same time"
        );
        drop(first);
    });
    assert!(
        begun.load(Ordering::Acquire),
        "the second transaction never began"
    );
}

/// Threads that each read the last operation and append the next one do not conflict.
pub fn concurrent_writers_lose_no_operation(index: &dyn Index) {
    const THREADS: u64 = 4;
    const EACH: u64 = 20;
    let next_prompt = AtomicU64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let number = next_prompt.fetch_add(1, Ordering::Relaxed);
                    let id = prompt_id(u32::try_from(number).unwrap());
                    let created: Change = prompt_change(id, None, Some(state("p", &[])));
                    let mut transaction = index.transaction(Durability::Relaxed).unwrap();
                    append(&mut *transaction, moment(1), vec![created]).unwrap();
                    transaction.commit().unwrap();
                }
            });
        }
    });
    let snapshot = index.snapshot().unwrap();
    let last = snapshot.last_operation().unwrap().map(|(number, _)| number);
    assert_eq!(
        last,
        Some(THREADS * EACH),
        "operations were lost, or counted twice"
    );
    assert_eq!(
        snapshot.prompt_count().unwrap(),
        THREADS * EACH,
        "prompts were lost"
    );
}

/// Maintenance changes no answer, whether a snapshot is held or not.
pub fn maintenance_changes_nothing(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    fill(&mut scribe, 1);
    let held = index.snapshot().unwrap();
    let before = all_answers(&*held);
    index.maintain().unwrap();
    assert_eq!(
        all_answers(&*held),
        before,
        "maintenance changed a held snapshot"
    );
    drop(held);
    index.maintain().unwrap();
    assert_eq!(
        all_answers(&*index.snapshot().unwrap()),
        before,
        "maintenance changed the state"
    );
    fill(&mut scribe, 10);
    assert_eq!(
        index.snapshot().unwrap().prompt_count().unwrap(),
        2,
        "a write after maintenance has no effect"
    );
}
