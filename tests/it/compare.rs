//! Diffs and blame through a store.

use std::time::Duration;

use promptbook::diff::Verdict;
use promptbook::maintenance::GcOptions;
use promptbook::{Body, Error, NewPrompt, NewVersion, PromptId, Store, Version};
use serde_json::{Value, json};

use crate::support::{Place, new_store};

/// Returns a body with these messages.
fn body(messages: &[&str]) -> Value {
    let messages = messages
        .iter()
        .map(|text| json!({"role": "user", "content": text}));
    json!({"model": "m", "messages": messages.collect::<Vec<_>>()})
}

fn create(store: &Store, name: &str, body: Value) -> (PromptId, Version) {
    let new = NewPrompt::new(name, body);
    let created = store.create_prompt(new).unwrap();
    (created.prompt.id, created.version)
}

fn commit(store: &Store, prompt: PromptId, body: Value) -> Version {
    store.commit(NewVersion::new(prompt, body)).unwrap()
}

#[test]
fn a_diff_has_both_sides_and_a_verdict() {
    let store = new_store();
    let (prompt, first) = create(&store, "p", body(&["Hi {{hc:name:string}}"]));
    let second = commit(&store, prompt, body(&["Hello {{hc:name:string}}"]));
    let third = commit(&store, prompt, body(&["Hello {{hc:name:number}}"]));

    let minor = store.diff(first.id, second.id).unwrap();
    assert_eq!(minor.verdict, Verdict::Minor);
    assert_eq!(
        minor.from.version.as_ref(),
        Some(&store.version(first.id).unwrap())
    );
    assert_eq!(
        &minor
            .body
            .apply(minor.from.body.as_ref().unwrap().as_ref())
            .unwrap(),
        minor.to.body.as_ref().unwrap().as_ref()
    );
    assert!(minor.variables.is_empty() && minor.breakages.is_empty());

    let major = store.diff(second.id, third.id).unwrap();
    assert_eq!(major.verdict, Verdict::Major);
    assert_eq!(
        major.breakages,
        store.breakages(second.id, third.id).unwrap()
    );
    let json = serde_json::to_value(&major).unwrap();
    let members: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["from", "to", "edits", "variables", "breakages", "verdict"]
    );
    assert_eq!(json["from"]["id"], json!(second.id));
    assert_eq!(json["verdict"], "major");
    assert_eq!(
        json["variables"],
        json!([{"name": "name", "before": "string", "after": "number"}])
    );

    // The order of members and the spelling make no difference.
    let same = Body::try_from(
        r#"{ "messages":[{"content":"Hi {{hc:name:string}}","role":"user"}],"model":"m"}"#,
    );
    let same = store.diff_body(first.id, &same.unwrap()).unwrap();
    assert_eq!(
        (same.verdict, same.body.is_empty()),
        (Verdict::Unchanged, true)
    );
    assert_eq!(serde_json::to_value(&same).unwrap()["to"], Value::Null);

    assert!(matches!(
        store.diff("p@1.0", "p@9.0"),
        Err(Error::VersionNotFound { .. })
    ));
}

#[test]
fn a_diff_includes_the_variables_of_partials() {
    let store = new_store();
    let (signature, _) = create(&store, "signature", body(&["Yours, {{hc:author:string}}"]));
    let (prompt, first) = create(&store, "letter", body(&["Dear all"]));
    let tagged = format!("Dear all {{{{hcp:{signature}:0}}}}");
    let second = commit(&store, prompt, body(&[&tagged]));

    let difference = store.diff(first.id, second.id).unwrap();
    assert_eq!(difference.verdict, Verdict::Major);
    let [change] = &difference.variables[..] else {
        panic!("{:?}", difference.variables);
    };
    assert_eq!((change.name.as_str(), change.before), ("author", None));
    let back = store.diff(second.id, first.id).unwrap();
    assert_eq!(back.variables[0].after, None);
}

