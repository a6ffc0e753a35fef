//! Linearizability of environments. Many processes read and move environments, checkpoint, collect
//! garbage, repack, verify and back up at the same time. They are killed, stopped and continued at
//! random while another connection runs WAL checkpoints of every mode. The history of each
//! environment is linearizable: no reader ever sees a state older than one that was acknowledged,
//! or read, before the read began.
//!
//! The operation numbers are the order of the moves, so the check needs no search. A move that
//! ended before another one began has the lower number. A read sees every move that ended before
//! the read began, and every move that an earlier read had seen by then, or a later move.
//!
//! The same test runs on a store in a directory and on one in Postgres. There, WAL checkpoints and
//! backups are left out.
//!
//! The test starts its own executable again as the workers. `PROMPTBOOK_STRESS_KILLS` makes the
//! test longer than is reasonable for every commit.

#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test reaches around the store, to its files"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)] // A test fails by a panic, and so do its helpers.

#[path = "shared/ledgers.rs"]
mod ledgers;
#[cfg(feature = "postgres")]
#[path = "shared/postgres_server.rs"]
mod postgres_server;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use promptbook::error::OpenError;
use promptbook::history::Change;
use promptbook::maintenance::GcOptions;
use promptbook::{
    BlobId, Body, Bump, EnvironmentName, NewPrompt, NewVersion, PromptId, Selector, Store,
};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

const PROCESSES: usize = 6;
const PROMPTS: usize = 3;

/// The variable that makes an executable a worker: its number, whether its reads are honest, and
/// the directory.
const WORKER: &str = "PROMPTBOOK_LINEARIZABLE_WORKER";

/// The file with the URL of the store, if it is not in a directory.
const URL: &str = "url";

/// Creates the store of a test: at a URL, or in a directory.
fn create(directory: &Path, url: Option<&str>) -> Store {
    #[cfg(feature = "postgres")]
    if let Some(url) = url {
        std::fs::write(directory.join(URL), url).unwrap();
        return promptbook::StoreOptions::new().create_url(url).unwrap();
    }
    assert_eq!(url, None);
    Store::create(directory.join("store")).unwrap()
}

/// Opens the store of a test.
fn open(directory: &Path) -> Store {
    #[cfg(feature = "postgres")]
    if let Ok(url) = std::fs::read_to_string(directory.join(URL)) {
        return promptbook::StoreOptions::new().open_url(&url).unwrap();
    }
    Store::open(directory.join("store")).unwrap()
}

/// Returns the nanoseconds of a clock that all processes share and that never goes back.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
}

fn body(text: &str) -> Body {
    let json = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    Body::try_from(json).unwrap()
}

fn prompt(number: usize) -> PromptId {
    format!("line0{number}").parse().unwrap()
}

fn production() -> Selector {
    Selector::Environment(EnvironmentName::production())
}

/// Runs in the executable that is started again: works until it is killed or a `stop` file appears.
#[test]
fn worker() {
    let Ok(told) = std::env::var(WORKER) else {
        return;
    };
    let [number, honest, directory] = told.splitn(3, ' ').collect::<Vec<_>>()[..] else {
        panic!("{told}");
    };
    let directory = Path::new(directory);
    let store = open(directory);
    let stop = || directory.join("stop").exists();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| write(&store, &Ledger::new(directory), &stop));
            scope.spawn(|| read(&store, &Ledger::new(directory), honest == "true", &stop));
        }
        if number == "0" {
            scope.spawn(|| run_maintenance(&store, directory, &stop));
        }
    });
}

/// The record of what a thread did, one line per event.
struct Ledger(File);

impl Ledger {
    fn new(directory: &Path) -> Self {
        let name = format!("ledger {:016x}", fastrand::u64(..));
        Self(File::create_new(directory.join(name)).unwrap())
    }

    fn add(&self, line: &str) {
        (&self.0).write_all(line.as_bytes()).unwrap();
    }
}

