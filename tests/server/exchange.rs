//! Tests of the routes by which stores exchange operations.

use std::io::Cursor;

use promptbook::bundle::ExportOptions;
use promptbook::server::{ServerOptions, StatusMode};
use promptbook::{NewPrompt, Store, StoreOptions};

use super::client::{Answer, Served};

fn bundle(store: &Store, options: ExportOptions<'_>) -> Vec<u8> {
    let mut file = Vec::new();
    store.export_bundle_with(&mut file, options).unwrap();
    file
}

fn create(store: &Store, name: &str) {
    let new = NewPrompt::new(name, r#"{"messages": []}"#);
    store.create_prompt(new.allow_duplicate_name()).unwrap();
}

fn post(served: &Served, query: &str, bundle: Vec<u8>) -> Answer {
    let key = ("authorization", served.authorization());
    let path = format!("/v1/promptbook/bundle{query}");
    served.send_with("POST", &path, &[key], Some(bundle))
}

#[test]
fn the_head_names_the_service_and_the_position() {
    let served = Served::new();
    let head = served.get("/v1/promptbook/head").json()["data"].clone();
    assert_eq!(head["service"], "promptbook");
    assert_eq!(
        (&head["store"], &head["operations"]),
        (&().into(), &0.into())
    );
    assert_eq!(
        (&head["first_version"], &head["policy"]),
        (&"1.0".into(), &"free".into())
    );
    create(&served.store, "one");
    let first = served.store.position().unwrap();
    create(&served.store, "two");
    let head = served.get("/v1/promptbook/head?at=1").json()["data"].clone();
    assert_eq!(
        head["position"],
        served.store.position().unwrap().to_string()
    );
    assert_eq!(head["at"], first.to_string());
    assert!(first.to_string().ends_with(head["store"].as_str().unwrap()));
    let head = served.get("/v1/promptbook/head?at=3").json()["data"].clone();
    assert!(head["at"].is_null(), "{head}");
    assert_eq!(served.get("/v1/promptbook/head?at=x").status, 400);
}

#[test]
fn a_bundle_is_the_one_that_the_store_exports() {
    let served = Served::new();
    create(&served.store, "one");
    let after = served.store.position().unwrap();
    create(&served.store, "two");
    create(&served.store, "three");
    let got = served.get("/v1/promptbook/bundle");
    assert_eq!(
        got.text.as_bytes(),
        bundle(&served.store, ExportOptions::new())
    );
    assert_eq!(got.headers["content-type"], "application/octet-stream");
    let got = served.get(&format!("/v1/promptbook/bundle?after={after}&bytes=1"));
    let options = ExportOptions::new().after(after).bytes(1);
    assert_eq!(got.text.as_bytes(), bundle(&served.store, options));
    let other = Served::new();
    let refused = other.get(&format!("/v1/promptbook/bundle?after={after}"));
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(other.get("/v1/promptbook/bundle?after=1").status, 400);
}

#[test]
fn a_bundle_is_imported_as_by_the_command() {
    let served = Served::new();
    let store = Store::in_memory().unwrap();
    create(&store, "one");
    let whole = bundle(&store, ExportOptions::new());
    let imported = post(&served, "", whole.clone()).json();
    assert_eq!(imported["data"]["appended"], 1);
    assert_eq!(served.store.position().unwrap(), store.position().unwrap());
    create(&served.store, "two");
    create(&store, "three");
    let whole = bundle(&store, ExportOptions::new());
    let refused = post(&served, "?merge=false", whole.clone());
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(
        post(&served, "", whole.clone()).json()["data"]["merged"],
        true
    );
    let mut damaged = whole;
    damaged[40] ^= 1;
    let refused = post(&served, "", damaged);
    assert_eq!(refused.status, 400, "{}", refused.text);

    // A contradiction names the prompt.
    let other = Store::in_memory().unwrap();
    other
        .import_bundle(Cursor::new(bundle(&served.store, ExportOptions::new())))
        .unwrap();
    served.store.rename("one", "here").unwrap();
    other.rename("one", "there").unwrap();
    let refused = post(&served, "", bundle(&other, ExportOptions::new()));
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("here"), "{}", refused.text);
}

#[test]
fn a_key_is_required_and_a_store_for_reading_refuses() {
    let served = Served::with(StatusMode::Live);
    for (method, path) in [
        ("GET", "/v1/promptbook/head"),
        ("GET", "/v1/promptbook/bundle"),
        ("POST", "/v1/promptbook/bundle"),
    ] {
        assert_eq!(
            served.send_with(method, path, &[], None).status,
            401,
            "{method} {path}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    drop(Store::create(folder.path()).unwrap());
    let store = StoreOptions::new()
        .read_only(true)
        .open(folder.path())
        .unwrap();
    let served = Served::of(store, &ServerOptions::new());
    let other = Store::in_memory().unwrap();
    create(&other, "one");
    let refused = post(&served, "", bundle(&other, ExportOptions::new()));
    assert_eq!(refused.status, 403, "{}", refused.text);
}
