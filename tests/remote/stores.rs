//! Stores that are remotes of each other, by `promptbook serve`.

use promptbook::remote::{
    PullOptions, PullOutcome, PullSummary, PushOptions, PushOutcome, PushSummary, RemoteError,
    RemoteKey, RemoteKind, StatusOptions, SyncState, clone_store,
};
use promptbook::server::{Server, ServerHandle, ServerOptions};
use promptbook::{BumpPolicy, NewPrompt, NewVersion, Store, StoreOptions};
use serde_json::json;
use tempfile::TempDir;

/// A store in memory that is served.
pub(crate) struct Hub {
    pub(crate) store: Store,
    pub(crate) served: ServerHandle,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self::of(StoreOptions::new().author("hub").in_memory().unwrap())
    }

    pub(crate) fn of(store: Store) -> Self {
        let server = Server::bind(store.clone(), &ServerOptions::new(), "127.0.0.1:0").unwrap();
        Self {
            store,
            served: server.start().unwrap(),
        }
    }

    pub(crate) fn key(&self) -> RemoteKey {
        RemoteKey::new(self.served.key()).unwrap()
    }

    pub(crate) fn status_options(&self) -> StatusOptions<'static> {
        StatusOptions::new().key(self.key())
    }

    pub(crate) fn pull_options(&self) -> PullOptions<'static> {
        PullOptions::new().with(self.status_options())
    }

    pub(crate) fn push_options(&self) -> PushOptions<'static> {
        PushOptions::new().with(self.status_options())
    }
}

/// Commits a version of `greeting`, whose message is its text.
pub(crate) fn commit(store: &Store, text: &str) -> promptbook::Version {
    store
        .commit(NewVersion::new("greeting", body(text)).message(text))
        .unwrap()
}

/// A hub with the prompt `greeting`, and two clones of it.
pub(crate) fn colleagues(versions: &[&str]) -> (Hub, Colleague, Colleague) {
    let hub = Hub::new();
    hub.store
        .create_prompt(NewPrompt::new("greeting", body(versions[0])))
        .unwrap();
    for version in &versions[1..] {
        commit(&hub.store, version);
    }
    let (ann, bob) = (Colleague::of(&hub, "ann"), Colleague::of(&hub, "bob"));
    (hub, ann, bob)
}

/// A clone of a served store.
pub(crate) struct Colleague {
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
}

impl Colleague {
    pub(crate) fn of(hub: &Hub, author: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("store");
        let stored = StoreOptions::new().author(author);
        let url = hub.served.url();
        let (store, _) = clone_store(url, place, &stored, false, hub.status_options()).unwrap();
        Self { store, folder }
    }

    pub(crate) fn pull(&self, hub: &Hub) -> Result<PullSummary, RemoteError> {
        let remotes = self.store.remotes()?;
        remotes.pull("origin", hub.pull_options())
    }

    pub(crate) fn push(&self, hub: &Hub) -> Result<PushSummary, RemoteError> {
        let remotes = self.store.remotes()?;
        remotes.push("origin", hub.push_options())
    }
}

pub(crate) fn body(text: &str) -> serde_json::Value {
    json!({"messages": [{"role": "user", "content": text}]})
}

fn create(store: &Store, name: &str) {
    store
        .create_prompt(NewPrompt::new(name, body(name)))
        .unwrap();
}

/// Returns the bundle of a store, which is equal if the histories are.
pub(crate) fn whole(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    store.export_bundle(&mut file).unwrap();
    file
}

#[test]
fn a_clone_has_the_same_history() {
    let options = StoreOptions::new()
        .first_version(2, 5)
        .policy(BumpPolicy::Free);
    let hub = Hub::of(options.in_memory().unwrap());
    create(&hub.store, "one");
    let next = NewVersion::new("one", body("more")).message("more");
    hub.store.commit(next.environment("staging")).unwrap();
    create(&hub.store, "gone");
    hub.store.delete_prompt("gone").unwrap();
    let ann = Colleague::of(&hub, "ann");
    assert_eq!(whole(&ann.store), whole(&hub.store));
    assert_eq!(ann.store.position().unwrap(), hub.store.position().unwrap());
    assert_eq!(ann.store.settings(), hub.store.settings());
    assert!(ann.store.verify().unwrap().is_clean());
    let info = &ann.store.remotes().unwrap().list().unwrap()[0];
    assert_eq!(info.kind, Some(RemoteKind::Store));
    assert_eq!(info.seen, Some(hub.store.position().unwrap()));
    let again = ann.pull(&hub).unwrap();
    assert_eq!((again.prompts.len(), again.unchanged), (0, 1));

    // An empty store can be cloned, too.
    let empty = Hub::new();
    let bob = Colleague::of(&empty, "bob");
    create(&bob.store, "first");
    assert_eq!(bob.push(&empty).unwrap().versions, 1);
    assert_eq!(whole(&bob.store), whole(&empty.store));
}

