//! Backups: consistent and complete at any time, and sufficient to restore the store.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use promptbook::error::OpenError;
use promptbook::maintenance::GcOptions;
use promptbook::maintenance::{BackupOptions, VerifyOptions};
use promptbook::maintenance::{VerifyReport, Violation};
use promptbook::{Error, ErrorKind, NewPrompt, NewVersion, OperationId, Selector, Store};

use crate::support::{Done, Place, body, commit, copy, create, is_sound};

/// Returns a store with bodies in each kind of storage: in a pack, in a loose file, and in the
/// journal.
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
    store.checkpoint().unwrap();
    create(&store, "journal");
    (place, store)
}

fn head(store: &Store) -> OperationId {
    let last = store.operations().page(None, 1).unwrap();
    last[0].id
}

/// Returns everything that can be read from a store: its operations, and the body of each version.
fn all(store: &Store) -> Vec<String> {
    let mut found = Vec::new();
    for operation in store.operations().page(None, 9999).unwrap() {
        found.push(operation.id.to_string());
    }
    for prompt in store.prompts().page(None, 999).unwrap() {
        let versions = store.versions(prompt.id).page(None, 999);
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
fn a_backup_opens_as_a_store_and_is_updated_incrementally() {
    let (_place, store) = filled();
    let backup = Place::new();
    let made = store.backup(backup.path()).unwrap();
    sound(&made.report);
    let first = made.copied;
    // The body in the journal may have been checkpointed by now.
    assert!((2..=3).contains(&first), "expected a pack and a loose body");
    assert_eq!(made.kept, 0);
    assert_eq!(made.report.head, Some(head(&store)));
    let opened = backup.open_read_only().unwrap();
    assert_eq!(all(&opened), all(&store));
    drop(opened);
    assert_eq!(fs::read_dir(backup.path().join("tmp")).unwrap().count(), 0);

    store.checkpoint().unwrap();
    commit(&store, "file", "more");
    let made = store.backup(backup.path()).unwrap();
    sound(&made.report);
    assert_eq!((made.copied + made.kept, made.kept), (3, first));
    assert_eq!(all(&backup.open()), all(&store));
}

/// A backup is a consistent snapshot that contains everything acknowledged before it began,
/// whatever other handles do at the same time.
#[test]
fn a_backup_is_consistent_beside_writes_checkpoints_and_repacks() {
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
                        store.checkpoint().unwrap();
                    }
                }
            });
        }
        let (place, done) = (&place, &done);
        scope.spawn(move || {
            let store = place.open();
            while !done.load(Ordering::Acquire) {
                store.repack().unwrap();
                store.collect_garbage().unwrap();
            }
        });
        for _ in 0..12 {
            let before = store.stats().unwrap().operations;
            let acknowledged = head(&store);
            let made = store.backup(backup.path()).unwrap();
            sound(&made.report);
            assert!(made.report.operations >= before);
            let opened = backup.open_read_only().unwrap();
            let pinned = opened
                .verify_with(VerifyOptions::new().pin(acknowledged))
                .unwrap();
            sound(&pinned);
        }
    });
    is_sound(&store);
}

/// Files that a power cut left from an earlier backup are not trusted.
#[test]
fn an_interrupted_backup_is_completed() {
    let (_place, store) = filled();
    let backup = Place::new();
    store.backup(backup.path()).unwrap();
    fs::remove_file(backup.index()).unwrap();
    let torn: Vec<_> = files(&backup);
    assert!(torn.len() >= 2);
    for file in &torn {
        let length = file.metadata().unwrap().len();
        fs::write(file, vec![0; usize::try_from(length).unwrap()]).unwrap();
    }
    let made = store.backup(backup.path()).unwrap();
    sound(&made.report);
    assert!(made.copied >= 2);
    assert_eq!(made.kept, 0);
    assert_eq!(all(&backup.open()), all(&store));
}

/// Returns the files of loose bodies and packs.
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
fn a_backup_does_not_overwrite_other_stores_or_files() {
    let (place, store) = filled();
    let other = Place::new();
    create(&other.create(), "other");
    let refused = store.backup(other.path()).unwrap_err();
    assert!(
        matches!(refused, Error::MismatchedBackup { operation: 1, .. }),
        "{refused}"
    );
    assert_eq!(other.open().prompts().count().unwrap(), 1);

    // A backup that was opened as a store and changed.
    let backup = Place::new();
    store.backup(backup.path()).unwrap();
    commit(&backup.open(), "file", "in the backup");
    let refused = store.backup(backup.path()).unwrap_err();
    assert!(
        matches!(refused, Error::MismatchedBackup { .. }),
        "{refused}"
    );

    for within in ["", "blobs", "blobs/deep/er"] {
        let refused = store.backup(place.path().join(within));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("within the store"), "{refused}");
    }
    let refused = Store::in_memory().unwrap().backup(backup.path());
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
    fs::write(other.path().join("file"), "").unwrap();
    let refused = store.backup(other.path().join("file")).unwrap_err();
    assert!(matches!(refused, Error::Storage(_)), "{refused}");
}

