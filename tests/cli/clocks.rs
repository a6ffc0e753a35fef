//! The command under a wrong system clock. A preloaded library gives each process another time.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Answer, Desk, GREETING, REWORDED, command, run};

/// The library, which adds the number of seconds in a file to the system's time.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    const char *path = getenv("CLOCK_AHEAD");
    if (failed || clock != CLOCK_REALTIME || !path)
        return failed;
    char ahead[32] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (read(file, ahead, sizeof ahead - 1) > 0)
            time->tv_sec += atoll(ahead);
        close(file);
    }
    return 0;
}
"#;

const YEAR: i64 = 365 * 24 * 60 * 60;

/// A desk whose commands run at another time.
struct Clocked {
    desk: Desk,
    library: PathBuf,
}

impl Clocked {
    /// Returns `None` if the time of a process cannot be changed. Reports that, and fails if CI is
    /// true.
    fn new() -> Option<Self> {
        let desk = Desk::greeting();
        let why = match library(desk.path()) {
            Ok(library) => {
                let this = Self { desk, library };
                // A statically linked command ignores the library.
                let listed = this.ahead(-20 * YEAR, &["ls", "--at", "0s ago", "--json"]);
                if listed.ok().contains("greeting") {
                    "the library is ignored".to_owned()
                } else {
                    return Some(this);
                }
            }
            Err(why) => why,
        };
        skip(&format!(
            "the clock of a process can't be changed here: {why}"
        ));
        None
    }

    /// Runs a command at another time.
    fn ahead(&self, seconds: i64, arguments: &[&str]) -> Answer {
        self.ahead_with(seconds, arguments, "")
    }

    fn ahead_with(&self, seconds: i64, arguments: &[&str], input: &str) -> Answer {
        self.set(seconds);
        run(&mut self.command(arguments), input)
    }

    /// Returns a command whose clock can be set, also while it runs.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.desk.path());
        command.args(arguments);
        command.env("LD_PRELOAD", &self.library);
        command.env("CLOCK_AHEAD", self.desk.path().join("ahead"));
        command
    }

    fn set(&self, seconds: i64) {
        self.desk.write("ahead", seconds.to_string());
    }
}

/// Reports why a test is skipped, and fails in CI.
#[allow(
    clippy::print_stderr,
    reason = "the developer who runs the test should know"
)]
fn skip(why: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
    eprintln!("skipped: {why}");
}

fn library(folder: &Path) -> Result<PathBuf, String> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return Err("LD_PRELOAD is needed".into());
    }
    let source = folder.join("clock.c");
    let library = folder.join("clock.so");
    std::fs::write(&source, LIBRARY).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
    let made = compiler.arg(&library).arg(&source).output();
    match made {
        Ok(output) if output.status.success() => Ok(library),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(format!("no cc: {error}")),
    }
}

#[test]
fn no_wrong_time_makes_a_command_panic() {
    let Some(clocked) = Clocked::new() else {
        return;
    };
    for seconds in [-66 * YEAR, -500 * YEAR, 10 * YEAR, 5_000 * YEAR] {
        let text = GREETING.replace("Hi", &format!("Hi {seconds}"));
        clocked
            .ahead_with(seconds, &["commit", "greeting", "-m", "x"], &text)
            .ok();
        let moved = ["env", "set", "greeting", "production", "latest"];
        clocked.ahead(seconds, &moved).ok();
        clocked.ahead(seconds, &["undo"]).ok();
        clocked.ahead(seconds, &["log", "greeting", "--at", "2 days ago"]);
        for arguments in [["checkpoint"], ["gc"], ["verify"], ["stats"], ["ops"]] {
            clocked.ahead(seconds, &arguments).ok();
        }
    }
    let told = clocked.desk.run(&["verify"]).ok();
    assert!(told.ends_with("No violations found.\n"), "{told}");
}

