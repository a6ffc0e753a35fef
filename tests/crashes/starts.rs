//! Initial states of scripts, created once and copied for each case.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use promptbook::BlobId;
use tempfile::TempDir;

use crate::scratch;
use crate::script::{Start, begin, body, options};

/// Puts the initial state of a script into a directory, which need not exist.
pub fn place(start: Start, store: &Path) {
    if start != Start::Nothing {
        copy(&template(start), store);
    }
}

/// Copies the files of a directory, except for shared memory.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = entry
            .map(|entry| (entry.path(), to.join(entry.file_name())))
            .unwrap();
        if from.is_dir() {
            copy(&from, &to);
        } else if !from.to_string_lossy().ends_with("-shm") {
            fs::copy(from, to).unwrap();
        }
    }
}

fn template(start: Start) -> PathBuf {
    static CLOSED: OnceLock<TempDir> = OnceLock::new();
    static CRASHED: OnceLock<TempDir> = OnceLock::new();
    static LONG_LOG: OnceLock<TempDir> = OnceLock::new();
    let template = match start {
        Start::Nothing => unreachable!("there is nothing to copy"),
        Start::Closed => CLOSED.get_or_init(closed),
        Start::Crashed => CRASHED.get_or_init(|| left_open(start)),
        Start::LongLog => LONG_LOG.get_or_init(|| left_open(start)),
    };
    template.path().join("left")
}

fn closed() -> TempDir {
    let directory = scratch::directory();
    let store = options().create(directory.path().join("left")).unwrap();
    begin(&store, Start::Closed).unwrap();
    drop(store);
    directory
}

/// Returns a copy of a store made while a handle has it open.
fn left_open(start: Start) -> TempDir {
    let directory = scratch::directory();
    let (open, left) = (directory.path().join("open"), directory.path().join("left"));
    let store = options().create(&open).unwrap();
    begin(&store, start).unwrap();
    // The lock prevents a checkpoint while the store is copied.
    let gate = File::options().write(true).open(open.join("blobs.gate"));
    let gate = gate.unwrap();
    gate.lock().unwrap();
    copy(&open, &left);
    drop(gate);
    if start == Start::Crashed {
        tear(&left);
    }
    directory
}

/// Adds what a power cut may leave: the beginning of a frame of the log, the first half of a body's
/// file, and a temporary file that was not renamed.
fn tear(store: &Path) {
    let log = File::options()
        .append(true)
        .open(store.join("index.db-wal"));
    let log = log.and_then(|mut log| log.write_all(&[7; 1000]));
    log.unwrap();
    let waiting = body("two");
    let name = BlobId::of(waiting.as_bytes()).to_string();
    let folder = store.join("blobs").join(&name[..2]);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(&name[2..]), &waiting.as_bytes()[..20]).unwrap();
    fs::write(store.join("tmp").join(".tmpLEFT"), "half").unwrap();
}