/// An open reader of an earlier backup prevents its replacement, and nothing is lost.
#[test]
fn a_backup_with_an_open_reader_is_not_replaced() {
    let (_place, store) = filled();
    let backup = Place::new();
    store.backup(backup.path()).unwrap();
    let before = head(&store);
    // Gives the backup a log with pages that its index file does not contain.
    let connection = rusqlite::Connection::open(backup.index()).unwrap();
    connection
        .execute_batch("PRAGMA user_version = 1; BEGIN; SELECT count(*) FROM version")
        .unwrap();
    commit(&store, "file", "more");
    let refused = store.backup(backup.path()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Busy, "{refused}");
    drop(connection);
    let report = backup
        .open()
        .verify_with(VerifyOptions::new().pin(before))
        .unwrap();
    sound(&report);
    sound(&store.backup(backup.path()).unwrap().report);
    assert_eq!(all(&backup.open()), all(&store));
}

/// The bodies that a backup has copied have no rows until the index is replaced, like the bodies
/// that a killed process leaves behind.
#[test]
fn garbage_collection_of_a_backup_leaves_bodies_being_copied() {
    let (_place, store) = filled();
    let backup = Place::new();
    sound(&store.backup(backup.path()).unwrap().report);
    let earlier = all(&backup.open());
    commit(&store, "file", "more");
    store.checkpoint().unwrap();
    let made = thread::scope(|scope| {
        let mut collection = None;
        // The callback runs for each pack, after all loose files are copied.
        let options = BackupOptions::new().progress(|_| {
            let collection = collection.get_or_insert_with(|| {
                scope.spawn(|| {
                    backup
                        .open()
                        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
                })
            });
            let until = Instant::now() + Duration::from_millis(300);
            while !collection.is_finished() && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
        });
        store.backup_with(backup.path(), options)
    });
    let expected = match made {
        Ok(made) => {
            sound(&made.report);
            all(&store)
        }
        // The garbage collection has the backup open.
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
            earlier
        }
    };
    let opened = backup.open();
    is_sound(&opened);
    assert_eq!(all(&opened), expected);
    drop(opened);
    sound(&store.backup(backup.path()).unwrap().report);
    assert_eq!(all(&backup.open()), all(&store));
}

#[test]
fn a_store_is_restored_from_a_backup() {
    let (place, store) = filled();
    let backup = Place::new();
    store.backup(backup.path()).unwrap();
    let before = all(&store);
    let refused = Store::restore(backup.path(), place.path());
    assert!(matches!(
        refused,
        Err(Error::Open(OpenError::StoreExists { .. }))
    ));
    drop(store);
    let made = Place::new();
    let restored = Store::restore(backup.path(), made.path().join("new"));
    sound(&restored.unwrap().report);
    let store = Store::open(made.path().join("new")).unwrap();
    assert_eq!(all(&store), before);
    commit(&store, "file", "it goes on");
    let moved = store.set_environment("file", "production", Selector::Latest);
    moved.unwrap();
    is_sound(&store);
    let nothing = Store::restore(made.path().join("nothing"), made.path().join("x"));
    assert!(matches!(
        nothing,
        Err(Error::Open(OpenError::NotAStore { .. }))
    ));
}

/// A backup copies everything that can be read, and does not discard good bodies of an earlier
/// backup.
#[test]
fn a_backup_copies_the_readable_part_of_a_damaged_store() {
    let (place, store) = filled();
    let (earlier, later) = (Place::new(), Place::new());
    store.backup(earlier.path()).unwrap();
    let damaged = files(&place);
    drop(store);
    for file in damaged {
        let mut bytes = fs::read(&file).unwrap();
        bytes[40] ^= 1;
        fs::write(&file, bytes).unwrap();
    }
    let store = place.open();
    let made = store.backup(later.path()).unwrap();
    let bodies = made.report.violations.iter();
    let bodies = bodies.filter(|one| matches!(one, Violation::Body { .. }));
    assert!(bodies.count() > 1, "{:?}", made.report.violations);
    assert!(later.open().resolve("journal@latest").is_ok());
    sound(&store.backup(earlier.path()).unwrap().report);
}

