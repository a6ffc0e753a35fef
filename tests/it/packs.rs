//! Packs: when bodies are packed, that they are found there, and that none is lost in the process.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use promptbook::maintenance::{BlobUsage, GcOptions, VerifyOptions};
use promptbook::{Batch, Error, NewPrompt, NewVersion, Store, StoreOptions};

use crate::support::{Done, Place, body, commit, create, is_sound, violations};

/// Creates prompts with this number of versions each, in one transaction.
fn import(batch: &mut Batch<'_>, prompts: usize, versions: usize) -> promptbook::Result<()> {
    for prompt in 0..prompts {
        let name = format!("prompt {prompt}");
        let first =
            NewPrompt::new(name.as_str(), body(format!("{prompt} 0"))).allow_duplicate_name();
        let id = batch.create_prompt(first)?.prompt.id;
        for version in 1..versions {
            batch.commit(NewVersion::new(id, body(format!("{prompt} {version}"))))?;
        }
    }
    Ok(())
}

fn assert_all(store: &Store, prompts: usize, versions: usize) {
    for prompt in 0..prompts {
        for version in 0..versions {
            let spec = format!("prompt {prompt}@1.{version}");
            let read = store.resolve(spec.as_str()).unwrap();
            assert_eq!(read.body.text(), body(format!("{prompt} {version}")));
        }
    }
}

fn usage(store: &Store) -> BlobUsage {
    store.stats().unwrap().bodies
}

fn files_in(place: &Place, folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(place.path().join(folder));
    let files = files.into_iter().flatten().map(|file| file.unwrap().path());
    files.collect()
}

/// Opens a store whose clock is this number of days ahead.
fn later(place: &Place, days: i64) -> Store {
    let clock = move || Utc::now() + TimeDelta::days(days);
    let options = StoreOptions::new().clock(clock);
    options.open(place.path()).unwrap()
}

#[test]
fn the_bodies_of_a_large_batch_are_in_a_pack() {
    let place = Place::new();
    let store = place.create();
    store.batch(|batch| import(batch, 5, 40)).unwrap();
    let usage = usage(&store);
    assert_eq!((usage.packs, usage.packed_bodies), (1, 200));
    assert_eq!(store.stats().unwrap().journaled_bodies, 0);
    assert_all(&store, 5, 40);
    is_sound(&store);
    drop(store);
    let other = place.open();
    assert_all(&other, 5, 40);
    is_sound(&other);
    assert_all(&place.open_read_only().unwrap(), 5, 40);
}

/// A batch reads bodies that it has packed itself, for the contract of a base and for partials.
#[test]
fn a_batch_reads_what_it_packed() {
    let place = Place::new();
    let store = place.create();
    let made = store.batch(|batch| {
        import(batch, 1, 1200)?;
        let asks = r#"{"messages": [{"role": "user", "content": "{{hc:name:string}}"}]}"#;
        let part = batch.create_prompt(NewPrompt::new("part", asks))?.prompt.id;
        let uses = format!(
            r#"{{"messages": [{{"role": "user", "content": "{{{{hcp:{part}:0:production}}}}"}}]}}"#
        );
        let whole = batch
            .create_prompt(NewPrompt::new("whole", uses))?
            .prompt
            .id;
        // This body drops a variable that only the partial requires.
        let plain = r#"{"messages": [{"role": "user", "content": "plain"}]}"#;
        let second = batch.commit(NewVersion::new(whole, plain))?;
        // The contracts of many other bodies were computed in between.
        let next = NewVersion::new("prompt 0", body("another"));
        Ok((
            second.number.to_string(),
            batch.commit(next.base("1.0".parse::<promptbook::Selector>()?))?,
        ))
    });
    let (second, next) = made.unwrap();
    assert_eq!(second, "2.0", "the partial was not read");
    assert_eq!(next.number.to_string(), "1.1200");
    is_sound(&store);
}

#[test]
fn a_batch_that_fails_leaves_no_pack() {
    let place = Place::new();
    let store = place.create();
    let failed = store.batch(|batch| {
        import(batch, 2, 100)?;
        batch.delete_prompt("missing")
    });
    assert!(matches!(failed, Err(Error::PromptNotFound { .. })));
    assert_eq!(files_in(&place, "blobs/packs"), [""; 0].map(PathBuf::from));
    assert_eq!(files_in(&place, "tmp"), [""; 0].map(PathBuf::from));
    store.batch(|batch| import(batch, 2, 100)).unwrap();
    assert_all(&store, 2, 100);
    is_sound(&store);
}

/// A body that is stored, in a pack or in a file, is not stored again.
#[test]
fn a_body_is_packed_once() {
    let place = Place::new();
    let store = place.create();
    store.batch(|batch| import(batch, 1, 100)).unwrap();
    store.batch(|batch| import(batch, 1, 100)).unwrap();
    let usage = usage(&store);
    assert_eq!((usage.packs, usage.packed_bodies), (1, 100));
    is_sound(&store);
}

