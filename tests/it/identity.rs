//! Store identity: a handle never reads or writes the files of another store.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use promptbook::history::LogPosition;
use promptbook::{Error, ErrorKind, NewPrompt, Store, StoreOptions};

use crate::support::{Place, body, commit, copy, create, is_sound};

/// Creates two stores in one directory, `a` open and used, as they are before a user swaps them.
fn two() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let other = Store::create(directory.path().join("b")).unwrap();
    create(&other, "other");
    drop(other);
    let store = Store::create(directory.path().join("a")).unwrap();
    create(&store, "greeting");
    (directory, store)
}

/// The same, with a new handle, which has no thread that checks the files.
fn only_read() -> (tempfile::TempDir, Store) {
    let (directory, store) = two();
    drop(store);
    let store = Store::open(directory.path().join("a")).unwrap();
    (directory, store)
}

fn swap(directory: &Path) {
    fs::rename(directory.join("a"), directory.join("old")).unwrap();
    fs::rename(directory.join("b"), directory.join("a")).unwrap();
}

fn is_unavailable<T: std::fmt::Debug>(answer: Result<T, Error>) {
    match answer {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}"),
        Ok(answer) => panic!("the call was not refused: {answer:?}"),
    }
}

fn names(path: &Path) -> Vec<String> {
    let store = Store::open(path).unwrap();
    is_sound(&store);
    let prompts = store.prompts().page(None, 99).unwrap();
    prompts
        .into_iter()
        .map(|prompt| prompt.name.to_string())
        .collect()
}

#[test]
fn a_swapped_directory_gets_no_write_of_the_earlier_store() {
    for wrote_before in [false, true] {
        let (directory, store) = two();
        let handle = if wrote_before {
            store
        } else {
            drop(store);
            Store::open(directory.path().join("a")).unwrap()
        };
        assert_eq!(handle.prompts().count().unwrap(), 1);
        swap(directory.path());
        let new = NewPrompt::new("misplaced", body("x"));
        is_unavailable(handle.create_prompt(new));
        // The handle is poisoned: it does not continue to read the old files, either.
        is_unavailable(handle.prompt("greeting"));
        is_unavailable(handle.stats());
        drop(handle);
        assert_eq!(names(&directory.path().join("a")), ["other"]);
        assert_eq!(names(&directory.path().join("old")), ["greeting"]);
    }
}

#[test]
fn a_swap_during_a_transaction_leaves_its_outcome_unknown() {
    let (directory, store) = two();
    let error = store
        .batch(|batch| {
            batch.create_prompt(NewPrompt::new("misplaced", body("x")))?;
            swap(directory.path());
            Ok(())
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
    assert!(!error.is_retryable());
    is_unavailable(store.prompt("greeting"));
    drop(store);
    assert_eq!(names(&directory.path().join("a")), ["other"]);
    // The transaction took place in the directory that was moved.
    let old = names(&directory.path().join("old"));
    assert_eq!(old, ["misplaced", "greeting"]);
}

#[test]
fn concurrent_readers_of_a_swapped_directory_see_one_store() {
    let (directory, store) = two();
    assert_eq!(store.prompts().count().unwrap(), 1);
    swap(directory.path());
    // More simultaneous readers than open connections.
    let found: Vec<_> = std::thread::scope(|scope| {
        let reads = (0..16).map(|_| {
            scope.spawn(|| {
                let read = || store.prompts().page(None, 9);
                (0..20).map(|_| read()).collect::<Vec<_>>()
            })
        });
        let reads: Vec<_> = reads.collect();
        reads
            .into_iter()
            .flat_map(|read| read.join().unwrap())
            .collect()
    });
    for prompts in found {
        match prompts {
            Ok(prompts) => assert_eq!(prompts[0].name.as_str(), "greeting"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}"),
        }
    }
}

#[test]
fn a_directory_that_is_removed_or_restored_refuses_the_earlier_handle() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup) = (directory.path().join("a"), directory.path().join("backup"));
    let store = Store::create(&path).unwrap();
    create(&store, "greeting");
    store.backup(&backup).unwrap();
    fs::remove_dir_all(&path).unwrap();
    let new = || NewPrompt::new("lost", body("x"));
    is_unavailable(store.create_prompt(new()));
    Store::restore(&backup, &path).unwrap();
    is_unavailable(store.create_prompt(new()));
    drop(store);
    assert_eq!(names(&path), ["greeting"]);
}

