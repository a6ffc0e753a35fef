//! Opening of stores: what can be opened, what cannot, and the error of each refusal.

use std::fs;

use promptbook::error::OpenError;
use promptbook::maintenance::GcOptions;
use promptbook::{BumpPolicy, Error, ErrorKind, Inputs, NewVersion, Result, Store, StoreOptions};

use crate::support::{Place, body, commit, create};

fn is_no_store(opened: Result<Store, OpenError>) {
    assert!(
        matches!(opened, Err(OpenError::NotAStore { .. })),
        "{opened:?}"
    );
}

/// Checks that no way of opening succeeds.
fn no_way_opens(place: &Place) {
    is_no_store(Store::open(place.path()));
    is_no_store(place.open_read_only());
}

#[test]
fn a_directory_without_a_store_does_not_open() {
    let place = Place::new();
    no_way_opens(&place);
    let missing = place.path().join("missing");
    is_no_store(Store::open(&missing));
    assert!(!missing.exists(), "opening created a directory");
    let file = place.path().join("file");
    fs::write(&file, "text").unwrap();
    is_no_store(Store::open(&file));
    assert_eq!(
        fs::read_dir(place.path()).unwrap().count(),
        1,
        "opening created a file"
    );
}

#[test]
fn a_store_is_created_only_if_none_exists() {
    let place = Place::new();
    let deep = place.path().join("a").join("b").join("store");
    let store = Store::create(&deep).unwrap();
    assert_eq!(store.path(), Some(&*deep));
    let again = Store::create(&deep);
    assert!(
        matches!(again, Err(OpenError::StoreExists { .. })),
        "{again:?}"
    );
    create(&store, "kept");
    let opened = Store::open_or_create(&deep).unwrap();
    assert_eq!(
        opened.prompts().count().unwrap(),
        1,
        "open_or_create replaced an existing store"
    );
    let made = Store::open_or_create(place.path().join("new")).unwrap();
    assert_eq!(made.prompts().count().unwrap(), 0);
}

#[test]
fn a_store_keeps_the_settings_of_its_creation() {
    let place = Place::new();
    let made = StoreOptions::new()
        .first_version(0, 0)
        .policy(BumpPolicy::Free);
    let settings = made.create(place.path()).unwrap().settings();
    let other = StoreOptions::new()
        .first_version(5, 0)
        .policy(BumpPolicy::Enforced);
    let opened = other.open(place.path()).unwrap();
    assert_eq!(opened.settings(), settings);
    assert_eq!(
        opened.policy(),
        BumpPolicy::Enforced,
        "the handle does not use its own policy"
    );
    assert_eq!(
        place.open().policy(),
        BumpPolicy::Free,
        "the handle's policy was stored"
    );
    assert_eq!(create(&opened, "p").version.number.to_string(), "0.0");
}

#[test]
fn another_applications_database_is_no_store() {
    let place = Place::new();
    place.sql("CREATE TABLE theirs (text TEXT)");
    place.sql("INSERT INTO theirs VALUES ('precious')");
    let before = fs::read(place.index()).unwrap();
    no_way_opens(&place);
    is_no_store(Store::create(place.path()));
    is_no_store(Store::open_or_create(place.path()));
    assert!(
        fs::read(place.index()).unwrap() == before,
        "another application's file was altered"
    );
}

#[test]
fn another_kind_of_file_is_no_store() {
    for content in ["x", "not a database\n", &"long text ".repeat(1000)] {
        let place = Place::new();
        fs::write(place.index(), content).unwrap();
        no_way_opens(&place);
        is_no_store(Store::create(place.path()));
        is_no_store(Store::open_or_create(place.path()));
        assert_eq!(
            fs::read_to_string(place.index()).unwrap(),
            content,
            "the file was altered"
        );
    }
}

/// A process that died during creation leaves an empty file, which is not a store and does not
/// prevent a new creation.
#[test]
fn an_interrupted_creation_can_be_repeated() {
    let place = Place::new();
    fs::write(place.index(), "").unwrap();
    no_way_opens(&place);
    let store = Store::create(place.path()).unwrap();
    create(&store, "greeting");
    drop(store);
    assert_eq!(place.open().prompts().count().unwrap(), 1);
}

