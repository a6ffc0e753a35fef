//! Stores of formats that this release cannot read: refused with a remedy, and left unchanged.

use std::fs;
use std::path::Path;

use promptbook::error::OpenError;
use promptbook::{ErrorKind, Store, StoreOptions};

use crate::support::Place;

/// Returns a store that was created by an unreleased build.
pub fn unreleased() -> Place {
    let place = Place::new();
    let index = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/unreleased.db");
    fs::copy(index, place.path().join("index.db")).unwrap();
    place
}

#[test]
fn a_store_of_an_unreleased_build_is_refused_unchanged() {
    let place = unreleased();
    let index = place.path().join("index.db");
    let before = fs::read(&index).unwrap();
    let refused = [
        Store::open(place.path()),
        Store::create(place.path()),
        Store::open_or_create(place.path()),
        StoreOptions::new().read_only(true).open(place.path()),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, OpenError::UnreleasedFormat { found: 3, .. }),
            "{error:?}"
        );
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(error.to_string().contains("export a bundle"), "{error}");
    }
    assert_eq!(fs::read(&index).unwrap(), before);
}

#[test]
fn a_store_of_a_newer_format_is_refused() {
    let place = Place::new();
    drop(place.create());
    place.sql("PRAGMA user_version = 2");
    let refused = Store::open(place.path());
    assert!(
        matches!(
            refused,
            Err(OpenError::NewerFormat {
                found: 2,
                supported: 1,
                ..
            })
        ),
        "{refused:?}"
    );
}
