//! The suite of blob stores, and what is particular to objects.

use super::support::{new_store, opened};
use crate::model::clock;
use crate::model::id::BlobId;
use crate::storage::postgres::PostgresBlobs;
use crate::storage::{Blobs, CompressionLevel, DeltaGroup, testing};

#[test]
fn the_blob_store_passes_the_suite() {
    if new_store().is_some() {
        testing::blobs::all(&|| Box::new(new_store().unwrap().2));
    }
}

/// Bodies in the tables of a store without objects are read, and move to objects.
#[test]
fn a_store_without_objects_can_get_them() {
    let Some((url, index, blobs)) = new_store() else {
        return;
    };
    let tables = PostgresBlobs::of(&index);
    let bodies: Vec<Vec<u8>> = (0..100).map(|n| format!("body {n}").into_bytes()).collect();
    let mut pack = tables.pack(CompressionLevel::Fast).unwrap();
    for body in &bodies {
        pack.add(BlobId::of(body), body, DeltaGroup(1), clock::system())
            .unwrap();
    }
    drop(pack.finish().unwrap());
    tables.put(BlobId::of(b"loose"), b"loose").unwrap();
    tables.put(BlobId::of(&bodies[3]), &bodies[3]).unwrap();
    let check = |blobs: &dyn Blobs| {
        for body in bodies.iter().map(Vec::as_slice).chain([&b"loose"[..]]) {
            assert_eq!(
                blobs.get(BlobId::of(body)).unwrap().unwrap().as_bytes(),
                body
            );
        }
    };
    check(&blobs);
    blobs.join_packs().unwrap();
    check(&blobs);
    assert_eq!(
        tables.usage().unwrap(),
        crate::storage::BlobUsage::default()
    );
    let (_, again) = opened(&url);
    check(&again);
    let usage = again.usage().unwrap();
    assert_eq!((usage.packs, usage.packed_bodies), (1, 101));
}

/// What is removed is deleted only after the retention, and no key is used twice.
#[test]
fn an_object_outlives_its_rows() {
    let Some((_, _, blobs)) = new_store() else {
        return;
    };
    let id = BlobId::of(b"again");
    let keys = || {
        let mut keys: Vec<String> = blobs.bucket.list().unwrap().into_keys().collect();
        keys.sort();
        keys
    };
    blobs.put(id, b"again").unwrap();
    let first = keys();
    assert_eq!(first.len(), 1);
    let before = clock::system() - chrono::Duration::days(1);
    blobs.delete(id).unwrap();
    blobs.sweep(before).unwrap();
    assert_eq!(keys(), first);
    blobs.put(id, b"again").unwrap();
    assert_eq!(keys().len(), 2);
    blobs
        .sweep(chrono::DateTime::<chrono::Utc>::MAX_UTC)
        .unwrap();
    let second = keys();
    assert_eq!((second.len(), second == first), (1, false));
    assert_eq!(blobs.get(id).unwrap().unwrap().as_bytes(), b"again");
    assert_eq!(blobs.check_packs(true).unwrap(), [""; 0]);
}
