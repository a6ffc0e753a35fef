//! The texts of errors: they name the prompt and the version, and no bare id or hash.

use promptbook::error::{ConflictSubject, PromptLabel, VersionLabel};
use promptbook::{
    Bump, EnvironmentUpdate, Error, Expected, NewPrompt, NewVersion, Store, VersionId,
};
use serde_json::json;

use crate::support::{body, new_store};

/// Returns a store with two prompts, `greeting` and `other`.
fn store() -> Store {
    let store = new_store();
    for name in ["greeting", "other"] {
        store
            .create_prompt(NewPrompt::new(name, body(name)))
            .unwrap();
    }
    store
}

#[test]
fn errors_name_the_prompt_and_the_version() {
    let store = store();
    let greeting = store.prompt("greeting").unwrap();
    let by_id = format!("id:{}", greeting.id);
    let version = store.version("greeting").unwrap();
    let unknown: VersionId = "00000000-0000-7000-8000-000000000000".parse().unwrap();
    for (error, expected) in [
        (
            store.version("greeting@9.9").unwrap_err(),
            "prompt \"greeting\" has no version 9.9",
        ),
        (
            store.version(format!("{by_id}@9.9")).unwrap_err(),
            "prompt \"greeting\" has no version 9.9",
        ),
        (
            store.version("greeting@nowhere").unwrap_err(),
            "prompt \"greeting\" has no version in environment \"nowhere\"",
        ),
        (store.version("nobody").unwrap_err(), "no prompt \"nobody\""),
        (
            store.version(("other", version.id)).unwrap_err(),
            &format!(
                "version 1.0 of \"greeting\" (id {}) does not belong to prompt \"other\"",
                version.id
            ),
        ),
        (
            store.inputs(version.id, "r1").unwrap_err(),
            "no inputs of request \"r1\" are recorded for version 1.0 of \"greeting\"",
        ),
        (
            store.version(unknown).unwrap_err(),
            &format!("no version {unknown}"),
        ),
    ] {
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_version_without_a_base_names_its_prompt() {
    let store = store();
    store.delete_version("greeting@1.0").unwrap();
    let new = NewVersion::new("greeting", body("x")).bump(Bump::Minor);
    assert_eq!(
        store.commit(new).unwrap_err().to_string(),
        "prompt \"greeting\" has no live version that a minor version could be based on"
    );
}

#[test]
fn a_conflict_has_fields() {
    let store = store();
    let id = store.prompt("greeting").unwrap().id;
    let first = store.version("greeting").unwrap();
    let second = store
        .commit(NewVersion::new("greeting", body("second")))
        .unwrap();
    let label = |version: &promptbook::Version| VersionLabel::from(version);

    let update = EnvironmentUpdate::set("greeting", "production", "latest").expect(second.id);
    match store.update_environment(update).unwrap_err() {
        error @ Error::Conflict { .. } => {
            assert_eq!(
                error.to_string(),
                "environment production of prompt \"greeting\" is 1.0, expected 1.1"
            );
            let Error::Conflict {
                prompt,
                subject,
                expected,
                expected_number,
                found,
            } = error
            else {
                unreachable!()
            };
            let name = Some("greeting".parse().unwrap());
            assert_eq!(*prompt, PromptLabel { id, name });
            let production = "production".parse().unwrap();
            assert_eq!(subject, ConflictSubject::Environment(production));
            assert_eq!(expected, Some(second.id));
            assert_eq!(expected_number, Some(second.number));
            assert_eq!(found, Some(label(&first)));
        }
        other => panic!("{other}"),
    }

    let absent =
        EnvironmentUpdate::set("greeting", "production", "latest").expect(Expected::Absent);
    assert_eq!(
        store.update_environment(absent).unwrap_err().to_string(),
        "environment production of prompt \"greeting\" is 1.0, expected none"
    );
    let missing = EnvironmentUpdate::set("greeting", "staging", "latest").expect(first.id);
    assert_eq!(
        store.update_environment(missing).unwrap_err().to_string(),
        "environment staging of prompt \"greeting\" does not exist, expected 1.0"
    );
    let stale = NewVersion::new("greeting", body("third")).expect_head(first.id);
    assert_eq!(
        store.commit(stale).unwrap_err().to_string(),
        "the highest version of prompt \"greeting\" is 1.1, expected 1.0"
    );
}

#[test]
fn a_damaged_body_is_named_by_its_version() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = Store::create(&path).unwrap();
    store
        .create_prompt(NewPrompt::new("greeting", body("greeting")))
        .unwrap();
    store.checkpoint().unwrap();
    let blob = store.version("greeting").unwrap().blob.to_string();
    drop(store);
    std::fs::remove_file(path.join("blobs").join(&blob[..2]).join(&blob[2..])).unwrap();

    let store = Store::open(&path).unwrap();
    assert_eq!(
        store.resolve("greeting").unwrap_err().to_string(),
        "the body of version 1.0 of \"greeting\" is damaged: its file is missing"
    );
    let rendered = store
        .render("greeting", json!({"name": "Ada"}))
        .unwrap_err();
    assert!(rendered.to_string().contains("version 1.0 of \"greeting\""));
}

#[test]
fn a_file_error_names_its_cause() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("prompts.frozen");
    let error = promptbook::frozen::Frozen::open(&missing).unwrap_err();
    let cause = std::fs::read(&missing).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} cannot be read: {cause}", missing.display())
    );

    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::create(&file).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} is not a directory", file.display())
    );
}
