//! The suite for implementations of [`Blobs`].

use super::{packs, wait_a_moment};
use crate::model::clock;
use crate::model::id::BlobId;
use crate::storage::{Blobs, CompressionLevel, DeltaGroup, StorageError, StorageErrorKind};

/// Runs all tests, each on a new and empty blob store from `make`.
pub fn all(make: &dyn Fn() -> Box<dyn Blobs>) {
    let tests = [
        an_empty_blob_store_has_no_bodies,
        a_body_is_returned_as_it_was_put,
        a_damaged_body_is_never_returned,
        putting_again_is_harmless,
        bodies_can_be_flushed_repeatedly,
        a_deleted_body_is_gone,
        a_deleted_body_can_be_put_again,
        every_body_is_listed,
        a_body_has_an_age,
        an_error_of_the_visitor_ends_the_list,
        a_sweep_removes_no_body,
        readers_see_a_body_whole_or_not_at_all,
        packs::packed_bodies_are_returned,
        packs::an_unfinished_pack_is_read_by_its_writer_only,
        packs::an_empty_pack_is_not_stored,
        packs::unreferenced_bodies_are_removed,
        packs::young_unreferenced_bodies_remain,
        packs::the_younger_copy_counts,
        packs::everything_can_be_repacked,
        packs::a_locked_pack_is_not_changed,
        packs::joined_packs_have_every_body,
        packs::a_body_can_be_loose_and_packed,
        packs::readers_find_bodies_while_packs_are_rewritten,
    ];
    for test in tests {
        test(&*make());
    }
}

/// Returns bodies of many sizes, including an empty one, with their addresses.
pub(super) fn bodies() -> Vec<(BlobId, Vec<u8>)> {
    let sizes = [0, 1, 4095, 4096, 1_000_000];
    let bodies = sizes.map(|size| b"\0{\xff}\n".iter().copied().cycle().take(size).collect());
    let addressed = |bytes: Vec<u8>| (BlobId::of(&bytes), bytes);
    bodies.map(addressed).to_vec()
}

pub(super) fn get(blobs: &dyn Blobs, id: BlobId) -> Option<Vec<u8>> {
    let found = blobs.get(id).unwrap()?;
    assert_eq!(found.id(), id);
    Some(found.into_bytes())
}

pub(super) fn list(blobs: &dyn Blobs) -> Vec<BlobId> {
    let mut ids = Vec::new();
    let listed = blobs.list(&mut |id| {
        ids.push(id);
        Ok(())
    });
    listed.unwrap();
    ids.sort();
    ids
}

/// A missing body is not returned and not listed, and deleting it succeeds.
pub fn an_empty_blob_store_has_no_bodies(blobs: &dyn Blobs) {
    let id = BlobId::of(b"missing");
    assert_eq!(
        get(blobs, id),
        None,
        "a body that was never put was returned"
    );
    assert_eq!(list(blobs), [], "an empty blob store lists a body");
    blobs.delete(id).unwrap();
    blobs
        .sweep(chrono::DateTime::<chrono::Utc>::MAX_UTC)
        .unwrap();
    blobs.flush(&[]).unwrap();
}

/// Bodies of any size are returned byte for byte, flushed or not.
pub fn a_body_is_returned_as_it_was_put(blobs: &dyn Blobs) {
    for (id, bytes) in bodies() {
        blobs.put(id, &bytes).unwrap();
        let got = get(blobs, id);
        assert!(
            got.as_ref() == Some(&bytes),
            "a body of {} bytes was returned changed",
            bytes.len()
        );
    }
}

/// Bytes with another hash than their address are an error that names the body.
pub fn a_damaged_body_is_never_returned(blobs: &dyn Blobs) {
    let id = BlobId::of(b"right");
    blobs.put(id, b"wrong").unwrap();
    let error = blobs.get(id).unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupt);
    assert!(error.to_string().contains(&id.to_string()), "{error}");
    // Another copy of the body is intact.
    let mut pack = blobs.pack(CompressionLevel::Fast).unwrap();
    pack.add(id, b"right", DeltaGroup(1), clock::system())
        .unwrap();
    drop(pack.finish().unwrap());
    assert_eq!(get(blobs, id).unwrap(), b"right");
}

/// A second put of the same body changes nothing, before a flush and after.
pub fn putting_again_is_harmless(blobs: &dyn Blobs) {
    let (id, bytes) = (BlobId::of(b"{}"), b"{}");
    blobs.put(id, bytes).unwrap();
    blobs.put(id, bytes).unwrap();
    blobs.flush(&[id]).unwrap();
    blobs.put(id, bytes).unwrap();
    assert_eq!(
        get(blobs, id).as_deref(),
        Some(&bytes[..]),
        "a second put changed the body"
    );
    assert_eq!(
        list(blobs),
        [id],
        "a body that was put three times must be listed once"
    );
}

