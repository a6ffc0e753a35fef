//! The suite for bodies: journaled, moved to the blob store, counted and collected.

use std::ops::ControlFlow;

use super::Test;
use crate::model::id::BlobId;
use crate::model::record::Durability;
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::history_writer::operation;
use crate::storage::testing::values::{
    body, moment, prompt_change, prompt_id, state, version, version_created, version_deleted,
    version_id,
};
use crate::storage::{
    AppendedBody, AppendedPlace, Index, JournaledBodies, OldestJournaled, ReleasedBefore,
    StoredBlob, Unreferenced,
};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    a_body_is_journaled_once,
    a_body_keeps_every_byte,
    the_journal_is_in_the_order_in_which_bodies_were_put,
    a_batch_has_one_body_at_least,
    a_body_without_a_journal_row_remains_stored,
    a_packed_body_is_stored_and_not_journaled,
    a_body_that_was_to_be_packed_can_be_journaled,
    bodies_are_stored_with_the_operation_that_needs_them,
    a_forgotten_body_is_not_stored,
    a_body_that_comes_back_is_journaled_again,
    a_body_is_collectable_once_no_live_version_has_it,
    a_deleted_prompts_bodies_are_collectable,
    a_body_is_unreferenced_since_its_deletion_was_appended,
    a_body_is_unreferenced_by_its_last_deletion,
    a_body_that_is_used_again_is_not_collectable,
    collectable_bodies_are_limited,
];

fn put(index: &dyn Index, bodies: &[&[u8]]) {
    let mut transaction = index.transaction(Durability::Full).unwrap();
    for body in bodies {
        transaction.put_body(BlobId::of(body), body).unwrap();
    }
    transaction.commit().unwrap();
}

/// A body with bytes elsewhere is stored from the commit on, and newly stored only once.
///
/// A forgotten body can be stored this way again.
pub fn a_packed_body_is_stored_and_not_journaled(index: &dyn Index) {
    let id = BlobId::of(b"packed");
    let put_packed = || {
        let mut transaction = index.transaction(Durability::Full).unwrap();
        let news = [(); 2].map(|()| transaction.put_packed_body(id, 6).unwrap());
        transaction.commit().unwrap();
        news
    };
    assert_eq!(put_packed(), [true, false], "it must be newly stored once");
    assert_eq!(blob(index, b"packed"), Some(StoredBlob::Settled(6)));
    put(index, &[b"packed"]);
    assert_eq!(waiting(index), (0, 0), "a packed body was journaled too");
    let mut transaction = index.transaction(Durability::Full).unwrap();
    transaction.forget_blobs(&[id]).unwrap();
    transaction.commit().unwrap();
    assert_eq!(blob(index, b"packed"), None);
    assert_eq!(put_packed(), [true, false], "it must be newly stored once");
    put(index, &[b"journaled"]);
    let mut transaction = index.transaction(Durability::Full).unwrap();
    let is_new = transaction.put_packed_body(BlobId::of(b"journaled"), 9);
    assert!(!is_new.unwrap(), "a journaled body was newly stored");
}

/// A body that was recorded as packed can still be journaled if its bytes are nowhere else.
pub fn a_body_that_was_to_be_packed_can_be_journaled(index: &dyn Index) {
    let id = BlobId::of(b"few");
    let mut transaction = index.transaction(Durability::Full).unwrap();
    assert!(transaction.put_packed_body(id, 3).unwrap());
    transaction.journal_body(id, b"few").unwrap();
    transaction.commit().unwrap();
    assert_eq!(
        blob(index, b"few"),
        Some(StoredBlob::Journaled(b"few".into()))
    );
    assert_eq!(waiting(index), (1, 3));
    let mut transaction = index.transaction(Durability::Full).unwrap();
    let unknown = transaction.journal_body(BlobId::of(b"unknown"), b"unknown");
    assert!(unknown.is_err(), "a body without a row was journaled");
}

