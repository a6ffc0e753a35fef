//! Wrong clocks: behind, ahead, before 1970, or in a leap second, and their effect on garbage
//! collection.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use promptbook::maintenance::GcOptions;
use promptbook::{Error, Store, StoreOptions, VersionId};
use serde_json::{Map, json};

use crate::support::{Place, commit, create, is_sound, new_store_with};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Returns a clock that the test sets, and options that use it.
fn by_hand() -> (Arc<Mutex<DateTime<Utc>>>, StoreOptions) {
    let now = Arc::new(Mutex::new(at("2026-01-01T00:00:00Z")));
    let clock = Arc::clone(&now);
    let options = StoreOptions::new().clock(move || *clock.lock().unwrap());
    (now, options)
}

/// Runs a test on a store in memory and on one in a directory, each with its own clock.
fn both(test: impl Fn(&Store, &dyn Fn(&str))) {
    let place = Place::new();
    let (now, options) = by_hand();
    let set = |text: &str| *now.lock().unwrap() = at(text);
    test(&new_store_with(&options), &set);
    set("2026-01-01T00:00:00Z");
    test(&place.create_with(&options), &set);
}

/// Collects garbage with a trusted clock: the files are as new as the test, and the clock does not
/// apply to them.
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
        store.checkpoint().unwrap();
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
        // A later operation does not change the time of the deletion.
        set("2026-02-20T00:00:00Z");
        create(store, "later");
        set("2026-03-03T00:00:00Z");
        assert_eq!(collect(store), 1);
        is_sound(store);
    });
}

/// One operation with a clock that was ahead does not keep bodies until that time.
#[test]
fn an_operation_ahead_of_the_clock_is_ignored_by_retention() {
    both(|store, set| {
        create(store, "p");
        let version = commit(store, "p", "deleted").id;
        store.checkpoint().unwrap();
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

/// With a clock that is years ahead, nothing in the store is younger than the retention period. The
/// clock may be wrong.
#[test]
fn garbage_collection_with_a_clock_far_ahead_is_refused() {
    both(|store, set| {
        create(store, "p");
        let version = commit(store, "p", "deleted").id;
        store.checkpoint().unwrap();
        store.delete_version(version).unwrap();
        set("2096-01-01T00:00:00Z");
        let refused = store.collect_garbage().unwrap_err();
        match refused {
            Error::ClockInDoubt { now, removable, .. } => {
                assert_eq!(now, at("2096-01-01T00:00:00Z"));
                assert_eq!((removable.bodies, removable.leftovers), (1, 0));
            }
            other => panic!("{other:?}"),
        }
        let garbage = store
            .collect_garbage_with(GcOptions::new().dry_run(true))
            .unwrap();
        assert_eq!(garbage.bodies, 1, "the dry run does not report the body");
        store.undo_newest().unwrap();
        store.resolve(version).unwrap();
        // An operation was made with this clock, so it is no longer in doubt.
        store.undo_newest().unwrap();
        assert_eq!(store.collect_garbage().unwrap().bodies, 0);
        set("2196-01-01T00:00:00Z");
        let trusted = GcOptions::new().trust_clock(true);
        assert_eq!(store.collect_garbage_with(trusted).unwrap().bodies, 1);
        // If there is nothing to remove, the clock does not matter.
        assert_eq!(store.collect_garbage().unwrap().bodies, 0);
        is_sound(store);
    });
}

/// A retention of zero depends on no clock.
#[test]
fn without_a_retention_no_clock_matters() {
    both(|store, set| {
        create(store, "p");
        set("2036-01-01T00:00:00Z");
        let version = commit(store, "p", "deleted").id;
        store.checkpoint().unwrap();
        store.delete_version(version).unwrap();
        set("1971-01-01T00:00:00Z");
        assert_eq!(
            store
                .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
                .unwrap()
                .bodies,
            1
        );
        is_sound(store);
    });
}

/// The longest possible retention keeps bodies whenever they were deleted.
#[test]
fn an_endless_retention_keeps_every_body() {
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

/// Whatever the clock says, the store is sound before and after it is reopened, and its history can
/// be imported elsewhere.
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
        let store = place.create_with(&options);
        let version = create(&store, "p").version.id;
        let deleted = commit(&store, "p", "two").id;
        record(&store, version);
        store.delete_version(deleted).unwrap();
        store.checkpoint().unwrap();
        store.collect_garbage().unwrap();
        store.repack().unwrap();
        is_sound(&store);
        drop(store);
        let store = place.try_open(&options).unwrap();
        is_sound(&store);
        assert_eq!(store.inputs(version, "r").unwrap().inputs.as_map().len(), 1);
        let mut bundle = Vec::new();
        store.export_bundle(&mut bundle).unwrap();
        let other = Place::new();
        let copy = other.create();
        copy.import_bundle(std::io::Cursor::new(bundle)).unwrap();
        is_sound(&copy);
        assert_eq!(copy.prompts().count().unwrap(), 1, "moment {number}");
    }
}

fn record(store: &Store, version: VersionId) {
    let mut inputs = Map::new();
    inputs.insert("name".into(), json!("Ada"));
    store.record_inputs(version, "r", inputs, None).unwrap();
}

/// A caller's clock that panics in the maintenance thread does not end that thread.
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
    let store = place.create_with(&options);
    create(&store, "p");
    let by = Instant::now() + Duration::from_secs(60);
    let wait_for = |what: &str, done: &dyn Fn() -> bool| {
        while !done() {
            assert!(Instant::now() < by, "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    wait_for("the clock was never called", &|| {
        panics.load(Ordering::Relaxed) > 0
    });
    let version = commit(&store, "p", "after");
    wait_for("the thread has ended", &|| {
        place.body(version.blob).exists()
    });
}

/// Recorded inputs can't be read once their version is deleted, and are removed when its body is
/// collected.
#[test]
fn recorded_inputs_are_collected_with_their_version() {
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
        store.checkpoint().unwrap();
        store.delete_version(lost).unwrap();
        let collected = store.collect_garbage().unwrap();
        assert_eq!(collected.inputs, 0, "the deletion can still be undone");
        store.undo_newest().unwrap();
        assert!(store.inputs(lost, "2499").is_ok());
        store.delete_version(lost).unwrap();
        set("2026-02-01T00:00:00Z");
        create(store, "later");
        let collected = store.collect_garbage().unwrap();
        assert_eq!((collected.bodies, collected.inputs), (1, 2500));
        assert!(store.inputs(kept, "r").is_ok());
        is_sound(store);
    });
}