#[test]
fn what_one_side_did_is_pulled_and_pushed() {
    let hub = Hub::new();
    create(&hub.store, "one");
    let (ann, bob) = (Colleague::of(&hub, "ann"), Colleague::of(&hub, "bob"));
    ann.store
        .commit(NewVersion::new("one", body("1.1")))
        .unwrap();
    ann.store.rename("one", "renamed").unwrap();
    create(&ann.store, "two");
    let status = |colleague: &Colleague| {
        let remotes = colleague.store.remotes().unwrap();
        remotes
            .status("origin", StatusOptions::new().key(hub.key()))
            .unwrap()
    };
    let ahead = status(&ann);
    let states: Vec<SyncState> = ahead.prompts.iter().map(|prompt| prompt.state).collect();
    assert_eq!(states, [SyncState::Ahead; 2]);

    let remotes = ann.store.remotes().unwrap();
    let planned = remotes
        .push("origin", hub.push_options().dry_run(true))
        .unwrap();
    assert_eq!((planned.versions, planned.prompts.len()), (2, 2));
    assert_ne!(whole(&ann.store), whole(&hub.store));
    let pushed = ann.push(&hub).unwrap();
    assert_eq!((pushed.versions, pushed.prompts.len()), (2, 2));
    assert!(
        pushed
            .prompts
            .iter()
            .all(|one| one.outcome == PushOutcome::Pushed)
    );
    assert_eq!(whole(&ann.store), whole(&hub.store));
    assert!(ann.push(&hub).unwrap().prompts.is_empty());

    let behind = status(&bob);
    let states: Vec<SyncState> = behind.prompts.iter().map(|prompt| prompt.state).collect();
    assert_eq!(states, [SyncState::Behind; 2]);
    let remotes = bob.store.remotes().unwrap();
    let planned = remotes
        .pull("origin", hub.pull_options().dry_run(true))
        .unwrap();
    assert_ne!(whole(&bob.store), whole(&hub.store));
    let pulled = bob.pull(&hub).unwrap();
    for summary in [planned, pulled] {
        let mut outcomes: Vec<_> = summary.prompts.iter().map(|one| one.outcome).collect();
        outcomes.sort_by_key(ToString::to_string);
        assert_eq!(outcomes, [PullOutcome::Created, PullOutcome::Updated]);
        assert_eq!(summary.versions, 2);
        let renamed = summary.prompts.iter().flat_map(|one| &one.changes);
        assert!(renamed.into_iter().any(|change| change.contains("renamed")));
    }
    assert_eq!(whole(&bob.store), whole(&hub.store));
    assert!(status(&bob).prompts.is_empty());
}

#[test]
fn a_push_never_overtakes_another() {
    let hub = Hub::new();
    create(&hub.store, "one");
    let (ann, bob) = (Colleague::of(&hub, "ann"), Colleague::of(&hub, "bob"));
    create(&ann.store, "of ann");
    create(&bob.store, "of bob");
    ann.push(&hub).unwrap();
    let before = whole(&hub.store);
    let refused = bob.push(&hub).unwrap();
    assert_eq!(refused.prompts[0].outcome, PushOutcome::Behind);
    assert_eq!(whole(&hub.store), before);
    assert!(matches!(bob.pull(&hub), Err(RemoteError::Diverged { .. })));
    let remotes = bob.store.remotes().unwrap();
    let planned = remotes
        .pull("origin", hub.pull_options().dry_run(true))
        .unwrap();
    let outcomes: Vec<_> = planned.prompts.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [PullOutcome::Created, PullOutcome::Ahead]);
}

