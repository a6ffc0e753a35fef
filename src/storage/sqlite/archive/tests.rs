use super::super::archiver::{SegmentSizes, archive};
use super::{MAX_CACHED_BYTES, RowPosition};
use crate::storage::{StorageError, StorageErrorKind};
use rusqlite::Connection;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::fs::lock::policy::LockPolicy;
use crate::model::record::{OperationFilter, Settings};
use crate::storage::sqlite::index::SqliteIndex;
use crate::storage::sqlite::index_file::IndexFile;
use crate::storage::sqlite::open_mode::OpenMode;
use crate::storage::sqlite::transaction::SqliteTransaction;
use crate::storage::testing::values::{
    environment, environment_change, moment, prompt_id, version_id,
};
use crate::storage::testing::{HistoryWriter, all_answers};
use crate::storage::{Index, MemoryIndex, Snapshot, Transaction};

fn made(directory: &Path) -> (PathBuf, SqliteIndex) {
    let path = directory.join("index.db");
    let found = SqliteIndex::create(&path, Settings::default(), &LockPolicy::default(), || {
        Ok::<_, StorageError>(())
    })
    .unwrap();
    assert_eq!(found, IndexFile::Nothing);
    let index = open(&path);
    (path, index)
}

fn open(path: &Path) -> SqliteIndex {
    let policy = LockPolicy::default();
    let probed = SqliteIndex::probe(path, OpenMode::Write, &policy).unwrap();
    SqliteIndex::open(path, OpenMode::Write, probed, &policy).unwrap()
}

/// Writes operations of three prompts in turn.
///
/// Some move environments of two prompts, and the clock goes back and forth.
fn fill(index: &dyn Index) {
    let mut scribe = HistoryWriter::new(index);
    for prompt in 1..=3 {
        scribe.create(prompt, "p", &[]);
    }
    for turn in 0..12 {
        for prompt in 1..=3 {
            let number = 1 + turn * 3 + prompt;
            scribe.commit(prompt, number, &format!("1.{turn}"));
            if turn % 4 == prompt {
                scribe.point(prompt, "staging", Some(number));
            }
        }
    }
    scribe.write(
        [(1, 2), (2, 3)]
            .map(|(prompt, version)| {
                environment_change(prompt_id(prompt), "canary", None, Some(version_id(version)))
            })
            .into(),
    );
    scribe.delete_version(3, 7);
    for prompt in 1..=2 {
        scribe.change(prompt, "renamed", &["tag"]);
    }
}

/// Archives into segments of `operations` operations, leaving `newest` rows.
///
/// Returns the number of segments.
fn archived(index: &SqliteIndex, operations: usize, newest: usize) -> usize {
    let sizes = SegmentSizes {
        operations,
        bytes: 100_000,
        newest,
    };
    let reader = index.connect().unwrap();
    index.archive(&reader, sizes).unwrap();
    let count = "SELECT count(*) FROM segment";
    let segments: i64 = reader
        .connection
        .query_row(count, [], |row| row.get(0))
        .unwrap();
    segments.try_into().unwrap()
}

