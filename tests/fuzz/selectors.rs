//! Fuzz target for names, ids and selectors: the text form of each accepted value parses to the
//! same value.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use promptbook::error::InvalidArgument;
use promptbook::{
    BlobId, EnvironmentName, NewPrompt, PromptId, PromptName, PromptRef, Selector, Store,
    VersionId, VersionNumber, VersionSpec,
};
use serde_json::json;

pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    means_the_same::<VersionNumber>(text);
    means_the_same::<Selector>(text);
    means_the_same::<PromptId>(text);
    means_the_same::<PromptName>(text);
    means_the_same::<EnvironmentName>(text);
    means_the_same::<VersionId>(text);
    means_the_same::<BlobId>(text);
    let _ = text.parse::<PromptRef>();
    if let Ok(spec) = text.parse::<VersionSpec>() {
        is_answered(&spec);
    }
    if let Ok(name) = text.parse::<PromptName>() {
        is_found(name);
    }
}

fn means_the_same<T: FromStr<Err = InvalidArgument> + Display + Debug + PartialEq>(text: &str) {
    match text.parse::<T>() {
        Ok(read) => {
            let written = read.to_string();
            assert_eq!(written.parse::<T>().as_ref(), Ok(&read), "{written:?}");
        }
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
}

/// Checks that a store answers with a version, or with an error that says why not.
fn is_answered(spec: &VersionSpec) {
    let store = Store::in_memory().unwrap();
    let new = NewPrompt::new("greeting", json!({"model": "m"}));
    store.create_prompt(new).unwrap();
    match store.version(spec) {
        Ok(version) => assert_eq!(version.number, VersionNumber::new(1, 0)),
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
}

/// Checks that a prompt of any name is found by its name, and by the selector of its environment.
fn is_found(name: PromptName) {
    let store = Store::in_memory().unwrap();
    let new = NewPrompt::new(name.clone(), json!({"model": "m"}));
    let created = store.create_prompt(new).unwrap();
    let by_name = PromptRef::Name(name.clone());
    assert_eq!(store.prompt(by_name).unwrap().id, created.prompt.id);
    let spec = VersionSpec::new(PromptRef::Name(name), EnvironmentName::production());
    assert_eq!(store.version(&spec).unwrap().id, created.version.id);
}
