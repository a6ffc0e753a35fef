//! The suite for announced ids, which change no answer.

use super::Test;
use crate::model::id::BlobId;
use crate::model::record::Durability;
use crate::storage::testing::history_writer::append;
use crate::storage::testing::values::{
    body, moment, prompt_change, prompt_id, state, version, version_created, version_id,
};
use crate::storage::{AnnouncedIds, Index, Transaction};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    what_is_in_use_is_found_although_it_is_announced,
    announced_ids_come_into_use,
    a_rollback_brings_back_what_was_announced_after_its_removal,
];

fn announce(transaction: &mut dyn Transaction, number: u32) {
    let ids = AnnouncedIds {
        bodies: vec![BlobId::of(&body(number))],
        versions: vec![version_id(number)],
        prompts: vec![prompt_id(number)],
    };
    transaction.announce(&ids).unwrap();
}

/// Returns whether the prompt, the version and the body with a number are found, and their ids taken.
fn found(transaction: &dyn Transaction, number: u32) -> [bool; 6] {
    let (snapshot, prompt) = (transaction.snapshot(), prompt_id(number));
    let row = snapshot.version_even_deleted(version_id(number)).unwrap();
    [
        snapshot.prompt(prompt).unwrap().is_some(),
        snapshot.prompt_exists(prompt).unwrap(),
        snapshot.prompt_id_taken(prompt).unwrap(),
        snapshot.version(version_id(number)).unwrap().is_some(),
        row.is_some(),
        snapshot.blob(BlobId::of(&body(number))).unwrap().is_some(),
    ]
}

/// Writes a prompt with one version, all of this number.
fn write(transaction: &mut dyn Transaction, number: u32) {
    let text = body(number);
    transaction.put_body(BlobId::of(&text), &text).unwrap();
    let changes = vec![
        prompt_change(prompt_id(number), None, Some(state("p", &[]))),
        version_created(version(prompt_id(number), number, "1.0", &text)),
    ];
    append(transaction, moment(number), changes).unwrap();
}

/// Rows that were committed, and rows of the transaction itself, are found after an announcement.
pub fn what_is_in_use_is_found_although_it_is_announced(index: &dyn Index) {
    let mut transaction = index.transaction(Durability::Full).unwrap();
    write(&mut *transaction, 1);
    transaction.commit().unwrap();
    let mut transaction = index.transaction(Durability::Full).unwrap();
    write(&mut *transaction, 2);
    for number in [1, 2] {
        announce(&mut *transaction, number);
        assert_eq!(found(&*transaction, number), [true; 6], "number {number}");
    }
}

/// An announced id is free until the transaction uses it, and then it is found.
pub fn announced_ids_come_into_use(index: &dyn Index) {
    let mut transaction = index.transaction(Durability::Full).unwrap();
    announce(&mut *transaction, 1);
    assert_eq!(found(&*transaction, 1), [false; 6]);
    write(&mut *transaction, 1);
    assert_eq!(found(&*transaction, 1), [true; 6]);
    // A body of a pack is stored as well.
    let packed = BlobId::of(b"packed");
    let ids = AnnouncedIds {
        bodies: vec![packed],
        ..AnnouncedIds::default()
    };
    transaction.announce(&ids).unwrap();
    assert_eq!(transaction.snapshot().blob(packed).unwrap(), None);
    assert!(transaction.put_packed_body(packed, 6).unwrap());
    assert!(transaction.snapshot().blob(packed).unwrap().is_some());
    transaction.commit().unwrap();
    let transaction = index.transaction(Durability::Full).unwrap();
    assert_eq!(found(&*transaction, 1), [true; 6]);
}

/// A body that was announced while it was removed is stored again after a rollback.
pub fn a_rollback_brings_back_what_was_announced_after_its_removal(index: &dyn Index) {
    let id = BlobId::of(&body(1));
    let is_stored = |transaction: &dyn Transaction| {
        let stored = transaction.snapshot().blob(id).unwrap();
        stored.is_some()
    };
    let mut transaction = index.transaction(Durability::Full).unwrap();
    transaction.put_body(id, &body(1)).unwrap();
    transaction.commit().unwrap();
    let mut transaction = index.transaction(Durability::Full).unwrap();
    transaction.savepoint().unwrap();
    transaction.forget_blobs(&[id]).unwrap();
    announce(&mut *transaction, 1);
    assert!(!is_stored(&*transaction));
    transaction.roll_back().unwrap();
    assert!(is_stored(&*transaction));
}