/// A pinned operation id shows whether the history up to that operation is still the beginning of
/// this history.
#[test]
fn a_pin_detects_rewritten_history() {
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
    sound(
        &store
            .verify_with(VerifyOptions::new().pin(early).pin(late).pin(late))
            .unwrap(),
    );
    let report = other
        .verify_with(VerifyOptions::new().pin(late).pin(early))
        .unwrap();
    assert_eq!(report.violations, [Violation::Pin { pin: late }]);
    assert!(report.violations[0].to_string().contains("pinned"));
    sound(&other.verify().unwrap());
}

/// Damages a body in each kind of storage: most of a pack, a loose file, and a row of the journal.
fn damage(place: &Place, store: Store) {
    drop(store);
    for file in files(place) {
        let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        if length > 1000 {
            bytes[100..length / 4].fill(0)
        } else {
            bytes[length / 2] ^= 4
        }
        fs::write(&file, bytes).unwrap();
    }
    place.sql("UPDATE blob_journal SET body = zeroblob(length(body))");
}

#[test]
fn damaged_bodies_are_repaired_from_a_backup() {
    let (place, store) = filled();
    let backup = Place::new();
    store.backup(backup.path()).unwrap();
    let before = all(&store);
    damage(&place, store);
    let store = place.open();
    assert!(!store.verify().unwrap().is_clean());

    // Without a source, or with a source that contains other bodies, a repair changes nothing.
    let other = Place::new();
    create(&other.create(), "other");
    let left = store.verify().unwrap().violations;
    for sources in [vec![], vec![other.open()]] {
        let repaired = store.repair(&sources).unwrap();
        assert_eq!(repaired.bodies, []);
        assert_eq!(repaired.report.violations.len(), left.len());
    }

    let sources = [other.open(), backup.open_read_only().unwrap()];
    let repaired = store.repair(&sources).unwrap();
    assert!(repaired.bodies.len() > 10, "{:?}", repaired.bodies);
    sound(&repaired.report);
    assert_eq!(all(&store), before);
    let again = store.repair(&sources).unwrap();
    assert_eq!(again.bodies, []);
    drop(store);
    assert_eq!(all(&place.open()), before);
}

/// A new pack of the same bodies has the same bytes and the same name. An open handle reads the new
/// file, not the damaged one.
#[test]
fn a_pack_rewritten_under_the_same_name_is_read() {
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
    assert!(!store.verify().unwrap().is_clean());
    assert!(!reader.verify().unwrap().is_clean());
    sound(&store.repair(&[]).unwrap().report);
    assert!(
        fs::read(&pack).unwrap() == sound_pack,
        "the new pack has another name or content"
    );
    sound(&reader.verify().unwrap());
    assert_eq!(all(&reader), before);
}

/// The records of a pack are found without its index if the index is damaged or cut off.
#[test]
fn a_pack_with_a_damaged_index_is_rebuilt() {
    let (place, store) = filled();
    let before = all(&store);
    store.checkpoint().unwrap();
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
        assert!(!store.verify().unwrap().is_clean(), "{damage}");
        let repaired = store.repair(&[]).unwrap();
        assert!(
            repaired.report.is_clean(),
            "{damage}: {:#?}",
            repaired.report
        );
        assert_eq!(all(&store), before, "{damage}");
        assert!(!file.exists() || fs::read(&file).unwrap() == sound_pack);
    }

    // A pack is not deleted while it may still contain bodies that this scan cannot find.
    let damaged = Place::new();
    copy(place.path(), damaged.path());
    let file = damaged
        .path()
        .join(pack.strip_prefix(place.path()).unwrap());
    let cut = &sound_pack[..index / 2];
    fs::write(&file, cut).unwrap();
    let store = damaged.open();
    let repaired = store.repair(&[]).unwrap();
    let left = repaired.report.violations.iter();
    let left = left
        .filter(|one| matches!(one, Violation::Body { .. }))
        .count();
    assert!((1..159).contains(&left), "{left} of 160");
    assert_eq!(fs::read(&file).unwrap(), cut);
    let repaired = store.repair(&[place.open_read_only().unwrap()]).unwrap();
    sound(&repaired.report);
    assert_eq!(repaired.bodies.len(), left);
    assert!(!file.exists());
    assert_eq!(all(&store), before);
}

#[test]
fn missing_files_are_repaired_from_a_backup() {
    let (place, store) = filled();
    store.checkpoint().unwrap();
    let backup = Place::new();
    store.backup(backup.path()).unwrap();
    let before = all(&store);
    drop(store);
    for file in files(&place) {
        fs::remove_file(file).unwrap();
    }
    let store = place.open();
    let repaired = store.repair(&[backup.open_read_only().unwrap()]);
    sound(&repaired.unwrap().report);
    assert_eq!(all(&store), before);
    assert!(matches!(
        place.open_read_only().unwrap().repair(&[]),
        Err(Error::ReadOnly)
    ));
}
