//! Stores on an index and a blob store that another crate could implement, by the public API alone.

use std::sync::Arc;
use std::time::Duration;

use promptbook::maintenance::GcOptions;
use promptbook::storage::{MemoryBlobs, MemoryIndex};
use promptbook::{NewPrompt, NewVersion, PromptId, Selector, Settings, Store, StoreOptions};

use crate::metered::Backends;
use crate::support::{body, create};

fn version(prompt: PromptId, text: &str) -> NewVersion {
    NewVersion::new(prompt, body(text))
}

/// Everything that a store does works on them, also if each call is a round trip.
#[test]
fn a_store_works_on_a_slow_index() {
    let store =
        Backends::new(Duration::from_millis(1), Settings::default()).open(&StoreOptions::new());
    let created = create(&store, "greeting");
    let prompt = created.prompt.id;
    let second = store.commit(version(prompt, "second")).unwrap();
    store.set_environment(prompt, "staging", second.id).unwrap();
    let resolved = store.resolve("greeting@staging").unwrap();
    assert_eq!(resolved.version.id, second.id);
    assert_eq!(resolved.body.text(), body("second"));
    let names = |store: &Store| {
        let prompts = store.prompts().page(None, 9).unwrap();
        prompts
            .into_iter()
            .map(|prompt| prompt.name.to_string())
            .collect::<Vec<_>>()
    };
    create(&store, "other");
    assert_eq!(names(&store), ["other", "greeting"]);
    store.undo_newest().unwrap();
    assert_eq!(names(&store), ["greeting"]);
    store
        .batch(|batch| batch.commit(version(prompt, "third")).map(drop))
        .unwrap();
    store.checkpoint().unwrap();
    assert_eq!(store.stats().unwrap().journaled_bodies, 0);
    let collected = store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    assert_eq!(
        collected.bodies, 1,
        "the body of the prompt that was undone"
    );
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{:?}", report.violations);
    assert_eq!(
        store.resolve("greeting").unwrap().body.text(),
        body("third")
    );
}

/// A store that is opened for reading refuses every change.
#[test]
fn a_store_on_any_index_can_be_read_only() {
    let options = StoreOptions::new().read_only(true);
    let index = Arc::new(MemoryIndex::new(Settings::default()));
    let store = options
        .open_with(index, Arc::new(MemoryBlobs::new()))
        .unwrap();
    let refused = store.create_prompt(NewPrompt::new("a", body("a")));
    assert!(
        matches!(refused, Err(promptbook::Error::ReadOnly)),
        "{refused:?}"
    );
}

/// An index of another process, or in a database server, pays a round trip for each call.
///
/// The calls are those of `Index`, `Transaction` and `Snapshot`, except those that need none by their
/// documentation: `Index::snapshot`, `Transaction::snapshot`, `Transaction::last_operation` and
/// `Transaction::append`.
#[test]
fn an_operation_needs_few_calls_of_the_index() {
    let backends = Backends::new(Duration::ZERO, Settings::default());
    let store = backends.open(&StoreOptions::new());
    let prompt = create(&store, "greeting").prompt.id;
    let commit = |text: &str| drop(store.commit(version(prompt, text)).unwrap());
    let set_environment = || {
        let latest = Selector::Latest;
        store.set_environment(prompt, "staging", latest).unwrap();
    };
    let resolve = || drop(store.resolve("greeting@staging").unwrap());
    let found = [
        ("first commit", backends.calls(|| commit("second"))),
        ("commit", backends.calls(|| commit("third"))),
        ("environment", backends.calls(set_environment)),
        ("resolve", backends.calls(resolve)),
        ("resolve again", backends.calls(resolve)),
        (
            "list",
            backends.calls(|| drop(store.prompts().page(None, 9).unwrap())),
        ),
    ];
    let most = [
        ("first commit", 2),
        ("commit", 2),
        ("environment", 3),
        ("resolve", 2),
        ("resolve again", 1),
        ("list", 1),
    ];
    assert_eq!(found, most);

    // Another handle has nothing of the prompt in memory.
    let another = backends.open(&StoreOptions::new());
    let new = NewVersion::new("greeting", body("fourth"));
    let calls = backends.calls(|| drop(another.commit(new).unwrap()));
    assert_eq!(calls, 3, "the first commit of a handle, by name");
    let calls = backends.calls(|| {
        another
            .set_environment("greeting", "staging", "1.0")
            .unwrap();
    });
    // One of them reads the environment list. No body is read, because both versions record the same
    // digest of their contracts.
    assert_eq!(calls, 4, "the first update of an environment, by name");
    let calls = backends.calls(|| drop(another.remove_environment("greeting", "staging").unwrap()));
    assert_eq!(calls, 3, "a removal, which needs no list");
}