/// A computer without a battery has such a clock for a while after its start.
#[test]
fn a_deletion_by_a_slow_clock_can_be_undone() {
    let Some(clocked) = Clocked::new() else {
        return;
    };
    let desk = &clocked.desk;
    desk.run_with(&["commit", "greeting", "-m", "x"], REWORDED)
        .ok();
    desk.run(&["checkpoint"]).ok();
    clocked.ahead(-55 * YEAR, &["rm", "greeting@1.1"]).ok();
    let done = desk.json(&["gc"]);
    assert_eq!(done["bodies"], 0, "{done}");
    desk.run(&["undo"]).ok();
    assert_eq!(desk.run(&["resolve", "greeting@1.1"]).ok(), REWORDED);
}

#[test]
fn a_fast_clock_collects_no_garbage_unasked() {
    let Some(clocked) = Clocked::new() else {
        return;
    };
    let desk = &clocked.desk;
    desk.run_with(&["commit", "greeting", "-m", "x"], REWORDED)
        .ok();
    desk.run(&["checkpoint"]).ok();
    desk.run(&["rm", "greeting@1.1"]).ok();
    let told = clocked.ahead(10 * YEAR, &["gc"]).fails(4);
    assert!(
        told.contains("1 body") && told.contains("gc --yes"),
        "{told}"
    );
    let told = clocked.ahead(10 * YEAR, &["gc", "--aggressive"]).fails(4);
    assert!(told.contains("gc --yes"), "{told}");
    let shown = clocked.ahead(10 * YEAR, &["gc", "--dry-run"]).ok();
    assert!(shown.starts_with("Would remove 1 body "), "{shown}");
    desk.run(&["undo"]).ok();
    assert_eq!(desk.run(&["resolve", "greeting@1.1"]).ok(), REWORDED);
    desk.run(&["undo"]).ok();
    let done = clocked.ahead(10 * YEAR, &["gc", "--yes", "--json"]).json();
    assert_eq!(done["bodies"], 1);
}

/// A change made with that clock hides no later change.
#[test]
fn changes_after_those_of_a_fast_clock_are_visible() {
    let Some(clocked) = Clocked::new() else {
        return;
    };
    let desk = &clocked.desk;
    clocked
        .ahead_with(10 * YEAR, &["create", "ahead"], GREETING)
        .ok();
    desk.run_with(&["create", "after"], GREETING).ok();
    let seen = |at: &str| {
        let listed = desk.json(&["ls", "--at", at]);
        let listed = listed.to_string();
        ["greeting", "ahead", "after"].map(|name| listed.contains(&format!("\"{name}\"")))
    };
    assert_eq!(seen("0s ago"), [true, true, true]);
    assert_eq!(seen("1 day ago"), [false, false, false]);
}

/// A server refuses to start before 1970, serves afterwards, and sends the current date after the
/// clock is set back.
#[cfg(feature = "server")]
#[test]
fn a_server_continues_after_the_clock_changes() {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;
    use std::process::Stdio;

    let Some(clocked) = Clocked::new() else {
        return;
    };
    clocked.set(-66 * YEAR);
    let mut server = clocked.command(&["serve", "--addr", "127.0.0.1:0", "--json"]);
    server.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let authority = told["url"]
        .as_str()
        .unwrap()
        .strip_prefix("http://")
        .unwrap();
    let get = || {
        let mut stream = TcpStream::connect(authority).unwrap();
        let request =
            format!("GET /healthz HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let refused = get();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("before 1970"), "{refused}");
    // Ahead and back. Otherwise the first date would be sent for ten years.
    for ahead in [10 * YEAR, 0] {
        clocked.set(ahead);
        // Each thread of the server may cache the date that it sent last.
        for _ in 0..16 {
            let answer = get();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            let dates = answer.lines().filter_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("date").then_some(value)
            });
            let dates: Vec<&str> = dates.collect();
            let [date] = dates[..] else {
                panic!("not exactly one date: {answer}");
            };
            let date = chrono::DateTime::parse_from_rfc2822(&date.replace("GMT", "+0000"));
            let off = date.unwrap().timestamp() - chrono::Utc::now().timestamp() - ahead;
            assert!(off.abs() < 60, "{answer}");
        }
    }
    server.kill().unwrap();
    let output = server.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains("panicked"), "{log}");
}
