//! Tests of stores in memory that are created from an image of another store.

use std::time::Duration;

use super::super::secrets::{Secrets, SecretsResult};
use super::*;
use crate::maintenance::GcOptions;
use crate::{Bump, BumpPolicy, NewPrompt, NewVersion, PromptName};

fn body(number: usize) -> String {
    format!(r#"{{"model": "m", "messages": [], "seed": {number}}}"#)
}

fn add(store: &Store, name: &str) {
    let new = NewPrompt::new(name, body(1));
    store.create_prompt(new).unwrap();
}

fn names(store: &Store) -> Vec<PromptName> {
    assert!(store.verify().unwrap().is_clean());
    let prompts = store.prompts().page(None, usize::MAX);
    prompts
        .unwrap()
        .into_iter()
        .map(|prompt| prompt.name)
        .collect()
}

#[test]
fn a_change_of_one_fork_is_in_no_other() {
    let options = StoreOptions::new()
        .first_version(0, 0)
        .policy(BumpPolicy::Free);
    let store = options.in_memory().unwrap();
    add(&store, "shared");
    let secrets = || Secrets {
        key: "key".into(),
        signing: "kept".into(),
    };
    store.secrets(secrets).unwrap();
    let image = store.image().unwrap();
    store.delete_prompt("shared").unwrap();
    store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    let first = StoreOptions::new().in_memory_from(&image);
    let second = StoreOptions::new().in_memory_from(&image);
    add(&first, "first");
    first.commit(NewVersion::new("shared", body(2))).unwrap();
    second.rename("shared", "renamed").unwrap();
    second.checkpoint().unwrap();
    drop(store);
    let third = StoreOptions::new().in_memory_from(&image);
    assert_eq!(names(&first).len(), 2);
    assert_eq!(names(&second), ["renamed".parse().unwrap()]);
    assert_eq!(names(&third), ["shared".parse().unwrap()]);
    assert_eq!(third.resolve("shared").unwrap().body.text(), body(1));
    assert_eq!(
        third.settings(),
        options.settings(),
        "the settings differ from the image's"
    );
    let kept = third
        .secrets(|| panic!("the image has no secrets"))
        .unwrap();
    assert!(matches!(kept, SecretsResult::Found(found) if found == secrets()));
}

#[test]
fn an_image_of_a_checkpointed_store_has_its_bodies() {
    let store = Store::in_memory().unwrap();
    add(&store, "settled");
    store.checkpoint().unwrap();
    add(&store, "waiting");
    let fork = StoreOptions::new().in_memory_from(&store.image().unwrap());
    assert_eq!(names(&fork).len(), 2);
    assert_eq!(fork.resolve("settled").unwrap().body.text(), body(1));
}

/// Other threads commit, checkpoint and collect garbage at the same time.
#[test]
fn an_image_is_sound_at_any_moment() {
    let store = Store::in_memory().unwrap();
    add(&store, "prompt");
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            for number in 0..200 {
                let new = NewVersion::new("prompt", body(number));
                let version = store.commit(new.bump(Bump::Minor)).unwrap();
                store.delete_version(version.id).unwrap();
                store.checkpoint().unwrap();
                store
                    .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
                    .unwrap();
            }
        });
        while !busy.is_finished() {
            let fork = StoreOptions::new().in_memory_from(&store.image().unwrap());
            assert_eq!(names(&fork).len(), 1);
        }
    });
}

/// Garbage collection removes a body's row and its bytes one after the other.
///
/// An image in between would contain only one of them.
#[test]
fn an_image_waits_for_a_collection_to_end() {
    let store = Store::in_memory().unwrap();
    let collecting = store.shared().index.lock_exclusive().unwrap();
    std::thread::scope(|scope| {
        let image = scope.spawn(|| store.image().is_some());
        std::thread::sleep(Duration::from_millis(50));
        assert!(
            !image.is_finished(),
            "the image was taken during a collection"
        );
        drop(collecting);
        assert!(image.join().unwrap());
    });
}

#[test]
fn there_is_no_image_of_a_directory() {
    let place = tempfile::tempdir().unwrap();
    assert!(Store::create(place.path()).unwrap().image().is_none());
}