#[test]
fn a_removed_log_refuses_the_earlier_handle() {
    for removed in [&["index.db-wal"][..], &["index.db-shm"], &["index.db"]] {
        let place = Place::new();
        let store = place.create();
        create(&store, "greeting");
        for name in removed {
            fs::remove_file(place.path().join(name)).unwrap();
        }
        let new = NewPrompt::new("lost", body("x"));
        is_unavailable(store.create_prompt(new));
    }
}

#[test]
fn cached_answers_end_within_two_seconds_of_a_swap() {
    let (directory, store) = two();
    drop(store);
    let reader = StoreOptions::new()
        .read_only(true)
        .open(directory.path().join("a"))
        .unwrap();
    for _ in 0..3 {
        reader.resolve("greeting@production").unwrap();
    }
    swap(directory.path());
    std::thread::sleep(Duration::from_secs(2));
    is_unavailable(reader.resolve("greeting@production"));
}

/// Runs in a child process, because it changes the working directory.
/// An idle connection still reads files that were moved or removed, and no thread checks them.
#[test]
fn reads_end_within_two_seconds_of_a_swap() {
    let (directory, store) = only_read();
    assert_eq!(store.prompts().count().unwrap(), 1);
    swap(directory.path());
    std::thread::sleep(Duration::from_secs(2));
    is_unavailable(store.prompts().count());
    is_unavailable(store.changes_since(LogPosition::START, 1));
}

#[test]
fn a_wait_for_changes_ends_within_two_seconds_of_a_swap() {
    let (directory, store) = only_read();
    let position = store.position().unwrap();
    swap(directory.path());
    let begun = Instant::now();
    is_unavailable(store.wait_for_changes(position, 1, Duration::from_secs(60)));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_relative_path_means_the_directory_at_opening() {
    let directory = tempfile::tempdir().unwrap();
    let (here, there) = (
        directory.path().join("here"),
        directory.path().join("there"),
    );
    for place in [&here, &there] {
        fs::create_dir(place).unwrap();
        drop(Store::create(place.join("store")).unwrap());
    }
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "identity::in_another_directory", "--ignored"])
        .env("PROMPTBOOK_THERE", &there)
        .current_dir(&here)
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    assert_eq!(names(&here.join("store")), ["placed"]);
    assert_eq!(names(&there.join("store")), [""; 0]);
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn in_another_directory() {
    let store = Store::open("store").unwrap();
    std::env::set_current_dir(std::env::var_os("PROMPTBOOK_THERE").unwrap()).unwrap();
    create(&store, "placed");
    assert_eq!(store.prompt("placed").unwrap().versions, 1);
    store.checkpoint().unwrap();
    is_sound(&store);
}

