//! Links in the place of a store's folders: what removes and moves files never follows one. And what is left in `tmp/`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use promptbook::{Error, ErrorKind, GcOptions, Store, StoreOptions};

use crate::support::{Place, body, commit, create, is_sound};

/// Somebody's documents, with names that a store has, too.
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

    /// All that is there is what was there.
    fn are_untouched(&self, what: &str) {
        for name in self.names() {
            let read = fs::read_to_string(self.path().join(&name));
            assert_eq!(read.unwrap(), "mine", "{what}: {name}");
        }
        let entries = fs::read_dir(self.path()).unwrap();
        assert_eq!(entries.count(), 5, "{what}: something was added");
    }
}

/// What is wrong, in full.
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
    let error = answer.err().expect("refused");
    let (told, link) = (told(&error), link.display().to_string());
    assert!(told.contains(&format!("{link} is a link")), "{told}");
}

/// Everything that removes or moves bodies.
fn each_change(place: &Place) -> [(&'static str, Result<(), Error>); 4] {
    let later = StoreOptions::new().clock(|| Utc::now() + TimeDelta::days(400));
    let store = later.open(place.path()).unwrap();
    let all = GcOptions::new().retention(Duration::ZERO).repack(true);
    [
        ("settle", store.checkpoint(|_| ()).map(drop)),
        ("collect", store.collect_garbage(Duration::ZERO).map(drop)),
        ("repack", store.repack().map(drop)),
        ("all", store.collect_garbage_with(all).map(drop)),
    ]
}

/// As after a move to another disk, or in a store from a stranger.
#[test]
fn nothing_is_swept_through_a_linked_tmp() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p");
    store.checkpoint(|_| ()).unwrap();
    let deleted = commit(&store, "p", "deleted");
    store.delete_version(deleted.id).unwrap();
    drop(store);
    let documents = Documents::new();
    let tmp = place.path().join("tmp");
    fs::remove_dir_all(&tmp).unwrap();
    symlink(documents.path(), &tmp).unwrap();
    let store = place.open();
    is_refused(store.collect_garbage(Duration::ZERO), &tmp);
    documents.are_untouched("collect");
    let waiting = commit(&store, "p", "waits");
    is_refused(store.checkpoint(|_| ()), &tmp);
    drop(store);
    documents.are_untouched("settle");
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
    store.checkpoint(|_| ()).unwrap();
    is_sound(&store);
}

/// Reads follow the link, and nothing is written or removed through it.
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
        store.checkpoint(|_| ()).unwrap();
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
        // So that it has something to remove and to move.
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
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// Only names that a store gives are removed.
#[test]
fn what_no_store_made_stays() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p");
    store.checkpoint(|_| ()).unwrap();
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

/// A backup or a restore that was killed leaves a folder, and a collection removes it.
#[test]
fn what_a_killed_backup_left_is_swept() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p");
    store.checkpoint(|_| ()).unwrap();
    let left = place.path().join("tmp/.tmpLeft");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("index.db"), "half").unwrap();
    store.collect_garbage(Store::RETENTION).unwrap();
    assert!(!left.exists());
}

/// While a backup is made, nothing of it is collected, and its own folder stays.
#[test]
fn a_backup_that_is_being_made_is_not_swept() {
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
    store.backup(backup.path(), |_| ()).unwrap();
    create(&store, "another");
    let mut collected = 0;
    let made = store.backup(backup.path(), |_| {
        let options = StoreOptions::new().busy_timeout(Duration::ZERO);
        let theirs = options.open(backup.path()).unwrap();
        let refused = theirs.collect_garbage(Duration::ZERO).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Busy, "{refused}");
        collected += 1;
    });
    assert!(made.unwrap().report.is_clean());
    assert!(collected > 0, "there was no pack to copy");
    assert_eq!(fs::read_dir(backup.path().join("tmp")).unwrap().count(), 0);
}

/// The rest is swept, and bodies are packed all the same; what is wrong is answered at the end.
#[test]
fn one_that_cannot_be_swept_keeps_nothing_from_being_done() {
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
    // Whether it is being written can't be found out.
    let _socket = std::os::unix::net::UnixListener::bind(tmp.join(".tmpB")).unwrap();
    let error = store.collect_garbage(Duration::ZERO).unwrap_err();
    assert!(error.to_string().contains(".tmpB"), "{}", told(&error));
    assert_eq!(fs::read_dir(&tmp).unwrap().count(), 1, "the rest is swept");
    let usage = store.stats().unwrap().bodies;
    assert_eq!(usage.packed_bodies, 10, "what is dead went from packs");
    fs::remove_file(tmp.join(".tmpB")).unwrap();
    store.collect_garbage(Duration::ZERO).unwrap();
    is_sound(&store);
}
