//! Symbolic links in place of a store's directories: removing and moving files never follows them.
//! Also, leftovers in `tmp/`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use promptbook::maintenance::{BackupOptions, GcOptions};
use promptbook::{Error, ErrorKind, StoreOptions};

use crate::support::{Place, body, commit, create, is_sound};

/// A user's documents, with names that a store also uses.
struct Documents(tempfile::TempDir);

impl Documents {
    fn new() -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        for name in this.names() {
            let path = this.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "mine").unwrap();
        }
        this
    }

    fn names(&self) -> [String; 5] {
        let hex = "0123456789abcdef".repeat(4);
        [
            "report.txt".into(),
            ".tmpReport".into(),
            format!("{}/{}", &hex[..2], &hex[2..]),
            hex[2..].into(),
            format!("{hex}.pack"),
        ]
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Asserts that the directory contains exactly the original documents.
    fn are_untouched(&self, what: &str) {
        for name in self.names() {
            let read = fs::read_to_string(self.path().join(&name));
            assert_eq!(read.unwrap(), "mine", "{what}: {name}");
        }
        let entries = fs::read_dir(self.path()).unwrap();
        assert_eq!(entries.count(), 5, "{what}: a file was added");
    }
}

/// Returns the message of an error and of all its sources.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

fn is_refused<T>(answer: Result<T, Error>, link: &Path) {
    let error = answer.err().expect("the call was not refused");
    let (told, link) = (told(&error), link.display().to_string());
    assert!(told.contains(&format!("{link} is a link")), "{told}");
}

/// Runs every call that removes or moves bodies.
fn each_change(place: &Place) -> [(&'static str, Result<(), Error>); 4] {
    let later = StoreOptions::new().clock(|| Utc::now() + TimeDelta::days(400));
    let store = later.open(place.path()).unwrap();
    let all = GcOptions::new().retention(Duration::ZERO).repack(true);
    [
        ("checkpoint", store.checkpoint().map(drop)),
        (
            "collect",
            store
                .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
                .map(drop),
        ),
        ("repack", store.repack().map(drop)),
        ("all", store.collect_garbage_with(all).map(drop)),
    ]
}

/// As after a move to another disk, or in a store from an untrusted source.
#[test]
fn nothing_is_removed_through_a_linked_tmp() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p");
    store.checkpoint().unwrap();
    let deleted = commit(&store, "p", "deleted");
    store.delete_version(deleted.id).unwrap();
    drop(store);
    let documents = Documents::new();
    let tmp = place.path().join("tmp");
    fs::remove_dir_all(&tmp).unwrap();
    symlink(documents.path(), &tmp).unwrap();
    let store = place.open();
    is_refused(
        store.collect_garbage_with(GcOptions::new().retention(Duration::ZERO)),
        &tmp,
    );
    documents.are_untouched("collect");
    let waiting = commit(&store, "p", "waits");
    is_refused(store.checkpoint(), &tmp);
    drop(store);
    documents.are_untouched("checkpoint");
    let store = place.open();
    assert_eq!(
        store.resolve(waiting.id).unwrap().body.text(),
        body("waits")
    );
    is_sound(&store);
    drop(store);
    fs::remove_file(&tmp).unwrap();
    fs::create_dir(&tmp).unwrap();
    let store = place.open();
    store.checkpoint().unwrap();
    is_sound(&store);
}

/// Reads follow the link, but nothing is written or removed through it.
#[test]
fn bodies_are_read_through_links_and_not_changed() {
    let made = |place: &Place| {
        let store = place.create();
        let imported = store.batch(|batch| {
            for number in 0..100 {
                let new = promptbook::NewPrompt::new(format!("p{number}"), body(number));
                batch.create_prompt(new)?;
            }
            Ok(())
        });
        imported.unwrap();
        let version = create(&store, "single").version;
        store.checkpoint().unwrap();
        for number in 0..90 {
            store.delete_prompt(format!("p{number}").as_str()).unwrap();
        }
        version.blob
    };
    for which in ["blobs", "blobs/packs", "blobs/XX"] {
        let place = Place::new();
        let blob = made(&place).to_string();
        let folder = place.path().join(which.replace("XX", &blob[..2]));
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("moved");
        fs::rename(&folder, &target).unwrap();
        let documents = files_below(&target);
        symlink(&target, &folder).unwrap();
        let store = place.open();
        is_sound(&store);
        store.resolve("single").unwrap();
        store.resolve("p95").unwrap();
        // Gives the following calls something to remove and to move.
        store.delete_prompt("single").unwrap();
        drop(store);
        let refused = each_change(&place)
            .into_iter()
            .filter_map(|(_, answer)| answer.err());
        let refused: Vec<String> = refused.map(|error| told(&error)).collect();
        assert!(!refused.is_empty(), "{which}: nothing was refused");
        let link = format!("{} is a link", folder.display());
        assert!(
            refused.iter().all(|told| told.contains(&link)),
            "{refused:#?}"
        );
        assert_eq!(
            files_below(&target),
            documents,
            "{which}: changed through the link"
        );
        let store = place.open();
        store.resolve("p95").unwrap();
        is_sound(&store);
        drop(store);
        fs::remove_file(&folder).unwrap();
        fs::rename(&target, &folder).unwrap();
        assert!(
            each_change(&place)
                .into_iter()
                .all(|(_, answer)| answer.is_ok())
        );
        is_sound(&place.open());
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path))
        } else {
            found.push(path)
        }
    }
    found.sort();
    found
}

