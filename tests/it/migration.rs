//! Stores that an earlier release made: they open, hold what they held, and are sound.
//!
//! `tests/golden/format-1` was made by the command of the release that wrote format 1: four prompts, one renamed and one
//! deleted, a deleted version, moved pointers, a partial, and a body that waits in the journal.

use std::fs;
use std::path::Path;

use promptbook::{Error, Mode, Selector, Store};
use serde_json::json;

use crate::support::Place;

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of the store that a release of this format made.
pub fn golden(format: u32) -> Place {
    let place = Place::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    copy(&root.join(format!("format-{format}")), place.path());
    // Among the sources there is no empty directory.
    fs::create_dir_all(place.path().join("tmp")).unwrap();
    place
}

/// What that release kept no index for.
fn is_searched(store: &Store) {
    let found = |text: &str| {
        let hits = store.search(text, 9).unwrap().into_iter();
        hits.map(|hit| hit.prompt.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("warmly"), ["greeting"]);
    assert_eq!(found("polite"), ["house-tone"]);
    assert_eq!(found("refu"), ["refund"]);
    let tone = store.prompt("house-tone").unwrap().id;
    let users = store.dependents(tone, "production").unwrap();
    let users: Vec<_> = users.iter().map(|user| user.number.to_string()).collect();
    assert_eq!(users, ["1.1"]);
}

fn holds_what_it_held(store: &Store) {
    is_searched(store);
    let number = |spec: &str| store.version(spec).unwrap().number.to_string();
    assert_eq!(number("greeting@production"), "1.1");
    assert_eq!(number("greeting@staging"), "1.1");
    assert_eq!(number("greeting@latest"), "2.0");
    assert_eq!(number("refund@latest"), "1.1");
    assert_eq!(store.prompt("house-tone").unwrap().tags, ["shared"]);
    assert!(matches!(
        store.prompt("gone01"),
        Err(Error::PromptNotFound { .. })
    ));
    let inputs = json!({"name": "Ada"}).as_object().cloned().unwrap();
    let rendered = store.render("greeting@production", &inputs, Mode::Strict);
    let messages = &rendered.unwrap().body["messages"];
    assert_eq!(messages[0]["content"], "Be polite.");
    assert_eq!(messages[1]["content"], "Greet Ada warmly.");
    let report = store.verify(|_| ()).unwrap();
    assert!(report.is_clean(), "{:?}", report.violations);
    assert_eq!(report.operations, 12);
    let head = report.head.unwrap().to_string();
    assert!(head.starts_with("50a19c248001"), "its history is another");
}

#[test]
fn a_store_of_format_1_goes_on() {
    let place = golden(1);
    let store = place.open();
    holds_what_it_held(&store);
    let moved = store.set_environment(
        "greeting",
        "production",
        Selector::Latest,
        promptbook::Expected::Any,
    );
    moved.unwrap();
    store.settle(|_| ()).unwrap();
    is_searched_by_the_index(&store, &place);
    drop(store);
    let report = place.open().verify(|_| ()).unwrap();
    assert!(report.is_clean(), "{:?}", report.violations);
}

/// The index was told by then.
fn is_searched_by_the_index(store: &Store, place: &Place) {
    let told = "UPDATE counter SET value = value WHERE name = 'searchable' AND value = 13";
    assert_eq!(place.sql(told), 1, "the index was told otherwise");
    assert_eq!(store.search("polite", 9).unwrap().len(), 1);
}

#[test]
fn a_store_of_format_1_is_brought_up_to_date_to_be_read() {
    let place = golden(1);
    holds_what_it_held(&place.open_read_only().unwrap());
}
