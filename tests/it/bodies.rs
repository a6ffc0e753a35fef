//! Bodies that don't match their address: always an error, never a result.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use promptbook::maintenance::{GcOptions, VerifyOptions};
use promptbook::{Body, Error, Inputs, NewPrompt, NewVersion, Version};

use crate::support::{Place, body, commit, create, is_sound, violations};

/// Creates a store with one checkpointed body, and closes it. Returns the version and the file of
/// its body.
fn checkpointed(place: &Place) -> (Version, PathBuf) {
    let store = place.create();
    let version = create(&store, "greeting").version;
    store.checkpoint().unwrap();
    let file = place.body(version.blob);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        body("greeting"),
        "a loose body is not stored as plain text"
    );
    (version, file)
}

/// Checks that the body is neither resolved nor rendered by any spec, and that `verify` names it.
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
        "verify does not name the body: {found:?}"
    );
}

#[test]
fn an_altered_body_file_is_an_error() {
    let place = Place::new();
    let (version, file) = checkpointed(&place);
    let mut bytes = fs::read(&file).unwrap();
    bytes[40] ^= 1;
    fs::write(&file, &bytes).unwrap();
    is_damaged(&place, &version);
}

#[test]
fn a_torn_or_empty_body_file_is_an_error() {
    let place = Place::new();
    let (version, file) = checkpointed(&place);
    let bytes = fs::read(&file).unwrap();
    for length in [bytes.len() - 1, 0] {
        fs::write(&file, &bytes[..length]).unwrap();
        is_damaged(&place, &version);
    }
}

#[test]
fn the_bytes_of_another_body_are_an_error() {
    let place = Place::new();
    let (version, file) = checkpointed(&place);
    fs::write(&file, body("another")).unwrap();
    is_damaged(&place, &version);
}

#[test]
fn a_missing_body_file_is_an_error() {
    let place = Place::new();
    let (version, file) = checkpointed(&place);
    fs::remove_file(&file).unwrap();
    is_damaged(&place, &version);
}

/// Until a body is checkpointed, its journal row is read, whatever the state of its file.
#[test]
fn the_journal_takes_precedence_over_a_torn_file() {
    let place = Place::new();
    let store = place.create();
    let version = create(&store, "greeting").version;
    drop(store);
    let file = place.body(version.blob);
    assert!(file.exists(), "closing the store left no file for the body");
    fs::write(&file, "torn").unwrap();
    let store = place.open();
    assert_eq!(
        store.stats().unwrap().journaled_bodies,
        1,
        "the body was checkpointed too early for this test"
    );
    assert_eq!(
        store.resolve("greeting").unwrap().body.text(),
        body("greeting")
    );
    is_sound(&store);
    store.checkpoint().unwrap();
    assert_eq!(store.stats().unwrap().journaled_bodies, 0);
    let mended = fs::read_to_string(&file).unwrap();
    assert_eq!(
        mended,
        body("greeting"),
        "the checkpoint trusted an existing file"
    );
    is_sound(&place.open());
}

/// Two versions with the same body share it, and deleting one of them leaves the body to the other.
#[test]
fn a_shared_body_is_collected_with_its_last_version() {
    let place = Place::new();
    let store = place.create();
    let first = create(&store, "greeting").version;
    let second = commit(&store, "greeting", "greeting");
    commit(&store, "greeting", "another");
    assert_eq!(
        first.blob, second.blob,
        "equal bodies have different addresses"
    );
    store.checkpoint().unwrap();
    store.delete_version(first.id).unwrap();
    assert_eq!(
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
            .unwrap()
            .bodies,
        0
    );
    let store = place.open();
    assert_eq!(
        store.resolve(second.id).unwrap().body.text(),
        body("greeting")
    );
    store.delete_version(second.id).unwrap();
    assert_eq!(
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::from_secs(60)))
            .unwrap()
            .bodies,
        0,
        "a body younger than the retention was removed"
    );
    assert_eq!(
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
            .unwrap()
            .bodies,
        1
    );
    assert!(
        !place.body(first.blob).exists(),
        "a collected body left its file"
    );
    is_sound(&store);
    let again = commit(&store, "greeting", "greeting");
    store.checkpoint().unwrap();
    let text = place
        .open()
        .resolve(again.id)
        .unwrap()
        .body
        .text()
        .to_owned();
    assert_eq!(
        text,
        body("greeting"),
        "a collected body was not stored again"
    );
}