/// Each is counted once for each version, as if it had been put before the operation.
pub fn bodies_are_stored_with_the_operation_that_needs_them(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    scribe.commit_body(1, 1, "1.0", b"stored before");
    let texts: [&[u8]; 4] = [b"stored before", b"new", b"packed", b"of no version"];
    let versions = [(2, "1.1", 0), (3, "1.2", 1), (4, "1.3", 1), (5, "1.4", 2)];
    let changes = versions.map(|(number, numbered, text)| {
        version_created(version(prompt_id(1), number, numbered, texts[text]))
    });
    let bodies = texts.map(|text| AppendedBody {
        id: BlobId::of(text),
        place: match text {
            b"packed" => AppendedPlace::Pack(6),
            _ => AppendedPlace::Journal(text),
        },
    });
    let mut transaction = index.transaction(Durability::Full).unwrap();
    let (number, id) = transaction.snapshot().last_operation().unwrap().unwrap();
    let (operation, text) = operation(number + 1, id, moment(9), changes.into());
    let stored = transaction.append(&operation, &text, moment(9), &bodies);
    let mut stored = stored.unwrap();
    transaction.commit().unwrap();
    let mut news = vec![bodies[1].id, bodies[2].id, bodies[3].id];
    stored.sort();
    news.sort();
    assert_eq!(stored, news, "the bodies that were newly stored");
    assert_eq!(
        blob(index, b"new"),
        Some(StoredBlob::Journaled(b"new".into()))
    );
    assert_eq!(blob(index, b"packed"), Some(StoredBlob::Settled(6)));
    assert_eq!(waiting(index).0, 3);
    let mut counts = std::collections::BTreeMap::new();
    let snapshot = index.snapshot().unwrap();
    let visited = snapshot.each_blob(&mut |id, _, live| {
        counts.insert(id, live);
        ControlFlow::Continue(())
    });
    visited.unwrap();
    let counts = bodies.map(|body| counts.get(&body.id).copied());
    assert_eq!(counts, [Some(2), Some(2), Some(1), Some(0)]);
}

fn blob(index: &dyn Index, body: &[u8]) -> Option<StoredBlob> {
    index.snapshot().unwrap().blob(BlobId::of(body)).unwrap()
}

fn journal(index: &dyn Index) -> Vec<JournaledBodies> {
    index.snapshot().unwrap().journal(0, usize::MAX).unwrap()
}

fn waiting(index: &dyn Index) -> (u64, u64) {
    let OldestJournaled { bodies, bytes } = index.snapshot().unwrap().waiting().unwrap();
    (bodies, bytes)
}

fn unreferenced(index: &dyn Index, second: u32) -> Vec<BlobId> {
    let found = index
        .snapshot()
        .unwrap()
        .unreferenced(ReleasedBefore::since(moment(second)), usize::MAX);
    let mut ids: Vec<BlobId> = found.unwrap().into_iter().map(|body| body.id).collect();
    ids.sort();
    ids
}

fn sorted(bodies: &[u32]) -> Vec<BlobId> {
    let mut ids: Vec<BlobId> = bodies
        .iter()
        .map(|number| BlobId::of(&body(*number)))
        .collect();
    ids.sort();
    ids
}

/// A stored body is not journaled again, neither in the same transaction nor later.
pub fn a_body_is_journaled_once(index: &dyn Index) {
    assert_eq!(
        blob(index, b"one"),
        None,
        "a body that was never put is stored"
    );
    put(index, &[b"one", b"two", b"one"]);
    put(index, &[b"two"]);
    assert_eq!(waiting(index), (2, 6), "two bodies, six bytes");
    assert_eq!(
        blob(index, b"one"),
        Some(StoredBlob::Journaled(b"one".to_vec()))
    );
    HistoryWriter::new(index).drop_journal(&[BlobId::of(b"one")]);
    put(index, &[b"one"]);
    assert_eq!(
        blob(index, b"one"),
        Some(StoredBlob::Settled(3)),
        "a body in the blob store must not be journaled again"
    );
    assert_eq!(waiting(index), (1, 3));
}

/// Bodies of any bytes and any size are returned exactly.
pub fn a_body_keeps_every_byte(index: &dyn Index) {
    let large: Vec<u8> = (0..=255).cycle().take(3_000_001).collect();
    let bodies: [&[u8]; 4] = [b"", b"\0", b"\xff\xfe not UTF-8", &large];
    put(index, &bodies);
    for body in bodies {
        let found = blob(index, body) == Some(StoredBlob::Journaled(body.to_vec()));
        assert!(found, "a body of {} bytes was returned changed", body.len());
    }
}

