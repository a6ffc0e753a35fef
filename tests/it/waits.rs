//! Waits for locks: each has a limit, and no call is refused before its time is over.

#![allow(
    clippy::print_stdout,
    reason = "it prints the number of commits of each process"
)]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use promptbook::maintenance::GcOptions;
use promptbook::{Error, ErrorKind, NewVersion, Store, StoreOptions};
use rustix::process::{Pid, Signal, kill_process};

use crate::child::{command, directory, store};
use crate::support::{Place, body, commit, create, is_sound};

/// The time for which the holder holds the lock.
const HELD: Duration = Duration::from_secs(3);
/// A limit below that time, and one above it.
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(10);

/// A process that is killed if the test fails.
struct Running(Child);

impl Running {
    /// Runs an ignored test of this binary on a store.
    fn start(check: &str, place: &Place) -> Self {
        let this = std::env::current_exe().unwrap();
        let mut command = command(&this, &[], check, place.path());
        command.stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    fn passes(mut self) {
        assert!(
            self.0.wait().unwrap().success(),
            "the process failed: see its message above"
        );
    }

    fn signal(&self, signal: Signal) {
        send(self.id(), signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn send(process: u32, signal: Signal) {
    let process = Pid::from_raw(process.cast_signed()).unwrap();
    kill_process(process, signal).unwrap();
}

fn wait_for(file: &Path) {
    let end = Instant::now() + Duration::from_secs(60);
    while !file.exists() {
        assert!(Instant::now() < end, "{} did not appear", file.display());
        sleep(Duration::from_millis(5));
    }
}

/// Writes a file so that other processes see it only when it is complete.
fn put(file: &str, text: &str) {
    let (new, place) = (
        directory().join(format!("{file}.new")),
        directory().join(file),
    );
    fs::write(&new, text).unwrap();
    fs::rename(new, place).unwrap();
}

fn try_to_commit(store: &Store) -> Result<(), Error> {
    let new = NewVersion::new("greeting", body(format!("{:?}", Instant::now())));
    store.commit(new).map(drop)
}

/// Asserts that a call was refused as busy. Returns the message.
fn is_busy(answer: Result<(), Error>) -> String {
    let refused = answer.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Busy, "{refused:?}");
    refused.to_string()
}

/// Takes the lock, reports that, and holds it.
#[test]
#[ignore = "run by the tests below, in other processes"]
fn hold_the_write_lock() {
    let held = store().batch(|batch| {
        batch.commit(NewVersion::new("greeting", body("of the holder")))?;
        put("held", "");
        sleep(HELD);
        put("released", "");
        Ok(())
    });
    held.unwrap();
}

#[test]
#[ignore = "run by the test below, in several processes"]
fn wait_with_a_short_and_a_long_timeout() {
    let open = |limit| {
        let options = StoreOptions::new().busy_timeout(limit);
        options.open(directory()).unwrap()
    };
    let (short, long) = (open(SHORT), open(LONG));
    wait_for(&directory().join("held"));
    let began = Instant::now();
    scope(|scope| {
        let written = scope.spawn(|| try_to_commit(&long));
        let others = scope.spawn(|| try_to_commit(&long));
        is_busy(try_to_commit(&short));
        let waited = began.elapsed();
        assert!(
            waited >= SHORT && waited < SHORT * 2,
            "{waited:?} instead of {SHORT:?}"
        );
        assert!(!directory().join("released").exists());
        written.join().unwrap().unwrap();
        others.join().unwrap().unwrap();
        assert!(directory().join("released").exists());
    });
    // A handle that timed out can write later.
    try_to_commit(&short).unwrap();
}

#[test]
fn calls_whose_timeout_passes_are_busy_and_the_others_write() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let holder = Running::start("waits::hold_the_write_lock", &place);
    let waiting: Vec<_> = (0..3)
        .map(|_| Running::start("waits::wait_with_a_short_and_a_long_timeout", &place))
        .collect();
    holder.passes();
    waiting.into_iter().for_each(Running::passes);
    let store = place.open();
    is_sound(&store);
    let versions = store.version_counts("greeting").unwrap().total;
    assert_eq!(versions, 1 + 1 + 3 * 3);
}

/// The limit also applies to a wait behind other threads of the handle.
#[test]
fn many_threads_of_a_handle_wait_as_long_as_one() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let _holder = Running::start("waits::hold_the_write_lock", &place);
    let store = StoreOptions::new().busy_timeout(SHORT);
    let store = store.open(place.path()).unwrap();
    wait_for(&place.path().join("held"));
    scope(|scope| {
        for turn in 0..8 {
            let store = &store;
            scope.spawn(move || {
                // The threads start one after the other, so that they don't time out at the same
                // time.
                sleep(Duration::from_millis(50 * turn));
                let began = Instant::now();
                is_busy(match turn % 2 {
                    0 => try_to_commit(store),
                    _ => store.batch(|_| Ok(())),
                });
                let waited = began.elapsed();
                assert!(
                    waited >= SHORT && waited < SHORT * 2,
                    "{waited:?} instead of {SHORT:?}"
                );
            });
        }
    });
}

#[test]
fn a_lock_held_by_a_stopped_process_times_out() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let holder = Running::start("waits::hold_the_write_lock", &place);
    wait_for(&place.path().join("held"));
    holder.signal(Signal::STOP);
    let (told, notices) = channel();
    let options = StoreOptions::new().busy_timeout(SHORT * 2);
    let options = options.on_wait(move |wait| told.send(wait.clone()).unwrap());
    let store = options.open(place.path()).unwrap();
    let refused = is_busy(try_to_commit(&store));
    let notice = notices.try_iter().collect::<Vec<_>>();
    assert_eq!(notice.len(), 1, "{notice:?}");
    assert_eq!(
        notice[0].path,
        place.path().canonicalize().unwrap().join("write.lock")
    );
    if cfg!(target_os = "linux") {
        let holders = &notice[0].holders;
        assert_eq!(holders.len(), 1, "{holders:?}");
        assert!(holders[0].process == holder.id() && holders[0].is_stopped);
        let named = format!("held by process {} (", holder.id());
        assert!(refused.contains(&named), "{refused}");
        assert!(refused.ends_with(", stopped)"), "{refused}");
    }
    assert!(
        store.resolve("greeting").is_ok(),
        "a read waited for the lock"
    );
    holder.signal(Signal::CONT);
    try_to_commit(&store)
        .or_else(|_| try_to_commit(&store))
        .unwrap();
    holder.passes();
    is_sound(&store);
}

