//! Colleagues who both have new operations: the remote's come first, and own numbers can change.

use std::fs;
use std::path::Path;

use promptbook::remote::{PullOptions, PullSummary, RemoteError, StatusOptions, pull_store};
use promptbook::{Bump, ErrorKind, NewPrompt, NewVersion, Store, StoreOptions};

use crate::stores::{Colleague, Hub, body, colleagues, commit, whole};

/// Pulls into the store of a colleague, whose handle is closed for that.
fn pull(
    colleague: Colleague,
    options: PullOptions<'_>,
) -> (Colleague, Result<PullSummary, RemoteError>) {
    let Colleague { store, folder } = colleague;
    drop(store);
    let place = folder.path().join("store");
    let stored = StoreOptions::new().author("ann");
    match pull_store(&place, &stored, "origin", options) {
        Ok((store, summary)) => (Colleague { store, folder }, Ok(summary)),
        Err(error) => {
            let store = stored.open(&place).unwrap();
            (Colleague { store, folder }, Err(error))
        }
    }
}

/// Pushes a new prompt of a colleague, which contradicts nothing.
fn push_new_prompt(bob: &Colleague, hub: &Hub) {
    bob.store
        .create_prompt(NewPrompt::new("of bob", body("bob")))
        .unwrap();
    bob.push(hub).unwrap();
}

#[track_caller]
fn is_sound(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn own_operations_come_after_those_of_the_remote() {
    let (hub, ann, bob) = colleagues(&["1.0", "1.1"]);
    push_new_prompt(&bob, &hub);
    let undone = ann
        .store
        .create_prompt(NewPrompt::new("undone", body("undone")))
        .unwrap();
    ann.store.undo_newest().unwrap();
    let version = commit(&ann.store, "1.2");
    ann.store
        .record_inputs(version.id, "request", [("name", "Ada")], None)
        .unwrap();
    let (ann, pulled) = pull(ann, hub.pull_options());
    let summary = pulled.unwrap();
    assert_eq!(summary.versions, 1);
    assert!(summary.reassigned.is_empty());
    is_sound(&ann.store);
    assert_eq!(ann.store.version("greeting@1.2").unwrap().id, version.id);
    assert!(ann.store.resolve("of bob@latest").is_ok());
    let inputs = ann.store.inputs(version.id, "request").unwrap();
    assert_eq!(inputs.request_id, "request");
    assert!(ann.store.undo_newest().is_ok(), "the commit can be undone");
    ann.store.undo_newest().unwrap();
    assert!(ann.store.prompt(undone.prompt.id).is_err());

    ann.push(&hub).unwrap();
    assert_eq!(whole(&ann.store), whole(&hub.store));
    bob.pull(&hub).unwrap();
    assert_eq!(bob.store.position().unwrap(), ann.store.position().unwrap());
    is_sound(&hub.store);
}

#[test]
fn two_colleagues_who_gave_one_number_keep_both_versions() {
    let (hub, ann, bob) = colleagues(&["1.0", "1.1"]);
    let of_bob = commit(&bob.store, "1.2 of bob");
    bob.push(&hub).unwrap();
    let of_ann = commit(&ann.store, "1.2 of ann");
    let major = NewVersion::new("greeting", body("2.0")).bump(Bump::Major);
    let later = ann.store.commit(major).unwrap();
    assert_eq!(
        (of_ann.number, of_bob.number),
        (of_bob.number, of_ann.number)
    );
    ann.store
        .set_environment("greeting", "staging", of_ann.id)
        .unwrap();
    let before = whole(&ann.store);

    let (ann, refused) = pull(ann, hub.pull_options());
    assert!(
        matches!(refused, Err(RemoteError::Contradiction { .. })),
        "{refused:?}"
    );
    let (ann, planned) = pull(ann, hub.pull_options().renumber(true).dry_run(true));
    assert_eq!(whole(&ann.store), before);
    let (ann, pulled) = pull(ann, hub.pull_options().renumber(true));
    let summary = pulled.unwrap();
    let reassigned = &summary.reassigned;
    assert_eq!(reassigned, &planned.unwrap().reassigned);
    assert_eq!(reassigned.len(), 1);
    assert_eq!(reassigned[0].version, of_ann.id);
    let numbers = (reassigned[0].from.to_string(), reassigned[0].to.to_string());
    assert_eq!(numbers, ("1.2".into(), "1.3".into()));

    let at = |spec: &str| ann.store.resolve(spec).unwrap();
    assert_eq!(at("greeting@1.2").version.id, of_bob.id);
    assert_eq!(at("greeting@1.3").version.id, of_ann.id);
    assert_eq!(
        at("greeting@1.3").body.text(),
        body("1.2 of ann").to_string()
    );
    assert_eq!(at("greeting@2.0").version.id, later.id);
    assert_eq!(at("greeting@staging").version.id, of_ann.id);
    is_sound(&ann.store);
    ann.push(&hub).unwrap();
    assert_eq!(whole(&ann.store), whole(&hub.store));
    assert_eq!(commit(&ann.store, "next").number.to_string(), "2.1");

    // The old index is a store again if it gets its name back.
    let place = ann.folder.path().join("store");
    drop(ann.store);
    let previous = summary.previous_index.unwrap();
    assert_eq!(
        previous,
        place.canonicalize().unwrap().join("index.previous.db")
    );
    for log in ["index.db-wal", "index.db-shm"] {
        drop(fs::remove_file(place.join(log)));
    }
    fs::copy(&previous, place.join("index.db")).unwrap();
    let old = Store::open(&place).unwrap();
    assert_eq!(whole(&old), before);
    is_sound(&old);
}

#[test]
fn a_version_that_was_pushed_is_never_renumbered() {
    let (hub, ann, bob) = colleagues(&["1.0", "1.1"]);
    let other = Hub::new();
    commit(&bob.store, "1.2 of bob");
    bob.push(&hub).unwrap();
    commit(&ann.store, "1.2 of ann");
    let remotes = ann.store.remotes().unwrap();
    remotes.add("other", other.served.url(), false).unwrap();
    remotes.push("other", other.push_options()).unwrap();
    drop(remotes);
    let before = whole(&ann.store);
    let (ann, refused) = pull(ann, hub.pull_options().renumber(true));
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, RemoteError::AlreadyPushed { remote, .. } if remote == "other"),
        "{refused}"
    );
    assert_eq!(whole(&ann.store), before);
}