/// A power cut may leave a page of zeros instead, without a journal beside it.
#[test]
fn a_creation_cut_off_by_a_power_cut_can_be_repeated() {
    let place = Place::new();
    let zeros = [0; 4096];
    fs::write(place.index(), zeros).unwrap();
    no_way_opens(&place);
    let store = Store::open_or_create(place.path()).unwrap();
    create(&store, "greeting");
    drop(store);
    assert_eq!(place.open().prompts().count().unwrap(), 1);
    // If a log exists beside it, the file is the rest of a store.
    fs::write(place.index(), zeros).unwrap();
    let log = place.path().join("index.db-wal");
    let kept = fs::read(&log).unwrap();
    assert!(!kept.is_empty());
    for opened in [
        Store::create(place.path()),
        Store::open_or_create(place.path()),
        place.open_read_only(),
    ] {
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert!(fs::read(log).unwrap() == kept, "the log was altered");
}

#[test]
fn a_newer_format_is_refused() {
    let place = Place::new();
    drop(place.create());
    let connection = rusqlite::Connection::open(place.index()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let ways = [
        Store::open(place.path()),
        place.open_read_only(),
        Store::create(place.path()),
        Store::open_or_create(place.path()),
    ];
    for opened in ways {
        match opened {
            Err(OpenError::NewerFormat {
                found, supported, ..
            }) => {
                assert_eq!(found, 99);
                assert!(supported < 99);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A read-only handle sees other handles' writes, and refuses every change.
#[test]
fn a_read_only_handle_reads_and_refuses_changes() {
    let place = Place::new();
    let writer = place.create();
    let version = create(&writer, "greeting").version;
    let reader = place.open_read_only().unwrap();
    assert_eq!(
        reader.resolve("greeting@production").unwrap().body.text(),
        body("greeting")
    );
    commit(&writer, "greeting", "more");
    assert_eq!(
        reader.resolve("greeting").unwrap().body.text(),
        body("more"),
        "a stale read"
    );
    let new = NewVersion::new("greeting", body("refused"));
    let changes = [
        reader.commit(new).map(drop),
        reader
            .create_prompt(promptbook::NewPrompt::new("p", body("p")))
            .map(drop),
        reader.rename("greeting", "other").map(drop),
        reader.set_tags("greeting", &["tag"]).map(drop),
        reader
            .set_environment("greeting", "staging", "1.0")
            .map(drop),
        reader
            .remove_environment("greeting", "production")
            .map(drop),
        reader.delete_version(version.id).map(drop),
        reader.delete_prompt("greeting").map(drop),
        reader
            .record_inputs(version.id, "r", Inputs::new(), None)
            .map(drop),
        reader.batch(|_| Ok(())),
        reader.checkpoint().map(drop),
        reader
            .collect_garbage_with(GcOptions::new().retention(std::time::Duration::ZERO))
            .map(drop),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert!(
            matches!(change, Err(Error::ReadOnly)),
            "change {number}: {change:?}"
        );
    }
    assert_eq!(writer.operations().page(None, 9).unwrap().len(), 2);
    assert!(reader.verify().unwrap().is_clean());
}

/// The second caller finds a complete store, never one that is half created.
#[test]
fn many_threads_can_create_the_same_store() {
    const THREADS: usize = 6;
    for round in 0..30 {
        let place = Place::new();
        let together = std::sync::Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (place, together) = (&place, &together);
                scope.spawn(move || {
                    together.wait();
                    let store = Store::open_or_create(place.path());
                    let store = store.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
                    create(&store, &format!("{thread}"));
                });
            }
        });
        assert_eq!(place.open().prompts().count().unwrap(), THREADS as u64);
    }
}

/// Without WAL mode, readers and writers would block each other, and a power cut could roll back a
/// commit.
#[test]
fn a_store_taken_out_of_wal_mode_is_put_back() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let connection = rusqlite::Connection::open(place.index()).unwrap();
    let mode = |connection: &rusqlite::Connection, sql| -> String {
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(mode(&connection, "PRAGMA journal_mode = DELETE"), "delete");
    drop(connection);
    commit(&place.open(), "greeting", "more");
    let connection = rusqlite::Connection::open(place.index()).unwrap();
    assert_eq!(mode(&connection, "PRAGMA journal_mode"), "wal");
}

/// If its index is lost, a store is not created again over its bodies: the next garbage collection
/// would remove all of them.
#[test]
fn no_store_is_created_over_the_remains_of_another() {
    let place = Place::new();
    let store = place.create();
    create(&store, "greeting");
    store.checkpoint().unwrap();
    drop(store);
    let index = place.path().join("index.db");
    let kept = std::fs::read(&index).unwrap();
    let log = place.path().join("index.db-wal");
    for with_log in [true, false] {
        std::fs::write(&index, b"").unwrap();
        if !with_log {
            std::fs::remove_file(&log).unwrap();
        }
        for made in [
            Store::open_or_create(place.path()),
            Store::create(place.path()),
        ] {
            assert!(
                matches!(made, Err(OpenError::IndexMissing { .. })),
                "log {with_log}: {made:?}"
            );
        }
        assert!(log.exists() || !with_log, "the log was removed");
    }
    std::fs::write(&index, kept).unwrap();
}
