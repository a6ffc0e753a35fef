//! A server that is killed and started again at random, under processes that write.
//!
//! No acknowledged change is lost, none is applied twice, and none that failed is there.

use std::fs;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use std::collections::HashMap;

use promptbook::{EnvironmentName, EnvironmentUpdate, Error, PromptId, Store, StoreOptions};
use rustix::process::{Pid, Signal, kill_process};

use crate::ledgers;
use crate::postgres_server::Server;
use crate::support::{is_sound, version, with_prompt};

/// What must not happen, and the numbers of outcomes.
type Findings = (Vec<String>, HashMap<String, usize>);

const PROCESSES: usize = 4;
/// The variable with the directory of the ledgers.
const WORKER: &str = "PROMPTBOOK_OUTAGES_WORKER";

fn prompt() -> PromptId {
    "outage".parse().unwrap()
}

/// Returns the number of failures to try.
fn failures() -> usize {
    match std::env::var("PROMPTBOOK_CRASHES").as_deref() {
        Err(_) => 5,
        Ok("all") => 200,
        Ok(times) => 20 * times.parse::<usize>().expect("PROMPTBOOK_CRASHES"),
    }
}

/// Runs in the executable that is started again: writes until a `stop` file appears.
#[test]
fn worker() {
    let Ok(directory) = std::env::var(WORKER) else {
        return;
    };
    let directory = Path::new(&directory);
    let url = fs::read_to_string(directory.join("url")).unwrap();
    let options = StoreOptions::new().busy_timeout(Duration::from_secs(60));
    let open = || loop {
        match options.open_url(&url) {
            Ok(store) => return store,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    };
    let store = open();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| write(&store, directory));
        }
    });
}

fn write(store: &Store, directory: &Path) {
    let name = format!("ledger {:016x}", fastrand::u64(..));
    let mut ledger = File::create_new(directory.join(name)).unwrap();
    let mut add = |line: String| ledger.write_all(format!("{line}\n").as_bytes()).unwrap();
    while !directory.join("stop").exists() {
        let token = format!("{:016x}", fastrand::u64(..));
        add(format!("begin {token}"));
        let made = store.commit(version(prompt(), &token));
        match &made {
            Ok(_) => add(format!("made {token}")),
            Err(Error::OutcomeUnknown { .. }) => add(format!("unknown {token}")),
            Err(error) => {
                assert!(error.is_retryable(), "{error:?}");
                add(format!("failed {token}"));
            }
        }
        let Ok(made) = made else { continue };
        match store.version(made.id) {
            Ok(found) => assert_eq!(found.message, token),
            Err(error) => assert!(error.is_retryable(), "a stale read: {error}"),
        }
        let to = EnvironmentUpdate::set(prompt(), EnvironmentName::production(), made.id);
        match store.update_environment(to) {
            Ok(_) | Err(Error::OutcomeUnknown { .. }) => {}
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outages::worker", "--nocapture"])
        .env(WORKER, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the server in one of the ways in which servers die. It is started again by its script.
fn fail(server: &Server) {
    let file = server.directory().join("data/postmaster.pid");
    let text = fs::read_to_string(file).unwrap_or_default();
    let first = text
        .lines()
        .next()
        .and_then(|line| line.parse::<i32>().ok());
    let Some(main) = first.and_then(Pid::from_raw) else {
        // It is being started.
        return;
    };
    // The process may have ended meanwhile.
    let _ = match fastrand::u32(..4) {
        0 => kill_process(main, Signal::KILL),
        1 => kill_process(main, Signal::QUIT),
        2 => kill_process(main, Signal::INT),
        // One process for a connection: all others end too, and the server recovers by itself.
        _ => backend_of(main).map_or(Ok(()), |one| kill_process(one, Signal::KILL)),
    };
}

/// Returns a process of the server that serves a connection.
fn backend_of(main: Pid) -> Option<Pid> {
    let main = main.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{main}/task/{main}/children")).ok()?;
    let serves = |pid: &&str| {
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline"));
        command.is_ok_and(|command| command.contains("tests postgres"))
    };
    let pids: Vec<&str> = children.split_whitespace().filter(serves).collect();
    let chosen = pids.get(fastrand::usize(..pids.len().max(1)))?;
    Pid::from_raw(chosen.parse().ok()?)
}

/// Returns what must not happen under this number of failures, and the numbers of outcomes.
fn run(failures: usize, parameter: &str) -> Option<Findings> {
    let server = Server::start(&[])?;
    let place = tempfile::tempdir().unwrap();
    let directory = place.path();
    let url = format!("{}{parameter}", server.new_url());
    drop(with_prompt(&url, prompt()));
    fs::write(directory.join("url"), &url).unwrap();
    let mut workers: Vec<Child> = (0..PROCESSES).map(|_| start(directory)).collect();
    for _ in 0..failures {
        thread::sleep(Duration::from_millis(fastrand::u64(300..1500)));
        fail(&server);
    }
    thread::sleep(Duration::from_millis(1000));
    File::create(directory.join("stop")).unwrap();
    let ended = workers.iter_mut().map(|worker| worker.wait().unwrap());
    let failed = ended.filter(|ended| !ended.success()).count();
    let (mut wrong, outcomes) = compare(&url, directory);
    if failed > 0 {
        // Its handle noticed by itself that changes were lost, or made a stale read.
        wrong.push(format!("{failed} workers failed: see above"));
    }
    Some((wrong, outcomes))
}

/// Compares the ledgers with the history.
fn compare(url: &str, directory: &Path) -> Findings {
    let options = StoreOptions::new().busy_timeout(Duration::from_secs(60));
    let store = options.open_url(url).unwrap();
    let mut applied: HashMap<String, usize> = HashMap::new();
    for version in store.versions(prompt()).page(None, usize::MAX).unwrap() {
        *applied.entry(version.message).or_default() += 1;
    }
    let (mut wrong, mut outcomes) = (Vec::new(), HashMap::new());
    ledgers::each_line(directory, |line| {
        let (event, token) = line.split_once(' ').unwrap();
        let times = applied.get(token).copied().unwrap_or(0);
        let is_right = match event {
            "made" => times == 1,
            "failed" => times == 0,
            _ => times <= 1,
        };
        if !is_right {
            wrong.push(format!("{line}: applied {times} times"));
        }
        *outcomes.entry(event.to_owned()).or_default() += 1;
    });
    is_sound(&store);
    (wrong, outcomes)
}

#[test]
fn no_acknowledged_change_is_lost_or_applied_twice() {
    let failures = failures();
    let Some((wrong, outcomes)) = run(failures, "") else {
        return;
    };
    println!("{failures} failures of the server: {outcomes:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(outcomes["made"] > failures, "{outcomes:?}");
    // The server was soon there again, so it could be asked.
    assert_eq!(outcomes.get("unknown"), None);
}

/// The control: commits are acknowledged before they are flushed.
#[cfg(feature = "testing")]
#[test]
fn changes_that_were_not_flushed_are_missed() {
    // A flush of the log in the background may come first, so it is tried several times.
    for _ in 0..5 {
        let Some((wrong, _)) = run(4, "&planted_fault=acknowledges_early") else {
            return;
        };
        if !wrong.is_empty() {
            return;
        }
    }
    panic!("no change was lost");
}
