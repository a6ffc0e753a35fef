//! The lock between checkpoints and garbage collection: each waits while another process holds the
//! other mode.

use promptbook::maintenance::GcOptions;
use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Place, body, commit, create, is_sound};

/// Long enough for a call that does not wait to finish.
const A_WHILE: Duration = Duration::from_millis(150);

/// Opens the lock file, as another process does.
fn lock_file(place: &Place) -> File {
    let path = place.path().join("blobs.lock");
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .unwrap()
}

/// Waits for a file that the maintenance thread creates.
fn appears(file: &Path) -> bool {
    (0..500).any(|_| {
        sleep(Duration::from_millis(10));
        file.exists()
    })
}

/// While a garbage collection may be about to remove a file, that file must not be created and its
/// journal row must not be deleted.
#[test]
fn a_checkpoint_waits_for_garbage_collection() {
    let place = Place::new();
    let store = place.create();
    let collecting = lock_file(&place);
    collecting.lock().unwrap();
    let version = create(&store, "greeting").version;
    let file = place.body(version.blob);
    std::thread::scope(|scope| {
        let settling = scope.spawn(|| store.checkpoint().unwrap());
        sleep(A_WHILE);
        let early = (file.exists(), store.stats().unwrap().journaled_bodies);
        collecting.unlock().unwrap();
        settling.join().unwrap();
        let nothing = (false, 1);
        assert_eq!(
            early, nothing,
            "a file was created, or a journal row deleted, during the garbage collection"
        );
    });
    assert!(file.exists());
    assert_eq!(store.stats().unwrap().journaled_bodies, 0);
    is_sound(&store);
}

/// The same applies to the file that every body gets soon after its commit.
#[test]
fn writing_body_files_waits_for_garbage_collection() {
    let place = Place::new();
    let store = place.create();
    let collecting = lock_file(&place);
    collecting.lock().unwrap();
    let file = place.body(create(&store, "greeting").version.blob);
    sleep(A_WHILE);
    assert!(
        !file.exists(),
        "a file was created during the garbage collection"
    );
    collecting.unlock().unwrap();
    assert!(appears(&file), "no file was written for the body");
}

/// A file must not be removed while a checkpoint relies on it.
#[test]
fn garbage_collection_waits_for_a_checkpoint() {
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
        // Commits need neither mode of the lock.
        let again = commit(&store, "greeting", "meanwhile");
        settling.unlock().unwrap();
        let collected = collecting.join().unwrap();
        assert_eq!(
            early,
            (true, true),
            "a body or a leftover was removed during the checkpoint"
        );
        assert_eq!((collected.bodies, collected.leftovers), (1, 1));
        let text = store.resolve(again.id).unwrap().body.text().to_owned();
        assert_eq!(text, body("meanwhile"));
    });
    assert!(!file.exists() && !stray.exists());
    is_sound(&store);
}