fn write(store: &Store, ledger: &Ledger, stop: &dyn Fn() -> bool) {
    while !stop() {
        let number = fastrand::usize(..PROMPTS);
        let body = body(&format!("{:016x}", fastrand::u64(..)));
        let blob = body.id();
        let new = NewVersion::new(prompt(number), body);
        let new = new.environment(EnvironmentName::production());
        ledger.add(&format!("begin {} {blob}\n", now()));
        store.commit(new.bump(Bump::Minor)).unwrap();
        ledger.add(&format!("end {} {blob}\n", now()));
    }
}

fn read(store: &Store, ledger: &Ledger, honest: bool, stop: &dyn Fn() -> bool) {
    let mut kept: HashMap<usize, BlobId> = HashMap::new();
    for turn in 0_u32.. {
        if stop() {
            break;
        }
        let number = fastrand::usize(..PROMPTS);
        let begin = now();
        // In the control, an earlier read is reported again.
        let told = match kept.get(&number).filter(|_| !honest && turn % 500 != 0) {
            Some(blob) => *blob,
            None => {
                let resolved = store.resolve((prompt(number), production())).unwrap();
                assert_eq!(resolved.body.id(), resolved.version.blob);
                resolved.version.blob
            }
        };
        kept.insert(number, told);
        ledger.add(&format!("read {begin} {} {number} {told}\n", now()));
        thread::sleep(Duration::from_micros(fastrand::u64(..300)));
    }
}

