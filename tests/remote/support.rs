//! A fake organisation, and stores that use it as a remote.

use promptbook::remote::{
    PullOptions, PullSummary, RemoteError, RemoteKey, StatusOptions, clone_store,
};
use promptbook::server::fake::Fake;
use promptbook::{Store, StoreOptions};
use tempfile::TempDir;

/// Returns a fake whose prompts begin with 0.0, as those of the live service do.
pub(crate) fn organisation() -> Fake {
    Fake::options().first_version(0, 0).start().unwrap()
}

pub(crate) fn options(fake: &Fake) -> PullOptions<'static> {
    PullOptions::new().with(status_options(fake))
}

pub(crate) fn status_options(fake: &Fake) -> StatusOptions<'static> {
    StatusOptions::new().key(RemoteKey::new(fake.key()).unwrap())
}

/// A store in a directory.
pub(crate) struct Clone {
    pub(crate) store: Store,
    pub(crate) _directory: TempDir,
}

impl Clone {
    /// Clones the prompts of a fake.
    pub(crate) fn of(fake: &Fake) -> (Self, PullSummary) {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("store");
        let stored = StoreOptions::new().author("ann");
        let cloned = clone_store(fake.url(), place, &stored, false, status_options(fake));
        let (store, summary) = cloned.unwrap();
        (
            Self {
                store,
                _directory: directory,
            },
            summary,
        )
    }

    pub(crate) fn pull(&self, options: PullOptions<'_>) -> Result<PullSummary, RemoteError> {
        self.store.remotes()?.pull("origin", options)
    }
}

/// Checks that two stores have the same prompts, and verifies the first one.
#[track_caller]
pub(crate) fn assert_equal(store: &Store, other: &Store) {
    assert_eq!(content(store), content(other));
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{report:?}");
}

/// Returns all prompts as JSON, without the authors of the versions.
pub(crate) fn content(store: &Store) -> Vec<serde_json::Value> {
    let mut prompts = Vec::new();
    for prompt in store.export().unwrap() {
        let mut json = serde_json::to_value(&prompt).unwrap();
        for version in json["versions"].as_array_mut().unwrap() {
            version.as_object_mut().unwrap().remove("author");
        }
        prompts.push(json);
    }
    prompts.sort_by_key(|prompt| prompt["id"].to_string());
    prompts
}

/// Checks that two stores have the same prompts, whatever their ids, times and first messages are.
#[track_caller]
pub(crate) fn assert_same_shape(store: &Store, other: &Store) {
    assert_eq!(shape(store), shape(other));
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{report:?}");
}

fn shape(store: &Store) -> Vec<serde_json::Value> {
    let mut prompts = content(store);
    for prompt in &mut prompts {
        let prompt = prompt.as_object_mut().unwrap();
        prompt.retain(|name, _| name == "name" || name == "tags" || name == "versions");
        for (at, version) in prompt["versions"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .enumerate()
        {
            let version = version.as_object_mut().unwrap();
            version.retain(|name, _| name != "id" && name != "created_at");
            if at == 0 {
                version.remove("message");
            }
        }
    }
    prompts.sort_by_key(ToString::to_string);
    prompts
}