/// A body is unreferenced by the operation that deleted its last live version.
pub fn a_body_is_unreferenced_by_its_last_deletion(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]); // 1
    scribe.commit(1, 1, "1.0"); // 2
    scribe.commit_body(1, 2, "1.1", &body(1)); // 3
    scribe.commit(1, 3, "1.2"); // 4
    scribe.delete_version(1, 1); // 5
    scribe.delete_version(1, 2); // 6
    scribe.delete_prompt(1); // 7
    let unreferenced = |before| {
        let since = moment(1000);
        let snapshot = index.snapshot().unwrap();
        let found = snapshot.unreferenced(ReleasedBefore { since, before }, usize::MAX);
        let mut ids: Vec<BlobId> = found.unwrap().into_iter().map(|body| body.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(unreferenced(6), [], "operation 6 deleted its other version");
    assert_eq!(unreferenced(7), sorted(&[1]));
    assert_eq!(unreferenced(8), sorted(&[1, 3]));
}

/// Journal positions are greater than 0 and ascend.
///
/// The next batch continues above `after`.
pub fn the_journal_is_in_the_order_in_which_bodies_were_put(index: &dyn Index) {
    let bodies: [&[u8]; 4] = [b"d", b"b", b"c", b"a"];
    put(index, &bodies[..2]);
    put(index, &bodies[2..]);
    let found = journal(index);
    let bytes: Vec<&[u8]> = found.iter().map(|body| &*body.bytes).collect();
    assert_eq!(
        bytes, bodies,
        "the order is not that in which they were put"
    );
    assert!(found[0].position > 0, "a position of 0 cannot be requested");
    assert!(
        found.is_sorted_by(|a, b| a.position < b.position),
        "positions do not ascend"
    );
    assert!(found.iter().all(|body| body.id == BlobId::of(&body.bytes)));
    let after = |position| {
        index
            .snapshot()
            .unwrap()
            .journal(position, usize::MAX)
            .unwrap()
    };
    assert_eq!(
        after(found[1].position),
        found[2..],
        "those above a position"
    );
    assert_eq!(after(found[3].position), []);
    assert_eq!(after(u64::MAX), []);
    HistoryWriter::new(index).drop_journal(&[found[1].id, found[3].id]);
    let left = journal(index);
    assert_eq!(
        left,
        [found[0].clone(), found[2].clone()],
        "the others must retain their positions"
    );
    assert_eq!(
        after(found[1].position),
        [found[2].clone()],
        "after a removed row"
    );
    put(index, &[b"e"]);
    let last = journal(index).pop().expect("a row for it");
    assert!(
        last.position > found[3].position,
        "a position was assigned twice: {last:?}"
    );
}

/// A batch contains at least one body, and as many more as fit into the size limit.
pub fn a_batch_has_one_body_at_least(index: &dyn Index) {
    let sizes = |after, bytes| {
        let batch = index.snapshot().unwrap().journal(after, bytes).unwrap();
        batch
            .iter()
            .map(|body| body.bytes.len())
            .collect::<Vec<_>>()
    };
    put(index, &[b"12345", b"123", b"12", b"", b"1234"]);
    assert_eq!(sizes(0, 0), [5], "one body at least");
    assert_eq!(sizes(0, 7), [5], "5 + 3 is above 7");
    assert_eq!(sizes(0, 8), [5, 3]);
    assert_eq!(sizes(0, 10), [5, 3, 2, 0], "an empty body always fits");
    assert_eq!(sizes(0, 100), [5, 3, 2, 0, 4]);
    let empty = journal(index)[2].position;
    assert_eq!(sizes(empty, 3), [0], "an empty body alone is a batch");
}

/// A body whose journal row is removed remains stored, in the blob store.
///
/// Other bodies remain in the journal, and removing the row again does nothing.
pub fn a_body_without_a_journal_row_remains_stored(index: &dyn Index) {
    put(index, &[b"one", b"three"]);
    let mut scribe = HistoryWriter::new(index);
    for _ in 0..2 {
        scribe.drop_journal(&[BlobId::of(b"three"), BlobId::of(b"never was")]);
        assert_eq!(blob(index, b"three"), Some(StoredBlob::Settled(5)));
        assert_eq!(waiting(index), (1, 3));
    }
    assert_eq!(
        blob(index, b"one"),
        Some(StoredBlob::Journaled(b"one".to_vec()))
    );
}

/// A forgotten body is stored nowhere, neither in the journal nor in the blob store.
pub fn a_forgotten_body_is_not_stored(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    for number in 1..=3 {
        scribe.commit(1, number, &format!("1.{number}"));
    }
    scribe.drop_journal(&sorted(&[1]));
    scribe.delete_version(1, 1);
    scribe.delete_version(1, 2);
    scribe.forget(&sorted(&[1, 2]));
    assert_eq!(
        blob(index, &body(1)),
        None,
        "a body in the blob store was not forgotten"
    );
    assert_eq!(
        blob(index, &body(2)),
        None,
        "a journaled body was not forgotten"
    );
    assert!(
        blob(index, &body(3)).is_some(),
        "another body was forgotten"
    );
    assert_eq!(
        waiting(index).0,
        1,
        "the journal still contains a forgotten body"
    );
    assert_eq!(
        unreferenced(index, 1000),
        [],
        "a forgotten body was returned for collection again"
    );
}

/// A forgotten body that is put again is journaled, and a reader of the whole journal sees it.
pub fn a_body_that_comes_back_is_journaled_again(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    scribe.commit(1, 1, "1.0");
    scribe.commit(1, 2, "1.1");
    scribe.drop_journal(&sorted(&[1, 2]));
    scribe.delete_version(1, 1);
    scribe.forget(&sorted(&[1]));
    scribe.commit_body(1, 3, "1.2", &body(1));
    assert_eq!(
        blob(index, &body(1)),
        Some(StoredBlob::Journaled(body(1))),
        "it was not journaled again"
    );
    let back = journal(index);
    assert_eq!(back.len(), 1);
    scribe.commit(1, 4, "1.3");
    let both = journal(index);
    assert_eq!(both[0], back[0]);
    assert!(
        both[1].position > both[0].position,
        "two bodies share a position"
    );
    let table = index.snapshot().unwrap();
    let mut bodies = Vec::new();
    let visited = table.each_prompt(&mut |table| {
        bodies.extend(
            table
                .versions
                .iter()
                .map(|row| (row.version.id, row.version.blob)),
        );
        ControlFlow::Continue(())
    });
    visited.unwrap();
    assert_eq!(bodies.len(), 4);
    assert_eq!(
        bodies[0].1,
        BlobId::of(&body(1)),
        "the deleted version lost its address"
    );
}

/// A body is unreferenced since the deletion of its last live version.
pub fn a_body_is_collectable_once_no_live_version_has_it(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]); // second 1
    scribe.commit(1, 1, "1.0");
    scribe.commit_body(1, 2, "1.1", &body(1));
    scribe.commit(1, 3, "1.2"); // second 4
    assert_eq!(unreferenced(index, 1000), [], "live versions use them");
    scribe.delete_version(1, 1); // second 5
    assert_eq!(
        unreferenced(index, 1000),
        [],
        "another live version uses it"
    );
    scribe.delete_version(1, 2); // second 6
    assert_eq!(
        unreferenced(index, 5),
        [],
        "a live version used it after second 5"
    );
    assert_eq!(
        unreferenced(index, 6),
        sorted(&[1]),
        "no version used it since second 6"
    );
    assert_eq!(unreferenced(index, 1000), sorted(&[1]));
    let found = index
        .snapshot()
        .unwrap()
        .unreferenced(ReleasedBefore::since(moment(6)), 10)
        .unwrap();
    let (id, size) = (BlobId::of(&body(1)), body(1).len() as u64);
    assert_eq!(
        found,
        [Unreferenced { id, size }],
        "with its size, while it is in the journal"
    );
    scribe.drop_journal(&[id]);
    let found = index
        .snapshot()
        .unwrap()
        .unreferenced(ReleasedBefore::since(moment(6)), 10)
        .unwrap();
    assert_eq!(
        found,
        [Unreferenced { id, size }],
        "and once it is in the blob store"
    );
}