#[test]
fn environments_differ_if_their_bodies_do() {
    let store = new_store();
    let (differs, first) = create(&store, "differs", body(&["a"]));
    let second = commit(&store, differs, body(&["b"]));
    let (same, one) = create(&store, "same", body(&["a"]));
    let spelt = r#"{"messages": [{"content": "a", "role": "user"}], "model": "m"}"#;
    let other = store.commit(NewVersion::new(same, spelt)).unwrap();
    assert_ne!(one.blob, other.blob);
    let (only, _) = create(&store, "only", body(&["a"]));
    let neither = NewPrompt::new("neither", body(&["a"]));
    store.create_prompt(neither.without_environment()).unwrap();
    for version in [&second, &other] {
        let (prompt, id) = (version.prompt_id, version.id);
        store.set_environment(prompt, "staging", id).unwrap();
    }

    let found = store.diff_environments("production", "staging").unwrap();
    let names: Vec<_> = found.iter().map(|one| one.prompt.name.as_str()).collect();
    assert_eq!(names, ["only", "differs"]);
    assert_eq!(found[0].prompt.id, only);
    assert!(found[0].from.is_some() && found[0].to.is_none());
    assert_eq!(found[0].difference, None);
    let difference = found[1].difference.as_ref().unwrap();
    assert_eq!(difference.from.version.as_ref().unwrap().id, first.id);
    assert_eq!(difference.to.version.as_ref().unwrap().id, second.id);
    assert!(store.diff_environments("a", "b").unwrap().is_empty());
}

/// Returns the pointer of each part of a body, with the number of the version that introduced it.
fn origins(store: &Store, version: &Version) -> Vec<String> {
    let blame = store.blame(version.id).unwrap();
    let entries = blame.entries.iter().map(|entry| {
        assert_eq!(
            entry
                .pointer
                .find(store.resolve(version.id).unwrap().body.json()),
            Some(entry.value.json())
        );
        let boundary = if entry.boundary { "^" } else { "" };
        format!("{} {boundary}{}", entry.pointer, entry.origin.number)
    });
    entries.collect()
}

#[test]
fn blame_follows_bases() {
    let store = new_store();
    let (prompt, first) = create(&store, "p", body(&["one", "two"]));
    let second = commit(&store, prompt, body(&["two", "three", "one"]));
    let mut warmer = body(&["two", "two", "drei", "one"]);
    warmer["temperature"] = json!(1);
    let third = commit(&store, prompt, warmer);
    assert_eq!(
        origins(&store, &third),
        [
            "/model 1.0",
            "/messages/0 1.0",
            "/messages/1 1.2",
            "/messages/2 1.2",
            "/messages/3 1.0",
            "/temperature 1.2"
        ]
    );
    // If two parts are equal, the one with more matching neighbours is chosen.
    let back = commit(&store, prompt, body(&["one", "two", "drei"]));
    assert_eq!(
        origins(&store, &back),
        [
            "/model 1.0",
            "/messages/0 1.0",
            "/messages/1 1.2",
            "/messages/2 1.2"
        ]
    );
    // A part that was removed and added again is new, because its base did not contain it.
    let again = commit(&store, prompt, body(&["three"]));
    assert_eq!(
        origins(&store, &again),
        [
            "/model 1.0".to_owned(),
            format!("/messages/0 {}", again.number)
        ]
    );
    // Blame follows the base, not the previous version.
    let branch = NewVersion::new(prompt, body(&["one", "two", "three"]));
    let branch = store.commit(branch.base(first.number)).unwrap();
    assert_eq!(
        origins(&store, &branch),
        [
            "/model 1.0",
            "/messages/0 1.0",
            "/messages/1 1.0",
            "/messages/2 1.5"
        ]
    );
    assert_eq!(
        origins(&store, &first),
        ["/model 1.0", "/messages/0 1.0", "/messages/1 1.0"]
    );

    let before = origins(&store, &third);
    store.delete_version(second.id).unwrap();
    assert_eq!(
        origins(&store, &third),
        before,
        "blame changed after a base was deleted"
    );
}

#[test]
fn blame_stops_at_collected_bodies() {
    let place = Place::new();
    let store = place.create();
    let (prompt, _) = create(&store, "p", body(&["one"]));
    let second = commit(&store, prompt, body(&["one", "two"]));
    let third = commit(&store, prompt, body(&["one", "two", "three"]));
    store.delete_version(second.id).unwrap();
    store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    // The earlier handle may still have the body in memory.
    assert_eq!(
        origins(&place.open(), &third),
        [
            "/model ^1.2",
            "/messages/0 ^1.2",
            "/messages/1 ^1.2",
            "/messages/2 ^1.2"
        ]
    );
}

#[test]
fn any_body_can_be_blamed() {
    let store = new_store();
    let (prompt, _) = create(&store, "p", json!({"messages": null, "tools": {"a/b": 1}}));
    let second = commit(
        &store,
        prompt,
        json!({"messages": [null, 1], "a/b": 1, "tools": []}),
    );
    assert_eq!(
        origins(&store, &second),
        [
            "/messages/0 2.0",
            "/messages/1 2.0",
            "/a~1b 2.0",
            "/tools 2.0"
        ]
    );
    let (_, empty) = create(&store, "empty", json!({}));
    assert!(origins(&store, &empty).is_empty());
}
