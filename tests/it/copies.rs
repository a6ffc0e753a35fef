//! Copies of a store to a store of another kind.

use std::ops::ControlFlow;
use std::time::Duration;

use promptbook::maintenance::{CopyOptions, GcOptions};
use promptbook::{Bump, Error, NewPrompt, NewVersion, Store};
use serde_json::json;

use crate::support::new_store;

fn directory() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    (directory, store)
}

fn bundle(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    store.export_bundle(&mut file).unwrap();
    file
}

/// Checks that both stores have the same history, bodies and recorded inputs.
#[track_caller]
fn assert_copied(store: &Store, target: &Store) {
    assert!(bundle(store) == bundle(target), "the bundles differ");
    let (one, other) = (store.export().unwrap(), target.export().unwrap());
    assert_eq!(json!(one), json!(other));
}

/// Makes operations of every kind, by several authors, and bodies that are collected.
fn fill(store: &Store) {
    let body = |text: &str| json!({"messages": [{"role": "user", "content": text}]});
    let ann = store.with_author("ann").grouped();
    let first = ann
        .create_prompt(NewPrompt::new("greeting", body("1")).tags(["a"]))
        .unwrap();
    for text in ["2 {{hc:x:string}}", "3", "same"] {
        let new = NewVersion::new("greeting", body(text)).bump(Bump::Major);
        store.commit(new.message(text)).unwrap();
    }
    store
        .create_prompt(NewPrompt::new("other", body("same")))
        .unwrap();
    let recorded = store.record_inputs(first.version.id, "request", [("x", "y")], None);
    recorded.unwrap();
    store.set_environment("greeting", "staging", "2.0").unwrap();
    store.delete_version("greeting@3.0").unwrap();
    let deleted = store
        .create_prompt(NewPrompt::new("gone", body("gone")))
        .unwrap();
    store.delete_prompt(deleted.prompt.id).unwrap();
    store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    store.rename("other", "renamed").unwrap();
    store
        .add_to_environment_list(["production", "staging"])
        .unwrap();
    store.undo_newest().unwrap();
    store.delete_version("greeting@4.0").unwrap();
    ann.set_tags("greeting", &["b", "c"]).unwrap();
    store
        .batch(|batch| {
            for number in 0..200 {
                let text = format!("{number} {}", "of many bodies, ".repeat(20));
                batch.commit(NewVersion::new("renamed", body(&text)))?;
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_copy_has_the_same_history_and_bodies() {
    let source = new_store();
    fill(&source);
    let (_place, target) = directory();
    let made = source.copy_to(&target).unwrap();
    assert!(made.report.is_clean(), "{:?}", made.report);
    assert_eq!(made.copied, source.stats().unwrap().operations);
    assert_eq!(made.report.head, source.verify().unwrap().head);
    assert_copied(&source, &target);
    let back = new_store();
    target.copy_to(&back).unwrap();
    assert_copied(&source, &back);

    // A later copy brings what is new.
    assert_eq!(source.copy_to(&target).unwrap().copied, 0);
    source.rename("greeting", "hello").unwrap();
    source.undo_newest().unwrap();
    let again = source.copy_to(&target).unwrap();
    assert_eq!((again.copied, again.bodies), (2, 0));
    assert_copied(&source, &target);
    // What the copy can do, the source could: an undo of an operation from before the copy.
    target.undo_newest().unwrap();
    assert!(target.verify().unwrap().is_clean());
}

#[test]
fn a_target_with_a_history_of_its_own_is_refused() {
    let source = new_store();
    fill(&source);
    let (_place, target) = directory();
    target
        .create_prompt(NewPrompt::new("own", r#"{"messages": []}"#))
        .unwrap();
    let before = bundle(&target);
    let refused = source.copy_to(&target).unwrap_err();
    assert!(
        matches!(refused, Error::MismatchedCopy { operation: 1 }),
        "{refused}"
    );
    assert!(bundle(&target) == before);
    // A target that has more than the source is not its beginning either.
    let copy = new_store();
    source.copy_to(&copy).unwrap();
    copy.rename("greeting", "changed").unwrap();
    assert!(matches!(
        source.copy_to(&copy),
        Err(Error::MismatchedCopy { .. })
    ));
}

#[test]
fn an_interrupted_copy_continues() {
    let (_place, source) = directory();
    let body = r#"{"messages": []}"#;
    source.create_prompt(NewPrompt::new("p", body)).unwrap();
    let tags = |number: u64| [format!("{number}")];
    source
        .batch(|batch| {
            (0..9000).try_for_each(|number| batch.set_tags("p", &tags(number)).map(drop))
        })
        .unwrap();
    let target = new_store();
    let mut interruptions = 0;
    while interruptions < 2 {
        let options = CopyOptions::new().progress(|steps| match steps.done {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        });
        let cut = source.copy_to_with(&target, options).unwrap_err();
        assert!(matches!(cut, Error::Cancelled), "{cut}");
        interruptions += 1;
        let copied = target.stats().unwrap().operations;
        assert_eq!(copied, interruptions * 4096);
    }
    let made = source.copy_to(&target).unwrap();
    assert_eq!((made.present, made.copied), (8192, 9001 - 8192));
    assert!(made.report.is_clean());
    assert_copied(&source, &target);
}
