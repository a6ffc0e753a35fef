//! Tests of which logs are written again, with failed flushes and crashes that are simulated.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::open_mode::OpenMode;
use super::*;
use crate::fs::lock::policy::LockPolicy;
use crate::model::record::Settings;
use crate::storage::{Index as _, StorageError, testing};

fn open(path: &Path) -> SqliteIndex {
    let policy = LockPolicy::default();
    let probed = SqliteIndex::probe(path, OpenMode::Write, &policy).unwrap();
    SqliteIndex::open(path, OpenMode::Write, probed, &policy).unwrap()
}

/// Creates an index with one prompt in a directory, and returns it open.
fn made(directory: &Path) -> (PathBuf, SqliteIndex) {
    let path = directory.join("index.db");
    let policy = LockPolicy::default();
    let rest = || Ok::<_, StorageError>(());
    SqliteIndex::create(&path, Settings::default(), &policy, rest).unwrap();
    let index = open(&path);
    testing::HistoryWriter::new(&index).create(1, "one", &[]);
    (path, index)
}

/// Copies the files of an open index, as a crash of its process leaves them.
fn crashed(index: &Path, directory: &Path) -> PathBuf {
    for name in ["index.db", "index.db-wal", "write.lock"] {
        fs::copy(index.with_file_name(name), directory.join(name)).unwrap();
    }
    directory.join("index.db")
}

/// Returns whether the next write writes the log again.
fn is_rewritten(path: &Path, index: &SqliteIndex) -> bool {
    let log = beside(path, "-wal");
    let long_ago = SystemTime::UNIX_EPOCH;
    let file = File::options().write(true).open(&log).unwrap();
    file.set_modified(long_ago).unwrap();
    drop(index.write_lock().unwrap());
    fs::metadata(&log).unwrap().modified().unwrap() != long_ago
}

fn note(index: &SqliteIndex) -> LogNote {
    LogNote::read(&index.lock.lock(index.deadline()).unwrap())
}

#[test]
fn a_log_is_not_written_again_after_an_orderly_close() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index) = made(directory.path());
    assert!(!is_rewritten(&path, &index), "after its own commit");
    drop(index);
    for number in 2..5 {
        let index = open(&path);
        assert!(matches!(note(&index), LogNote::Sound(_)));
        assert!(!is_rewritten(&path, &index), "{number}");
        testing::HistoryWriter::new(&index).create(number, "more", &[]);
        let beside_it = open(&path);
        assert!(!is_rewritten(&path, &beside_it), "another handle is open");
    }
}

#[test]
fn a_log_is_written_again_once_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index) = made(directory.path());
    let copy = tempfile::tempdir().unwrap();
    let path = crashed(&path, copy.path());
    drop(index);
    let index = open(&path);
    assert!(is_rewritten(&path, &index));
    assert!(!is_rewritten(&path, &index), "the same handle again");
    assert!(!is_rewritten(&path, &open(&path)), "another handle");
    drop(index);
    assert!(!is_rewritten(&path, &open(&path)), "after a close");
}

/// The log was closed in order, and a later commit of another process crashed.
#[test]
fn a_note_of_an_earlier_log_is_not_enough() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index) = made(directory.path());
    drop(index);
    let index = open(&path);
    testing::HistoryWriter::new(&index).create(2, "two", &[]);
    let copy = tempfile::tempdir().unwrap();
    let path = crashed(&path, copy.path());
    let index = open(&path);
    assert!(matches!(note(&index), LogNote::Sound(_)));
    assert!(is_rewritten(&path, &index));
}

/// Whether the failure is followed by a recovery, or another handle keeps the log open.
#[test]
fn a_log_is_written_again_after_a_failed_flush() {
    for is_shared in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (path, index) = made(directory.path());
        let other = is_shared.then(|| {
            let other = open(&path);
            testing::HistoryWriter::new(&other).create(2, "two", &[]);
            other
        });
        index.note_failed_flush(&index.write_lock().unwrap());
        index.poisoned.store(true, Ordering::Release);
        drop(index);
        let index = open(&path);
        assert_eq!(note(&index), LogNote::Failed);
        assert!(is_rewritten(&path, &index), "{is_shared}");
        assert!(matches!(note(&index), LogNote::Sound(_)));
        assert!(!is_rewritten(&path, &index), "{is_shared}");
        drop(other);
    }
}

/// The handles that close after a failure do not hide it.
#[test]
fn a_close_leaves_the_note_of_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index) = made(directory.path());
    let other = open(&path);
    testing::HistoryWriter::new(&other).create(2, "two", &[]);
    index.note_failed_flush(&index.write_lock().unwrap());
    drop(other);
    assert_eq!(note(&index), LogNote::Failed);
    // A handle that is still usable writes it again itself.
    assert!(is_rewritten(&path, &index));
}

/// A handle that never had the right to write has not looked at the log.
#[test]
fn a_close_without_a_write_vouches_for_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index) = made(directory.path());
    let copy = tempfile::tempdir().unwrap();
    let path = crashed(&path, copy.path());
    drop(index);
    let before = open(&path);
    drop(before.snapshot().unwrap());
    drop(before);
    let index = open(&path);
    assert_eq!(note(&index), LogNote::None);
    assert!(is_rewritten(&path, &index));
}

#[test]
fn notes_are_read_as_written() {
    let directory = tempfile::tempdir().unwrap();
    let (_, index) = made(directory.path());
    let lock = index.lock.lock(index.deadline()).unwrap();
    let state = [1, u32::MAX, 0, 0x1234_5678, 7];
    for note in [LogNote::Sound(state), LogNote::Failed, LogNote::None] {
        note.write(&lock);
        assert_eq!(LogNote::read(&lock), note);
    }
    for foreign in ["sound 1 2 3", "sound 1 2 3 4 x", "fail", "sound", "4711"] {
        lock.set_note(foreign).unwrap();
        assert_eq!(LogNote::read(&lock), LogNote::None, "{foreign}");
    }
}
