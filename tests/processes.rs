//! Many processes with many threads on one store, undisturbed and killed: no acknowledged change is
//! lost or applied twice.
//!
//! The test starts its own executable again as the workers. `PROMPTBOOK_STRESS_SECONDS` and
//! `PROMPTBOOK_STRESS_KILLS` make the test longer than is reasonable for every commit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)] // A test fails by a panic, and so do its helpers.

#[path = "shared/ledgers.rs"]
mod ledgers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use promptbook::list::OperationFilter;
use promptbook::maintenance::GcOptions;
use promptbook::{
    BlobId, Body, Error, Expected, NewPrompt, NewVersion, OperationId, PromptId, Store, VersionId,
    VersionNumber,
};

const PROCESSES: usize = 8;
const THREADS: u64 = 4;
const PROMPTS: usize = 20;

/// The variable that makes an executable a worker: its number, and the directory that contains the
/// store.
const WORKER: &str = "PROMPTBOOK_STRESS_WORKER";

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

fn body(text: &str) -> Body {
    let json = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    Body::try_from(json).unwrap()
}

fn make_store(directory: &Path) -> Vec<PromptId> {
    let store = Store::create(directory).unwrap();
    let names = (0..PROMPTS).map(|number| format!("prompt {number}"));
    let make = |name: String| store.create_prompt(NewPrompt::new(name, body("first")));
    names.map(|name| make(name).unwrap().prompt.id).collect()
}

/// Runs in the executable that is started again: works until it is killed or a `stop` file appears.
#[test]
fn worker() {
    let Ok(told) = std::env::var(WORKER) else {
        return;
    };
    let (number, directory) = told.split_once(' ').unwrap();
    let number: u64 = number.parse().unwrap();
    let directory = Path::new(directory);
    let store = Store::open(directory.join("store")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = store.clone();
            scope.spawn(move || work(&store, directory, number * THREADS + thread));
        }
    });
}

fn work(store: &Store, directory: &Path, seed: u64) {
    let ledger = File::options()
        .create(true)
        .append(true)
        .open(directory.join(format!("ledger {seed}")));
    let mut ledger = ledger.unwrap();
    let mut rng = fastrand::Rng::new();
    let prompts = store.prompts().page(None, usize::MAX).unwrap();
    while !directory.join("stop").exists() {
        let id = prompts[rng.usize(..prompts.len())].id;
        match rng.u32(..10) {
            0..5 => {
                let head = store.version((id, promptbook::Selector::Latest)).unwrap();
                let expected = if rng.bool() {
                    Expected::Is(head.id)
                } else {
                    Expected::Any
                };
                let new = NewVersion::new(id, body(&format!("{seed} {}", rng.u32(..))));
                match store.commit(new.expect_head(expected).message("stress")) {
                    Ok(version) => ledger
                        .write_all(
                            format!("{id} {} {} {}\n", version.number, version.id, version.blob)
                                .as_bytes(),
                        )
                        .unwrap(),
                    Err(Error::Conflict { .. }) if expected != Expected::Any => {}
                    Err(error) => panic!("a commit failed: {error:?}"),
                }
            }
            5..7 => {
                store.set_environment(id, "production", "latest").unwrap();
            }
            7 => {
                let resolved = store
                    .resolve((id, "production".parse::<promptbook::Selector>().unwrap()))
                    .unwrap();
                assert_eq!(resolved.version.blob, resolved.body.id());
            }
            8 => {
                store.versions(id).page(None, 20).unwrap();
            }
            _ if rng.u32(..20) == 0 => {
                store.checkpoint().unwrap();
            }
            _ => {}
        }
    }
}