/// Returns all answers to queries about operations, one per line.
fn history(snapshot: &dyn Snapshot) -> Vec<String> {
    let last = snapshot.last_operation().unwrap();
    let mut lines = vec![format!("last {last:?}")];
    let last = last.map_or(0, |(number, _)| number);
    let prompts = [None, Some(1), Some(2), Some(3), Some(4)];
    let names = [None, Some("staging"), Some("canary"), Some("moon")];
    for (prompt, name) in prompts
        .into_iter()
        .flat_map(|prompt| names.map(|name| (prompt, name)))
    {
        let filter = OperationFilter {
            prompt: prompt.map(prompt_id),
            environment: name.map(environment),
        };
        for before in [None, Some(u64::MAX)]
            .into_iter()
            .chain((0..=last + 1).map(Some))
        {
            for limit in [0, 1, 3, usize::MAX] {
                let found = snapshot.operations(&filter, before, limit).unwrap();
                lines.push(format!("{prompt:?} {name:?} {before:?} {limit}: {found:?}"));
            }
        }
    }
    for second in 0..70 {
        for up_to in [u64::MAX, 3, 17] {
            let by = snapshot.last_operation_by(moment(second), up_to);
            lines.push(format!("by {second}, up to {up_to}: {}", by.unwrap()));
        }
        for until in [second, second + 1, second + 9, 99] {
            let first = snapshot.first_operation_between(moment(second), moment(until));
            lines.push(format!("after {second}, by {until}: {:?}", first.unwrap()));
        }
    }
    for after in 0..=last + 1 {
        for most in [1, 3, usize::MAX] {
            let mut seen = Vec::new();
            let visited = snapshot.each_operation(after, &mut |number, id, text| {
                seen.push(format!("{number} {id} {text}"));
                if seen.len() < most {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
            visited.unwrap();
            lines.push(format!("{most} after {after}: {seen:?}"));
        }
    }
    lines
}

/// Segments of any size change no answer, even while they are made.
#[test]
fn segments_change_no_answer() {
    let memory = MemoryIndex::new(Settings::default());
    fill(&memory);
    let expected = history(&*memory.snapshot().unwrap());
    for (operations, newest, segments) in
        [(1, 0, 52), (4, 3, 12), (7, 1, 7), (52, 0, 1), (53, 0, 0)]
    {
        let directory = tempfile::tempdir().unwrap();
        let (path, index) = made(directory.path());
        fill(&index);
        let held = index.snapshot().unwrap();
        let before = all_answers(&*held);
        assert_eq!(archived(&index, operations, newest), segments);
        assert_eq!(all_answers(&*held), before, "a held snapshot was changed");
        drop(held);
        assert_eq!(all_answers(&*index.snapshot().unwrap()), before);
        assert!(
            history(&*index.snapshot().unwrap()) == expected,
            "segments of {operations}"
        );
        let other = open(&path);
        let snapshot = other.snapshot().unwrap();
        assert!(
            history(&*snapshot) == expected,
            "segments of {operations}, read again"
        );
        assert_eq!(snapshot.self_check().unwrap(), [""; 0]);
    }
}

/// Large operations are archived before there are as many as a segment may contain.
#[test]
fn a_few_large_operations_are_archived() {
    let directory = tempfile::tempdir().unwrap();
    let (_, index) = made(directory.path());
    fill(&index);
    let before = history(&*index.snapshot().unwrap());
    let sizes = SegmentSizes {
        operations: 1000,
        bytes: 2000,
        newest: 10,
    };
    let reader = index.connect().unwrap();
    index.archive(&reader, sizes).unwrap();
    let rows: i64 = reader
        .connection
        .query_row("SELECT count(*) FROM operation", [], |row| row.get(0))
        .unwrap();
    assert!((10..30).contains(&rows), "{rows} rows are left");
    assert!(history(&*index.snapshot().unwrap()) == before);
}

/// The history continues after segments.
#[test]
fn operations_are_appended_after_segments() {
    let directory = tempfile::tempdir().unwrap();
    let (_, index) = made(directory.path());
    let memory = MemoryIndex::new(Settings::default());
    fill(&index);
    fill(&memory);
    archived(&index, 5, 0);
    for index in [&index as &dyn Index, &memory] {
        let mut scribe = HistoryWriter::new(index);
        scribe.create(9, "behind", &[]);
        scribe.commit(9, 99, "1.0");
    }
    archived(&index, 3, 0);
    let expected = history(&*memory.snapshot().unwrap());
    assert!(history(&*index.snapshot().unwrap()) == expected);
}

/// Two processes may begin to archive the same operations.
#[test]
fn operations_are_archived_once() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index) = made(directory.path());
    fill(&index);
    let sizes = SegmentSizes {
        operations: 10,
        bytes: 100_000,
        newest: 0,
    };
    let connection = index.connect().unwrap().connection;
    let early = archive(&connection, RowPosition::START, sizes)
        .unwrap()
        .unwrap();
    assert_eq!(archived(&open(&path), 10, 0), 5);
    let before = history(&*index.snapshot().unwrap());
    let mut write = SqliteTransaction::begin(index.write_lock().unwrap(), &index).unwrap();
    assert!(!write.archive(&early).unwrap(), "they are archived already");
    Box::new(write).commit().unwrap();
    assert!(history(&*index.snapshot().unwrap()) == before);
}

/// Archiving has no effect before it is committed.
#[test]
fn uncommitted_archiving_has_no_effect() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index) = made(directory.path());
    fill(&index);
    let before = history(&*index.snapshot().unwrap());
    let early = archive(
        &index.connect().unwrap().connection,
        RowPosition::START,
        SegmentSizes {
            operations: 10,
            bytes: 100_000,
            newest: 0,
        },
    );
    let mut write = SqliteTransaction::begin(index.write_lock().unwrap(), &index).unwrap();
    assert!(write.archive(&early.unwrap().unwrap()).unwrap());
    drop(write);
    assert!(history(&*open(&path).snapshot().unwrap()) == before);
}

