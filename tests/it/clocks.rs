//! Clocks that are wrong: behind, ahead, before 1970, in a leap second; and what a collection makes of them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use promptbook::{Error, GcOptions, Store, StoreOptions, VersionId};
use serde_json::{Map, json};

use crate::support::{Place, commit, create, is_sound};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A clock that is set by hand, and options with it.
fn by_hand() -> (Arc<Mutex<DateTime<Utc>>>, StoreOptions) {
    let now = Arc::new(Mutex::new(at("2026-01-01T00:00:00Z")));
    let clock = Arc::clone(&now);
    let options = StoreOptions::new().clock(move || *clock.lock().unwrap());
    (now, options)
}

/// The same on a store in memory and on one in a directory, each with its clock.
fn both(test: impl Fn(&Store, &dyn Fn(&str))) {
    let place = Place::new();
    let (now, options) = by_hand();
    let set = |text: &str| *now.lock().unwrap() = at(text);
    test(&options.in_memory().unwrap(), &set);
    set("2026-01-01T00:00:00Z");
    test(&options.create(place.path()).unwrap(), &set);
}

/// The clock is trusted here: the files are as old as the test, which the clock knows nothing of.
fn collect(store: &Store) -> u64 {
    let options = GcOptions::new().trust_clock(true);
    store.collect_garbage_with(options).unwrap().bodies
}

/// As on a board without a battery, before it gets the time from the network.
#[test]
fn a_deletion_by_a_clock_that_was_behind_keeps_its_body() {
    both(|store, set| {
        create(store, "p");
        let version = commit(store, "p", "deleted").id;
        store.checkpoint(|_| ()).unwrap();
        set("1971-01-01T00:00:00Z");
        store.delete_version(version).unwrap();
        set("2026-01-02T00:00:00Z");
        assert_eq!(collect(store), 0, "it was deleted after 2026-01-01");
        set("2026-01-30T00:00:00Z");
        assert_eq!(collect(store), 0);
        store.undo_newest().unwrap();
        store.resolve(version).unwrap();
        set("1971-01-01T00:00:00Z");
        store.delete_version(version).unwrap();
        // What is done later says nothing of when it was deleted.
        set("2026-02-20T00:00:00Z");
        create(store, "later");
        set("2026-03-03T00:00:00Z");
        assert_eq!(collect(store), 1);
        is_sound(store);
    });
}

/// One operation by a clock that was ahead keeps nothing until then.
#[test]
fn an_operation_that_is_ahead_of_the_clock_counts_for_nothing() {
    both(|store, set| {
        create(store, "p");
        let version = commit(store, "p", "deleted").id;
        store.checkpoint(|_| ()).unwrap();
        set("2036-01-01T00:00:00Z");
        create(store, "ahead");
        set("2026-01-10T00:00:00Z");
        store.delete_version(version).unwrap();
        set("2026-02-08T00:00:00Z");
        assert_eq!(collect(store), 0, "29 days");
        set("2026-02-10T00:00:00Z");
        assert_eq!(collect(store), 1, "31 days");
        is_sound(store);
    });
}

/// Nothing in the store is as young as the retention, by a clock that is years ahead: it may be the clock.
#[test]
fn a_collection_that_is_far_ahead_asks_first() {
    both(|store, set| {
        create(store, "p");
        let version = commit(store, "p", "deleted").id;
        store.checkpoint(|_| ()).unwrap();
        store.delete_version(version).unwrap();
        set("2096-01-01T00:00:00Z");
        let refused = store.collect_garbage(Store::RETENTION).unwrap_err();
        match refused {
            Error::ClockInDoubt { now, removable, .. } => {
                assert_eq!(now, at("2096-01-01T00:00:00Z"));
                assert_eq!((removable.bodies, removable.leftovers), (1, 0));
            }
            other => panic!("{other:?}"),
        }
        let garbage = store.garbage(Store::RETENTION).unwrap();
        assert_eq!(garbage.bodies, 1, "what would be removed can be asked for");
        store.undo_newest().unwrap();
        store.resolve(version).unwrap();
        // Now something was done by this clock, so it is no more in doubt than any other.
        store.undo_newest().unwrap();
        assert_eq!(store.collect_garbage(Store::RETENTION).unwrap().bodies, 0);
        set("2196-01-01T00:00:00Z");
        let trusted = GcOptions::new().trust_clock(true);
        assert_eq!(store.collect_garbage_with(trusted).unwrap().bodies, 1);
        // With nothing to remove there is nothing to ask.
        assert_eq!(store.collect_garbage(Store::RETENTION).unwrap().bodies, 0);
        is_sound(store);
    });
}