fn start(directory: &Path, number: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker", "--nocapture"])
        .env(WORKER, format!("{number} {}", directory.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Checks that every acknowledged version exists once, as it was acknowledged, and that the store
/// is sound and accepts commits. Returns the number of versions.
fn check(directory: &Path, prompts: &[PromptId]) -> usize {
    let store = Store::open(directory.join("store")).unwrap();
    let mut acknowledged: BTreeMap<(PromptId, VersionNumber), (VersionId, BlobId)> =
        BTreeMap::new();
    ledgers::each_line(directory, |line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let number = (fields[0].parse().unwrap(), fields[1].parse().unwrap());
        let version = (fields[2].parse().unwrap(), fields[3].parse().unwrap());
        let twice = acknowledged.insert(number, version);
        assert_eq!(twice, None, "number {number:?} was assigned twice");
    });
    let mut numbers = BTreeSet::new();
    for id in prompts {
        for version in store.versions(*id).page(None, usize::MAX).unwrap() {
            assert!(
                numbers.insert((*id, version.number)),
                "{id} {} exists twice",
                version.number
            );
            if let Some(found) = acknowledged.remove(&(*id, version.number)) {
                assert_eq!(
                    found,
                    (version.id, version.blob),
                    "{id} {} is not the acknowledged version",
                    version.number
                );
                assert_eq!(store.resolve(version.id).unwrap().body.id(), version.blob);
            }
        }
    }
    assert!(
        acknowledged.is_empty(),
        "acknowledged and lost: {acknowledged:?}"
    );
    let report = store.verify().unwrap();
    assert_eq!(report.violations, [], "the store is not sound");
    store
        .commit(NewVersion::new(prompts[0], body("after")))
        .unwrap();
    store.checkpoint().unwrap();
    let report = store.verify().unwrap();
    assert_eq!(
        report.violations,
        [],
        "the store is not sound after one more commit"
    );
    numbers.len()
}

#[test]
fn processes_share_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let prompts = make_store(&directory.path().join("store"));
    let workers: Vec<Child> = (0..PROCESSES)
        .map(|number| start(directory.path(), number))
        .collect();
    let seconds = setting("PROMPTBOOK_STRESS_SECONDS", 3);
    let end = Instant::now() + Duration::from_secs(seconds);
    let store = Store::open(directory.path().join("store")).unwrap();
    while Instant::now() < end {
        assert_eq!(
            store.verify().unwrap().violations,
            [],
            "not sound while others write"
        );
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
            .unwrap();
    }
    File::create(directory.path().join("stop")).unwrap();
    for mut worker in workers {
        assert!(
            worker.wait().unwrap().success(),
            "a worker failed: see its message above"
        );
    }
    drop(store);
    let versions = check(directory.path(), &prompts);
    println!("{PROCESSES} processes of {THREADS} threads, {seconds} s: {versions} versions");
    assert!(versions > PROMPTS, "the workers committed nothing");
}

#[test]
fn killed_processes_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let prompts = make_store(&directory.path().join("store"));
    let mut workers: Vec<Child> = (0..PROCESSES)
        .map(|number| start(directory.path(), number))
        .collect();
    let kills = setting("PROMPTBOOK_STRESS_KILLS", 40);
    let mut rng = fastrand::Rng::new();
    for kill in 0..kills {
        std::thread::sleep(Duration::from_millis(rng.u64(1..100)));
        let victim = rng.usize(..workers.len());
        if let Some(ended) = workers[victim].try_wait().unwrap() {
            panic!("a worker exited unexpectedly: {ended}, see its message above");
        }
        workers[victim].kill().unwrap();
        workers[victim].wait().unwrap();
        workers[victim] = start(directory.path(), victim);
        if kill % 100 == 99 {
            let store = Store::open(directory.path().join("store")).unwrap();
            assert_eq!(
                store.verify().unwrap().violations,
                [],
                "not sound after {kill} kills"
            );
        }
    }
    File::create(directory.path().join("stop")).unwrap();
    for mut worker in workers {
        assert!(
            worker.wait().unwrap().success(),
            "a worker failed: see its message above"
        );
    }
    let versions = check(directory.path(), &prompts);
    println!("{kills} kills: {versions} versions");
    assert!(versions > PROMPTS, "the workers committed nothing");
}

