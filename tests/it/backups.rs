//! Backups: whole at every moment, of one moment, and enough to make the store anew.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use promptbook::{
    Error, ErrorKind, NewPrompt, NewVersion, OperationId, Selector, Store, VerifyReport, Violation,
};

use crate::support::{Done, Place, body, commit, copy, create, is_sound};

/// A store with a body of each kind: packed, a file, and in the journal.
fn filled() -> (Place, Store) {
    let place = Place::new();
    let store = place.create();
    let import = |batch: &mut promptbook::Batch<'_>| {
        for prompt in 0..4 {
            let name = format!("packed {prompt}");
            let new = NewPrompt::new(name.as_str(), body(format!("{prompt}")));
            let id = batch.create_prompt(new)?.prompt.id;
            for version in 0..40 {
                batch.commit(NewVersion::new(id, body(format!("{prompt} {version}"))))?;
            }
        }
        Ok(())
    };
    store.batch(import).unwrap();
    create(&store, "file");
    store.checkpoint(|_| ()).unwrap();
    create(&store, "journal");
    (place, store)
}

fn head(store: &Store) -> OperationId {
    let last = store.operations(&Default::default(), None, 1).unwrap();
    last[0].id
}

/// All that is read of a store: its operations, and each version's body.
fn all(store: &Store) -> Vec<String> {
    let mut found = Vec::new();
    for operation in store.operations(&Default::default(), None, 9999).unwrap() {
        found.push(operation.id.to_string());
    }
    for prompt in store.prompts(&Default::default(), None, 999).unwrap() {
        let versions = store.versions(prompt.id, &Default::default(), None, 999);
        for version in versions.unwrap() {
            let resolved = store.resolve(version.id).unwrap();
            found.push(format!("{} {}", version.number, resolved.body.text()));
        }
    }
    found
}

fn sound(report: &VerifyReport) {
    assert!(report.is_clean(), "{:#?}", report.violations);
}

#[test]
fn a_backup_is_a_store_and_brought_up_to_date() {
    let (_place, store) = filled();
    let backup = Place::new();
    let made = store.backup(backup.path(), |_| ()).unwrap();
    sound(&made.report);
    let first = made.copied;
    // The one in the journal may have been settled by now.
    assert!((2..=3).contains(&first), "a pack, and a body");
    assert_eq!(made.kept, 0);
    assert_eq!(made.report.head, Some(head(&store)));
    let opened = backup.open_read_only().unwrap();
    assert_eq!(all(&opened), all(&store));
    drop(opened);
    assert_eq!(fs::read_dir(backup.path().join("tmp")).unwrap().count(), 0);

    store.checkpoint(|_| ()).unwrap();
    commit(&store, "file", "more");
    let made = store.backup(backup.path(), |_| ()).unwrap();
    sound(&made.report);
    assert_eq!((made.copied + made.kept, made.kept), (3, first));
    assert_eq!(all(&backup.open()), all(&store));
}

/// Whatever others do meanwhile, it is of one moment, and has all that was acknowledged before it was begun.
#[test]
fn others_write_settle_and_repack_meanwhile() {
    let (place, store) = filled();
    let backup = Place::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _done = Done(&done);
        for name in ["file", "journal"] {
            let (place, done) = (&place, &done);
            scope.spawn(move || {
                let store = place.open();
                for turn in 0.. {
                    if done.load(Ordering::Acquire) {
                        break;
                    }
                    commit(&store, name, format!("{name} {turn}"));
                    if turn % 7 == 0 {
                        store.checkpoint(|_| ()).unwrap();
                    }
                }
            });
        }
        let (place, done) = (&place, &done);
        scope.spawn(move || {
            let store = place.open();
            while !done.load(Ordering::Acquire) {
                store.repack().unwrap();
                store.collect_garbage(Store::RETENTION).unwrap();
            }
        });
        for _ in 0..12 {
            let before = store.stats().unwrap().operations;
            let acknowledged = head(&store);
            let made = store.backup(backup.path(), |_| ()).unwrap();
            sound(&made.report);
            assert!(made.report.operations >= before);
            let opened = backup.open_read_only().unwrap();
            let pinned = opened.verify_pinned(&[acknowledged], |_| ()).unwrap();
            sound(&pinned);
        }
    });
    is_sound(&store);
}