/// To keep nothing is a wish that depends on no clock.
#[test]
fn without_a_retention_no_clock_matters() {
    both(|store, set| {
        create(store, "p");
        set("2036-01-01T00:00:00Z");
        let version = commit(store, "p", "deleted").id;
        store.checkpoint(|_| ()).unwrap();
        store.delete_version(version).unwrap();
        set("1971-01-01T00:00:00Z");
        assert_eq!(store.collect_garbage(Duration::ZERO).unwrap().bodies, 1);
        is_sound(store);
    });
}

/// As long a retention as can be asked for keeps what was deleted at any time.
#[test]
fn an_endless_retention_keeps_all() {
    both(|store, set| {
        set("1960-01-01T00:00:00Z");
        create(store, "p");
        let version = commit(store, "p", "deleted").id;
        store.delete_version(version).unwrap();
        set("2026-01-01T00:00:00Z");
        for retention in [Duration::MAX, 36_500 * DAY] {
            let options = GcOptions::new().retention(retention).trust_clock(true);
            assert_eq!(store.collect_garbage_with(options).unwrap().bodies, 0);
        }
        store.undo_newest().unwrap();
        store.resolve(version).unwrap();
    });
}

/// Whatever the clock says, the store is sound, before and after it is opened again, and its history can be carried elsewhere.
#[test]
fn a_store_is_sound_whatever_its_clock_said() {
    let moments = [
        "1960-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999999Z",
        "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:60.999999999Z",
        "2017-01-01T00:00:00Z",
        "+12345-01-01T00:00:00Z",
    ];
    let ends = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC];
    let moments = moments.into_iter().map(at).chain(ends);
    for (number, moment) in moments.enumerate() {
        let place = Place::new();
        let (now, options) = by_hand();
        *now.lock().unwrap() = moment;
        let store = options.create(place.path()).unwrap();
        let version = create(&store, "p").version.id;
        let deleted = commit(&store, "p", "two").id;
        record(&store, version);
        store.delete_version(deleted).unwrap();
        store.checkpoint(|_| ()).unwrap();
        store.collect_garbage(Store::RETENTION).unwrap();
        store.repack().unwrap();
        is_sound(&store);
        drop(store);
        let store = options.open(place.path()).unwrap();
        is_sound(&store);
        assert_eq!(store.inputs(version, "r").unwrap().inputs.as_map().len(), 1);
        let mut bundle = Vec::new();
        store.export_bundle(&mut bundle).unwrap();
        let other = Place::new();
        let copy = other.create();
        copy.import_bundle(std::io::Cursor::new(bundle)).unwrap();
        is_sound(&copy);
        assert_eq!(copy.prompt_count().unwrap(), 1, "moment {number}");
    }
}

fn record(store: &Store, version: VersionId) {
    let mut inputs = Map::new();
    inputs.insert("name".into(), json!("Ada"));
    store.record_inputs(version, "r", inputs, None).unwrap();
}

/// A clock of the caller's own that panics in the store's thread leaves the thread at work.
#[test]
fn a_clock_that_panics_ends_no_thread() {
    let place = Place::new();
    let panics = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&panics);
    let options = StoreOptions::new().clock(move || {
        let thread = std::thread::current();
        if thread
            .name()
            .is_some_and(|name| name.starts_with("promptbook-"))
        {
            count.fetch_add(1, Ordering::Relaxed);
            panic!("a clock without a battery");
        }
        Utc::now()
    });
    let store = options.create(place.path()).unwrap();
    create(&store, "p");
    let by = Instant::now() + Duration::from_secs(60);
    let wait_for = |what: &str, done: &dyn Fn() -> bool| {
        while !done() {
            assert!(Instant::now() < by, "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    wait_for("the clock was never asked", &|| {
        panics.load(Ordering::Relaxed) > 0
    });
    let version = commit(&store, "p", "after");
    wait_for("the thread has ended", &|| {
        place.body(version.blob).exists()
    });
}

/// They can't be read any more once their version is deleted, nor once it is lost.
#[test]
fn recorded_inputs_go_with_the_version_that_is_lost() {
    both(|store, set| {
        let kept = create(store, "p").version.id;
        let lost = commit(store, "p", "lost").id;
        record(store, kept);
        for request in 0..2500 {
            let inputs = Map::new();
            store
                .record_inputs(lost, request.to_string(), inputs, None)
                .unwrap();
        }
        store.checkpoint(|_| ()).unwrap();
        store.delete_version(lost).unwrap();
        let collected = store.collect_garbage(Store::RETENTION).unwrap();
        assert_eq!(collected.inputs, 0, "it can be brought back");
        store.undo_newest().unwrap();
        assert!(store.inputs(lost, "2499").is_ok());
        store.delete_version(lost).unwrap();
        set("2026-02-01T00:00:00Z");
        create(store, "later");
        let collected = store.collect_garbage(Store::RETENTION).unwrap();
        assert_eq!((collected.bodies, collected.inputs), (1, 2500));
        assert!(store.inputs(kept, "r").is_ok());
        is_sound(store);
    });
}

