//! Records as JSON: each record that is written is read again as the same value.

use std::fmt::Debug;

use promptbook::diff::EnvironmentDifference;
use promptbook::history::Operation;
use promptbook::maintenance::GcOptions;
use promptbook::{EnvironmentUpdate, NewPrompt, NewVersion, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::{Place, commit, create};

/// Checks that a value is the same after it was written as JSON and read again.
#[track_caller]
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&text).unwrap();
    assert_eq!(read, *value, "{text}");
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

/// As [`survives`], of values that do not write everything that they contain.
#[track_caller]
fn survives_as_text<T: Serialize + DeserializeOwned>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

const BODY: &str = r#"{"model": "m", "temperature": 1.50, "big": 123456789012345678901, "stop": null,
    "messages": [{"role": "user", "content": "Greet {{hc:name:string}} and {{hc:age:number}}."}],
    "tools": [{"type": "function", "function": {"name": "wave", "parameters": {"type": "object"}}}]}"#;

fn filled() -> (Place, Store) {
    let place = Place::new();
    let store = place.create();
    store
        .create_prompt(NewPrompt::new("greeting", BODY).tag("polite"))
        .unwrap();
    let other = BODY
        .replace("Greet", "Do not greet")
        .replace(r#""stop": null"#, r#""stop": 0.10"#)
        .replace("{{hc:age:number}}", "{{hc:place:string}}");
    let new = NewVersion::new("greeting", other);
    store.commit(new.message("Say no").force(true)).unwrap();
    create(&store, "other");
    commit(&store, "other", "another text");
    (place, store)
}

#[test]
fn prompts_versions_and_operations_are_read_again() {
    let (_place, store) = filled();
    for prompt in store.prompts() {
        let prompt = prompt.unwrap();
        survives(&prompt);
        for environment in &prompt.environments {
            survives(environment);
        }
        for version in store.versions(prompt.id) {
            survives(&version.unwrap());
        }
        survives(&store.version_counts(prompt.id).unwrap());
    }
    let operations: Vec<Operation> = store.operations().page(None, 99).unwrap();
    assert!(!operations.is_empty());
    operations.iter().for_each(survives);
    let start = promptbook::history::LogPosition::START;
    for event in store.changes_since(start, 99).unwrap() {
        survives(&event);
    }
    let log = store.environment_log("greeting", "production", 9);
    log.unwrap().iter().for_each(survives);
    for hit in store.search("greet", 9).unwrap() {
        survives(&hit);
    }
    let new = NewPrompt::new("new", BODY);
    survives(&store.create_prompt(new).unwrap());
    let update = EnvironmentUpdate::set("greeting", "staging", "1.0");
    store
        .update_environments([update])
        .unwrap()
        .iter()
        .for_each(survives);
}

#[test]
fn reports_and_summaries_are_read_again() {
    let (place, store) = filled();
    let backup = Place::new();
    survives(&store.settings());
    survives(&store.checkpoint().unwrap());
    survives(&store.collect_garbage().unwrap());
    let dry = GcOptions::new().dry_run(true);
    survives(&store.collect_garbage_with(dry).unwrap());
    survives(&store.repack().unwrap());
    survives(&store.stats().unwrap());
    survives(&store.diagnostics().unwrap());
    survives(&store.backup(backup.path()).unwrap());
    let mut file = Vec::new();
    survives(&store.export_bundle(&mut file).unwrap());
    let copy = Store::in_memory().unwrap();
    let imported = copy.import_bundle(std::io::Cursor::new(file));
    survives(&imported.unwrap());
    survives(&copy.diagnostics().unwrap());

    let body = store.version("other@1.0").unwrap().blob;
    std::fs::remove_file(place.body(body)).unwrap();
    drop(store);
    let store = place.open();
    let report = store.verify().unwrap();
    assert!(!report.is_clean());
    survives(&report);
    report.violations.iter().for_each(survives);
    survives(&store.repair(&[backup.open()]).unwrap());
}

#[test]
fn differences_are_read_again_without_their_bodies() {
    let (_place, store) = filled();
    let difference = store.diff("greeting@1.0", "greeting@latest").unwrap();
    survives(&difference.body);
    difference.breakages.iter().for_each(survives);
    difference.variables.iter().for_each(survives);
    assert!(!difference.breakages.is_empty() && !difference.variables.is_empty());
    survives_as_text(&difference);
    let text = serde_json::to_string(&difference).unwrap();
    let read: promptbook::diff::Difference = serde_json::from_str(&text).unwrap();
    assert_eq!(read.body, difference.body);
    assert_eq!(read.from.version, difference.from.version);
    assert!(read.from.body.is_none());
    let environments: Vec<EnvironmentDifference> =
        store.diff_environments("production", "staging").unwrap();
    assert!(!environments.is_empty());
    environments.iter().for_each(survives_as_text);
    survives(&store.blame("greeting@latest").unwrap());
    let contract = store.contract("greeting@latest").unwrap();
    assert!(!contract.tools.is_empty());
    contract.tools.iter().for_each(survives);
    contract.variables.iter().for_each(survives);
}