#[cfg(unix)]
#[test]
fn a_store_and_its_index_may_be_links() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let store = Store::create(at("real")).unwrap();
    create(&store, "greeting");
    drop(store);
    fs::create_dir(at("data")).unwrap();
    Place::checkpoint_wal_of(&at("real"));
    fs::rename(at("real/index.db"), at("data/elsewhere.db")).unwrap();
    std::os::unix::fs::symlink("../data/elsewhere.db", at("real/index.db")).unwrap();
    std::os::unix::fs::symlink("real", at("link")).unwrap();
    let (first, second) = (Store::open(at("link")), Store::open(at("real")));
    let (first, second) = (first.unwrap(), second.unwrap());
    commit(&first, "greeting", "one");
    commit(&second, "greeting", "two");
    assert_eq!(first.prompt("greeting").unwrap().versions, 3);
    assert!(at("data/elsewhere.db-wal").exists());
    assert!(
        at("data/write.lock").exists(),
        "there is no lock beside the index"
    );
    // A link that is changed to another target does not redirect the handle.
    fs::remove_file(at("link")).unwrap();
    drop(Store::create(at("other")).unwrap());
    std::os::unix::fs::symlink("other", at("link")).unwrap();
    commit(&first, "greeting", "three");
    assert_eq!(names(&at("link")), [""; 0]);
    is_sound(&first);
}

#[test]
fn a_backup_that_is_open_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let backup = directory.path().join("backup");
    let store = Store::create(directory.path().join("store")).unwrap();
    create(&store, "first");
    store.backup(&backup).unwrap();
    let before = fs::read(backup.join("index.db")).unwrap();
    let writer = Store::open(&backup).unwrap();
    // This write creates a log.
    writer.set_environment("first", "staging", "1.0").unwrap();
    create(&store, "second");
    let refused = store.backup(&backup).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Busy, "{refused:?}");
    assert!(refused.is_retryable());
    drop(writer);
    // The backup's history has diverged by now.
    let refused = store.backup(&backup).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused:?}");
    assert_eq!(names(&backup), ["first"]);
    assert_eq!(
        fs::read(backup.join("index.db")).unwrap().len(),
        before.len()
    );

    let backup = directory.path().join("another");
    store.backup(&backup).unwrap();
    let reader = StoreOptions::new().read_only(true).open(&backup).unwrap();
    assert_eq!(reader.prompts().count().unwrap(), 2);
    create(&store, "third");
    let refused = store.backup(&backup).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Busy, "{refused:?}");
    assert_eq!(reader.prompts().count().unwrap(), 2);
    drop(reader);
    assert!(store.backup(&backup).unwrap().report.is_clean());
    assert_eq!(names(&backup), ["third", "second", "first"]);
}

#[test]
fn an_index_that_is_put_back_gets_no_write_of_the_earlier_handle() {
    let place = Place::new();
    let store = place.create();
    create(&store, "greeting");
    let aside = tempfile::tempdir().unwrap();
    copy(place.path(), aside.path());
    let index = place.index();
    fs::copy(aside.path().join("index.db"), place.path().join("new.db")).unwrap();
    fs::rename(place.path().join("new.db"), index).unwrap();
    let new = NewPrompt::new("lost", body("x"));
    is_unavailable(store.create_prompt(new));
}

/// A backup opens more files than the index. If the directory is exchanged with another one
/// meanwhile, the backup either fails or contains one store only.
#[cfg(target_os = "linux")]
#[test]
fn a_backup_is_of_one_directory_while_two_change_places() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicBool, Ordering};

    let (directory, store) = two();
    store.checkpoint().unwrap();
    drop(store);
    let [a, b] = ["a", "b"].map(|name| directory.path().join(name));
    Store::open(&b).unwrap().checkpoint().unwrap();
    let done = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let _done = crate::support::Done(&done);
        scope.spawn(|| {
            let mut pause = fastrand::Rng::with_seed(1);
            while !done.load(Ordering::Acquire) {
                renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
                std::thread::sleep(Duration::from_micros(pause.u64(300..6000)));
            }
        });
        let mut made = 0;
        for number in 0..100 {
            let Ok(store) = StoreOptions::new().read_only(true).open(&a) else {
                continue;
            };
            let backup = directory.path().join(format!("backup {number}"));
            // The backup fails if one of its checks saw the other directory.
            if let Ok(backup) = store.backup(&backup) {
                assert_eq!(backup.report.violations, [], "backup {number}");
                made += 1;
            }
        }
        made
    });
    assert!(made > 0, "no backup succeeded");
}
