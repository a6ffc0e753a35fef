//! Tests of the index on SQLite: the conformance suite, change marks and maintenance.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::super::archive::SegmentSizes;
use super::*;
use crate::fs::lock::policy::LockPolicy;
use crate::model::record::{OperationFilter, Settings};
use crate::model::work_counter;
use crate::storage::sqlite::change_counter::ChangeCounter;
use crate::storage::sqlite::index_file::IndexFile;
use crate::storage::{Indexable, StorageError, testing};

fn made(directory: &Path) -> PathBuf {
    let path = directory.join("index.db");
    let found = SqliteIndex::create(&path, Settings::default(), &LockPolicy::default(), || {
        Ok::<_, StorageError>(())
    })
    .unwrap();
    assert_eq!(found, IndexFile::Nothing);
    path
}

fn open(path: &Path, purpose: OpenMode) -> SqliteIndex {
    let policy = LockPolicy::default();
    let probed = SqliteIndex::probe(path, purpose, &policy).unwrap();
    SqliteIndex::open(path, purpose, probed, &policy).unwrap()
}

/// Whether this or another index commits, and whether this one was opened for reading only.
#[test]
fn its_mark_shows_commits_by_every_index_on_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = made(directory.path());
    let open = |purpose| open(&path, purpose);
    let by_version = |mut index: SqliteIndex| {
        index.watcher = ChangeCounter::data_version_only();
        index
    };
    let indexes = [
        open(OpenMode::Write),
        by_version(open(OpenMode::Write)),
        open(OpenMode::Read),
        by_version(open(OpenMode::Read)),
    ];
    assert_eq!(
        indexes.each_ref().map(|index| index.change_mark()),
        [None; 4]
    );
    let marks = || indexes.each_ref().map(|index| index.change_mark().unwrap());
    for (number, writer) in (1..=20).zip(indexes[..2].iter().cycle()) {
        let before = marks();
        assert_eq!(marks(), before, "nothing was committed");
        testing::HistoryWriter::new(writer).create(number, "seen", &[]);
        for (before, now) in before.iter().zip(marks()) {
            assert_ne!(*before, now, "a commit was not seen");
        }
    }
    let by_header = indexes.each_ref().map(|index| index.watcher.is_by_header());
    assert_eq!(by_header, [true, false, true, false]);
}

/// Commits after a checkpoint overwrite the log, so the file does not grow.
#[test]
fn it_shortens_a_long_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = made(directory.path());
    let index = open(&path, OpenMode::Write);
    let mut writer = testing::HistoryWriter::new(&index);
    writer.create(1, "logged", &[]);
    let log = || std::fs::metadata(beside(&path, "-wal")).unwrap().len();
    let mut commit = |number: u32| {
        let text = format!(
            "{{\"messages\": [\"{number} {}\"]}}",
            "long ".repeat(20_000)
        );
        writer.commit_body(1, number, &format!("1.{number}"), text.as_bytes());
    };
    index.shorten_log().unwrap();
    let short = log();
    (1..=90).for_each(&mut commit);
    let long = log();
    assert!(long > short + 8_192_000, "{short} to {long} bytes");
    index.shorten_log().unwrap();
    (91..=130).for_each(&mut commit);
    assert_eq!(log(), long);
    drop(open(&path, OpenMode::Read).snapshot().unwrap());
}

/// Beside commits. The next maintenance checkpoints the whole log.
#[test]
fn it_lets_the_log_of_a_large_index_get_longer() {
    let directory = tempfile::tempdir().unwrap();
    let path = made(directory.path());
    let index = open(&path, OpenMode::Write);
    let mut writer = testing::HistoryWriter::new(&index);
    writer.create(1, "logged", &[]);
    let left = || connection::pages_to_checkpoint(&index.connect().unwrap().connection).unwrap();
    let mut commit = |number: u32, pages: usize| {
        let text = format!(
            "{{\"messages\": [\"{number}{}\"]}}",
            "x".repeat(4096 * pages)
        );
        writer.commit_body(1, number, &format!("1.{number}"), text.as_bytes());
    };
    commit(1, 2500);
    index.shorten_log().unwrap();
    assert_eq!(left(), 0, "a small index");
    commit(2, 20_000);
    index.maintain().unwrap();
    commit(3, 2500);
    assert!(left() > 2500);
    index.shorten_log().unwrap();
    assert!(left() > 2500, "the limit is an eighth of the index");
    commit(4, 2500);
    index.shorten_log().unwrap();
    assert_eq!(left(), 0);
    commit(5, 2500);
    index.maintain().unwrap();
    assert_eq!(left(), 0);
}