/// What a power cut left of an earlier one is not trusted.
#[test]
fn an_interrupted_backup_goes_on() {
    let (_place, store) = filled();
    let backup = Place::new();
    store.backup(backup.path(), |_| ()).unwrap();
    fs::remove_file(backup.index()).unwrap();
    let torn: Vec<_> = files(&backup);
    assert!(torn.len() >= 2);
    for file in &torn {
        let length = file.metadata().unwrap().len();
        fs::write(file, vec![0; usize::try_from(length).unwrap()]).unwrap();
    }
    let made = store.backup(backup.path(), |_| ()).unwrap();
    sound(&made.report);
    assert!(made.copied >= 2);
    assert_eq!(made.kept, 0);
    assert_eq!(all(&backup.open()), all(&store));
}

/// The files of bodies and packs.
fn files(place: &Place) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for folder in fs::read_dir(place.path().join("blobs")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            files.push(file.unwrap().path());
        }
    }
    files
}

#[test]
fn what_else_is_there_is_left_alone() {
    let (place, store) = filled();
    let other = Place::new();
    create(&other.create(), "other");
    let refused = store.backup(other.path(), |_| ()).unwrap_err();
    assert!(
        matches!(refused, Error::MismatchedBackup { operation: 1, .. }),
        "{refused}"
    );
    assert_eq!(other.open().prompt_count().unwrap(), 1);

    // A backup that somebody went on with.
    let backup = Place::new();
    store.backup(backup.path(), |_| ()).unwrap();
    commit(&backup.open(), "file", "in the backup");
    let refused = store.backup(backup.path(), |_| ()).unwrap_err();
    assert!(
        matches!(refused, Error::MismatchedBackup { .. }),
        "{refused}"
    );

    for within in ["", "blobs", "blobs/deep/er"] {
        let refused = store.backup(place.path().join(within), |_| ());
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("within the store"), "{refused}");
    }
    let refused = Store::in_memory().unwrap().backup(backup.path(), |_| ());
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
    fs::write(other.path().join("file"), "").unwrap();
    let refused = store.backup(other.path().join("file"), |_| ()).unwrap_err();
    assert!(matches!(refused, Error::Storage(_)), "{refused}");
}

/// Readers of an earlier backup keep it from being replaced, and nothing is lost.
#[test]
fn a_backup_that_is_in_use_stays() {
    let (_place, store) = filled();
    let backup = Place::new();
    store.backup(backup.path(), |_| ()).unwrap();
    let before = head(&store);
    // A log that has what the file has not.
    let connection = rusqlite::Connection::open(backup.index()).unwrap();
    connection
        .execute_batch("PRAGMA user_version = 1; BEGIN; SELECT count(*) FROM version")
        .unwrap();
    commit(&store, "file", "more");
    let refused = store.backup(backup.path(), |_| ()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Busy, "{refused}");
    drop(connection);
    let report = backup.open().verify_pinned(&[before], |_| ()).unwrap();
    sound(&report);
    sound(&store.backup(backup.path(), |_| ()).unwrap().report);
    assert_eq!(all(&backup.open()), all(&store));
}

/// What a backup has copied has no row before its index is replaced, as what a killed process left has none.
#[test]
fn a_collection_of_the_backup_leaves_what_is_copied_meanwhile() {
    let (_place, store) = filled();
    let backup = Place::new();
    sound(&store.backup(backup.path(), |_| ()).unwrap().report);
    let earlier = all(&backup.open());
    commit(&store, "file", "more");
    store.checkpoint(|_| ()).unwrap();
    let made = thread::scope(|scope| {
        let mut collection = None;
        // It is told of each pack, when all files are copied.
        store.backup(backup.path(), |_| {
            let collection = collection.get_or_insert_with(|| {
                scope.spawn(|| backup.open().collect_garbage(Duration::ZERO))
            });
            let until = Instant::now() + Duration::from_millis(300);
            while !collection.is_finished() && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
        })
    });
    let expected = match made {
        Ok(made) => {
            sound(&made.report);
            all(&store)
        }
        // The collection has it open.
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
            earlier
        }
    };
    let opened = backup.open();
    is_sound(&opened);
    assert_eq!(all(&opened), expected);
    drop(opened);
    sound(&store.backup(backup.path(), |_| ()).unwrap().report);
    assert_eq!(all(&backup.open()), all(&store));
}

