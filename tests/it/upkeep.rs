//! What a store does by itself: settle bodies and fold its log in, whatever is done to it.

use std::fs;
use std::time::{Duration, Instant};

use promptbook::{Bump, Durability, NewVersion, Store, StoreOptions};

use crate::support::{Place, body, commit, create, is_sound};

/// Pages of the log that are folded in at once, in bytes, and room for as much again.
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
fn the_log_stays_short_where_only_pointers_move() {
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
fn the_log_stays_short_where_every_session_ends_with_a_batch() {
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

/// A disk that was full, or a folder that was away, is no reason to settle nothing ever after.
#[test]
fn settling_goes_on_after_a_failure() {
    let place = Place::new();
    let store = place.create();
    let (tmp, away) = (place.path().join("tmp"), place.path().join("away"));
    fs::rename(&tmp, &away).unwrap();
    create(&store, "greeting");
    std::thread::sleep(Duration::from_millis(200));
    fs::rename(&away, &tmp).unwrap();
    store.checkpoint(|_| ()).unwrap();
    let file = place.body(commit(&store, "greeting", "later").blob);
    let begun = Instant::now();
    while !file.exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "nothing is settled any more"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a version takes in the index once all is settled, for good.
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
    store.checkpoint(|_| ()).unwrap();
    is_sound(&store);
    drop(store);
    place.fold_log();
    let bytes = fs::metadata(place.index()).unwrap().len() / VERSIONS;
    assert!(bytes < 300, "a version takes {bytes} bytes");
}
