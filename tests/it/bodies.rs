//! A body that is not what its address says is an error, never an answer.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use promptbook::{Body, Error, Inputs, NewPrompt, NewVersion, Version};

use crate::support::{Place, body, commit, create, is_sound, violations};

/// A store with a settled body, closed; and that body's file.
fn checkpointed(place: &Place) -> (Version, PathBuf) {
    let store = place.create();
    let version = create(&store, "greeting").version;
    store.checkpoint(|_| ()).unwrap();
    let file = place.body(version.blob);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        body("greeting"),
        "a body is a plain file"
    );
    (version, file)
}

/// Neither resolved nor rendered, by no name, and named by `verify`.
fn is_damaged(place: &Place, version: &Version) {
    let store = place.open();
    for spec in [
        "greeting",
        "greeting@1.0",
        "greeting@production",
        &version.id.to_string(),
    ] {
        match store.resolve(spec) {
            Err(Error::CorruptBody { blob, .. }) => assert_eq!(blob, version.blob),
            other => panic!("{spec} was answered with {other:?}"),
        }
    }
    let rendered = store.render("greeting", Inputs::new());
    assert!(
        matches!(rendered, Err(Error::CorruptBody { .. })),
        "a damaged body was rendered"
    );
    let found = violations(&store);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains(&version.blob.to_string()),
        "verify names the body: {found:?}"
    );
}

#[test]
fn an_altered_file_is_no_answer() {
    let place = Place::new();
    let (version, file) = checkpointed(&place);
    let mut bytes = fs::read(&file).unwrap();
    bytes[40] ^= 1;
    fs::write(&file, &bytes).unwrap();
    is_damaged(&place, &version);
}

#[test]
fn a_torn_or_empty_file_is_no_answer() {
    let place = Place::new();
    let (version, file) = checkpointed(&place);
    let bytes = fs::read(&file).unwrap();
    for length in [bytes.len() - 1, 0] {
        fs::write(&file, &bytes[..length]).unwrap();
        is_damaged(&place, &version);
    }
}

#[test]
fn another_bodys_bytes_are_no_answer() {
    let place = Place::new();
    let (version, file) = checkpointed(&place);
    fs::write(&file, body("another")).unwrap();
    is_damaged(&place, &version);
}

#[test]
fn a_missing_file_is_no_answer() {
    let place = Place::new();
    let (version, file) = checkpointed(&place);
    fs::remove_file(&file).unwrap();
    is_damaged(&place, &version);
}

/// Until a body is settled its journal row has it, whatever became of its file.
#[test]
fn the_journal_wins_over_a_torn_file() {
    let place = Place::new();
    let store = place.create();
    let version = create(&store, "greeting").version;
    drop(store);
    let file = place.body(version.blob);
    assert!(
        file.exists(),
        "a store that closes leaves a file for every body"
    );
    fs::write(&file, "torn").unwrap();
    let store = place.open();
    assert_eq!(
        store.stats().unwrap().waiting_bodies,
        1,
        "the body was settled too early to test"
    );
    assert_eq!(
        store.resolve("greeting").unwrap().body.text(),
        body("greeting")
    );
    is_sound(&store);
    store.checkpoint(|_| ()).unwrap();
    assert_eq!(store.stats().unwrap().waiting_bodies, 0);
    let mended = fs::read_to_string(&file).unwrap();
    assert_eq!(
        mended,
        body("greeting"),
        "settling trusted a file that was there"
    );
    is_sound(&place.open());
}

/// Two versions of one body share it, and deleting one leaves it to the other.
#[test]
fn a_shared_body_goes_with_its_last_version() {
    let place = Place::new();
    let store = place.create();
    let first = create(&store, "greeting").version;
    let second = commit(&store, "greeting", "greeting");
    commit(&store, "greeting", "another");
    assert_eq!(first.blob, second.blob, "one body is stored once");
    store.checkpoint(|_| ()).unwrap();
    store.delete_version(first.id).unwrap();
    assert_eq!(store.collect_garbage(Duration::ZERO).unwrap().bodies, 0);
    let store = place.open();
    assert_eq!(
        store.resolve(second.id).unwrap().body.text(),
        body("greeting")
    );
    store.delete_version(second.id).unwrap();
    assert_eq!(
        store
            .collect_garbage(Duration::from_secs(60))
            .unwrap()
            .bodies,
        0,
        "too young"
    );
    assert_eq!(store.collect_garbage(Duration::ZERO).unwrap().bodies, 1);
    assert!(
        !place.body(first.blob).exists(),
        "a collected body left its file"
    );
    is_sound(&store);
    let again = commit(&store, "greeting", "greeting");
    store.checkpoint(|_| ()).unwrap();
    let text = place
        .open()
        .resolve(again.id)
        .unwrap()
        .body
        .text()
        .to_owned();
    assert_eq!(text, body("greeting"), "a collected body did not come back");
}

