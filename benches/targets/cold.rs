//! The first answer of a store that no process has open, with its files in the page cache: in a
//! running process, and in a new one.

use std::path::Path;
use std::process::{Command, Stdio};

use promptbook::Store;

use crate::bench::{Bench, temporary};
use crate::floor::Reader;
use crate::measure::in_turns;
use crate::report::{Amount, Report, Row};

const NAME: &str = "prompt 5";
const SPEC: &str = "prompt 5@production";
const OPENINGS: usize = 200;
const PROCESSES: usize = 200;

const OPENING: Amount = Amount::Time(0.5e-3);
const RATIO: f64 = 1.5;

pub(crate) fn run(bench: &Bench, report: &mut Report) {
    let directory = bench.directory();
    let (_, body) = Reader::open(directory).resolve_named(NAME);
    openings(bench, report, directory, &body);
    processes(bench, report, directory, &body);
}

fn openings(bench: &Bench, report: &mut Report, directory: &Path, body: &[u8]) {
    let (ours, floor) = in_turns(
        bench.times(OPENINGS),
        |samples| {
            let (_store, resolved) = samples.time(|| {
                let store = Store::open(directory).unwrap();
                let resolved = store.resolve(SPEC).unwrap();
                (store, resolved)
            });
            assert_eq!(resolved.body.as_bytes(), body);
        },
        |samples| {
            let (_floor, found) = samples.time(|| {
                let floor = Reader::open(directory);
                let (_, body) = floor.resolve_named(NAME);
                (floor, body)
            });
            assert_eq!(found, body);
        },
    );
    report.add(
        Row::new("open and resolve, no other process has it open", &ours)
            .beside(&floor)
            .aim(OPENING),
    );
}

fn processes(bench: &Bench, report: &mut Report, directory: &Path, body: &[u8]) {
    let ours = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promptbook"));
        command
            .arg("--store")
            .arg(directory)
            .args(["resolve", SPEC]);
        command
    };
    let (hello, what) = hello();
    let run = |mut command: Command| command.stderr(Stdio::inherit()).output().unwrap();
    let (ours, floor) = in_turns(
        bench.times(PROCESSES),
        |samples| {
            let output = samples.time(|| run(ours()));
            assert!(output.status.success() && output.stdout.trim_ascii() == body);
        },
        |samples| {
            let output = samples.time(|| run(hello.command()));
            assert_eq!(output.stdout, b"hello\n");
        },
    );
    let target = format!("process that resolves, beside {what} that prints a line");
    report.add(Row::new(target, &ours).beside(&floor).aim_ratio(RATIO));
}

/// A process that does almost nothing.
struct Hello {
    program: std::path::PathBuf,
    argument: Option<&'static str>,
    _directory: tempfile::TempDir,
}

impl Hello {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.argument);
        command
    }
}

/// Returns a program compiled for this purpose if there is a compiler, otherwise `echo`.
fn hello() -> (Hello, &'static str) {
    let directory = temporary();
    let (source, program) = (
        directory.path().join("hello.rs"),
        directory.path().join("hello"),
    );
    std::fs::write(&source, r#"fn main() { println!("hello"); }"#).unwrap();
    let compiled = Command::new("rustc")
        .arg("-O")
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .status();
    let (program, argument, what) = match compiled {
        Ok(status) if status.success() => (program, None, "one in Rust"),
        _ => ("/bin/echo".into(), Some("hello"), "echo"),
    };
    let hello = Hello {
        program,
        argument,
        _directory: directory,
    };
    (hello, what)
}