/// The file of a log keeps its size when the log starts again.
#[test]
fn it_truncates_the_file_of_a_large_log_when_it_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = made(directory.path());
    let index = open(&path, OpenMode::Write);
    let mut writer = testing::HistoryWriter::new(&index);
    writer.create(1, "logged", &[]);
    let text = format!("{{\"messages\": [\"{}\"]}}", "long ".repeat(4_000_000));
    writer.commit_body(1, 1, "1.0", text.as_bytes());
    index.shorten_log().unwrap();
    writer.change(1, "logged again", &[]);
    let log = || std::fs::metadata(beside(&path, "-wal")).unwrap().len();
    assert!(log() > 16 * 1024 * 1024);
    drop(index);
    assert_eq!(log(), 0);
}

/// After a failed flush the outcome is unknown, and SQLite never looks again at a file that it
/// takes for immutable.
#[test]
fn it_has_no_mark_if_a_mark_would_miss_changes() {
    let directory = tempfile::tempdir().unwrap();
    let path = made(directory.path());
    let index = open(&path, OpenMode::Write);
    assert_eq!(index.change_mark(), None, "the first call gets none");
    assert!(index.change_mark().is_some());
    index.poisoned.store(true, Ordering::Release);
    assert_eq!(index.change_mark(), None, "a poisoned handle");
    drop(index);
    let other = rusqlite::Connection::open(&path).unwrap();
    let fold = "PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE);";
    other.execute_batch(fold).unwrap();
    drop(other);
    let index = open(&path, OpenMode::ReadUnwritable);
    assert!(index.is_unlocked());
    assert_eq!(index.change_mark(), None, "an immutable index");
}

/// A reader that is open meanwhile still sees the earlier state.
#[test]
fn free_pages_are_given_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = made(directory.path());
    let index = open(&path, OpenMode::Write);
    let mut scribe = testing::HistoryWriter::new(&index);
    scribe.create(1, "p", &[]);
    let bodies: Vec<_> = (0..300)
        .map(|number| {
            let body = format!("{number}{}", "x".repeat(4000));
            let numbered = format!("1.{number}");
            scribe
                .commit_body(1, 1 + number, &numbered, body.as_bytes())
                .blob
        })
        .collect();
    let pages = || connection::pages(&index.connect().unwrap().connection).unwrap();
    index.maintain().unwrap();
    let (_, full) = pages();
    assert!(full > 300, "they are in the journal");
    let held = index.snapshot().unwrap();
    let before = testing::all_answers(&*held);
    scribe.drop_journal(&bodies);
    assert!(pages().0 > 300, "they were in the journal");
    index.maintain().unwrap();
    assert!(pages().0 > 300, "the search index may take them");
    let mut transaction = index.transaction(Durability::Relaxed).unwrap();
    let news = Indexable {
        up_to: transaction.last_operation().unwrap().0,
        ..Indexable::default()
    };
    transaction.index_documents(&news).unwrap();
    transaction.commit().unwrap();
    index.maintain().unwrap();
    assert_eq!(pages().0, 0);
    assert_eq!(testing::all_answers(&*held), before);
    drop(held);
    index.maintain().unwrap();
    let after = testing::all_answers(&*index.snapshot().unwrap());
    assert_eq!(before.len(), after.len());
    assert_eq!(index.snapshot().unwrap().self_check().unwrap(), [""; 0]);
    drop(index);
    let bytes = path.metadata().unwrap().len();
    assert!(bytes < 100 * 4096, "{bytes} bytes are left");
}