/// Files left by an interrupted garbage collection or writer are not bodies, and are removed.
#[test]
fn leftovers_are_removed() {
    let place = Place::new();
    let (version, file) = checkpointed(&place);
    let stray = place.body(promptbook::BlobId::of(b"stray"));
    fs::create_dir_all(stray.parent().unwrap()).unwrap();
    fs::write(&stray, "stray").unwrap();
    let half_made = place.path().join("tmp").join(".tmpHalfMade");
    fs::write(&half_made, "{").unwrap();
    let store = place.open();
    is_sound(&store);
    assert_eq!(
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
            .unwrap()
            .leftovers,
        1
    );
    assert!(
        !stray.exists() && !half_made.exists(),
        "a leftover was not removed"
    );
    assert!(file.exists(), "a body that is used was collected");
    assert_eq!(
        store.resolve(version.id).unwrap().body.text(),
        body("greeting")
    );
}

/// A body that is collected and committed again during `verify` is not missing: it is in the
/// journal.
#[test]
fn a_body_committed_again_during_verify_is_not_missing() {
    let place = Place::new();
    let store = place.create();
    create(&store, "first");
    let gone = create(&store, "gone");
    store.checkpoint().unwrap();
    let mut is_first = true;
    let options = VerifyOptions::new().progress(|progress| {
        if progress.done == 1 && std::mem::take(&mut is_first) {
            store.delete_prompt(gone.prompt.id).unwrap();
            assert_eq!(
                store
                    .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
                    .unwrap()
                    .bodies,
                1
            );
            create(&store, "gone");
        }
    });
    let report = store.verify_with(options).unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
}

/// Whatever followed the commit, the statistics say since when its body has waited.
#[test]
fn the_oldest_journaled_body_is_dated_behind_many_other_operations() {
    let place = Place::new();
    let store = place.create();
    let created = create(&store, "greeting").version.created_at;
    let moved = store.batch(|batch| {
        for round in 0..300 {
            batch.set_environment("greeting", format!("environment {round}"), "latest")?;
        }
        Ok::<_, promptbook::Error>(())
    });
    moved.unwrap();
    let stats = store.stats().unwrap();
    assert_eq!(stats.operations, 301);
    assert_eq!(stats.journaled_bodies, 1, "it was checkpointed too early");
    assert_eq!(stats.oldest_journaled, Some(created));
}

/// A user who may read the index, which contains the journaled bodies, may also read the
/// checkpointed ones.
#[cfg(unix)]
#[test]
fn a_body_file_has_the_read_permissions_of_the_index() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let (_, file) = checkpointed(&place);
    let readers = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o444;
    assert_eq!(readers(file), readers(place.index()));
}

/// Returns a body that contains a list of this number of numbers, and ends with `end`. The object
/// and the list are two more values.
fn of_values(numbers: usize, end: &str) -> String {
    let list = "0,".repeat(numbers - 1) + "0";
    format!(r#"{{"x":[{list}]{end}"#)
}

#[test]
fn a_body_has_at_most_a_million_values() {
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
    // A text that is not JSON is reported as such, whatever number of values it would have.
    let told = refused(of_values(most - 1, "x"));
    assert!(told.contains("line 1 column"), "{told}");
    // Commas in strings are not counted.
    let text = format!(r#"{{"x":"{}"}}"#, ",[{".repeat(most));
    assert!(Body::try_from(text).is_ok());
}

#[test]
fn a_large_body_behaves_like_a_small_one() {
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
    // Its contract is the same as that of the small body.
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

/// The JSON parser uses this member name internally.
#[test]
fn a_parsed_body_equals_its_text() {
    let text = r#"{"x":{"$serde_json::private::RawValue":"[1,2,3]"}}"#;
    let body = Body::try_from(text).unwrap();
    assert_eq!(
        body.json()["x"]["$serde_json::private::RawValue"],
        "[1,2,3]"
    );
    assert_eq!(body.json().to_string(), text);
}
