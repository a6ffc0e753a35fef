//! Fuzz target for bundles: whatever history a bundle contains, with the right hashes, a store
//! either imports it and is sound, or is unchanged.
//!
//! The input has a line for each operation, a line `%`, and the bodies, separated by a zero byte.
//! An input that begins with a line `+` is imported into a store that has a history, any other into
//! an empty store.

use std::io::Cursor;

use blake3::Hasher;
use chrono::{DateTime, Utc};
use promptbook::{BlobId, NewPrompt, NewVersion, Store, StoreOptions};
use serde_json::json;

pub fn holds(data: &[u8]) {
    let (data, store) = match data.strip_prefix(b"+\n") {
        Some(data) => (data, with_a_history()),
        None => (data, options().in_memory().unwrap()),
    };
    let before = exported(&store);
    let bundle = forged(data);
    match store.import_bundle(Cursor::new(&bundle)) {
        Ok(imported) => {
            is_sound(&store);
            let again = store.import_bundle(Cursor::new(&bundle)).unwrap();
            assert_eq!(again.appended, 0);
            assert_eq!(again.head, imported.head);
            let other = Store::in_memory().unwrap();
            let after = exported(&store);
            other.import_bundle(Cursor::new(&after)).unwrap();
            assert_eq!(exported(&other), after);
            is_sound(&other);
        }
        Err(refused) => {
            assert!(!refused.to_string().is_empty());
            assert_eq!(exported(&store), before, "after {refused}");
        }
    }
    is_sound(&store);
}

fn options() -> StoreOptions {
    StoreOptions::new()
        .seed(7)
        .clock(|| DateTime::<Utc>::UNIX_EPOCH)
}

/// Returns a store that is the same each time, and that shares its first prompt with bundles
/// exported from it.
pub fn with_a_history() -> Store {
    let store = options().in_memory().unwrap();
    let body = |text| json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    let new = NewPrompt::new("greeting", body("Hello"));
    store.create_prompt(new).unwrap();
    let new = NewVersion::new("greeting", body("Hello {{hc:name:string}}"));
    store.commit(new).unwrap();
    store
}

fn exported(store: &Store) -> Vec<u8> {
    let mut bundle = Vec::new();
    store.export_bundle(&mut bundle).unwrap();
    bundle
}

fn is_sound(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{:?}", report.violations);
}

/// Returns the input as a bundle with a valid chain of ids, valid addresses and a valid checksum.
fn forged(data: &[u8]) -> Vec<u8> {
    let cut = data.windows(3).position(|bytes| bytes == b"\n%\n");
    let (operations, bodies) = match cut {
        Some(cut) => (&data[..cut], &data[cut + 3..]),
        None => (data, &[][..]),
    };
    let operations = operations.split(|byte| *byte == b'\n');
    let operations: Vec<&[u8]> = operations.filter(|line| !line.is_empty()).collect();
    let head = operations.iter().fold([0; 32], |last, operation| {
        *Hasher::new()
            .update(&last)
            .update(operation)
            .finalize()
            .as_bytes()
    });
    let bodies = bodies
        .split(|byte| *byte == 0)
        .filter(|body| !body.is_empty());
    let mut bodies: Vec<(BlobId, &[u8])> = bodies.map(|body| (BlobId::of(body), body)).collect();
    bodies.sort_unstable();
    let bytes: usize = bodies.iter().map(|(_, body)| body.len()).sum();
    let head =
        (!operations.is_empty()).then(|| blake3::Hash::from_bytes(head).to_hex().to_string());
    let table = json!({"operations": operations.len(), "head": head, "bodies": bodies.len(), "bytes": bytes});

    let mut bundle = format!("promptbook bundle 1\n{table}\n").into_bytes();
    for operation in operations {
        bundle.extend_from_slice(operation);
        bundle.push(b'\n');
    }
    for (id, body) in bodies {
        bundle.extend(format!("{id} {}\n", body.len()).into_bytes());
        bundle.extend_from_slice(body);
        bundle.push(b'\n');
    }
    let seal = blake3::hash(&bundle).to_hex();
    bundle.extend(format!("blake3 {seal}\n").into_bytes());
    bundle
}