/// The retention period of such a body begins when its file was written.
#[test]
fn young_files_and_packed_bodies_unknown_to_the_index_are_kept() {
    for repacked in [false, true] {
        let place = Place::new();
        let store = place.create();
        create(&store, "first");
        store.checkpoint().unwrap();
        drop(store);
        place.checkpoint_wal();
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
        store.checkpoint().unwrap();
        if repacked {
            let later = StoreOptions::new().clock(|| Utc::now() + TimeDelta::days(2));
            later.open(place.path()).unwrap().repack().unwrap();
        }
        let usage = store.stats().unwrap().bodies;
        assert_eq!(usage.packed_bodies, 200);
        drop(store);
        place.checkpoint_wal();
        let newer = std::fs::read(place.index()).unwrap();

        std::fs::write(place.index(), &older).unwrap();
        let days = |days: i64| {
            let options = StoreOptions::new().clock(move || Utc::now() + TimeDelta::days(days));
            place.try_open(&options).unwrap()
        };
        for _ in 0..2 {
            let store = days(20);
            let collected = store.collect_garbage().unwrap();
            assert_eq!((collected.leftovers, collected.dropped), (0, 0));
            let repack = GcOptions::new().repack(true);
            assert_eq!(store.collect_garbage_with(repack).unwrap().dropped, 0);
            let prompts = store.prompts().count().unwrap();
            create(&store, &format!("{prompts} in the older one"));
            is_sound(&store);
        }
        place.checkpoint_wal();
        let older = std::fs::read(place.index()).unwrap();

        std::fs::write(place.index(), &newer).unwrap();
        let store = place.open();
        is_sound(&store);
        for prompt in store.prompts().page(None, 999).unwrap() {
            store
                .resolve((prompt.id, promptbook::Selector::Latest))
                .unwrap();
        }
        drop(store);
        place.checkpoint_wal();

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

/// A body in a pack keeps the age of its file, however often the pack is rewritten, merged or
/// copied.
#[test]
fn packing_does_not_make_a_body_younger() {
    let place = Place::new();
    let days = |days: i64| {
        let options = StoreOptions::new().clock(move || Utc::now() + TimeDelta::days(days));
        place.try_open(&options).unwrap()
    };
    let store = place.create();
    create(&store, "p");
    store.checkpoint().unwrap();
    drop(store);
    place.checkpoint_wal();
    let older = std::fs::read(place.index()).unwrap();
    let store = place.open();
    let versions: Vec<_> = (0..10)
        .map(|number| commit(&store, "p", number.to_string()))
        .collect();
    store.checkpoint().unwrap();
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
    place.open().backup(&backup).unwrap();
    std::fs::remove_dir_all(place.path().join("blobs")).unwrap();
    std::fs::rename(backup.join("blobs"), place.path().join("blobs")).unwrap();
    place.checkpoint_wal();
    std::fs::write(place.index(), &older).unwrap();
    let collect = |on: i64| {
        let options = GcOptions::new().repack(true);
        let collected = days(on).collect_garbage_with(options).unwrap();
        (collected.leftovers, collected.dropped)
    };
    assert_eq!(collect(9), (0, 0), "29 days old");
    // The file of the latest version is a copy, and only as old as the copy.
    assert_eq!(collect(11), (0, 9), "31 days old");
    is_sound(&place.open());
}
