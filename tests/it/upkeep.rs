//! Background maintenance of a store: checkpoints of bodies and of the WAL, whatever is done to the
//! store.

use std::cell::Cell;
use std::fs;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use promptbook::maintenance::GcOptions;
use promptbook::{Bump, Durability, NewVersion, Store, StoreOptions};

use crate::support::{Place, body, commit, create, is_sound};

/// The maximum size of the log in bytes: three times the 1000 pages after which the WAL is
/// checkpointed.
const SHORT: u64 = 3 * 1000 * 4096;

fn log(place: &Place) -> u64 {
    fs::metadata(place.path().join("index.db-wal"))
        .unwrap()
        .len()
}

fn relaxed(place: &Place) -> Store {
    let options = StoreOptions::new().durability(Durability::Relaxed);
    options.open_or_create(place.path()).unwrap()
}

#[test]
fn the_log_stays_short_if_only_environments_move() {
    let place = Place::new();
    create(&relaxed(&place), "greeting");
    commit(&relaxed(&place), "greeting", "second");
    for _ in 0..10 {
        let store = relaxed(&place);
        for round in 0..300 {
            let to = ["1.0", "1.1"][round % 2];
            let moved = store.set_environment("greeting", "staging", to);
            moved.unwrap();
        }
    }
    assert!(log(&place) < SHORT, "the log has {} bytes", log(&place));
}

#[test]
fn the_log_stays_short_if_every_session_ends_with_a_batch() {
    let place = Place::new();
    create(&relaxed(&place), "greeting");
    for session in 0..8 {
        let store = relaxed(&place);
        let done = store.batch(|batch| {
            for number in 0..100 {
                let text = format!("{session} {number} {}", "x".repeat(40_000));
                let new = NewVersion::new("greeting", body(text));
                batch.commit(new.bump(Bump::Minor))?;
            }
            Ok(())
        });
        done.unwrap();
    }
    assert!(log(&place) < SHORT, "the log has {} bytes", log(&place));
}

/// After a full disk, or a directory that was temporarily missing, checkpoints resume.
#[test]
fn checkpoints_resume_after_a_failure() {
    let place = Place::new();
    let store = place.create();
    let (tmp, away) = (place.path().join("tmp"), place.path().join("away"));
    fs::rename(&tmp, &away).unwrap();
    create(&store, "greeting");
    std::thread::sleep(Duration::from_millis(200));
    fs::rename(&away, &tmp).unwrap();
    store.checkpoint().unwrap();
    let file = place.body(commit(&store, "greeting", "later").blob);
    let begun = Instant::now();
    while !file.exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "no checkpoint ran after the failure"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Other writers may use and release a body again while garbage is collected.
#[test]
fn a_body_that_returns_and_goes_during_a_collection_is_no_damage() {
    let place = Place::new();
    let store = place.create();
    create(&store, "greeting");
    let again = || {
        let version = commit(&store, "greeting", "again");
        store.delete_version(version.id).unwrap();
    };
    again();
    let times = Cell::new(0);
    let options = GcOptions::new().retention(Duration::ZERO);
    let options = options.progress(|progress| {
        if progress.done > 0 && times.get() < 3 {
            times.set(times.get() + 1);
            again();
        }
        ControlFlow::Continue(())
    });
    let collected = place.open().collect_garbage_with(options).unwrap();
    assert_eq!((times.get(), collected.bodies), (3, 4));
    is_sound(&store);
}

/// The size of a version in the index after a checkpoint.
#[test]
fn the_index_is_small() {
    const VERSIONS: u64 = 2000;
    let place = Place::new();
    let store = relaxed(&place);
    create(&store, "greeting");
    let imported = store.batch(|batch| {
        for number in 1..VERSIONS {
            let new = NewVersion::new("greeting", body(format!("{number} {}", "x".repeat(2000))));
            batch.commit(new.message(format!("Edit {number}")).bump(Bump::Minor))?;
        }
        Ok(())
    });
    imported.unwrap();
    store.checkpoint().unwrap();
    is_sound(&store);
    drop(store);
    place.checkpoint_wal();
    let bytes = fs::metadata(place.index()).unwrap().len() / VERSIONS;
    assert!(bytes < 300, "a version takes {bytes} bytes");
}
