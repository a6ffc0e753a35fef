//! Bodies of 1 to 10 MB: commits, cold and warm reads, differences and imports, and the bytes that
//! are written for them.
//!
//! The floor writes one row with the text and flushes it, and later checkpoints its log.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use promptbook::{NewPrompt, NewVersion, Store};
use rusqlite::Connection;
use tempfile::tempdir;

use crate::bench::Bench;
use crate::measure::{Samples, as_f64, in_turns};
use crate::report::{Amount, Report, Row};

const SIZES: [usize; 3] = [1_000_000, 4_000_000, 10_000_000];
const TURNS: usize = 9;
/// Bodies in an import.
const IMPORTED: usize = 4;
const RATIO: f64 = 2.0;

pub(crate) fn run(bench: &Bench, report: &mut Report) {
    for size in SIZES {
        let size = if bench.is_test() { size / 10 } else { size };
        Large::new(size).run(bench, report);
    }
}

struct Large {
    size: usize,
    directory: tempfile::TempDir,
    store: Store,
    floor: Connection,
    edits: usize,
}

impl Large {
    fn new(size: usize) -> Self {
        let directory = tempdir().unwrap();
        let store = Store::create(directory.path().join("store")).unwrap();
        store
            .create_prompt(NewPrompt::new("large", body(size, 0)))
            .unwrap();
        let floor = Connection::open(directory.path().join("floor.db")).unwrap();
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            PRAGMA wal_autocheckpoint = 0;
            CREATE TABLE version (key INTEGER PRIMARY KEY, body BLOB NOT NULL);";
        floor.execute_batch(settings).unwrap();
        Self {
            size,
            directory,
            store,
            floor,
            edits: 0,
        }
    }

    fn run(mut self, bench: &Bench, report: &mut Report) {
        let size = format!("a body of {}", Amount::Bytes(as_f64(self.size)));
        let (mut our_bytes, mut floor_bytes) = (0, 0);
        let turns = if bench.is_test() { 2 } else { TURNS };
        let (mut ours, mut floor) = (Samples::default(), Samples::default());
        for _ in 0..turns {
            self.edits += 1;
            let text = body(self.size, self.edits);
            our_bytes += written(|| {
                let new = NewVersion::new("large", text.as_str());
                ours.time(|| self.store.commit(new).unwrap());
                self.store.checkpoint().unwrap();
            });
            floor_bytes += written(|| {
                floor.time(|| insert(&self.floor, &text));
                self.checkpoint_floor();
            });
        }
        let row = Row::new(format!("commit of {size}"), &ours);
        report.add(row.beside(&floor).aim_ratio(RATIO));
        let each = |bytes: usize| Amount::Bytes(as_f64(bytes / turns));
        let row = Row::new(
            format!("bytes written for {size}, checkpoint included"),
            each(our_bytes),
        );
        report.add(row.beside(each(floor_bytes)).aim_ratio(RATIO));
        self.reads(turns, &size, report);
        self.diff(turns, &size, report);
        self.import(turns, &size, report);
    }

    fn reads(&self, turns: usize, size: &str, report: &mut Report) {
        let path = self.directory.path();
        let (cold, floor) = in_turns(
            turns,
            |samples| {
                let store = Store::open(path.join("store")).unwrap();
                samples.time(|| black_box(store.resolve("large@latest").unwrap()));
            },
            |samples| {
                let floor = Connection::open(path.join("floor.db")).unwrap();
                samples.time(|| black_box(last(&floor)));
            },
        );
        report.add(
            Row::new(format!("first read of {size}"), &cold)
                .beside(&floor)
                .aim_ratio(RATIO),
        );
        let (warm, floor) = in_turns(
            turns,
            |samples| drop(samples.time(|| black_box(self.store.resolve("large@latest").unwrap()))),
            |samples| drop(samples.time(|| black_box(last(&self.floor)))),
        );
        report.add(
            Row::new(format!("later read of {size}"), &warm)
                .beside(&floor)
                .aim_ratio(RATIO),
        );
    }

