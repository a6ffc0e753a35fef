//! Damaged indexes: whichever page is destroyed, the store is reported as corrupt, and `verify`
//! names the damage.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use promptbook::error::OpenError;
use promptbook::maintenance::VerifyOptions;
use promptbook::maintenance::{VerifyReport, Violation};
use promptbook::{ErrorKind, Store, StoreOptions};

use crate::support::{Place, commit, create};

const PAGE: usize = 4096;

/// Returns a store whose index has every kind of page and no free page; its log is checkpointed.
fn filled() -> Place {
    let place = Place::new();
    let store = place.create();
    for number in 0..60 {
        create(&store, &format!("p{number}"));
    }
    for number in 0..70 {
        commit(&store, "p7", number);
    }
    store.checkpoint().unwrap();
    // The pages of bodies in the journal.
    for number in 0..20 {
        commit(&store, "p8", "long ".repeat(100 * number));
    }
    let id = store.version("p8").unwrap().id;
    let inputs = serde_json::Map::from_iter([("name".to_owned(), "Ann".into())]);
    store.record_inputs(id, "request", inputs, None).unwrap();
    drop(store);
    place.sql("VACUUM");
    place.checkpoint_wal();
    place
}

fn verified(path: &Path) -> VerifyReport {
    StoreOptions::new().verify(path).unwrap()
}