/// Damaged operations stay where they were found, so that every reader sees them.
#[test]
fn damaged_operations_are_not_archived() {
    for damage in [
        "UPDATE operation SET hash = zeroblob(32) WHERE number = 3",
        "UPDATE operation SET content = replace(content, 'scribe', 'nobody') WHERE number = 3",
        "UPDATE operation SET content = content || char(1) WHERE number = 3",
        "UPDATE operation SET content = '' WHERE number = 3",
        "UPDATE operation SET at = at + 1 WHERE number = 3",
        "DELETE FROM operation WHERE number = 3",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (path, index) = made(directory.path());
        fill(&index);
        alter(&path, damage);
        assert_eq!(archived(&index, 2, 0), 1, "archived what {damage} left");
    }
}

fn alter(path: &Path, statement: &str) {
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "foreign_keys", false)
        .unwrap();
    assert!(
        connection.execute(statement, []).unwrap() > 0,
        "nothing altered by {statement}"
    );
}

/// A flipped bit in a segment, or in a row that it refers to, is found, and never yields another
/// operation.
#[test]
fn a_flipped_bit_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index) = made(directory.path());
    fill(&index);
    archived(&index, 10, 0);
    let expected = history(&*index.snapshot().unwrap());
    drop(index);
    let connection = Connection::open(&path).unwrap();
    let content: Vec<u8> = connection
        .query_row("SELECT content FROM segment WHERE last = 20", [], |row| {
            row.get(0)
        })
        .unwrap();
    let put = |content: &[u8]| {
        let sql = "UPDATE segment SET content = ?1 WHERE last = 20";
        connection.execute(sql, [content]).unwrap();
    };
    for at in 0..content.len() {
        let mut damaged = content.clone();
        damaged[at] ^= 1 << (at % 8);
        put(&damaged);
        is_found(&path, at, &expected);
    }
    put(&content);
    drop(connection);
    for (number, damage) in [
        "UPDATE segment SET hash = zeroblob(32) WHERE last = 10",
        "UPDATE segment SET hash = zeroblob(32) WHERE last = 50",
        "UPDATE segment SET operations = operations - 1 WHERE last = 20",
        "UPDATE segment SET operations = operations + 1 WHERE last = 20",
        "UPDATE segment SET operations = -1 WHERE last = 20",
        "DELETE FROM segment WHERE last = 20",
        "UPDATE version SET id = zeroblob(16) WHERE key = 9",
        "UPDATE blob SET hash = zeroblob(32) WHERE key = 9",
        "DELETE FROM version WHERE key = 9",
    ]
    .into_iter()
    .enumerate()
    {
        let copy = directory.path().join(format!("{number}.db"));
        std::fs::copy(&path, &copy).unwrap();
        alter(&copy, damage);
        let index = open(&copy);
        let checked = index.snapshot().unwrap().self_check().unwrap();
        assert!(!checked.is_empty(), "not found: {damage}");
        is_found(&copy, damage, &expected);
    }
}