/// A fork inherits the lock of its parent, and holds it until it executes another program.
#[test]
#[ignore = "run by the test below, in a process that is killed"]
#[allow(unsafe_code, reason = "nothing else runs code in a fork")]
#[allow(clippy::zombie_processes, reason = "the test kills all of them")]
fn fork_in_a_batch() {
    let held = store().batch(|batch| {
        batch.commit(NewVersion::new("greeting", body("of the killed")))?;
        let program = Command::new("sleep").arg("100").spawn().unwrap();
        put("program", &program.id().to_string());
        let mut fork = Command::new("true");
        let stay = || {
            put("fork", &std::process::id().to_string());
            sleep(LONG * 10);
            Ok(())
        };
        // SAFETY: no other thread of this process holds a lock of the allocator: all other threads
        // are idle.
        unsafe { fork.pre_exec(stay) };
        fork.status().unwrap();
        Ok(())
    });
    held.unwrap();
}

#[test]
fn a_lock_inherited_by_a_fork_times_out() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let mut killed = Running::start("waits::fork_in_a_batch", &place);
    wait_for(&place.path().join("fork"));
    let id = |name: &str| fs::read_to_string(place.path().join(name)).unwrap();
    let [fork, program] = ["fork", "program"].map(|name| id(name).parse().unwrap());
    killed.0.kill().unwrap();
    killed.0.wait().unwrap();
    let store = StoreOptions::new().busy_timeout(SHORT);
    let store = store.open(place.path()).unwrap();
    let refused = is_busy(try_to_commit(&store));
    send(fork, Signal::KILL);
    if cfg!(target_os = "linux") {
        assert!(refused.contains("has inherited the lock"), "{refused}");
    }
    try_to_commit(&store)
        .or_else(|_| try_to_commit(&store))
        .unwrap();
    // The program that was executed meanwhile continues to run, and does not hold the lock.
    send(program, Signal::KILL);
    is_sound(&store);
    let versions = store.version_counts("greeting").unwrap().total;
    assert_eq!(versions, 2, "the batch of the killed process was committed");
}

/// A lock that another program holds only through SQLite has the same limit, and is reported in the
/// same way.
#[test]
fn a_lock_held_only_through_sqlite_times_out() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let other = rusqlite::Connection::open(place.index()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for (limit, notices) in [(SHORT / 4, 0), (SHORT * 2, 1)] {
        let (told, given) = channel();
        let options = StoreOptions::new().busy_timeout(limit);
        let options = options.on_wait(move |wait| told.send(wait.clone()).unwrap());
        let store = options.open(place.path()).unwrap();
        let began = Instant::now();
        let refused = is_busy(try_to_commit(&store));
        let waited = began.elapsed();
        assert!(
            waited >= limit && waited < limit + SHORT,
            "{waited:?} instead of {limit:?}"
        );
        assert!(refused.contains("index.db-shm"), "{refused}");
        assert_eq!(given.try_iter().count(), notices);
        scope(|scope| {
            let long = StoreOptions::new().busy_timeout(LONG);
            let long = long.open(place.path()).unwrap();
            if notices == 1 {
                let written = scope.spawn(move || try_to_commit(&long));
                sleep(SHORT * 3 / 2);
                other.execute_batch("ROLLBACK").unwrap();
                written.join().unwrap().unwrap();
            }
        });
    }
}

