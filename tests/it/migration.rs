//! Stores that an earlier release made: they open, hold what they held, and are sound.
//!
//! Each store in `tests/golden` was made by the command of the release that wrote its format: four prompts, one renamed
//! and one deleted, a deleted version, moved pointers, a partial; in the first two a body waits in the journal.

use std::fs;
use std::path::Path;

use promptbook::{Error, Mode, Selector, Store};
use serde_json::json;

use crate::support::{Place, commit, copy, create, is_sound};

/// A copy of the store that a release of this format made.
pub fn golden(format: u32) -> Place {
    let place = Place::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    copy(&root.join(format!("format-{format}")), place.path());
    // Among the sources there is no empty directory.
    fs::create_dir_all(place.path().join("tmp")).unwrap();
    place
}

/// What the first release kept no index for, and others another.
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

/// What it held when the release left it; its history ends with `head`.
fn holds_what_it_held(store: &Store, head: &str) {
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
    let found = report.head.unwrap().to_string();
    assert!(found.starts_with(head), "its history is another: {found}");
}

const HEADS: [(u32, &str); 3] = [
    (1, "50a19c248001"),
    (2, "ace85ab5e8e4"),
    (3, "ace85ab5e8e4"),
];

#[test]
fn an_older_store_goes_on() {
    for (format, head) in HEADS {
        let place = golden(format);
        let store = place.open();
        holds_what_it_held(&store, head);
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
}

/// Its operations come to be in chunks, as a new store's, and can be read and taken back as before.
#[test]
fn an_older_store_comes_to_be_small() {
    for (format, _) in HEADS {
        let place = golden(format);
        let store = place.open();
        let before = store.operations(&Default::default(), None, 99).unwrap();
        create(&store, "new");
        for turn in 0..200 {
            commit(&store, "new", turn);
        }
        store.settle(|_| ()).unwrap();
        let gathered = place.sql("UPDATE operation_chunk SET last = last WHERE operations = 128");
        assert_eq!(gathered, 1, "nothing was gathered");
        let found = store.operations(&Default::default(), Some(13), 99);
        assert_eq!(found.unwrap(), before);
        store.undo(&before[1]).unwrap();
        assert_eq!(store.prompt("gone01").unwrap().versions, 1);
        is_sound(&store);
    }
}

/// The index was told by then.
fn is_searched_by_the_index(store: &Store, place: &Place) {
    let told = "UPDATE counter SET value = value WHERE name = 'searchable' AND value = 13";
    assert_eq!(place.sql(told), 1, "the index was told otherwise");
    assert_eq!(store.search("polite", 9).unwrap().len(), 1);
}

#[test]
fn an_older_store_is_brought_up_to_date_to_be_read() {
    for (format, head) in HEADS {
        holds_what_it_held(&golden(format).open_read_only().unwrap(), head);
    }
}
