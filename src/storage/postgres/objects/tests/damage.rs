//! What a verification says of damaged objects: the object, its bodies, and nothing else. A repair
//! leaves nothing of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::support::{new_store, opened};
use crate::engine::maintenance::checkpoint::checkpoint;
use crate::maintenance::{VerifyReport, Violation};
use crate::model::id::BlobId;
use crate::storage::postgres::{ObjectBlobs, PostgresIndex, PostgresUrl};
use crate::{NewPrompt, NewVersion, Store, StoreOptions};

const PROMPTS: [&str; 3] = ["first", "second", "third"];

/// Returns a body of several frames' size that is hard to compress.
fn body(name: &str, version: u64) -> String {
    let seed = name.bytes().map(u64::from).sum::<u64>() * 100 + version;
    let mut random = fastrand::Rng::with_seed(seed);
    let words: String = (0..4000)
        .map(|_| format!("{:x} ", random.u32(..)))
        .collect();
    format!(r#"{{"messages": [{{"role": "user", "content": "{name} {version} {words}"}}]}}"#)
}

fn bodies(name: &str) -> BTreeSet<BlobId> {
    let versions = (0..8).map(|version| BlobId::of(body(name, version).as_bytes()));
    versions.collect()
}

fn store(url: &PostgresUrl) -> Store {
    let (index, blobs) = opened(url);
    StoreOptions::new()
        .open_with(Arc::new(index), Arc::new(blobs))
        .unwrap()
}

/// Returns a store with an object for each prompt.
fn with_three_objects() -> Option<(PostgresUrl, PostgresIndex, ObjectBlobs)> {
    let (url, index, blobs) = new_store()?;
    for name in PROMPTS {
        let working = store(&url);
        let created = working
            .create_prompt(NewPrompt::new(name, body(name, 0)))
            .unwrap();
        for version in 1..8 {
            working
                .commit(NewVersion::new(created.prompt.id, body(name, version)))
                .unwrap();
        }
        working.abandon();
        drop(working);
        checkpoint(&index, &blobs, |_| true).unwrap();
    }
    Some((url, index, blobs))
}

/// Returns the key and the bytes of the object that contains a prompt's bodies.
fn object_of(blobs: &ObjectBlobs, name: &str) -> (String, Bytes) {
    let id = BlobId::of(body(name, 0).as_bytes());
    let sql = "SELECT convert_from(o.key, 'UTF8'), o.size FROM placed p JOIN object o ON o.number = p.object
        WHERE p.hash = $1 AND o.state = 1";
    let rows = blobs.rows("", sql, &[&&id.as_bytes()[..]]).unwrap();
    let [row] = &rows[..] else {
        panic!("{} objects contain the body", rows.len());
    };
    let (key, size): (String, i64) = (row.get(0), row.get(1));
    let bytes = blobs.bucket.get(&key, 0..size.cast_unsigned()).unwrap();
    (key, bytes.unwrap())
}

fn put(blobs: &ObjectBlobs, key: &str, bytes: Bytes) {
    let started = blobs.bucket.start_put(key, bytes).unwrap();
    blobs.bucket.finish_put(started).unwrap();
}

/// Returns the lines about objects, and the bodies that are reported.
fn reported(report: &VerifyReport) -> (Vec<&str>, BTreeSet<BlobId>) {
    let (mut packs, mut lost) = (Vec::new(), BTreeSet::new());
    for violation in &report.violations {
        match violation {
            Violation::Pack { detail } => packs.push(&**detail),
            Violation::Body { blob, .. } => assert!(lost.insert(*blob), "{blob} twice"),
            other => panic!("{other}"),
        }
    }
    (packs, lost)
}

/// Damages the object of the second prompt. Returns the object's key, and what is reported.
fn damaged(
    damage: impl FnOnce(&ObjectBlobs, &str, Bytes),
) -> Option<(String, String, BTreeSet<BlobId>)> {
    let (url, _index, blobs) = with_three_objects()?;
    assert_eq!(store(&url).verify().unwrap().violations, []);
    let (key, bytes) = object_of(&blobs, "second");
    damage(&blobs, &key, bytes);
    let working = store(&url);
    let report = working.verify().unwrap();
    let (packs, lost) = reported(&report);
    let [line] = packs[..] else {
        panic!("{packs:?}");
    };
    // What is reported cannot be read, and everything else can.
    for name in PROMPTS {
        for version in 0..8 {
            let text = body(name, version);
            let is_lost = lost.contains(&BlobId::of(text.as_bytes()));
            match working.resolve(format!("{name}@1.{version}")) {
                Ok(resolved) => assert!(!is_lost && resolved.body.text() == text),
                Err(error) => assert!(
                    is_lost && error.kind() == crate::ErrorKind::Corrupt,
                    "{name} {version}: {error}"
                ),
            }
        }
    }
    assert!(lost.is_subset(&bodies("second")), "{lost:?}");
    let line = line.to_owned();
    repair(&working, &lost);
    Some((key, line, lost))
}

/// Repairs a store from another one, and asserts that no damage is left.
fn repair(damaged: &Store, lost: &BTreeSet<BlobId>) {
    let source = Store::in_memory().unwrap();
    let repaired = damaged.repair(&[]).unwrap();
    assert_eq!(repaired.bodies, []);
    assert_eq!(reported(&repaired.report).1, *lost);
    let created = source.create_prompt(NewPrompt::new("second", body("second", 0)));
    let prompt = created.unwrap().prompt.id;
    for version in 1..8 {
        let new = NewVersion::new(prompt, body("second", version));
        source.commit(new).unwrap();
    }
    let repaired = damaged.repair(&[source]).unwrap();
    assert_eq!(repaired.bodies, Vec::from_iter(lost.iter().copied()));
    assert_eq!(repaired.report.violations, []);
    for name in PROMPTS {
        for version in 0..8 {
            let found = damaged.resolve(format!("{name}@1.{version}")).unwrap();
            assert_eq!(found.body.text(), body(name, version));
        }
    }
}

#[test]
fn a_missing_object_is_named_with_all_its_bodies() {
    let Some((key, line, lost)) = damaged(|blobs, key, _| {
        blobs.bucket.delete(&[key.to_owned()]).unwrap();
    }) else {
        return;
    };
    assert_eq!(line, format!("object {key} is missing"));
    assert_eq!(lost, bodies("second"));
}

#[test]
fn an_object_cut_short_is_named_with_the_bodies_behind_the_cut() {
    let mut sizes = (0, 0);
    let Some((key, line, lost)) = damaged(|blobs, key, bytes| {
        sizes = (bytes.len() / 2, bytes.len());
        put(blobs, key, bytes.slice(..bytes.len() / 2));
    }) else {
        return;
    };
    let (found, size) = sizes;
    assert_eq!(
        line,
        format!("object {key} has {found} bytes instead of {size}")
    );
    assert!(lost.len() >= 3 && lost.len() < 8, "{} are lost", lost.len());
}

#[test]
fn an_object_with_another_byte_is_named_with_the_bodies_of_one_frame() {
    let Some((key, line, lost)) = damaged(|blobs, key, bytes| {
        let mut flipped = bytes.to_vec();
        flipped[bytes.len() / 2] ^= 1;
        put(blobs, key, flipped.into());
    }) else {
        return;
    };
    assert_eq!(
        line,
        format!("object {key} is damaged: its bytes have another hash")
    );
    assert!(
        !lost.is_empty() && lost.len() <= 3,
        "{} are lost",
        lost.len()
    );
}
