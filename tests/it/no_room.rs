//! Writes that fail for lack of space: they roll back, and everything acknowledged before stays.

use std::fs;
use std::sync::Mutex;

use promptbook::{Bump, Error, NewVersion, VersionId};

use crate::child::{command, directory, passes, store};
use crate::support::{Place, body, create, is_sound};

/// The child may not create files larger than 512 KiB. Exceeding the limit is an error, not a
/// signal.
#[test]
fn acknowledged_commits_survive_a_full_disk() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let limited = [
        "sh",
        "-c",
        "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"",
    ];
    passes(command(
        &std::env::current_exe().unwrap(),
        &limited,
        "no_room::commit_until_there_is_no_room",
        place.path(),
    ));
    let acknowledged = fs::read_to_string(place.path().join("acknowledged")).unwrap();
    let store = place.open();
    is_sound(&store);
    let counts = store.version_counts("greeting").unwrap();
    let acknowledged: u64 = acknowledged.parse().unwrap();
    // The commit that failed may or may not have taken place, as its error said.
    let found = counts.total - 1;
    assert!(
        found == acknowledged || found == acknowledged + 1,
        "{acknowledged} were acknowledged, {found} are there"
    );
    for version in store.versions("greeting").page(None, usize::MAX).unwrap() {
        assert!(
            store.resolve(version.id).is_ok(),
            "an acknowledged body is lost"
        );
    }
    let new = NewVersion::new("greeting", body("room again"));
    store.commit(new).unwrap();
    is_sound(&store);
}

#[test]
#[ignore = "run by the test above, with little room"]
fn commit_until_there_is_no_room() {
    let store = store();
    let error = (0_u64..).find_map(|number| {
        let new = NewVersion::new("greeting", body("x".repeat(10_000 + number as usize)));
        match store.commit(new.bump(Bump::Minor)) {
            Ok(_) => {
                fs::write(directory().join("acknowledged"), (number + 1).to_string()).unwrap();
                None
            }
            Err(error) => Some(error),
        }
    });
    match error.expect("no commit failed") {
        // A handle whose flush failed retries nothing.
        Error::OutcomeUnknown { .. } => {
            let again = store.commit(NewVersion::new("greeting", body("again")));
            assert!(matches!(again, Err(Error::Poisoned)), "{again:?}");
            let read = store.resolve("greeting");
            assert!(matches!(read, Err(Error::Poisoned)), "{read:?}");
        }
        Error::Storage(_) => assert!(
            store.resolve("greeting").is_ok(),
            "reads fail after a write that failed"
        ),
        other => panic!("{other:?}"),
    }
}

/// If several writers share a transaction, each acknowledgement is valid, whatever happened to the
/// others.
#[test]
fn acknowledged_commits_of_many_threads_survive_a_full_disk() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let limited = [
        "sh",
        "-c",
        "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"",
    ];
    passes(command(
        &std::env::current_exe().unwrap(),
        &limited,
        "no_room::many_commit_until_there_is_no_room",
        place.path(),
    ));
    let told = fs::read_to_string(place.path().join("acknowledged")).unwrap();
    let acknowledged: Vec<VersionId> = told.lines().map(|id| id.parse().unwrap()).collect();
    assert!(
        acknowledged.len() > THREADS,
        "too few commits were acknowledged"
    );
    let store = place.open();
    is_sound(&store);
    for id in &acknowledged {
        assert!(
            store.resolve(*id).is_ok(),
            "an acknowledged version is lost"
        );
    }
    // Of the failed commits, at most those of the last group may exist: their outcome is unknown.
    let found = usize::try_from(store.version_counts("greeting").unwrap().total).unwrap() - 1;
    let unknown = found - acknowledged.len();
    assert!(
        unknown <= THREADS,
        "{unknown} unacknowledged versions exist"
    );
    let new = NewVersion::new("greeting", body("room again"));
    store.commit(new).unwrap();
    is_sound(&store);
}

const THREADS: usize = 16;

#[test]
#[ignore = "run by the test above, with little room"]
fn many_commit_until_there_is_no_room() {
    let store = store();
    let acknowledged = Mutex::new(String::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, acknowledged) = (&store, &acknowledged);
            scope.spawn(move || {
                for number in 0.. {
                    let text = format!("{thread} {number} {}", "x".repeat(10_000));
                    let new = NewVersion::new("greeting", body(text));
                    match store.commit(new.bump(Bump::Minor)) {
                        Ok(version) => {
                            let mut told = acknowledged.lock().unwrap();
                            *told += &format!("{}\n", version.id);
                        }
                        Err(Error::OutcomeUnknown { .. } | Error::Poisoned | Error::Storage(_)) => {
                            break;
                        }
                        Err(other) => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    fs::write(
        directory().join("acknowledged"),
        &*acknowledged.lock().unwrap(),
    )
    .unwrap();
}

/// By default, a process on macOS may have 256 files open, including those that the application
/// opens itself.
#[test]
fn few_open_files_are_enough() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let limited = ["sh", "-c", "ulimit -n 128; exec \"$0\" \"$@\""];
    passes(command(
        &std::env::current_exe().unwrap(),
        &limited,
        "no_room::checkpoint_many_bodies",
        place.path(),
    ));
    is_sound(&place.open());
}

#[test]
#[ignore = "run by the test above, with few open files"]
fn checkpoint_many_bodies() {
    let store = store();
    let done = store.batch(|batch| {
        for number in 0..300 {
            let new = NewVersion::new("greeting", body(number));
            batch.commit(new.bump(Bump::Minor))?;
        }
        Ok(())
    });
    done.unwrap();
    store.checkpoint().unwrap();
}
