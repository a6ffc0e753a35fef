//! Stores in a place that cannot be written: they can be read, never changed, and are never stale.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

use promptbook::error::OpenError;
use promptbook::{Error, Store, StoreOptions};

use crate::child::{command, copy_this, directory, passes};
use crate::formats::unreleased;
use crate::support::{Place, body, commit, create};

/// The user `nobody` on every Unix.
pub const NOBODY: u32 = 65534;

pub fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Sets the permissions of everything in a directory.
fn allow_all(path: &Path, folders: u32, files: u32) {
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() {
            allow_all(&entry, folders, files)
        } else {
            allow(&entry, files)
        }
    }
    allow(path, folders);
}

/// Runs a check as a user who may only read the directory: this user, or `nobody` if permissions
/// don't restrict this user.
fn as_a_reader(place: &Place, check: &str) {
    allow_all(place.path(), 0o555, 0o444);
    if fs::write(place.path().join("probe"), "").is_ok() {
        fs::remove_file(place.path().join("probe")).unwrap();
        // The user `nobody` may be unable to reach the checkout.
        let reach = tempfile::tempdir().unwrap();
        allow(reach.path(), 0o755);
        let copy = reach.path().join("check");
        copy_this(&copy);
        let mut command = command(&copy, &[], check, place.path());
        command.current_dir("/").uid(NOBODY).gid(NOBODY);
        passes(command);
    } else {
        passes(command(
            &std::env::current_exe().unwrap(),
            &[],
            check,
            place.path(),
        ));
    }
    allow_all(place.path(), 0o755, 0o644);
}

/// Returns a store whose head is "second": the first body is checkpointed, the second one is in the
/// journal.
fn filled() -> Place {
    let place = Place::new();
    let store = place.create();
    create(&store, "greeting");
    store.checkpoint().unwrap();
    commit(&store, "greeting", "second");
    drop(store);
    place
}

#[test]
fn an_unwritable_store_with_its_log() {
    let place = filled();
    let log = place.path().join("index.db-wal");
    assert!(
        fs::metadata(&log).unwrap().len() > 0,
        "the store has no log to test with"
    );
    as_a_reader(
        &place,
        "unwritable::an_unwritable_store_is_read_and_not_changed",
    );
}

#[test]
fn an_unwritable_store_without_its_log() {
    let place = filled();
    place.checkpoint_wal();
    as_a_reader(
        &place,
        "unwritable::an_unwritable_store_is_read_and_not_changed",
    );
}

/// As in a copy that was made without this file.
#[test]
fn an_unwritable_store_with_its_log_but_without_the_shm_file() {
    let place = filled();
    fs::remove_file(place.path().join("index.db-shm")).unwrap();
    as_a_reader(
        &place,
        "unwritable::an_unwritable_store_is_read_correctly_or_refused",
    );
}

#[test]
fn an_unwritable_directory_without_a_store() {
    as_a_reader(&Place::new(), "unwritable::no_store_is_created");
}

#[test]
fn an_unwritable_store_of_an_unreleased_format() {
    as_a_reader(
        &unreleased(),
        "unwritable::the_format_of_an_unwritable_store_is_named",
    );
}

#[test]
#[ignore = "run by the tests above, as a user who may only read"]
fn the_format_of_an_unwritable_store_is_named() {
    let refused = StoreOptions::new().read_only(true).open(directory());
    assert!(
        matches!(refused, Err(OpenError::UnreleasedFormat { found: 3, .. })),
        "{refused:?}"
    );
}

#[test]
#[ignore = "run by the tests above, as a user who may only read"]
fn an_unwritable_store_is_read_and_not_changed() {
    let refused = Store::open(directory());
    assert!(
        matches!(refused, Err(OpenError::NotWritable { .. })),
        "{refused:?}"
    );
    let refused = Store::open_or_create(directory());
    assert!(
        matches!(refused, Err(OpenError::NotWritable { .. })),
        "{refused:?}"
    );
    let store = StoreOptions::new()
        .read_only(true)
        .open(directory())
        .unwrap();
    assert_eq!(
        store.resolve("greeting@production").unwrap().body.text(),
        body("greeting")
    );
    assert_eq!(
        store.resolve("greeting").unwrap().body.text(),
        body("second"),
        "a stale read"
    );
    assert!(store.verify().unwrap().is_clean());
    let mut bundle = Vec::new();
    store.export_bundle(&mut bundle).unwrap();
    let bundle = std::io::Cursor::new(bundle);
    let change = store.import_bundle(bundle.clone());
    assert!(matches!(change, Err(Error::ReadOnly)), "{change:?}");
    let copy = Store::in_memory().unwrap();
    assert_eq!(copy.import_bundle(bundle).unwrap().appended, 2);
    let change = store.rename("greeting", "other");
    assert!(matches!(change, Err(Error::ReadOnly)), "{change:?}");
}

#[test]
#[ignore = "run by the tests above, as a user who may only read"]
fn an_unwritable_store_is_read_correctly_or_refused() {
    // SQLite needs the log's index to read the log. A read without both would be stale.
    let opened = StoreOptions::new().read_only(true).open(directory());
    match opened
        .map_err(Error::from)
        .and_then(|store| store.resolve("greeting"))
    {
        Ok(found) => assert_eq!(found.body.text(), body("second"), "a stale read"),
        Err(error) => assert!(matches!(error, Error::Storage(_)), "{error:?}"),
    }
}

#[test]
#[ignore = "run by the tests above, as a user who may only read"]
fn no_store_is_created() {
    for made in [
        Store::create(directory()),
        Store::open_or_create(directory()),
    ] {
        assert!(
            matches!(made, Err(OpenError::NotWritable { .. })),
            "{made:?}"
        );
    }
}