/// The lock on bodies has the same limit, and commits don't need it.
#[test]
fn work_on_bodies_times_out() {
    let place = Place::new();
    let store = place.create();
    create(&store, "greeting");
    store.checkpoint().unwrap();
    drop(store);
    for name in ["blobs.gate", "blobs.lock"] {
        let held = fs::File::open(place.path().join(name)).unwrap();
        held.lock().unwrap();
        let store = StoreOptions::new().busy_timeout(SHORT / 4);
        let store = store.open(place.path()).unwrap();
        commit(&store, "greeting", format!("beside {name}"));
        for refused in [
            store.checkpoint().map(drop),
            store
                .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
                .map(drop),
            store.repack().map(drop),
            store
                .backup(place.path().with_extension("backup"))
                .map(drop),
            store.export_bundle(std::io::sink()).map(drop),
        ] {
            let refused = is_busy(refused);
            assert!(refused.contains(name), "{refused}");
        }
        // Closing does not wait for it, either.
        let began = Instant::now();
        drop(store);
        let waited = began.elapsed();
        assert!(waited < SHORT * 3, "{waited:?}");
        drop(held);
    }
    let _ = fs::remove_dir_all(place.path().with_extension("backup"));
    let store = place.open();
    store.checkpoint().unwrap();
    is_sound(&store);
}

/// A process that has made its change can exit, even if another process works on bodies.
#[test]
fn closing_does_not_wait_for_locks() {
    let place = Place::new();
    let store = place.create();
    create(&store, "greeting");
    store.checkpoint().unwrap();
    for name in ["blobs.gate", "write.lock"] {
        let store = place.open();
        commit(&store, "greeting", format!("beside {name}"));
        let held = fs::File::open(place.path().join(name)).unwrap();
        held.lock().unwrap();
        // The maintenance thread may already be waiting for the lock.
        sleep(SHORT / 4);
        let began = Instant::now();
        drop(store);
        let waited = began.elapsed();
        assert!(waited < SHORT * 3, "{name}: {waited:?}");
    }
}

const WORKERS: usize = 4;

#[test]
#[ignore = "run by the test below, in several processes"]
fn commit_for_a_while() {
    let store = store();
    put(&format!("ready {}", std::process::id()), "");
    wait_for(&directory().join("go"));
    let end = Instant::now() + HELD;
    let mut longest = Duration::ZERO;
    let mut commits = 0;
    while Instant::now() < end {
        let began = Instant::now();
        try_to_commit(&store).unwrap();
        longest = longest.max(began.elapsed());
        commits += 1;
    }
    put(
        &format!("done {}", std::process::id()),
        &format!("{commits} {}", longest.as_millis()),
    );
}

#[test]
fn processes_that_commit_constantly_get_fair_turns() {
    let place = Place::new();
    create(&place.create(), "greeting");
    let named = |start: &str| {
        let files = fs::read_dir(place.path()).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let starts = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with(start) && !name.ends_with(".new")
        };
        paths.filter(starts).collect::<Vec<_>>()
    };
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| Running::start("waits::commit_for_a_while", &place))
        .collect();
    let end = Instant::now() + Duration::from_secs(60);
    while named("ready ").len() < WORKERS {
        assert!(Instant::now() < end, "not all workers started");
        sleep(Duration::from_millis(5));
    }
    fs::write(place.path().join("go"), "").unwrap();
    workers.into_iter().for_each(Running::passes);
    let mut commits = Vec::new();
    for done in named("done ") {
        let told = fs::read_to_string(done).unwrap();
        let (count, longest) = told.split_once(' ').unwrap();
        println!("{count} commits, the longest in {longest} ms");
        commits.push(count.parse::<u64>().unwrap());
    }
    assert_eq!(commits.len(), WORKERS);
    let (least, all) = (*commits.iter().min().unwrap(), commits.iter().sum::<u64>());
    assert!(
        least * 4 * WORKERS as u64 >= all,
        "a process had less than a quarter of its share: {commits:?}"
    );
    is_sound(&place.open());
}
