//! A fake whose store is in a directory.

use promptbook::server::fake::{Fake, FakeError};
use promptbook::{NewPrompt, Store};
use serde_json::json;

use crate::support::{COUNT, Client, fixtures};

#[test]
fn it_creates_a_store_and_resets_it() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("below/prompts");
    let fake = Fake::options().fixtures(fixtures()).directory(&path);
    let fake = fake.start().unwrap();
    let client = Client::of(&fake);
    client.create("more");
    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    fake.reset().unwrap();
    assert_eq!(client.get(COUNT).data(), 1);
    client.create("more");
    assert_eq!(Store::open(&path).unwrap().prompts().count().unwrap(), 2);
    drop(fake);
    let store = Store::open(&path).unwrap();
    assert!(store.verify().unwrap().is_clean());
    assert_eq!(store.prompts().count().unwrap(), 2, "it stays");
    assert!(path.join("notes.txt").exists());
}

#[test]
fn it_never_empties_an_existing_store() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::create(place.path()).unwrap();
    let new = NewPrompt::new("mine", r#"{"messages": []}"#);
    store.create_prompt(new).unwrap();
    drop(store);
    let options = Fake::options().fixtures(fixtures()).directory(place.path());
    let fake = options.start().unwrap();
    let client = Client::of(&fake);
    assert_eq!(
        client.get(COUNT).data(),
        1,
        "fixtures are for a store without prompts"
    );
    client.create("more");
    let reset = fake.reset();
    assert!(
        matches!(reset, Err(FakeError::NotMadeHere { .. })),
        "{reset:?}"
    );
    let (status, text) = client.post("/__promptbook/reset", &json!({})).refusal();
    assert!(
        status == 409 && text.contains("existed before"),
        "{status} {text}"
    );
    let (status, _) = client
        .put("/__promptbook/fixtures", &json!({"prompts": []}))
        .refusal();
    assert_eq!(status, 409);
    assert_eq!(client.get(COUNT).data(), 2);
    drop(fake);
    // The seed is the same, but the ids differ.
    let fake = options.start().unwrap();
    Client::of(&fake).create("more");
    assert_eq!(fake.store().prompts().count().unwrap(), 3);
}

#[test]
fn a_store_without_prompts_gets_the_fixtures() {
    let place = tempfile::tempdir().unwrap();
    drop(Store::create(place.path()).unwrap());
    let options = Fake::options().fixtures(fixtures()).directory(place.path());
    assert_eq!(
        options.start().unwrap().store().prompts().count().unwrap(),
        1
    );
}

#[test]
fn a_directory_that_is_not_a_store_is_unchanged() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("notes.txt"), "mine").unwrap();
    let started = Fake::options().directory(place.path()).start();
    assert!(matches!(started, Err(FakeError::Store(_))), "{started:?}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}