/// Checks that the history cannot be read to its end.
///
/// The part that can be read must be unchanged.
fn is_found(path: &Path, damage: impl std::fmt::Debug, expected: &[String]) {
    let index = open(path);
    let snapshot = index.snapshot().unwrap();
    let mut seen = Vec::new();
    let visited = snapshot.each_operation(0, &mut |number, id, text| {
        seen.push(format!("{number} {id} {text}"));
        ControlFlow::Continue(())
    });
    assert!(visited.is_err(), "{damage:?} was not found");
    let whole = expected
        .iter()
        .find(|line| line.starts_with(&format!("{} after 0: ", usize::MAX)));
    let so_far = format!("{seen:?}");
    let so_far = so_far.trim_start_matches('[').trim_end_matches(']');
    assert!(
        whole.unwrap().contains(so_far),
        "{damage:?}: another history"
    );
    let all = OperationFilter::default();
    let error = snapshot.operations(&all, None, usize::MAX).unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupt, "{damage:?}");
}

/// The moments of a segment, and the list by prompt, are stored beside it.
#[test]
fn the_times_and_lists_of_a_segment_are_checked() {
    for (damage, words) in [
        (
            "UPDATE segment SET latest = latest - 1 WHERE last = 20",
            "time of operation 20 is wrong",
        ),
        (
            "UPDATE segment SET earliest = earliest + 1 WHERE last = 20",
            "time of operation 20 is wrong",
        ),
        (
            "DELETE FROM operation_prompt WHERE operation = 20",
            "operation 20 is listed wrongly under prompt",
        ),
        (
            "INSERT INTO operation_prompt VALUES (1, 19)",
            "operation 19 is listed wrongly under prompt",
        ),
        (
            "DELETE FROM operation_environment WHERE operation < 50",
            "is listed wrongly under staging",
        ),
        (
            "INSERT INTO blob (hash, size, stored, live) SELECT hash, size, 0, 0 FROM blob WHERE key = 1",
            "has 2 rows",
        ),
        (
            "INSERT INTO version (id, prompt, major, minor, message, author, blob, created_at)
             SELECT id, prompt, 9, 9, message, author, blob, created_at FROM version WHERE key = 1",
            "has 2 rows",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (path, index) = made(directory.path());
        fill(&index);
        archived(&index, 10, 0);
        assert_eq!(index.snapshot().unwrap().self_check().unwrap(), [""; 0]);
        alter(&path, damage);
        let found = index.snapshot().unwrap().self_check().unwrap();
        assert!(
            found.iter().any(|line| line.contains(words)),
            "{damage}: {found:#?}"
        );
    }
}

/// The limit affects the cache only: all operations are still found.
#[test]
fn the_segment_cache_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let (_, index) = made(directory.path());
    let mut scribe = HistoryWriter::new(&index);
    scribe.create(1, "p", &[]);
    let much = "m".repeat(MAX_CACHED_BYTES / 8);
    for turn in 0..12 {
        let name = &format!("{turn}");
        scribe.change(1, name, &[&much]);
    }
    archived(&index, 1, 0);
    let all = OperationFilter::default();
    let found = index
        .snapshot()
        .unwrap()
        .operations(&all, None, usize::MAX)
        .unwrap();
    assert_eq!(found.len(), 13);
    let kept = index.segments.0.lock().unwrap();
    let bytes: usize = kept.iter().map(|segment| segment.size()).sum();
    assert!(
        (MAX_CACHED_BYTES / 2..=MAX_CACHED_BYTES).contains(&bytes),
        "{bytes} are kept"
    );
}
