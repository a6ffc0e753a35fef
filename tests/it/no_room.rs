//! A write that fails for want of room rolls back cleanly, and what was acknowledged before stays.

use std::fs;
use std::sync::Mutex;

use promptbook::{Bump, Error, NewVersion, VersionId};

use crate::child::{command, directory, passes, store};
use crate::support::{Place, body, create, is_sound};

/// The child may not make files of more than 512 KiB, and is told so by errors instead of a signal.
#[test]
fn what_was_acknowledged_stays() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let limited = [
        "sh",
        "-c",
        "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\"",
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
    // The one that failed may or may not have taken place: its error said so.
    let found = counts.total - 1;
    assert!(
        found == acknowledged || found == acknowledged + 1,
        "{acknowledged} were acknowledged, {found} are there"
    );
    for version in store
        .versions("greeting", &Default::default(), None, usize::MAX)
        .unwrap()
    {
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
    match error.expect("an end of the room") {
        // Nothing is retried on a handle whose flush failed.
        Error::OutcomeUnknown { .. } => {
            let again = store.commit(NewVersion::new("greeting", body("again")));
            assert!(matches!(again, Err(Error::Poisoned)), "{again:?}");
            let read = store.resolve("greeting");
            assert!(matches!(read, Err(Error::Poisoned)), "{read:?}");
        }
        Error::Storage(_) => assert!(store.resolve("greeting").is_ok(), "reads go on"),
        other => panic!("{other:?}"),
    }
}

/// Those who share a transaction: what one of them was told is so, whatever became of the others.
#[test]
fn what_was_acknowledged_to_each_of_many_stays() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let limited = [
        "sh",
        "-c",
        "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\"",
    ];
    passes(command(
        &std::env::current_exe().unwrap(),
        &limited,
        "no_room::many_commit_until_there_is_no_room",
        place.path(),
    ));
    let told = fs::read_to_string(place.path().join("acknowledged")).unwrap();
    let acknowledged: Vec<VersionId> = told.lines().map(|id| id.parse().unwrap()).collect();
    assert!(acknowledged.len() > THREADS, "they hardly began");
    let store = place.open();
    is_sound(&store);
    for id in &acknowledged {
        assert!(
            store.resolve(*id).is_ok(),
            "an acknowledged version is lost"
        );
    }
    // Of those that failed at most the last group may be there: it is not known of it.
    let found = usize::try_from(store.version_counts("greeting").unwrap().total).unwrap() - 1;
    let unknown = found - acknowledged.len();
    assert!(unknown <= THREADS, "{unknown} that nobody was told of");
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

/// A process may have 256 files open on macOS, its own ones included.
#[test]
fn few_open_files_are_enough() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let limited = ["sh", "-c", "ulimit -n 128; exec \"$0\" \"$@\""];
    passes(command(
        &std::env::current_exe().unwrap(),
        &limited,
        "no_room::settle_many_bodies",
        place.path(),
    ));
    is_sound(&place.open());
}

#[test]
#[ignore = "run by the test above, with few open files"]
fn settle_many_bodies() {
    let store = store();
    let done = store.batch(|batch| {
        for number in 0..300 {
            let new = NewVersion::new("greeting", body(number));
            batch.commit(new.bump(Bump::Minor))?;
        }
        Ok(())
    });
    done.unwrap();
    store.checkpoint(|_| ()).unwrap();
}
