//! Settling and collecting keep out of each other's way: each waits while another process holds its side of the lock.

use promptbook::maintenance::GcOptions;
use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Place, body, commit, create, is_sound};

/// Long enough for whoever does not wait.
const A_WHILE: Duration = Duration::from_millis(150);

/// What another process takes.
fn lock_file(place: &Place) -> File {
    let path = place.path().join("blobs.lock");
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .unwrap()
}

/// Waits for a file that is made off the caller's path.
fn appears(file: &Path) -> bool {
    (0..500).any(|_| {
        sleep(Duration::from_millis(10));
        file.exists()
    })
}

/// A journal row must not be dropped, nor a file made, while a collection may be about to remove that file.
#[test]
fn settling_waits_for_a_collection() {
    let place = Place::new();
    let store = place.create();
    let collecting = lock_file(&place);
    collecting.lock().unwrap();
    let version = create(&store, "greeting").version;
    let file = place.body(version.blob);
    std::thread::scope(|scope| {
        let settling = scope.spawn(|| store.checkpoint().unwrap());
        sleep(A_WHILE);
        let early = (file.exists(), store.stats().unwrap().waiting_bodies);
        collecting.unlock().unwrap();
        settling.join().unwrap();
        let nothing = (false, 1);
        assert_eq!(
            early, nothing,
            "a file was made, or a journal row dropped, meanwhile"
        );
    });
    assert!(file.exists());
    assert_eq!(store.stats().unwrap().waiting_bodies, 0);
    is_sound(&store);
}

/// The same for the file that every body is given soon after its commit.
#[test]
fn writing_out_waits_for_a_collection() {
    let place = Place::new();
    let store = place.create();
    let collecting = lock_file(&place);
    collecting.lock().unwrap();
    let file = place.body(create(&store, "greeting").version.blob);
    sleep(A_WHILE);
    assert!(
        !file.exists(),
        "a file was made while a collection was under way"
    );
    collecting.unlock().unwrap();
    assert!(appears(&file), "a body was given no file");
}

/// A file must not be removed while settling relies on it.
#[test]
fn collecting_waits_for_a_settling() {
    let place = Place::new();
    let store = place.create();
    let version = create(&store, "greeting").version;
    commit(&store, "greeting", "kept");
    store.checkpoint().unwrap();
    store.delete_version(version.id).unwrap();
    let file = place.body(version.blob);
    let stray = place.body(promptbook::BlobId::of(b"stray"));
    std::fs::create_dir_all(stray.parent().unwrap()).unwrap();
    std::fs::write(&stray, "stray").unwrap();
    let settling = lock_file(&place);
    settling.lock_shared().unwrap();
    std::thread::scope(|scope| {
        let collecting = scope.spawn(|| {
            store
                .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
                .unwrap()
        });
        sleep(A_WHILE);
        let early = (file.exists(), stray.exists());
        // Commits need neither side.
        let again = commit(&store, "greeting", "meanwhile");
        settling.unlock().unwrap();
        let collected = collecting.join().unwrap();
        assert_eq!(
            early,
            (true, true),
            "a body or a leftover was removed meanwhile"
        );
        assert_eq!((collected.bodies, collected.leftovers), (1, 1));
        let text = store.resolve(again.id).unwrap().body.text().to_owned();
        assert_eq!(text, body("meanwhile"));
    });
    assert!(!file.exists() && !stray.exists());
    is_sound(&store);
}