#[test]
fn a_contradiction_names_the_prompt_and_changes_nothing() {
    let hub = Hub::new();
    create(&hub.store, "one");
    create(&hub.store, "two");
    let ann = Colleague::of(&hub, "ann");
    hub.store.rename("one", "there").unwrap();
    hub.store.rename("two", "other").unwrap();
    ann.store.rename("one", "here").unwrap();
    let before = whole(&ann.store);
    let refused = ann.pull(&hub).unwrap_err();
    assert!(
        matches!(refused, RemoteError::Contradiction { operation: 3, .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("here"), "{refused}");
    assert_eq!(whole(&ann.store), before);
    let remotes = ann.store.remotes().unwrap();
    let status = remotes
        .status("origin", StatusOptions::new().key(hub.key()))
        .unwrap();
    let states: Vec<SyncState> = status.prompts.iter().map(|prompt| prompt.state).collect();
    assert!(
        states.contains(&SyncState::Conflict) && states.contains(&SyncState::Behind),
        "{states:?}"
    );
}

#[test]
fn what_is_not_possible_with_a_store_is_refused() {
    let hub = Hub::new();
    create(&hub.store, "one");
    let ann = Colleague::of(&hub, "ann");
    let remotes = ann.store.remotes().unwrap();
    let refused = remotes.pull(
        "origin",
        PullOptions::new().with(hub.status_options().prompt("one")),
    );
    assert!(matches!(refused, Err(RemoteError::Selection)));
    let wrong = StatusOptions::new().key(RemoteKey::new("wrong").unwrap());
    let wrong = PullOptions::new().with(wrong);
    let refused = remotes.pull("origin", wrong);
    assert!(
        matches!(refused, Err(RemoteError::KeyRefused { .. })),
        "{refused:?}"
    );

    let place = hub_folder();
    let store = StoreOptions::new()
        .read_only(true)
        .open(place.path())
        .unwrap();
    let options = ServerOptions::new().key("key");
    let server = Server::bind(store, &options, "127.0.0.1:0")
        .unwrap()
        .start()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = || RemoteKey::new("key").unwrap();
    let options = StatusOptions::new().key(key());
    let stored = StoreOptions::new();
    let (store, _) = clone_store(server.url(), folder.path(), &stored, false, options).unwrap();
    create(&store, "two");
    let options = PushOptions::new().with(StatusOptions::new().key(key()));
    let refused = store.remotes().unwrap().push("origin", options);
    assert!(
        matches!(refused, Err(RemoteError::KeyRefused { status: 403, .. })),
        "{refused:?}"
    );
}

/// Returns the folder of a store with one prompt.
fn hub_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    create(&Store::create(folder.path()).unwrap(), "one");
    folder
}

#[test]
fn a_large_history_moves_in_parts() {
    let hub = Hub::new();
    let text = "0123456789abcdef".repeat(4096);
    for number in 0..300 {
        let new = NewPrompt::new(format!("p{number}"), body(&format!("{number} {text}")));
        hub.store.create_prompt(new).unwrap();
    }
    // 19 MB are more than two parts.
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path().join("store")).unwrap();
    let remotes = store.remotes().unwrap();
    remotes.add("origin", hub.served.url(), false).unwrap();
    let mut steps = Vec::new();
    let stopped = remotes.pull(
        "origin",
        PullOptions::new().with(hub.status_options().progress(|progress| {
            steps.push(progress.done);
            if progress.done > 0 {
                return std::ops::ControlFlow::Break(());
            }
            std::ops::ControlFlow::Continue(())
        })),
    );
    assert!(stopped.is_err());
    let pulled = store.position().unwrap().number();
    assert!(pulled > 0 && pulled < 300, "{pulled}");
    let summary = remotes.pull("origin", hub.pull_options()).unwrap();
    assert_eq!(summary.versions, 300 - pulled);
    assert_eq!(whole(&store), whole(&hub.store));

    // The other way round, in parts too.
    let other = Hub::new();
    remotes.add("other", other.served.url(), false).unwrap();
    let pushed = remotes.push("other", other.push_options()).unwrap();
    assert_eq!(pushed.versions, 300);
    assert_eq!(whole(&other.store), whole(&store));
}