/// As a retention is counted from then on.
#[test]
fn files_and_bodies_in_packs_that_no_index_knows_stay_while_they_are_young() {
    for repacked in [false, true] {
        let place = Place::new();
        let store = place.create();
        create(&store, "first");
        store.checkpoint(|_| ()).unwrap();
        drop(store);
        place.fold_log();
        let older = std::fs::read(place.index()).unwrap();

        let store = place.open();
        let made = store.batch(|batch| {
            for number in 0..200 {
                let body = crate::support::body(number);
                batch.create_prompt(promptbook::NewPrompt::new(format!("{number}"), body))?;
            }
            Ok(())
        });
        made.unwrap();
        (0..20).for_each(|number| drop(create(&store, &format!("single {number}"))));
        store.checkpoint(|_| ()).unwrap();
        if repacked {
            let later = StoreOptions::new().clock(|| Utc::now() + TimeDelta::days(2));
            later.open(place.path()).unwrap().repack().unwrap();
        }
        let usage = store.stats().unwrap().bodies;
        assert_eq!(usage.packed_bodies, 200);
        drop(store);
        place.fold_log();
        let newer = std::fs::read(place.index()).unwrap();

        std::fs::write(place.index(), &older).unwrap();
        let days = |days: i64| {
            let options = StoreOptions::new().clock(move || Utc::now() + TimeDelta::days(days));
            options.open(place.path()).unwrap()
        };
        for _ in 0..2 {
            let store = days(20);
            let collected = store.collect_garbage(Store::RETENTION).unwrap();
            assert_eq!((collected.leftovers, collected.dropped), (0, 0));
            let repack = GcOptions::new().repack(true);
            assert_eq!(store.collect_garbage_with(repack).unwrap().dropped, 0);
            create(&store, "in the older one");
            is_sound(&store);
        }
        place.fold_log();
        let older = std::fs::read(place.index()).unwrap();

        std::fs::write(place.index(), &newer).unwrap();
        let store = place.open();
        is_sound(&store);
        for prompt in store
            .prompts(&promptbook::PromptFilter::default(), None, 999)
            .unwrap()
        {
            store
                .resolve((prompt.id, promptbook::Selector::Latest))
                .unwrap();
        }
        drop(store);
        place.fold_log();

        std::fs::write(place.index(), &older).unwrap();
        let store = days(40);
        let trusted = GcOptions::new().trust_clock(true);
        let collected = store.collect_garbage_with(trusted).unwrap();
        assert_eq!(collected.leftovers, 20, "{collected:?}");
        assert_eq!(
            collected.leftovers + collected.dropped,
            220,
            "{collected:?}"
        );
        is_sound(&store);
    }
}

/// A body is as old in a pack as its file was, however often the pack is rewritten, joined or copied.
#[test]
fn packing_does_not_make_a_body_younger() {
    let place = Place::new();
    let days = |days: i64| {
        let options = StoreOptions::new().clock(move || Utc::now() + TimeDelta::days(days));
        options.open(place.path()).unwrap()
    };
    let store = place.create();
    create(&store, "p");
    store.checkpoint(|_| ()).unwrap();
    drop(store);
    place.fold_log();
    let older = std::fs::read(place.index()).unwrap();
    let store = place.open();
    let versions: Vec<_> = (0..10)
        .map(|number| commit(&store, "p", number.to_string()))
        .collect();
    store.checkpoint(|_| ()).unwrap();
    let twenty_days_ago = std::time::SystemTime::now() - 20 * DAY;
    for version in &versions {
        let file = std::fs::File::options()
            .write(true)
            .open(place.body(version.blob));
        file.unwrap().set_modified(twenty_days_ago).unwrap();
    }
    drop(store);
    let packed = days(2).repack().unwrap();
    assert_eq!(packed.bodies, 9, "all but the latest");
    days(2).repack().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let backup = elsewhere.path().join("backup");
    place.open().backup(&backup, |_| ()).unwrap();
    std::fs::remove_dir_all(place.path().join("blobs")).unwrap();
    std::fs::rename(backup.join("blobs"), place.path().join("blobs")).unwrap();
    place.fold_log();
    std::fs::write(place.index(), &older).unwrap();
    let collect = |on: i64| {
        let options = GcOptions::new().repack(true);
        let collected = days(on).collect_garbage_with(options).unwrap();
        (collected.leftovers, collected.dropped)
    };
    assert_eq!(collect(9), (0, 0), "29 days old");
    // The file of the latest is a copy, and as young as that.
    assert_eq!(collect(11), (0, 9), "31 days old");
    is_sound(&place.open());
}