/// A verification asks for the operations of each prompt. The first answer of a snapshot searches all
/// rows, the others look the prompt's rows up.
#[test]
fn operations_of_each_prompt_are_not_searched_for_in_all_rows() {
    const PROMPTS: u32 = 60;
    let directory = tempfile::tempdir().unwrap();
    let index = open(&made(directory.path()), OpenMode::Write);
    let mut writer = testing::HistoryWriter::new(&index);
    for prompt in 1..=PROMPTS {
        writer.create(prompt, &format!("p{prompt}"), &[]);
        writer.commit(prompt, prompt, "1.0");
    }
    let of = |snapshot: &dyn Snapshot, prompt| {
        let filter = OperationFilter::default().prompt(testing::values::prompt_id(prompt));
        snapshot.operations(&filter, None, usize::MAX).unwrap()
    };
    let searched: Vec<_> = (1..=PROMPTS)
        .map(|prompt| of(&*index.snapshot().unwrap(), prompt))
        .collect();
    assert!(searched.iter().all(|operations| operations.len() == 2));
    let snapshot = index.snapshot().unwrap();
    let asking = work_counter::steps(|| {
        let listed: Vec<_> = (1..=PROMPTS).map(|prompt| of(&*snapshot, prompt)).collect();
        assert_eq!(listed, searched);
    });
    // A search of 120 rows takes some 1,000 steps.
    assert!(asking < 200 * u64::from(PROMPTS), "{asking} steps");
}

/// An index whose operations are archived before every snapshot, two to a segment.
#[derive(Debug)]
struct Archiving(SqliteIndex);

impl Archiving {
    fn archive(&self) {
        let sizes = SegmentSizes {
            operations: 2,
            bytes: 10_000,
            newest: 0,
        };
        let reader = self.0.connect().unwrap();
        self.0.archive(&reader, sizes).unwrap();
    }
}

impl Index for Archiving {
    fn snapshot(&self) -> SqliteResult<Box<dyn Snapshot + '_>> {
        self.archive();
        self.0.snapshot()
    }

    fn transaction(&self, durability: Durability) -> SqliteResult<Box<dyn Transaction + '_>> {
        self.0.transaction(durability)
    }

    testing::forwarded_upkeep!(0);

    fn change_mark(&self) -> Option<ChangeMark> {
        self.0.change_mark()
    }
}

fn passes_the_suite(change: impl Fn(&mut SqliteIndex)) {
    passes_the_suite_as(|mut index| {
        change(&mut index);
        Box::new(index)
    });
}

fn passes_the_suite_as(wrap: impl Fn(SqliteIndex) -> Box<dyn Index>) {
    let directory = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    testing::index::all(&|settings| {
        made.set(made.get() + 1);
        let folder = directory.path().join(made.get().to_string());
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("index.db");
        assert_eq!(
            SqliteIndex::create(&path, settings, &LockPolicy::default(), || Ok::<
                _,
                StorageError,
            >(()))
            .unwrap(),
            IndexFile::Nothing
        );
        wrap(open(&path, OpenMode::Write))
    });
}

#[test]
fn it_passes_the_suite_when_operations_are_archived() {
    passes_the_suite_as(|index| Box::new(Archiving(index)));
}

#[test]
fn it_passes_the_suite() {
    passes_the_suite(|_| ());
}

#[test]
fn it_passes_the_suite_with_marks_by_the_data_version() {
    passes_the_suite(|index| index.watcher = ChangeCounter::data_version_only());
}

/// The call comes before the commit is visible, so a caller looks again until it is.
#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn a_commit_by_any_index_on_the_file_calls_those_that_watch() {
    let directory = tempfile::tempdir().unwrap();
    let path = made(directory.path());
    let (watched, other) = (open(&path, OpenMode::Read), open(&path, OpenMode::Write));
    let (sender, woken) = std::sync::mpsc::channel();
    let watch = watched.watch(std::sync::Arc::new(move || {
        let _ = sender.send(());
    }));
    assert_eq!(watch.interval(), WATCHED_LOOK_INTERVAL);
    testing::HistoryWriter::new(&other).create(1, "seen", &[]);
    woken.recv().unwrap();
    drop(watch);
    // Once the watch is dropped, so is the function.
    while woken.recv().is_ok() {}
}