/// The bodies of a deleted prompt are unreferenced, including one that several versions share.
pub fn a_deleted_prompts_bodies_are_collectable(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    scribe.create(2, "other", &[]);
    scribe.commit(1, 1, "1.0");
    scribe.commit_body(1, 2, "1.1", &body(1));
    scribe.commit(1, 3, "1.2");
    scribe.commit_body(2, 4, "1.0", &body(3));
    scribe.commit(1, 5, "1.3");
    scribe.delete_version(1, 5); // second 8
    scribe.delete_prompt(1); // second 9
    assert_eq!(
        unreferenced(index, 8),
        sorted(&[5]),
        "its time is that of its own deletion"
    );
    assert_eq!(
        unreferenced(index, 9),
        sorted(&[1, 5]),
        "another prompt uses the third"
    );
    scribe.delete_prompt(2);
    assert_eq!(unreferenced(index, 10), sorted(&[1, 3, 5]));
}

/// A body is unreferenced since its deletion was appended.
///
/// The time that the deletion contains may be much earlier.
pub fn a_body_is_unreferenced_since_its_deletion_was_appended(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    scribe.create(2, "gone", &[]);
    scribe.commit(1, 1, "1.0");
    scribe.commit(2, 2, "1.0"); // second 4
    let deletions = [
        version_deleted(prompt_id(1), version_id(1)),
        prompt_change(prompt_id(2), Some(state("gone", &[])), None),
    ];
    for (change, body, now) in [(&deletions[0], 1, 50), (&deletions[1], 2, 60)] {
        let mut transaction = index.transaction(Durability::Full).unwrap();
        let (number, id) = transaction
            .snapshot()
            .last_operation()
            .unwrap()
            .expect("a history");
        let (operation, text) = operation(number + 1, id, moment(5), vec![change.clone()]);
        transaction
            .append(&operation, &text, moment(now), &[])
            .unwrap();
        transaction.commit().unwrap();
        let found = unreferenced(index, now - 1);
        assert!(!found.contains(&sorted(&[body])[0]), "body {body}");
        let found = unreferenced(index, now);
        assert!(found.contains(&sorted(&[body])[0]), "body {body}");
        let row = index
            .snapshot()
            .unwrap()
            .version_even_deleted(version_id(body));
        let row = row.unwrap().expect("a deleted version");
        assert_eq!(
            row.deleted_at,
            Some(moment(5)),
            "the time that the operation contains"
        );
    }
}