#[test]
fn a_store_is_made_of_a_backup() {
    let (place, store) = filled();
    let backup = Place::new();
    store.backup(backup.path(), |_| ()).unwrap();
    let before = all(&store);
    let refused = Store::restore(backup.path(), place.path(), |_| ());
    assert!(matches!(refused, Err(Error::StoreExists { .. })));
    drop(store);
    let made = Place::new();
    let restored = Store::restore(backup.path(), made.path().join("new"), |_| ());
    sound(&restored.unwrap().report);
    let store = Store::open(made.path().join("new")).unwrap();
    assert_eq!(all(&store), before);
    commit(&store, "file", "it goes on");
    let moved = store.set_environment("file", "production", Selector::Latest);
    moved.unwrap();
    is_sound(&store);
    let nothing = Store::restore(made.path().join("nothing"), made.path().join("x"), |_| ());
    assert!(matches!(nothing, Err(Error::NotAStore { .. })));
}

/// It is copied as far as it can be read, and what an earlier backup has is not given up for it.
#[test]
fn a_damaged_store_is_copied_as_far_as_it_goes() {
    let (place, store) = filled();
    let (earlier, later) = (Place::new(), Place::new());
    store.backup(earlier.path(), |_| ()).unwrap();
    let damaged = files(&place);
    drop(store);
    for file in damaged {
        let mut bytes = fs::read(&file).unwrap();
        bytes[40] ^= 1;
        fs::write(&file, bytes).unwrap();
    }
    let store = place.open();
    let made = store.backup(later.path(), |_| ()).unwrap();
    let bodies = made.report.violations.iter();
    let bodies = bodies.filter(|one| matches!(one, Violation::Body { .. }));
    assert!(bodies.count() > 1, "{:?}", made.report.violations);
    assert!(later.open().resolve("journal@latest").is_ok());
    sound(&store.backup(earlier.path(), |_| ()).unwrap().report);
}

/// An id that was written down says whether the history that it ends is still the beginning of this one.
#[test]
fn a_pin_tells_that_history_was_rewritten() {
    let (place, store) = filled();
    let early = head(&store);
    let rewritten = Place::new();
    drop(store);
    copy(place.path(), rewritten.path());
    let (store, other) = (place.open(), rewritten.open());
    commit(&store, "file", "so it was");
    commit(&other, "file", "so it is said to have been");
    let late = head(&store);
    commit(&store, "file", "and on");
    commit(&other, "file", "and on");
    sound(&store.verify_pinned(&[early, late, late], |_| ()).unwrap());
    let report = other.verify_pinned(&[late, early], |_| ()).unwrap();
    assert_eq!(report.violations, [Violation::Pin { pin: late }]);
    assert!(report.violations[0].to_string().contains("pinned"));
    sound(&other.verify(|_| ()).unwrap());
}

/// Damages a body of each kind: all of a pack, a file, and one in the journal.
fn damage(place: &Place, store: Store) {
    drop(store);
    for file in files(place) {
        let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        match length > 1000 {
            true => bytes[100..length / 4].fill(0),
            false => bytes[length / 2] ^= 4,
        }
        fs::write(&file, bytes).unwrap();
    }
    place.sql("UPDATE blob_journal SET body = zeroblob(length(body))");
}

#[test]
fn damaged_bodies_are_taken_back_from_a_backup() {
    let (place, store) = filled();
    let backup = Place::new();
    store.backup(backup.path(), |_| ()).unwrap();
    let before = all(&store);
    damage(&place, store);
    let store = place.open();
    assert!(!store.verify(|_| ()).unwrap().is_clean());

    // Without one, and with one that has other bodies, nothing gets better or worse.
    let other = Place::new();
    create(&other.create(), "other");
    let left = store.verify(|_| ()).unwrap().violations;
    for sources in [vec![], vec![other.open()]] {
        let repaired = store.repair(&sources, |_| ()).unwrap();
        assert_eq!(repaired.bodies, []);
        assert_eq!(repaired.report.violations.len(), left.len());
    }

    let sources = [other.open(), backup.open_read_only().unwrap()];
    let repaired = store.repair(&sources, |_| ()).unwrap();
    assert!(repaired.bodies.len() > 10, "{:?}", repaired.bodies);
    sound(&repaired.report);
    assert_eq!(all(&store), before);
    let again = store.repair(&sources, |_| ()).unwrap();
    assert_eq!(again.bodies, []);
    drop(store);
    assert_eq!(all(&place.open()), before);
}