/// Many journaled bodies are written to one file, not to many.
#[test]
fn many_commits_are_checkpointed_into_a_pack() {
    let place = Place::new();
    let store = place.create();
    for round in 0..20 {
        let few = |batch: &mut Batch<'_>| {
            for number in 0..60 {
                let name = format!("{round} {number}");
                batch.create_prompt(NewPrompt::new(name.as_str(), body(&name)))?;
            }
            Ok(())
        };
        store.batch(few).unwrap();
    }
    store.checkpoint().unwrap();
    let usage = usage(&store);
    assert_eq!(usage.packed_bodies + usage.loose_bodies, 1200);
    assert_eq!(store.stats().unwrap().journaled_bodies, 0);
    is_sound(&store);
}

/// Bodies older than a day are packed, except those that an environment points to and the latest of
/// each prompt.
#[test]
fn old_bodies_are_packed_and_current_ones_stay_files() {
    let place = Place::new();
    let store = place.create();
    let first = create(&store, "greeting").version;
    let versions: Vec<_> = (1..8)
        .map(|number| commit(&store, "greeting", number))
        .collect();
    store.checkpoint().unwrap();
    assert_eq!(store.repack().unwrap().bodies, 0, "a young body was packed");
    drop(store);
    let store = later(&place, 2);
    assert_eq!(
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
            .unwrap()
            .packed,
        0,
        "too few old bodies for gc to pack"
    );
    assert_eq!(store.repack().unwrap().bodies, 6);
    assert!(
        place.body(first.blob).exists(),
        "the body in production has no file"
    );
    assert!(
        place.body(versions[6].blob).exists(),
        "the latest body has no file"
    );
    assert!(
        !place.body(versions[0].blob).exists(),
        "a packed body still has its file"
    );
    for version in &versions {
        assert_eq!(*store.resolve(version.id).unwrap().version, *version);
    }
    is_sound(&store);
    drop(store);
    is_sound(&place.open());
}

#[test]
fn many_old_bodies_are_packed_by_gc() {
    let place = Place::new();
    let store = place.create();
    let few = |first: usize| {
        move |batch: &mut Batch<'_>| {
            for version in first..first + 60 {
                batch.commit(NewVersion::new("greeting", body(version)))?;
            }
            Ok(())
        }
    };
    create(&store, "greeting");
    for first in (0..600).step_by(60) {
        store.batch(few(first)).unwrap();
        store.checkpoint().unwrap();
    }
    assert_eq!(usage(&store).loose_bodies, 601);
    drop(store);
    let store = later(&place, 2);
    let collected = store
        .collect_garbage_with(GcOptions::new().retention(Duration::from_secs(0)))
        .unwrap();
    assert_eq!(collected.packed, 599);
    assert_eq!(usage(&store).loose_bodies, 2);
    is_sound(&store);
}

/// A version that is deleted and collected no longer takes space once its pack is rewritten.
#[test]
fn unreferenced_bodies_are_removed_from_packs() {
    let place = Place::new();
    let store = place.create();
    store.batch(|batch| import(batch, 4, 100)).unwrap();
    store.checkpoint().unwrap();
    store.delete_prompt("prompt 1").unwrap();
    let collected = store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    assert_eq!(
        (collected.bodies, collected.dropped),
        (100, 0),
        "less than half of the pack is unreferenced"
    );
    assert_eq!(
        store.repack().unwrap().dropped,
        0,
        "a young body was removed from the pack"
    );
    let all = GcOptions::new().retention(Duration::ZERO).repack(true);
    let collected = store.collect_garbage_with(all).unwrap();
    assert_eq!((collected.bodies, collected.dropped), (0, 100));
    store.delete_prompt("prompt 2").unwrap();
    store.delete_prompt("prompt 3").unwrap();
    let collected = store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    assert_eq!((collected.bodies, collected.dropped), (200, 200));
    assert_eq!(
        usage(&store).packed_bodies + usage(&store).loose_bodies,
        100
    );
    is_sound(&store);
    // A collected body can be stored again like a new one.
    store.batch(|batch| import(batch, 4, 100)).unwrap();
    is_sound(&store);
}