/// Only files with names that a store assigns are removed.
#[test]
fn files_that_no_store_created_stay() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p");
    store.checkpoint().unwrap();
    let names = [
        "tmp/notes.txt",
        "blobs/notes.txt",
        "blobs/ab/notes.txt",
        "blobs/zz/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd",
        "blobs/packs/notes.txt",
    ];
    for name in names {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mine").unwrap();
    }
    drop(store);
    for (what, answer) in each_change(&place) {
        answer.unwrap_or_else(|error| panic!("{what}: {}", told(&error)));
    }
    for name in names {
        let read = fs::read_to_string(place.path().join(name));
        assert_eq!(read.unwrap(), "mine", "{name}");
    }
}

/// A killed backup or restore leaves a directory, which garbage collection removes.
#[test]
fn leftovers_of_a_killed_backup_are_removed() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p");
    store.checkpoint().unwrap();
    let left = place.path().join("tmp/.tmpLeft");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("index.db"), "half").unwrap();
    store.collect_garbage().unwrap();
    assert!(!left.exists());
}

/// While a backup is being made, nothing of it is collected, and its temporary directory stays.
#[test]
fn garbage_collection_leaves_a_backup_in_progress() {
    let place = Place::new();
    let store = place.create();
    let imported = store.batch(|batch| {
        for number in 0..100 {
            let new = promptbook::NewPrompt::new(format!("p{number}"), body(number));
            batch.create_prompt(new)?;
        }
        Ok(())
    });
    imported.unwrap();
    let backup = tempfile::tempdir().unwrap();
    store.backup(backup.path()).unwrap();
    create(&store, "another");
    let mut collected = 0;
    store.checkpoint().unwrap();
    let stats = store.stats().unwrap().bodies;
    let files = stats.loose_bodies + stats.packs;
    let copying = BackupOptions::new().progress(|progress| {
        // Later calls report the verification, which needs no lock.
        if progress.done > files || collected == progress.done {
            return;
        }
        let options = StoreOptions::new().busy_timeout(Duration::ZERO);
        let theirs = options.open(backup.path()).unwrap();
        let refused = theirs
            .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Busy, "{refused}");
        collected = progress.done;
    });
    let made = store.backup_with(backup.path(), copying);
    assert!(made.unwrap().report.is_clean());
    assert!(collected > 0, "there was no pack to copy");
    assert_eq!(fs::read_dir(backup.path().join("tmp")).unwrap().count(), 0);
}

/// The other leftovers are removed, and bodies are packed; the error is returned at the end.
#[test]
fn one_leftover_that_cannot_be_removed_does_not_stop_the_rest() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p");
    let imported = store.batch(|batch| {
        for number in 0..100 {
            let new = promptbook::NewPrompt::new(format!("p{number}"), body(number));
            batch.create_prompt(new)?;
        }
        Ok(())
    });
    imported.unwrap();
    for number in 0..90 {
        store.delete_prompt(format!("p{number}").as_str()).unwrap();
    }
    let tmp = place.path().join("tmp");
    for name in [".tmpA", ".tmpC"] {
        fs::create_dir(tmp.join(name)).unwrap();
    }
    // It cannot be determined whether this file is still being written.
    let _socket = std::os::unix::net::UnixListener::bind(tmp.join(".tmpB")).unwrap();
    let error = store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap_err();
    assert!(error.to_string().contains(".tmpB"), "{}", told(&error));
    assert_eq!(
        fs::read_dir(&tmp).unwrap().count(),
        1,
        "the other leftovers were not removed"
    );
    let usage = store.stats().unwrap().bodies;
    assert_eq!(
        usage.packed_bodies, 10,
        "unreferenced bodies are still in the pack"
    );
    fs::remove_file(tmp.join(".tmpB")).unwrap();
    store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    is_sound(&store);
}
