//! Tests of [`versions`](super).

use super::*;
use crate::{EnvironmentName, NewPrompt, Store};

#[test]
fn a_version_is_cached_until_the_next_commit() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let other = Store::open(directory.path()).unwrap();
    let new = NewPrompt::new("greeting", r#"{"messages": []}"#);
    let created = store.create_prompt(new).unwrap();
    // A checkpoint commits too, and could do so at any time.
    store.checkpoint().unwrap();

    let production = VersionSpec::new(created.prompt.id, EnvironmentName::production());
    assert_eq!(
        store.try_version_cached(&production),
        None,
        "before it was read"
    );
    let found = store.as_view().shared_version(&production).unwrap();
    assert_eq!(found.id, created.version.id);
    let remembered = store.try_version_cached(&production).unwrap();
    assert!(
        Arc::ptr_eq(&found, &remembered),
        "the cache returned a copy"
    );

    let moved = other.set_environment(created.prompt.id, "other", "1.0");
    moved.unwrap();
    assert_eq!(
        store.try_version_cached(&production),
        None,
        "after a commit"
    );
    store.delete_version(created.version.id).unwrap();
    assert!(store.as_view().shared_version(&production).is_err());
    assert_eq!(
        store.try_version_cached(&production),
        None,
        "after an error"
    );
}