/// Bodies that were put can be flushed together and repeatedly, and remain.
pub fn bodies_can_be_flushed_repeatedly(blobs: &dyn Blobs) {
    let bodies = bodies();
    for (id, bytes) in &bodies {
        blobs.put(*id, bytes).unwrap();
    }
    let ids: Vec<BlobId> = bodies.iter().map(|(id, _)| *id).collect();
    blobs.flush(&ids).unwrap();
    blobs.flush(&ids).unwrap();
    for (id, bytes) in bodies {
        assert!(get(blobs, id) == Some(bytes), "a flush changed a body");
    }
}

/// A deleted body is neither returned nor listed, and the others remain.
///
/// Deleting it again does nothing.
pub fn a_deleted_body_is_gone(blobs: &dyn Blobs) {
    let (gone, kept) = (BlobId::of(b"gone"), BlobId::of(b"kept"));
    blobs.put(gone, b"gone").unwrap();
    blobs.put(kept, b"kept").unwrap();
    blobs.delete(gone).unwrap();
    blobs.delete(gone).unwrap();
    assert_eq!(get(blobs, gone), None, "a deleted body was returned");
    assert_eq!(list(blobs), [kept], "only the other body must remain");
    assert_eq!(
        get(blobs, kept).as_deref(),
        Some(&b"kept"[..]),
        "the other body was changed"
    );
}

/// A deleted body can be put again, whether it was flushed or not.
pub fn a_deleted_body_can_be_put_again(blobs: &dyn Blobs) {
    let id = BlobId::of(b"again");
    for flushed in [false, true] {
        blobs.put(id, b"again").unwrap();
        if flushed {
            blobs.flush(&[id]).unwrap();
        }
        blobs.delete(id).unwrap();
        blobs.put(id, b"again").unwrap();
        assert_eq!(
            get(blobs, id).as_deref(),
            Some(&b"again"[..]),
            "a deleted body could not be put again, flushed: {flushed}"
        );
    }
}

/// The list contains every body once.
pub fn every_body_is_listed(blobs: &dyn Blobs) {
    let mut expected = Vec::new();
    for number in 0..300_u32 {
        let bytes = number.to_be_bytes();
        blobs.put(BlobId::of(&bytes), &bytes).unwrap();
        expected.push(BlobId::of(&bytes));
    }
    expected.sort();
    assert!(
        list(blobs) == expected,
        "the list must contain every body once"
    );
}

/// A body's age starts when it is put, and the newest file is the last one that was put.
pub fn a_body_has_an_age(blobs: &dyn Blobs) {
    // File systems store times in steps of some milliseconds, some of them in whole seconds.
    let minute = chrono::Duration::minutes(1);
    let (first, second) = (BlobId::of(b"first"), BlobId::of(b"second"));
    assert_eq!(
        blobs.written(first).unwrap(),
        None,
        "a missing body has an age"
    );
    assert_eq!(
        blobs.newest().unwrap(),
        None,
        "an empty blob store has a newest file"
    );
    let before = clock::system() - minute;
    blobs.put(first, b"first").unwrap();
    wait_a_moment();
    blobs.put(second, b"second").unwrap();
    let after = clock::system() + minute;
    let written = [first, second].map(|id| blobs.written(id).unwrap().unwrap());
    assert!(before < written[0] && written[0] <= written[1] && written[1] < after);
    assert_eq!(blobs.newest().unwrap(), Some(written[1]));
}

/// The list returns the visitor's error, and visits nothing after it.
pub fn an_error_of_the_visitor_ends_the_list(blobs: &dyn Blobs) {
    blobs.put(BlobId::of(b"a"), b"a").unwrap();
    blobs.put(BlobId::of(b"b"), b"b").unwrap();
    let mut visits = 0;
    let listed = blobs.list(&mut |_| {
        visits += 1;
        Err(StorageError::new(StorageErrorKind::Other, "enough"))
    });
    assert_eq!(
        listed.unwrap_err().to_string(),
        "enough",
        "the visitor's error was lost"
    );
    assert_eq!(visits, 1, "the list continued after an error");
}

/// Sweeping removes incomplete files but no body, flushed or not.
pub fn a_sweep_removes_no_body(blobs: &dyn Blobs) {
    let (flushed, unflushed) = (BlobId::of(b"flushed"), BlobId::of(b"unflushed"));
    blobs.put(flushed, b"flushed").unwrap();
    blobs.flush(&[flushed]).unwrap();
    blobs.put(unflushed, b"unflushed").unwrap();
    blobs
        .sweep(chrono::DateTime::<chrono::Utc>::MAX_UTC)
        .unwrap();
    for id in [flushed, unflushed] {
        assert!(get(blobs, id).is_some(), "a sweep removed a body");
    }
}

/// A body that is repeatedly put and deleted is read entirely or not at all.
pub fn readers_see_a_body_whole_or_not_at_all(blobs: &dyn Blobs) {
    let bytes = vec![b'x'; 300_000];
    let id = BlobId::of(&bytes);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..50 {
                blobs.put(id, &bytes).unwrap();
                blobs.delete(id).unwrap();
            }
        });
        while !writer.is_finished() {
            let got = get(blobs, id);
            assert!(
                got.is_none_or(|got| got == bytes),
                "an incomplete body was read"
            );
        }
    });
}