/// A pack of the same bodies has the same bytes, and name: the file that was damaged is not looked into any more.
#[test]
fn a_pack_that_is_made_anew_under_its_name_is_read() {
    let place = Place::new();
    let store = place.create();
    let import = |batch: &mut promptbook::Batch<'_>| {
        for prompt in 0..400 {
            let new = NewPrompt::new(format!("{prompt}"), body(prompt));
            batch.create_prompt(new)?;
        }
        Ok(())
    };
    store.batch(import).unwrap();
    store.repack().unwrap();
    let before = all(&store);
    let reader = place.open();
    drop(store);
    let pack = files(&place).pop().unwrap();
    let sound_pack = fs::read(&pack).unwrap();
    let mut damaged = sound_pack.clone();
    damaged[sound_pack.len() - 70] ^= 1;
    fs::write(&pack, damaged).unwrap();
    let store = place.open();
    assert!(!store.verify(|_| ()).unwrap().is_clean());
    assert!(!reader.verify(|_| ()).unwrap().is_clean());
    sound(&store.repair(&[], |_| ()).unwrap().report);
    assert!(fs::read(&pack).unwrap() == sound_pack, "not the same name");
    sound(&reader.verify(|_| ()).unwrap());
    assert_eq!(all(&reader), before);
}

/// What a pack has is found without its index, where that is damaged or cut off.
#[test]
fn a_pack_whose_index_is_damaged_is_made_anew() {
    let (place, store) = filled();
    let before = all(&store);
    store.checkpoint(|_| ()).unwrap();
    drop(store);
    let pack = files(&place)
        .into_iter()
        .max_by_key(|file| file.metadata().unwrap().len());
    let pack = pack.unwrap();
    let sound_pack = fs::read(&pack).unwrap();
    let length = sound_pack.len();
    let index = u64::from_le_bytes(sound_pack[length - 64..][..8].try_into().unwrap());
    let index = usize::try_from(index).unwrap();
    let flipped = |at: usize| {
        let mut bytes = sound_pack.clone();
        bytes[at] ^= 1;
        bytes
    };
    let damages = [
        ("fan-out", flipped(index + 1)),
        ("entries", flipped(length - 64 - 11 * 80)),
        ("place of the index", flipped(length - 64)),
        ("number of entries", flipped(length - 56)),
        ("hash", flipped(length - 1)),
        ("cut in the index", sound_pack[..index + 100].to_vec()),
        ("cut before the index", sound_pack[..index].to_vec()),
    ];
    for (damage, bytes) in damages {
        let damaged = Place::new();
        copy(place.path(), damaged.path());
        let file = damaged
            .path()
            .join(pack.strip_prefix(place.path()).unwrap());
        fs::write(&file, bytes).unwrap();
        let store = damaged.open();
        assert!(!store.verify(|_| ()).unwrap().is_clean(), "{damage}");
        let repaired = store.repair(&[], |_| ()).unwrap();
        assert!(
            repaired.report.is_clean(),
            "{damage}: {:#?}",
            repaired.report
        );
        assert_eq!(all(&store), before, "{damage}");
        assert!(!file.exists() || fs::read(&file).unwrap() == sound_pack);
    }

    // What can't be found so is no reason to give up where it may be.
    let damaged = Place::new();
    copy(place.path(), damaged.path());
    let file = damaged
        .path()
        .join(pack.strip_prefix(place.path()).unwrap());
    let cut = &sound_pack[..index / 2];
    fs::write(&file, cut).unwrap();
    let store = damaged.open();
    let repaired = store.repair(&[], |_| ()).unwrap();
    let left = repaired.report.violations.iter();
    let left = left
        .filter(|one| matches!(one, Violation::Body { .. }))
        .count();
    assert!((1..159).contains(&left), "{left} of 160");
    assert_eq!(fs::read(&file).unwrap(), cut);
    let repaired = store
        .repair(&[place.open_read_only().unwrap()], |_| ())
        .unwrap();
    sound(&repaired.report);
    assert_eq!(repaired.bodies.len(), left);
    assert!(!file.exists());
    assert_eq!(all(&store), before);
}

#[test]
fn files_that_are_gone_are_taken_back() {
    let (place, store) = filled();
    store.checkpoint(|_| ()).unwrap();
    let backup = Place::new();
    store.backup(backup.path(), |_| ()).unwrap();
    let before = all(&store);
    drop(store);
    for file in files(&place) {
        fs::remove_file(file).unwrap();
    }
    let store = place.open();
    let repaired = store.repair(&[backup.open_read_only().unwrap()], |_| ());
    sound(&repaired.unwrap().report);
    assert_eq!(all(&store), before);
    assert!(matches!(
        place.open_read_only().unwrap().repair(&[], |_| ()),
        Err(Error::ReadOnly)
    ));
}
