//! Colleagues who send each other bundles: own numbers can change.

use std::fs::File;

use promptbook::remote::{RemoteError, RenumberingSummary, import_renumbering};
use promptbook::{Error, ErrorKind, Store, StoreOptions};

use crate::stores::{Colleague, Hub, body, colleagues, commit, whole};

/// A hub with one prompt, and two clones of it that both committed 1.1.
fn both_committed() -> (Hub, Colleague, Colleague) {
    let (hub, ann, bob) = colleagues(&["1.0"]);
    commit(&bob.store, "1.1 of bob");
    commit(&ann.store, "1.1 of ann");
    (hub, ann, bob)
}

/// Imports the bundle of a colleague into the store of another one, whose handle is closed.
fn import(from: &Store, to: Colleague) -> (Colleague, Result<RenumberingSummary, RemoteError>) {
    let path = to.folder.path().join("a.bundle");
    std::fs::write(&path, whole(from)).unwrap();
    let Colleague { store, folder } = to;
    drop(store);
    let (place, stored) = (folder.path().join("store"), StoreOptions::new());
    match import_renumbering(&place, &stored, File::open(path).unwrap()) {
        Ok((store, summary)) => (Colleague { store, folder }, Ok(summary)),
        Err(error) => {
            let store = stored.open(&place).unwrap();
            (Colleague { store, folder }, Err(error))
        }
    }
}

#[test]
fn colleagues_who_gave_one_number_keep_both_versions() {
    let (_hub, ann, bob) = both_committed();
    let own = ann.store.version("greeting@1.1").unwrap().id;
    let before = whole(&ann.store);
    assert!(matches!(
        ann.store
            .import_bundle(std::io::Cursor::new(whole(&bob.store))),
        Err(Error::MergeConflict { .. })
    ));
    let (ann, imported) = import(&bob.store, ann);
    let imported = imported.unwrap();
    let [one] = &imported.reassigned[..] else {
        panic!("{imported:?}")
    };
    let numbers = (one.from.to_string(), one.to.to_string());
    assert_eq!((one.version, numbers), (own, ("1.1".into(), "1.2".into())));
    let added = imported.import;
    assert_eq!((added.appended, added.present, added.bodies), (1, 1, 1));
    assert!(!added.merged, "the store continues the bundle");
    assert_eq!(added.head, Some(ann.store.verify().unwrap().head.unwrap()));
    assert!(ann.store.verify().unwrap().is_clean());
    assert_eq!(
        ann.store.resolve("greeting@1.2").unwrap().body.text(),
        body("1.1 of ann").to_string()
    );

    // Again, nothing is new. Then the other one gets all of it, and both are equal.
    let (ann, again) = import(&bob.store, ann);
    let again = again.unwrap();
    assert_eq!((again.import.appended, again.reassigned.len()), (0, 0));
    assert!(again.previous_index.is_none());
    let (bob, back) = import(&ann.store, bob);
    assert_eq!(back.unwrap().import.appended, 1);
    assert_eq!(whole(&ann.store), whole(&bob.store));

    // The old index is a store again if it gets its name back.
    let place = ann.folder.path().join("store");
    drop(ann.store);
    for log in ["index.db-wal", "index.db-shm"] {
        drop(std::fs::remove_file(place.join(log)));
    }
    std::fs::copy(imported.previous_index.unwrap(), place.join("index.db")).unwrap();
    assert_eq!(whole(&Store::open(&place).unwrap()), before);
}

#[test]
fn what_numbers_do_not_settle_is_refused() {
    let (hub, ann, bob) = both_committed();
    // Another contradiction.
    for colleague in [&ann, &bob] {
        let production = colleague
            .store
            .set_environment("greeting", "production", "1.1");
        production.unwrap();
    }
    let before = whole(&ann.store);
    let (ann, refused) = import(&bob.store, ann);
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, RemoteError::Store(Error::MergeConflict { reason, .. })
            if reason.contains("production")),
        "{refused}"
    );
    // A version that was pushed.
    let carl = Colleague::of(&hub, "carl");
    commit(&carl.store, "1.1 of carl");
    ann.push(&hub).unwrap();
    let (ann, refused) = import(&carl.store, ann);
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, RemoteError::AlreadyPushed { remote, .. } if remote == "origin"),
        "{refused}"
    );
    // A store that is in use.
    let (_hub, dan, eve) = both_committed();
    let used = Store::open(dan.folder.path().join("store")).unwrap();
    let (dan, refused) = import(&eve.store, dan);
    match refused.unwrap_err() {
        RemoteError::Store(error) => assert_eq!(error.kind(), ErrorKind::Busy, "{error}"),
        other => panic!("{other}"),
    }
    assert_eq!(whole(&used), whole(&dan.store));
    assert_eq!(whole(&ann.store), before);
}
