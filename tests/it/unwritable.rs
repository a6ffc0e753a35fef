//! A store in a place that can't be written: read, never changed, and never stale.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

use promptbook::{Error, Store, StoreOptions};

use crate::child::{command, copy_this, directory, passes};
use crate::formats::unreleased;
use crate::support::{Place, body, commit, create};

/// Nobody, on every Unix.
pub const NOBODY: u32 = 65534;

pub fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Gives everything in a directory these rights.
fn allow_all(path: &Path, folders: u32, files: u32) {
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap().path();
        match entry.is_dir() {
            true => allow_all(&entry, folders, files),
            false => allow(&entry, files),
        }
    }
    allow(path, folders);
}

/// Runs a check as one who may only read the place: this user, unless rights mean nothing to it.
fn as_a_reader(place: &Place, check: &str) {
    allow_all(place.path(), 0o555, 0o444);
    if fs::write(place.path().join("probe"), "").is_ok() {
        fs::remove_file(place.path().join("probe")).unwrap();
        // The checkout may be out of reach for nobody.
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

/// A store whose head is "second": its first body settled, its second one in the journal.
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
fn with_its_log() {
    let place = filled();
    let log = place.path().join("index.db-wal");
    assert!(
        fs::metadata(&log).unwrap().len() > 0,
        "a test of the log has one"
    );
    as_a_reader(&place, "unwritable::it_is_read_and_not_changed");
}

#[test]
fn without_its_log() {
    let place = filled();
    place.fold_log();
    as_a_reader(&place, "unwritable::it_is_read_and_not_changed");
}

/// As in a copy that was made without it.
#[test]
fn with_its_log_but_not_the_logs_index() {
    let place = filled();
    fs::remove_file(place.path().join("index.db-shm")).unwrap();
    as_a_reader(&place, "unwritable::it_is_read_right_or_not_at_all");
}

#[test]
fn where_none_can_be_made() {
    as_a_reader(&Place::new(), "unwritable::none_is_made");
}

#[test]
fn of_an_unreleased_format() {
    as_a_reader(&unreleased(), "unwritable::its_format_is_named");
}

#[test]
#[ignore = "run by the tests above, as one who may only read"]
fn its_format_is_named() {
    let refused = StoreOptions::new().read_only(true).open(directory());
    assert!(
        matches!(refused, Err(Error::UnreleasedFormat { found: 3, .. })),
        "{refused:?}"
    );
}

#[test]
#[ignore = "run by the tests above, as one who may only read"]
fn it_is_read_and_not_changed() {
    let refused = Store::open(directory());
    assert!(
        matches!(refused, Err(Error::NotWritable { .. })),
        "{refused:?}"
    );
    let refused = Store::open_or_create(directory());
    assert!(
        matches!(refused, Err(Error::NotWritable { .. })),
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
#[ignore = "run by the tests above, as one who may only read"]
fn it_is_read_right_or_not_at_all() {
    // SQLite needs the log's index to read the log; to read without either would be stale.
    let opened = StoreOptions::new().read_only(true).open(directory());
    match opened.and_then(|store| store.resolve("greeting")) {
        Ok(found) => assert_eq!(found.body.text(), body("second"), "a stale read"),
        Err(error) => assert!(matches!(error, Error::Storage(_)), "{error:?}"),
    }
}

#[test]
#[ignore = "run by the tests above, as one who may only read"]
fn none_is_made() {
    for made in [
        Store::create(directory()),
        Store::open_or_create(directory()),
    ] {
        assert!(matches!(made, Err(Error::NotWritable { .. })), "{made:?}");
    }
}