    /// The floor reads both texts, and compares them byte by byte.
    fn diff(&self, turns: usize, size: &str, report: &mut Report) {
        let all = self.store.versions("large").page(None, 2).unwrap();
        let [new, old] = [all[0].id, all[1].id];
        let (ours, floor) = in_turns(
            turns,
            |samples| {
                let diff = || self.store.diff(old, new).unwrap();
                drop(samples.time(|| black_box(diff())));
            },
            |samples| {
                samples.time(|| {
                    let sql = "SELECT body FROM version ORDER BY key DESC LIMIT 2";
                    let mut statement = self.floor.prepare_cached(sql).unwrap();
                    let rows = statement
                        .query_map([], |row| row.get::<_, Vec<u8>>(0))
                        .unwrap();
                    let texts: Vec<_> = rows.map(Result::unwrap).collect();
                    black_box(texts[0] == texts[1])
                });
            },
        );
        report.add(Row::new(format!("difference of two edits of {size}"), &ours).beside(&floor));
    }

    fn import(&mut self, turns: usize, size: &str, report: &mut Report) {
        let (mut ours, mut floor) = (Samples::default(), Samples::default());
        for _ in 0..turns.div_ceil(3) {
            let texts: Vec<String> = (0..IMPORTED)
                .map(|_| {
                    self.edits += 1;
                    body(self.size, self.edits)
                })
                .collect();
            ours.time(|| {
                let imported = self.store.batch(|batch| {
                    for text in &texts {
                        batch.commit(NewVersion::new("large", text.as_str()))?;
                    }
                    Ok(())
                });
                imported.unwrap();
            });
            floor.time(|| {
                let transaction = self.floor.unchecked_transaction().unwrap();
                for text in &texts {
                    insert(&transaction, text);
                }
                transaction.commit().unwrap();
            });
            self.store.checkpoint().unwrap();
            self.checkpoint_floor();
        }
        let target = format!("import of {IMPORTED} edits of {size}");
        report.add(Row::new(target, &ours).beside(&floor).aim_ratio(RATIO));
    }

    fn checkpoint_floor(&self) {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.floor.query_row(sql, [], |_| Ok(())).unwrap();
    }
}

fn insert(floor: &Connection, text: &str) {
    let sql = "INSERT INTO version (body) VALUES (?1)";
    floor.execute(sql, [text.as_bytes()]).unwrap();
}

fn last(floor: &Connection) -> Vec<u8> {
    let sql = "SELECT body FROM version ORDER BY key DESC LIMIT 1";
    let mut statement = floor.prepare_cached(sql).unwrap();
    statement.query_row([], |row| row.get(0)).unwrap()
}

/// Returns the number of bytes that this process writes during a call.
fn written(call: impl FnOnce()) -> usize {
    let now = || -> usize {
        let counts = fs::read_to_string(Path::new("/proc/self/io")).unwrap();
        let line = counts.lines().find_map(|line| line.strip_prefix("wchar: "));
        line.unwrap().parse().unwrap()
    };
    let before = now();
    call();
    now() - before
}

/// A conversation of many messages, of which an edit changes one.
fn body(size: usize, edit: usize) -> String {
    const MESSAGE: usize = 4_000;
    let count = size / MESSAGE;
    let messages: Vec<String> = (0..count)
        .map(|number| {
            let revision = if number == edit * 7 % count { edit } else { 0 };
            let sentence =
                format!("Sentence {number} of revision {revision} says little that is new. ");
            let text = sentence.repeat(MESSAGE / sentence.len());
            let role = if number % 2 == 0 { "user" } else { "assistant" };
            format!(r#"{{"role": "{role}", "content": "{text}"}}"#)
        })
        .collect();
    format!(
        r#"{{"model": "gpt-4o", "messages": [{}]}}"#,
        messages.join(", ")
    )
}