/// Returns a copy of a store whose index is changed.
fn changed(place: &Place, change: impl FnOnce(&Path)) -> Place {
    let other = Place::new();
    for entry in fs::read_dir(place.path()).unwrap() {
        let (from, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .unwrap();
        if name == "blobs" {
            // No check writes to the blob directory.
            std::os::unix::fs::symlink(from, other.path().join(name)).unwrap();
        } else {
            drop(fs::copy(&from, other.path().join(name)));
        }
    }
    change(&other.index());
    other
}

/// The parts of the index that a violation can name: a table or an index, a page, or the whole
/// file.
const PARTS: [&str; 6] = [
    "table ",
    "index ",
    "page ",
    "operations",
    "index.db",
    "has no index",
];

/// Asserts that a store is corrupt, whatever is called on it, and that `verify` names the damage.
fn is_named(place: &Place, what: &str) {
    let report = match place.open_read_only() {
        Ok(store) => {
            // The command calls this first, for its progress display.
            let _ = store.stats();
            let quick = store.verify_with(VerifyOptions::new().quick());
            assert!(quick.is_ok(), "{what}: {quick:?}");
            store.verify().unwrap()
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
            verified(place.path())
        }
    };
    assert!(!report.is_clean(), "{what}: no violation was found");
    let names = |violation: &Violation| match violation {
        Violation::Index { detail } => PARTS.iter().any(|part| detail.contains(part)),
        _ => true,
    };
    let named = report.violations.iter().any(names);
    assert!(named, "{what}: {:#?}", report.violations);
    let made = Store::create(place.path()).expect_err("a store was created over another one");
    assert!(
        !matches!(made, OpenError::NotAStore { .. }),
        "{what}: {made}"
    );
}

#[test]
fn each_page_of_an_index_that_is_zeroed_is_named() {
    let place = filled();
    assert_eq!(verified(place.path()).violations, []);
    let untouched = changed(&place, |_| ());
    assert_eq!(verified(untouched.path()).violations, []);
    let pages = fs::metadata(place.index()).unwrap().len() / PAGE as u64;
    assert!(pages > 40, "only {pages} pages");
    for page in 0..pages {
        let damaged = changed(&place, |index| {
            let file = fs::File::options().write(true).open(index).unwrap();
            file.write_all_at(&[0; PAGE], page * PAGE as u64).unwrap();
        });
        is_named(&damaged, &format!("page {page}"));
    }
}

#[test]
fn a_damaged_header_is_named() {
    let place = filled();
    // The magic number, page size, format, application id, and the tree of the schema.
    for (offset, length) in [
        (0, 16),
        (16, 2),
        (18, 2),
        (21, 3),
        (60, 12),
        (68, 4),
        (100, 8),
    ] {
        let damaged = changed(&place, |index| {
            let file = fs::File::options().write(true).open(index).unwrap();
            file.write_all_at(&vec![0xff; length], offset).unwrap();
        });
        is_named(&damaged, &format!("{length} bytes at {offset}"));
    }
    for length in [0, 16, 100, 600, PAGE, 3 * PAGE + 1] {
        let damaged = changed(&place, |index| {
            let file = fs::File::options().write(true).open(index).unwrap();
            file.set_len(length as u64).unwrap();
        });
        is_named(&damaged, &format!("an index of {length} bytes"));
    }
    let damaged = changed(&place, |index| fs::remove_file(index).unwrap());
    is_named(&damaged, "no index");
    let damaged = changed(&place, |index| {
        fs::write(index, "[database]\n".repeat(100)).unwrap()
    });
    is_named(&damaged, "another file");
}

/// An older index file, as a careless restore leaves it, does not match the log.
#[test]
fn an_older_index_beside_a_newer_log_is_named() {
    let place = filled();
    let older = fs::read(place.index()).unwrap();
    let store = place.open();
    for number in 0..60 {
        create(&store, &format!("q{number}"));
    }
    drop(store);
    place.checkpoint_wal();
    let store = place.open();
    for number in 0..5 {
        commit(&store, "p9", number);
    }
    drop(store);
    let log = place.path().join("index.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0, "the log is empty");
    let control = changed(&place, |_| ());
    assert_eq!(verified(control.path()).violations, []);
    let damaged = changed(&place, |index| fs::write(index, &older).unwrap());
    is_named(&damaged, "an older index");
}

/// Bodies are verified even if the index cannot be read.
#[test]
fn bodies_are_verified_without_an_index() {
    let place = filled();
    let store = place.open();
    let blob = store.version("p3").unwrap().blob;
    drop(store);
    fs::write(place.body(blob), "{}").unwrap();
    let whole = fs::read(place.index()).unwrap();
    for zeroed in [0..PAGE, 0..whole.len()] {
        let mut index = whole.clone();
        index[zeroed].fill(0);
        fs::write(place.index(), index).unwrap();
        let report = verified(place.path());
        let names = |violation: &Violation| matches!(violation, Violation::Body { blob: found, .. } if *found == blob);
        assert_eq!(
            report.violations.iter().filter(|one| names(one)).count(),
            1,
            "{report:#?}"
        );
        assert!(report.bodies > 100, "{} bodies were checked", report.bodies);
    }
}

/// If one body cannot be read, the others are still verified.
#[test]
fn a_body_that_is_a_directory_is_named() {
    let place = filled();
    let store = place.open();
    let blobs = ["p3", "p4"].map(|name| store.version(name).unwrap().blob);
    for blob in blobs {
        fs::remove_file(place.body(blob)).unwrap();
        fs::create_dir(place.body(blob)).unwrap();
    }
    let report = store.verify().unwrap();
    let named = report.violations.iter().map(|one| match one {
        Violation::Body { blob, .. } => *blob,
        other => panic!("{other}"),
    });
    let (mut named, mut expected) = (named.collect::<Vec<_>>(), blobs.to_vec());
    named.sort();
    expected.sort();
    assert_eq!(named, expected);
}

/// Another program's database, or a file that is not a database, is not a store.
#[test]
fn files_that_never_were_a_store_are_not_reported_as_corrupt() {
    let place = Place::new();
    fs::write(place.index(), "[database]\n".repeat(100)).unwrap();
    let opened = place.open_read_only().unwrap_err();
    assert!(matches!(opened, OpenError::NotAStore { .. }), "{opened}");
    fs::remove_file(place.index()).unwrap();
    place.sql("CREATE TABLE bookmark (url)");
    for opened in [place.open_read_only(), Store::create(place.path())] {
        let opened = opened.unwrap_err();
        assert!(matches!(opened, OpenError::NotAStore { .. }), "{opened}");
    }
    let nothing = Place::new();
    let opened = nothing.open_read_only().unwrap_err();
    assert!(matches!(opened, OpenError::NotAStore { .. }), "{opened}");
    let refused = StoreOptions::new().verify(nothing.path()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound, "{refused}");
}