/// Readers of this process and of others continue while bodies move; no body is ever missing.
#[test]
fn readers_continue_while_packs_are_rewritten() {
    let place = Place::new();
    let store = place.create();
    store.batch(|batch| import(batch, 4, 50)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    // A new handle has nothing in memory.
                    assert_all(&place.open(), 4, 50);
                }
            });
        }
        let _done = Done(&done);
        let other = later(&place, 2);
        for round in 0..15 {
            other.repack().unwrap();
            let name = format!("own {round}");
            let own = |batch: &mut Batch<'_>| {
                let id = batch.create_prompt(NewPrompt::new(name.as_str(), body(&name)))?;
                for version in 0..100 {
                    let text = body(format!("{name} {version}"));
                    batch.commit(NewVersion::new(id.prompt.id, text))?;
                }
                Ok(())
            };
            store.batch(own).unwrap();
            store.delete_prompt(name.as_str()).unwrap();
            other
                .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
                .unwrap();
        }
    });
    is_sound(&store);
}

/// An import beside a garbage collection and a repack is complete when it is acknowledged.
#[test]
fn an_import_beside_garbage_collection_is_complete() {
    let place = Place::new();
    let store = place.create();
    create(&store, "greeting");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let other = later(&place, 2);
            while !done.load(Ordering::Acquire) {
                other
                    .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
                    .unwrap();
                other.repack().unwrap();
            }
        });
        let _done = Done(&done);
        for round in 0..20 {
            let many = |batch: &mut Batch<'_>| {
                for version in 0..150 {
                    let text = body(format!("{round} {version}"));
                    batch.commit(NewVersion::new("greeting", text))?;
                }
                Ok(())
            };
            store.batch(many).unwrap();
            is_sound(&place.open());
        }
    });
    is_sound(&store);
}

#[test]
fn a_damaged_or_missing_pack_is_named() {
    let place = Place::new();
    let store = place.create();
    store.batch(|batch| import(batch, 2, 100)).unwrap();
    store.checkpoint().unwrap();
    drop(store);
    let pack = files_in(&place, "blobs/packs").remove(0);
    let sound = fs::read(&pack).unwrap();
    let mut damaged = sound.clone();
    damaged[100] ^= 1;
    fs::write(&pack, damaged).unwrap();
    let told = violations(&place.open());
    assert!(
        told[0].starts_with("pack: ") && told[0].contains(pack.to_str().unwrap()),
        "{told:?}"
    );
    assert!(
        told.len() > 1,
        "the bodies that depend on the damaged record are not named: {told:?}"
    );
    let quickly = place
        .open()
        .verify_with(VerifyOptions::new().quick())
        .unwrap();
    assert!(
        quickly.is_clean(),
        "a quick verification read a body: {:?}",
        quickly.violations
    );

    fs::write(&pack, &sound[..sound.len() - 1]).unwrap();
    assert!(
        !place
            .open()
            .verify_with(VerifyOptions::new().quick())
            .unwrap()
            .is_clean()
    );
    fs::remove_file(&pack).unwrap();
    let quickly = place
        .open()
        .verify_with(VerifyOptions::new().quick())
        .unwrap();
    assert_eq!(quickly.violations.len(), 200);
    let read = place.open().resolve("prompt 1@1.50");
    assert!(matches!(read, Err(Error::CorruptBody { .. })), "{read:?}");
    fs::write(&pack, sound).unwrap();
    is_sound(&place.open());
}

/// A body is found by its address for as long as it is stored.
#[test]
fn a_body_is_read_by_its_address() {
    let place = Place::new();
    let store = place.create();
    store.batch(|batch| import(batch, 1, 100)).unwrap();
    let version = store.version("prompt 0@1.80").unwrap();
    assert_eq!(store.body(version.blob).unwrap().text(), body("0 80"));
    let missing = promptbook::BlobId::of(b"missing");
    let read = store.body(missing);
    assert!(matches!(read, Err(Error::BodyNotFound { blob }) if blob == missing));
    store.delete_version(version.id).unwrap();
    assert_eq!(store.body(version.blob).unwrap().text(), body("0 80"));
    store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    assert!(matches!(
        place.open().body(version.blob),
        Err(Error::BodyNotFound { .. })
    ));
}

/// An open store packs old bodies in the background once no commits arrive.
#[test]
fn bodies_that_grow_old_are_packed_in_the_background() {
    let place = Place::new();
    let days = Arc::new(AtomicI64::new(0));
    let on = Arc::clone(&days);
    let clock =
        move || -> DateTime<Utc> { Utc::now() + TimeDelta::days(on.load(Ordering::Relaxed)) };
    let store = StoreOptions::new()
        .clock(clock)
        .create(place.path())
        .unwrap();
    create(&store, "greeting");
    for version in 0..600 {
        commit(&store, "greeting", version);
    }
    // Otherwise the maintenance worker may check the bodies while they are young, and again only an
    // hour later.
    days.store(2, Ordering::Relaxed);
    commit(&store, "greeting", "now");
    store.checkpoint().unwrap();
    for _ in 0..200 {
        if usage(&store).packed_bodies > 500 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(usage(&store).packed_bodies > 500, "{:?}", usage(&store));
    is_sound(&store);
}
