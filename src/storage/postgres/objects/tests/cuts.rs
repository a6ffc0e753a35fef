//! A process that ends between any two steps of a checkpoint, a garbage collection or a repack.

use std::sync::Arc;
use std::time::Duration;

use super::support::{new_store, new_url, opened};
use crate::engine::maintenance::checkpoint::checkpoint;
use crate::engine::maintenance::gc::collect;
use crate::engine::maintenance::repack::repack;
use crate::engine::maintenance::retention::Retention;
use crate::model::clock;
use crate::model::error::Result;
use crate::model::id::BlobId;
use crate::model::progress::Reporter;
use crate::model::record::{Durability, Settings};
use crate::storage::postgres::{ObjectBlobs, PostgresIndex, PostgresUrl};
use crate::storage::{Blobs as _, Index as _};
use crate::{NewPrompt, NewVersion, Store, StoreOptions};

/// Opens a store as another process does.
fn store(url: &PostgresUrl) -> Store {
    let (index, blobs) = opened(url);
    StoreOptions::new()
        .open_with(Arc::new(index), Arc::new(blobs))
        .unwrap()
}

/// Works on a store, and leaves the journal as it is.
fn within(url: &PostgresUrl, work: impl FnOnce(&Store)) {
    let store = store(url);
    work(&store);
    store.abandon();
}

fn body(text: &str) -> String {
    format!(r#"{{"messages": [{{"role": "user", "content": "{text}"}}]}}"#)
}

fn create(store: &Store, name: &str) {
    let created = store
        .create_prompt(NewPrompt::new(name, body(name)))
        .unwrap();
    for version in 1..3 {
        let new = NewVersion::new(created.prompt.id, body(&format!("{name} {version}")));
        store.commit(new).unwrap();
    }
}

/// Checks that every version of every prompt has its body.
fn check(url: &PostgresUrl, prompts: &[&str]) {
    within(url, |store| {
        let report = store.verify().unwrap();
        assert_eq!(report.violations, [], "{report:?}");
        for name in prompts {
            for (number, text) in [("1.0", (*name).to_owned()), ("1.2", format!("{name} 2"))] {
                let resolved = store.resolve(format!("{name}@{number}")).unwrap();
                assert_eq!(resolved.body.text(), body(&text));
            }
        }
    });
}

fn move_all(index: &PostgresIndex, blobs: &ObjectBlobs) -> Result<()> {
    checkpoint(index, blobs, |_| true).map(drop)
}

fn now() -> Retention {
    Retention::new(clock::system(), Duration::ZERO)
}

fn collect_now(index: &PostgresIndex, blobs: &ObjectBlobs) -> Result<()> {
    collect(index, blobs, now(), true, &mut Reporter::default()).map(drop)
}

fn repack_now(index: &PostgresIndex, blobs: &ObjectBlobs) -> Result<()> {
    repack(index, blobs, now(), true, &mut Reporter::default())?;
    Ok(blobs.join_packs()?)
}

/// Ends some work after each number of steps, until it is complete.
fn cut_everywhere(
    prepare: impl Fn(&PostgresUrl),
    work: impl Fn(&PostgresIndex, &ObjectBlobs) -> Result<()>,
    prompts: &[&str],
) {
    let mut steps = 0;
    loop {
        let Some(url) = new_url() else { return };
        assert!(PostgresIndex::create(&url, Settings::default()).unwrap());
        prepare(&url);
        let (index, blobs) = opened(&url);
        blobs.steps.end_after(steps);
        let worked = work(&index, &blobs);
        drop((index, blobs));
        check(&url, prompts);
        // What was removed is stored again, and the work is done again by another process.
        within(&url, |store| create(store, "again"));
        let (index, blobs) = opened(&url);
        move_all(&index, &blobs).unwrap();
        collect_now(&index, &blobs).unwrap();
        collect_now(&index, &blobs).unwrap();
        check(&url, prompts);
        check(&url, &["again"]);
        let left = index.pool.take().unwrap();
        let rows = left
            .rows("", "SELECT 1 FROM object WHERE state <> 1", &[])
            .unwrap();
        assert_eq!(
            rows.len(),
            0,
            "an interrupted object remains after {steps} steps"
        );
        if worked.is_ok() {
            assert!(steps > 2, "the work has only {steps} steps");
            return;
        }
        steps += 1;
    }
}

#[test]
fn a_checkpoint_can_end_anywhere() {
    let prepare = |url: &PostgresUrl| within(url, |store| create(store, "kept"));
    cut_everywhere(prepare, move_all, &["kept"]);
}

/// Prepares two packs, of which one has a prompt that was deleted and whose bodies are stored again.
fn prepare_garbage(url: &PostgresUrl) {
    for name in ["again", "kept"] {
        within(url, |store| create(store, name));
        let (index, blobs) = opened(url);
        move_all(&index, &blobs).unwrap();
    }
    within(url, |store| store.delete_prompt("again").map(drop).unwrap());
    let (_, blobs) = opened(url);
    blobs.put(BlobId::of(b"a leftover"), b"a leftover").unwrap();
}

#[test]
fn a_garbage_collection_can_end_anywhere() {
    cut_everywhere(prepare_garbage, collect_now, &["kept"]);
}

#[test]
fn a_repack_can_end_anywhere() {
    cut_everywhere(prepare_garbage, repack_now, &["kept"]);
}

/// A collection whose lock was lost removes nothing that was stored again meanwhile.
#[test]
fn a_late_removal_is_harmless() {
    let Some((url, index, blobs)) = new_store() else {
        return;
    };
    let id = BlobId::of(body("again").as_bytes());
    blobs.put(id, body("again").as_bytes()).unwrap();
    let mut transaction = index.transaction(Durability::Full).unwrap();
    let size = body("again").len() as u64;
    transaction.put_packed_body(id, size).unwrap();
    transaction.forget_blobs(&[id]).unwrap();
    transaction.commit().unwrap();
    // The lock is lost here.
    within(&url, |store| create(store, "again"));
    let (other, other_blobs) = opened(&url);
    move_all(&other, &other_blobs).unwrap();
    blobs.delete(id).unwrap();
    blobs
        .sweep(chrono::DateTime::<chrono::Utc>::MAX_UTC)
        .unwrap();
    check(&url, &["again"]);
}