/// Runs every maintenance task beside the commits.
fn run_maintenance(store: &Store, directory: &Path, stop: &dyn Fn() -> bool) {
    while !stop() {
        match fastrand::u32(..8) {
            0 | 1 => drop(store.checkpoint().unwrap()),
            2 => drop(
                store
                    .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
                    .unwrap(),
            ),
            3 => drop(store.repack().unwrap()),
            4 => drop(store.export_bundle(&mut Vec::new()).unwrap()),
            5 if !directory.join(URL).exists() => {
                let made = store.backup(directory.join("backup")).unwrap();
                assert_eq!(made.report.violations, [], "the backup is not sound");
            }
            6 => {
                let report = store.verify().unwrap();
                assert_eq!(report.violations, [], "not sound while others write");
            }
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn start(directory: &Path, number: usize, honest: bool) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker", "--nocapture"])
        .env(WORKER, format!("{number} {honest} {}", directory.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// A read or a move.
#[derive(Clone, Copy, Debug)]
struct Event {
    begin: u64,
    /// `None` if the end was not recorded.
    end: Option<u64>,
    prompt: usize,
    /// The number of the operation that this move is, or that this read saw.
    operation: u64,
}

/// Returns the moves and the reads of all threads, with the operation numbers of the store.
fn events(directory: &Path) -> (Vec<Event>, Vec<Event>) {
    let store = open(directory);
    let mut numbers: HashMap<BlobId, (u64, usize)> = HashMap::new();
    for operation in store.operations().page(None, usize::MAX).unwrap() {
        for change in &operation.content.changes {
            if let Change::VersionCreated(version) = change {
                let number = (0..PROMPTS).find(|number| prompt(*number) == version.prompt_id);
                numbers.insert(version.blob, (operation.number, number.unwrap()));
            }
        }
    }
    let (mut moves, mut reads) = (HashMap::new(), Vec::new());
    ledgers::each_line(directory, |line| {
        let words: Vec<&str> = line.split(' ').collect();
        let time = |word: usize| words[word].parse::<u64>().unwrap();
        let blob: BlobId = words[words.len() - 1].parse().unwrap();
        let found = numbers.get(&blob).copied();
        match (words[0], found) {
            ("begin", Some((operation, prompt))) => {
                let (begin, end) = (time(1), None);
                moves.insert(
                    blob,
                    Event {
                        begin,
                        end,
                        prompt,
                        operation,
                    },
                );
            }
            // The process was killed before the move took place.
            ("begin", None) => {}
            ("end", found) => {
                assert!(found.is_some(), "an acknowledged move is lost: {line}");
                moves.get_mut(&blob).unwrap().end = Some(time(1));
            }
            ("read", found) => {
                let (operation, prompt) = found.expect("a read of a body that was never committed");
                assert_eq!(
                    prompt.to_string(),
                    words[3],
                    "a read of another prompt's version"
                );
                let (begin, end) = (time(1), Some(time(2)));
                reads.push(Event {
                    begin,
                    end,
                    prompt,
                    operation,
                });
            }
            _ => panic!("{line}"),
        }
    });
    let mut moves: Vec<Event> = moves.into_values().collect();
    // The moves that were made before any worker started.
    moves.extend((0..PROMPTS).map(|prompt| Event {
        begin: 0,
        end: Some(0),
        prompt,
        operation: prompt as u64 + 1,
    }));
    (moves, reads)
}

/// Returns a line for each event that no order of all events explains.
fn not_linearizable(moves: &[Event], reads: &[Event]) -> Vec<String> {
    let mut wrong = Vec::new();
    for prompt in 0..PROMPTS {
        let of_prompt = |event: &&Event| event.prompt == prompt;
        let mut by_begin: Vec<&Event> = moves.iter().chain(reads).filter(of_prompt).collect();
        by_begin.sort_by_key(|event| event.begin);
        let mut by_end = by_begin.clone();
        by_end.retain(|event| event.end.is_some());
        by_end.sort_by_key(|event| event.end);
        let mut ended = by_end.into_iter().peekable();
        // The latest state that any process knew of before this event began.
        let mut known = 0;
        for event in by_begin {
            while let Some(before) = ended.next_if(|before| before.end < Some(event.begin)) {
                known = known.max(before.operation);
            }
            if event.operation < known {
                wrong.push(format!("{event:?} began when {known} was known"));
            }
        }
        let begun: HashMap<u64, u64> = moves.iter().map(|one| (one.operation, one.begin)).collect();
        for read in reads.iter().filter(of_prompt) {
            if begun
                .get(&read.operation)
                .is_none_or(|begin| read.end < Some(*begin))
            {
                wrong.push(format!("{read:?} saw a move that had not begun"));
            }
        }
    }
    wrong
}

/// Runs WAL checkpoints of every mode until `done` is set.
fn checkpoint_wal(directory: &Path, done: &AtomicBool) {
    let connection = rusqlite::Connection::open(directory.join("store/index.db")).unwrap();
    connection.busy_timeout(Duration::from_millis(20)).unwrap();
    while !done.load(Ordering::Acquire) {
        let mode = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][fastrand::usize(..4)];
        // A busy checkpoint is not an error here.
        let _ = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        thread::sleep(Duration::from_millis(fastrand::u64(..10)));
    }
}

/// Starts workers on a store at a URL or in a directory, kills or stops them this number of times,
/// and returns their events, or what failed.
fn run(url: Option<&str>, kills: u64, honest: bool) -> Result<(Vec<Event>, Vec<Event>), String> {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path();
    let store = create(directory, url);
    for number in 0..PROMPTS {
        let new = NewPrompt::new(format!("prompt {number}"), body(&format!("first {number}")));
        store.create_prompt(new.id(prompt(number))).unwrap();
    }
    drop(store);
    let mut workers: Vec<Child> = (0..PROCESSES)
        .map(|number| start(directory, number, honest))
        .collect();
    let done = AtomicBool::new(false);
    let failed = thread::scope(|scope| {
        if url.is_none() {
            scope.spawn(|| checkpoint_wal(directory, &done));
        }
        for _ in 0..kills {
            // A commit over a connection takes longer, most of all the first one.
            let pace = if url.is_some() { 4 } else { 1 };
            thread::sleep(Duration::from_millis(fastrand::u64(1..40) * pace));
            let victim = fastrand::usize(..workers.len());
            if let Some(ended) = workers[victim].try_wait().unwrap() {
                done.store(true, Ordering::Release);
                return Some(format!("a worker exited unexpectedly: {ended}"));
            }
            let pid = Pid::from_child(&workers[victim]);
            if fastrand::u32(..3) == 0 {
                // The process may hold any lock while it is stopped.
                kill_process(pid, Signal::STOP).unwrap();
                thread::sleep(Duration::from_millis(fastrand::u64(1..60)));
                kill_process(pid, Signal::CONT).unwrap();
            } else {
                workers[victim].kill().unwrap();
                workers[victim].wait().unwrap();
                workers[victim] = start(directory, victim, honest);
            }
        }
        done.store(true, Ordering::Release);
        None
    });
    // A quiet period, so that all workers that were started last have done some work.
    thread::sleep(Duration::from_millis(if url.is_some() {
        1000
    } else {
        300
    }));
    File::create(directory.join("stop")).unwrap();
    let ended = workers.iter_mut().map(|worker| worker.wait().unwrap());
    let have_failed = ended.filter(|ended| !ended.success()).count() > 0;
    if let Some(failed) = failed.or_else(|| have_failed.then(|| "a worker failed".into())) {
        return Err(format!("{failed}, see its message above"));
    }
    let found = events(directory);
    if url.is_some() {
        assert_eq!(open(directory).verify().unwrap().violations, []);
        return Ok(found);
    }
    for place in ["store", "backup"] {
        match Store::open(directory.join(place)) {
            Ok(store) => assert_eq!(store.verify().unwrap().violations, [], "{place}"),
            Err(OpenError::NotAStore { .. } | OpenError::IndexMissing { .. })
                if place == "backup" => {}
            Err(error) => panic!("{error}"),
        }
    }
    Ok(found)
}

#[test]
fn environments_are_linearizable_and_never_stale() {
    are_linearizable(None);
}

#[cfg(feature = "postgres")]
#[test]
fn environments_in_postgres_are_linearizable_and_never_stale() {
    if let Some(url) = postgres_server::new_url() {
        are_linearizable(Some(&url));
    }
}

fn are_linearizable(url: Option<&str>) {
    let kills = std::env::var("PROMPTBOOK_STRESS_KILLS");
    let kills = kills.map_or(150, |text| text.parse().expect("PROMPTBOOK_STRESS_KILLS"));
    let (moves, reads) = run(url, kills, true).unwrap();
    let mut waits: Vec<u64> = moves
        .iter()
        .filter_map(|one| Some(one.end? - one.begin))
        .collect();
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize] as f64 / 1e6;
    println!(
        "{kills} kills and stops, {} moves, {} reads; a move waits {:.1} ms at the median, {:.1} at p99, {:.0} at most",
        moves.len(),
        reads.len(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
    assert!(
        moves.len() > 100 && reads.len() > 100,
        "the workers made too few moves or reads"
    );
    let wrong = not_linearizable(&moves, &reads);
    assert!(
        wrong.is_empty(),
        "{} events, such as {}",
        wrong.len(),
        wrong[0]
    );
    // A move waits for a process that is stopped for 60 ms while it holds the lock, and for the
    // earlier moves in the queue.
    assert!(at(1.0) < 10_000.0, "a move waited {} ms", at(1.0));
}

/// The control: stale reads must be detected.
#[test]
fn stale_reads_are_caught() {
    let (moves, reads) = run(None, 10, false).unwrap();
    assert!(!not_linearizable(&moves, &reads).is_empty());
}

/// The controls of Postgres: a writer that reads what was current before its wait for the lock, or
/// takes no lock, must be detected. Mostly a constraint of the schema refuses its change.
#[cfg(all(feature = "postgres", feature = "testing"))]
#[test]
fn a_lock_that_is_taken_too_late_is_caught() {
    for fault in ["reads_with_lock", "snapshot_before_lock", "no_lock"] {
        let Some(url) = postgres_server::new_url() else {
            return;
        };
        let url = format!("{url}&planted_fault={fault}");
        let is_caught = run(Some(&url), 10, true).map_or(true, |(moves, reads)| {
            !not_linearizable(&moves, &reads).is_empty()
        });
        assert!(is_caught, "{fault}");
    }
}