/// A handle that closes does not checkpoint the bodies that other processes commit, and does not
/// wait for its turn.
#[test]
fn a_store_closes_while_others_write() {
    let directory = tempfile::tempdir().unwrap();
    let prompts = make_store(&directory.path().join("store"));
    let workers: Vec<Child> = (0..PROCESSES)
        .map(|number| start(directory.path(), number))
        .collect();
    let end = Instant::now() + Duration::from_secs(setting("PROMPTBOOK_STRESS_SECONDS", 3) * 4);
    let (mut closed, mut longest) = (0, Duration::ZERO);
    while Instant::now() < end {
        let store = Store::open(directory.path().join("store")).unwrap();
        let new = NewVersion::new(prompts[0], body(&format!("closed {closed}")));
        store.commit(new).unwrap();
        let begun = Instant::now();
        drop(store);
        longest = longest.max(begun.elapsed());
        closed += 1;
    }
    File::create(directory.path().join("stop")).unwrap();
    for mut worker in workers {
        assert!(
            worker.wait().unwrap().success(),
            "a worker failed: see its message above"
        );
    }
    check(directory.path(), &prompts);
    println!("closed {closed} times beside {PROCESSES} processes: {longest:?} at most");
    // Closing may work for one second, plus the time of one step beside all other processes.
    assert!(longest < Duration::from_secs(5), "closing took {longest:?}");
}

/// Returns the id of the operation with this number.
fn operation(store: &Store, number: u64) -> OperationId {
    let filter = OperationFilter::default();
    let operations = store
        .operations()
        .with_filter(&filter)
        .page(Some(number + 1), 1)
        .unwrap();
    assert_eq!(operations[0].number, number);
    operations[0].id
}

/// Commits and deletes versions and collects their bodies, so that bodies disappear.
fn add_and_remove_bodies(store: &Store, done: &AtomicBool) {
    let created = store.create_prompt(NewPrompt::new("passing", body("passing")));
    let prompt = created.unwrap().prompt.id;
    for number in 0.. {
        let new = NewVersion::new(prompt, body(&format!("passing {number}")));
        let version = store.commit(new).unwrap();
        store.checkpoint().unwrap();
        store.delete_version(version.id).unwrap();
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
            .unwrap();
        if done.load(Ordering::Acquire) {
            break;
        }
    }
}

/// Stops threads when it is dropped, so that a failing test ends.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_bundle_of_a_busy_store_is_a_consistent_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    make_store(&directory.path().join("store"));
    let workers: Vec<Child> = (0..4)
        .map(|number| start(directory.path(), number))
        .collect();
    let store = Store::open(directory.path().join("store")).unwrap();
    let follower = Store::create(directory.path().join("follower")).unwrap();
    let seconds = setting("PROMPTBOOK_STRESS_SECONDS", 3);
    let end = Instant::now() + Duration::from_secs(seconds);
    let done = AtomicBool::new(false);
    let mut heads = BTreeSet::new();
    std::thread::scope(|scope| {
        scope.spawn(|| add_and_remove_bodies(&store, &done));
        let _done = Done(&done);
        while heads.len() < 3 || Instant::now() < end {
            let mut bundle = Vec::new();
            let summary = store.export_bundle(&mut bundle).unwrap();
            heads.insert(summary.operations);
            for elsewhere in [&Store::in_memory().unwrap(), &follower] {
                let imported = elsewhere
                    .import_bundle(std::io::Cursor::new(&bundle))
                    .unwrap();
                assert!(!imported.merged);
                assert_eq!(imported.head, summary.head);
                let report = elsewhere.verify().unwrap();
                assert_eq!(report.violations, [], "what was exported is not sound");
                assert_eq!(report.head, summary.head);
            }
            let there = operation(&store, summary.operations);
            assert_eq!(
                Some(there),
                summary.head,
                "the bundle's history is not a prefix of the source's"
            );
        }
    });
    File::create(directory.path().join("stop")).unwrap();
    for mut worker in workers {
        assert!(
            worker.wait().unwrap().success(),
            "a worker failed: see its message above"
        );
    }
    println!("bundles of {heads:?} operations");
}