/// A commit of the same body makes it referenced, and its time restarts with the next deletion.
pub fn a_body_that_is_used_again_is_not_collectable(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    scribe.commit(1, 1, "1.0");
    scribe.delete_version(1, 1); // second 3
    assert_eq!(unreferenced(index, 3), sorted(&[1]));
    scribe.commit_body(1, 2, "1.1", &body(1)); // second 4
    assert_eq!(
        unreferenced(index, 1000),
        [],
        "a live version uses it again"
    );
    scribe.delete_version(1, 2); // second 5
    assert_eq!(
        unreferenced(index, 4),
        [],
        "a live version used it after second 4"
    );
    assert_eq!(unreferenced(index, 5), sorted(&[1]));
    // The clock went backwards: the time at which an operation is appended counts.
    let again = version(prompt_id(1), 3, "1.2", &body(1));
    let mut early = HistoryWriter::new(index);
    early.write(vec![version_created(again)]); // second 1
    early.delete_version(1, 3); // second 2
    assert_eq!(unreferenced(index, 2), sorted(&[1]));
}

/// At most `limit` bodies are returned.
pub fn collectable_bodies_are_limited(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    scribe.create(1, "p", &[]);
    for number in 0..5 {
        scribe.commit(1, number, &format!("1.{number}"));
        scribe.delete_version(1, number);
    }
    let snapshot = index.snapshot().unwrap();
    for limit in [0, 1, 4, 5, 6] {
        let found = snapshot
            .unreferenced(ReleasedBefore::since(scribe.now()), limit)
            .unwrap();
        assert_eq!(found.len(), limit.min(5), "a limit of {limit}");
    }
}