/// What an interrupted collection or writer left is no body, and is swept.
#[test]
fn leftovers_are_collected() {
    let place = Place::new();
    let (version, file) = checkpointed(&place);
    let stray = place.body(promptbook::BlobId::of(b"stray"));
    fs::create_dir_all(stray.parent().unwrap()).unwrap();
    fs::write(&stray, "stray").unwrap();
    let half_made = place.path().join("tmp").join(".tmpHalfMade");
    fs::write(&half_made, "{").unwrap();
    let store = place.open();
    is_sound(&store);
    assert_eq!(store.collect_garbage(Duration::ZERO).unwrap().leftovers, 1);
    assert!(!stray.exists() && !half_made.exists(), "something was left");
    assert!(file.exists(), "a body that is used was collected");
    assert_eq!(
        store.resolve(version.id).unwrap().body.text(),
        body("greeting")
    );
}

/// A body that is collected and committed again while the store is verified is not missing: it waits in the journal.
#[test]
fn a_body_that_comes_back_while_verified_is_not_missing() {
    let place = Place::new();
    let store = place.create();
    create(&store, "first");
    let gone = create(&store, "gone");
    store.checkpoint(|_| ()).unwrap();
    let report = store.verify(|checked| {
        if checked == 1 {
            store.delete_prompt(gone.prompt.id).unwrap();
            assert_eq!(store.collect_garbage(Duration::ZERO).unwrap().bodies, 1);
            create(&store, "gone");
        }
    });
    let report = report.unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
}

/// Who may read the index, which has the bodies that wait, may read those that are settled.
#[cfg(unix)]
#[test]
fn a_body_is_as_readable_as_the_index() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let (_, file) = checkpointed(&place);
    let readers = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o444;
    assert_eq!(readers(file), readers(place.index()));
}

/// A body of a list of so many numbers, with the object and the list two values more, and this at its end.
fn of_values(numbers: usize, end: &str) -> String {
    let list = "0,".repeat(numbers - 1) + "0";
    format!(r#"{{"x":[{list}]{end}"#)
}

#[test]
fn a_body_has_a_million_values_at_most() {
    let most = Body::MAX_VALUES;
    assert!(most >= 1_000_000);
    let body = Body::try_from(of_values(most - 2, "}")).unwrap();
    assert_eq!(body.json()["x"].as_array().unwrap().len(), most - 2);
    let refused = |text: String| Body::try_from(text).unwrap_err().to_string();
    let told = refused(of_values(most - 1, "}"));
    assert!(
        told.ends_with("it has 1000001 values, the limit is 1000000"),
        "{told}"
    );
    // What is no JSON is told as that, whatever it would have.
    let told = refused(of_values(most - 1, "x"));
    assert!(told.contains("line 1 column"), "{told}");
    // Commas in strings are none.
    let text = format!(r#"{{"x":"{}"}}"#, ",[{".repeat(most));
    assert!(Body::try_from(text).is_ok());
}

#[test]
fn a_large_body_is_as_a_small_one() {
    let place = Place::new();
    let store = place.create();
    let filler = "some words ".repeat(20_000);
    let small = |end: &str| {
        format!(r#"{{"model":"m","messages":[{{"content":"Hi {{{{hc:name:string}}}}"}}]{end}}}"#)
    };
    let large = small(&format!(r#","filler":"{filler}""#));
    let made = NewPrompt::new("large", &*large);
    let made = store.create_prompt(made).unwrap();
    assert_eq!(made.version.model.as_deref(), Some("m"));
    let read = store.resolve("large").unwrap();
    assert_eq!(read.body.text(), large);
    assert_eq!(read.body.model(), Some("m"));
    assert_eq!(
        read.body.json(),
        &serde_json::from_str::<serde_json::Value>(&large).unwrap()
    );
    // Its contract is that of the small one.
    let commit = |text: &str| store.commit(NewVersion::new("large", text)).unwrap();
    assert_eq!(commit(&small("")).number.to_string(), "1.1");
    assert_eq!(
        commit(&large.replace("hc:name", "hc:other"))
            .number
            .to_string(),
        "2.0"
    );
    for text in [" [] ", "5", "\"\"", "null"] {
        let padded = format!("{text}{}", " ".repeat(200_000));
        let told = |text: &str| Body::try_from(text).unwrap_err().to_string();
        assert_eq!(told(text), told(&padded));
    }
    assert!(Body::try_from(large.replace("\"m\"", "1e999")).is_err());
    assert_eq!(
        Body::try_from(large.replace("\"m\"", "[\"m\"]"))
            .unwrap()
            .model(),
        None
    );
    is_sound(&store);
}

/// A name that the JSON parser has uses of its own for.
#[test]
fn the_tree_of_a_body_is_that_of_its_text() {
    let text = r#"{"x":{"$serde_json::private::RawValue":"[1,2,3]"}}"#;
    let body = Body::try_from(text).unwrap();
    assert_eq!(
        body.json()["x"]["$serde_json::private::RawValue"],
        "[1,2,3]"
    );
    assert_eq!(body.json().to_string(), text);
}