#[test]
fn other_contradictions_remain_conflicts() {
    let (hub, ann, bob) = colleagues(&["1.0", "1.1"]);
    commit(&bob.store, "1.2 of bob");
    bob.store
        .set_environment("greeting", "production", "1.2")
        .unwrap();
    bob.push(&hub).unwrap();
    commit(&ann.store, "1.2 of ann");
    ann.store
        .set_environment("greeting", "production", "1.2")
        .unwrap();
    let before = whole(&ann.store);
    let (ann, refused) = pull(ann, hub.pull_options().renumber(true));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("production of prompt"), "{refused}");
    assert_eq!(whole(&ann.store), before);
}

#[test]
fn a_store_in_use_is_left_alone() {
    let (hub, ann, bob) = colleagues(&["1.0", "1.1"]);
    push_new_prompt(&bob, &hub);
    commit(&ann.store, "1.2");
    let before = whole(&ann.store);
    let place = ann.folder.path().join("store");
    let refused = pull_store(&place, &StoreOptions::new(), "origin", hub.pull_options());
    match refused {
        Err(RemoteError::Store(error)) => assert_eq!(error.kind(), ErrorKind::Busy, "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(whole(&ann.store), before);
    commit(&ann.store, "1.3");
    is_sound(&ann.store);
    assert!(!place.join("index.previous.db").exists());
}

#[test]
fn two_remotes_have_the_same_operations_in_their_own_order() {
    let (hub, ann, _) = colleagues(&["1.0", "1.1"]);
    let other = Hub::new();
    let remotes = ann.store.remotes().unwrap();
    remotes.add("other", other.served.url(), false).unwrap();
    commit(&ann.store, "1.2");
    remotes.push("other", other.push_options()).unwrap();
    drop(remotes);
    hub.store
        .create_prompt(NewPrompt::new("of hub", body("hub")))
        .unwrap();
    let (ann, pulled) = pull(ann, hub.pull_options());
    pulled.unwrap();
    ann.push(&hub).unwrap();
    assert_eq!(whole(&ann.store), whole(&hub.store));
    // The other remote has the operation in another order, so the rest is merged there.
    let remotes = ann.store.remotes().unwrap();
    remotes.push("other", other.push_options()).unwrap();
    assert!(other.store.resolve("of hub@latest").is_ok());
    let operations = |store: &Store| store.stats().unwrap().operations;
    assert_eq!(operations(&other.store), operations(&ann.store));
    let again = remotes.push("other", other.push_options()).unwrap();
    assert!(again.prompts.is_empty(), "{again:?}");
    let status = remotes
        .status("other", StatusOptions::new().key(other.key()))
        .unwrap();
    assert!(
        status.prompts.iter().all(|one| one.behind.is_empty()),
        "{status:?}"
    );
}

/// Copies the files of a store that no process has open.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The files as a crash leaves them before the new index takes the name: the old one has two names.
#[test]
fn a_crash_before_the_swap_leaves_the_old_store() {
    let (hub, ann, bob) = colleagues(&["1.0", "1.1"]);
    push_new_prompt(&bob, &hub);
    commit(&ann.store, "1.2");
    let before = whole(&ann.store);
    let place = ann.folder.path().join("store");
    let Colleague { store, folder } = ann;
    drop(store);
    fs::hard_link(place.join("index.db"), place.join("index.previous.db")).unwrap();
    let left = tempfile::tempdir().unwrap();
    copy(&place, left.path());
    let store = Store::open(left.path()).unwrap();
    assert_eq!(whole(&store), before);
    is_sound(&store);
    drop(store);
    let store = Store::open(&place).unwrap();
    let (ann, pulled) = pull(Colleague { store, folder }, hub.pull_options());
    pulled.unwrap();
    is_sound(&ann.store);
    let place = ann.folder.path().join("store");
    drop(ann.store);
    Store::remove(&place).unwrap();
    let left: Vec<_> = fs::read_dir(&place).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A command that is killed at a random moment leaves the old store or the new one.
#[cfg(all(feature = "cli", unix))]
#[test]
fn a_killed_pull_leaves_the_old_store_or_the_new_one() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let (hub, ann, bob) = colleagues(&["1.0", "1.1"]);
    commit(&bob.store, "1.2 of bob");
    bob.push(&hub).unwrap();
    for number in 2..40 {
        commit(&ann.store, &format!("1.{number} of ann"));
    }
    let before = whole(&ann.store);
    let Colleague { store, folder } = ann;
    drop(store);
    let place = folder.path().join("store");
    let pull = |place: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promptbook"));
        command.args(["pull", "--renumber", "--store"]).arg(place);
        command.env("HELICONE_API_KEY", hub.served.key());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let pulled = folder.path().join("pulled");
    copy(&place, &pulled);
    let start = Instant::now();
    assert!(pull(&pulled).wait().unwrap().success());
    let took = start.elapsed();
    let after = whole(&Store::open(&pulled).unwrap());
    assert_ne!(after, before);
    let mut rng = fastrand::Rng::with_seed(1);
    let mut ends = [0; 2];
    for run in 0..16 {
        let killed = folder.path().join(format!("killed {run}"));
        copy(&place, &killed);
        let mut child = pull(&killed);
        std::thread::sleep(Duration::from_micros(
            rng.u64(..2 * took.as_micros() as u64),
        ));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(&killed).unwrap();
        is_sound(&store);
        let found = whole(&store);
        assert!(found == before || found == after, "run {run}");
        ends[usize::from(found == after)] += 1;
        drop(store);
        // The next pull is complete.
        assert!(pull(&killed).wait().unwrap().success());
        assert_eq!(whole(&Store::open(&killed).unwrap()), after);
    }
    assert!(ends[0] > 0, "{ends:?}");
}
