//! Copies of a store to one whose bodies are in S3, and from there to stores of other kinds.

use std::ops::ControlFlow;
use std::time::Duration;

use promptbook::maintenance::{CopyOptions, GcOptions};
use promptbook::{Error, ErrorKind, NewPrompt, NewVersion, Store, StoreOptions};

use crate::postgres_server::new_url;
use crate::s3_proxy::{S3Fault, S3Proxy};
use crate::s3_server::s3_server;
use crate::support::body;

/// The number of operations that a copy appends in one transaction.
const PART: u64 = 4096;

/// The number of bodies in the first part, and of those in the second one.
const BODIES: u64 = 150;

fn directory() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    (directory, store)
}

/// Makes a history of two parts, with bodies in each, and bodies that were collected.
fn fill(store: &Store) {
    let ann = store.with_author("ann");
    let first = ann
        .create_prompt(NewPrompt::new("greeting", body("0")))
        .unwrap();
    ann.create_prompt(NewPrompt::new("gone", body("gone")))
        .unwrap();
    store.delete_prompt("gone").unwrap();
    let collected = GcOptions::new().retention(Duration::ZERO);
    store.collect_garbage_with(collected).unwrap();
    let commit_from = |begin: u64| {
        let numbers = begin..begin + BODIES;
        let commits = |batch: &mut promptbook::Batch<'_>| {
            for number in numbers {
                let text = format!("{number} {}", blake3::hash(&number.to_le_bytes()));
                batch.commit(NewVersion::new("greeting", body(&text)))?;
            }
            Ok(())
        };
        store.batch(commits).unwrap();
    };
    commit_from(0);
    let tags = |number: u64| [format!("{number}")];
    store
        .batch(|batch| {
            (0..PART).try_for_each(|number| batch.set_tags("greeting", &tags(number)).map(drop))
        })
        .unwrap();
    commit_from(BODIES);
    let recorded = store.record_inputs(first.version.id, "request", [("x", "y")], None);
    recorded.unwrap();
    store.undo_newest().unwrap();
}

fn bundle(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    store.export_bundle(&mut file).unwrap();
    file
}

#[track_caller]
fn assert_copied(store: &Store, target: &Store) {
    assert_eq!(store.position().unwrap(), target.position().unwrap());
    assert!(bundle(store) == bundle(target), "the bundles differ");
    let inputs = |store: &Store| {
        let version = store.version("greeting@1.0").unwrap();
        store.inputs(version.id, "request").unwrap()
    };
    assert_eq!(inputs(store), inputs(target));
}

/// Copies until the first part is in the target, and then cancels the copy.
fn copy_one_part(store: &Store, target: &Store) {
    let options = CopyOptions::new().progress(|steps| {
        if steps.done == 0 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    let cut = store.copy_to_with(target, options).unwrap_err();
    assert!(matches!(cut, Error::Cancelled), "{cut}");
    assert_eq!(target.stats().unwrap().operations, PART);
}

/// Copies what is left after [`copy_one_part`], and verifies the result.
#[track_caller]
fn copy_the_rest(store: &Store, target: &Store) {
    let made = store.copy_to(target).unwrap();
    assert_eq!(made.present, PART);
    assert!(made.report.is_clean(), "{:?}", made.report);
    assert_eq!(made.report.head, store.verify().unwrap().head);
    assert_copied(store, target);
    let bodies = target.stats().unwrap();
    assert_eq!(bodies.operations, made.position.number());
    assert_eq!(store.copy_to(target).unwrap().copied, 0);
}

#[test]
fn a_store_is_copied_to_s3_and_from_there_to_other_places() {
    let Some(server) = s3_server() else { return };
    let (Some(tables), Some(plain)) = (new_url(), new_url()) else {
        return;
    };
    let proxy = S3Proxy::start(&server.endpoint);
    let objects = server.new_parameters_by(&proxy.endpoint);
    let url = format!("{tables}&{objects}");
    let open = || StoreOptions::new().open_url(&url).unwrap();
    let (_place, source) = directory();
    fill(&source);

    // From a directory to S3. Another process continues.
    let target = StoreOptions::new().create_url(&url).unwrap();
    copy_one_part(&source, &target);
    drop(target);
    let in_s3 = open();
    copy_the_rest(&source, &in_s3);
    in_s3.checkpoint().unwrap();
    let stats = in_s3.stats().unwrap();
    assert_eq!(stats.journaled_bodies, 0);
    assert_eq!(stats.bodies.packed_bodies, 2 * BODIES + 1);

    // To a directory, while S3 fails in the middle.
    let in_s3 = open();
    let (_place, target) = directory();
    let options = CopyOptions::new().progress(|steps| {
        if steps.done > 0 {
            proxy.set(S3Fault::Gone);
        }
    });
    let cut = in_s3.copy_to_with(&target, options).unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::Busy, "{cut}");
    assert!(!cut.to_string().contains("secret"), "{cut}");
    assert_eq!(target.stats().unwrap().operations, PART);
    proxy.set(S3Fault::None);
    copy_the_rest(&in_s3, &target);

    // To a store that has all in Postgres.
    let target = StoreOptions::new().create_url(&plain).unwrap();
    copy_one_part(&in_s3, &target);
    drop(target);
    let target = StoreOptions::new().open_url(&plain).unwrap();
    copy_the_rest(&in_s3, &target);
    assert_copied(&source, &target);
}

/// What a process does that copies while many requests fail: the copy is complete, or it continues.
#[test]
fn a_copy_to_a_failing_s3_is_complete_in_the_end() {
    let Some(server) = s3_server() else { return };
    let Some(tables) = new_url() else { return };
    let proxy = S3Proxy::start(&server.endpoint);
    let objects = server.new_parameters_by(&proxy.endpoint);
    let url = format!("{tables}&{objects}");
    let (_place, source) = directory();
    fill(&source);
    let target = StoreOptions::new().create_url(&url).unwrap();
    proxy.set_random(7);
    while let Err(error) = source.copy_to(&target) {
        assert!(error.is_retryable(), "{error}");
    }
    proxy.set(S3Fault::None);
    assert!(proxy.requests() > 0);
    let made = source.copy_to(&target).unwrap();
    assert_eq!(made.copied, 0);
    assert!(made.report.is_clean(), "{:?}", made.report);
    assert_copied(&source, &target);
}
