//! Killing, failing and recording a child at its system calls.
//!
//! `strace` counts calls by name and by thread, so one name is swept at a time, and a script runs in one thread. The
//! thread that settles works beside it, at a close for the most part: of its calls those are hit that the script has
//! not made as many of before.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::scratch;

/// The calls that are swept: those that change files, flush, open, or lock. Not all are on every processor.
pub const CALLS: [&str; 17] = [
    "pwrite64",
    "write",
    "fdatasync",
    "fsync",
    "syncfs",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "ftruncate",
    "fallocate",
    "openat",
    "mkdir",
    "mkdirat",
    "fcntl",
    "flock",
];

/// The calls that fail besides: a medium may be unreadable.
pub const READS: [&str; 4] = ["pread64", "read", "statx", "getdents64"];

/// Whether children can be traced here. Where they can't, it says so, and fails where CI is true.
pub fn is_there() -> bool {
    let arguments = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=none", "true"];
    let ran = Command::new("strace").args(arguments).output();
    let why = match ran {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    scratch::not_run(&format!("strace does not work here: {why}"));
    false
}

/// What happens to one call of a child, or to it and all that come after it.
#[derive(Clone, Debug)]
pub struct Fault {
    pub call: &'static str,
    /// Which of its name, counted from 1.
    pub number: usize,
    pub kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The process is killed before it makes the call.
    Kill,
    /// It is not made, and answers this error.
    Error(&'static str),
    /// So are all that follow.
    Errors(&'static str),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { call, number, kind } = self;
        match kind {
            FaultKind::Kill => write!(f, "killed at {call} {number}"),
            FaultKind::Error(error) => write!(f, "{error} at {call} {number}"),
            FaultKind::Errors(error) => write!(f, "{error} from {call} {number} on"),
        }
    }
}

impl Fault {
    /// The command that brings it upon a child. Not with `--seccomp-bpf`, which is faster: with it strace 6.1 injects
    /// nothing.
    pub fn wrapper(&self) -> Vec<String> {
        let Self { call, number, kind } = self;
        let what = match kind {
            FaultKind::Kill => format!("signal=SIGKILL:when={number}"),
            FaultKind::Error(error) => format!("error={error}:when={number}"),
            FaultKind::Errors(error) => format!("error={error}:when={number}+"),
        };
        let trace = format!("trace=?{call}");
        let inject = format!("inject=?{call}:{what}");
        let arguments = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &trace,
            "-e",
            &inject,
        ];
        arguments.map(str::to_owned).into()
    }
}

/// The command that lists a child's calls in a file.
pub fn listing(to: &Path) -> Vec<String> {
    let calls: Vec<String> = CALLS
        .iter()
        .chain(&READS)
        .map(|call| format!("?{call}"))
        .collect();
    let trace = format!("trace={},writev", calls.join(","));
    let to = to.to_str().unwrap();
    let arguments = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-o",
        to,
        "-e",
        &trace,
    ];
    arguments.map(str::to_owned).into()
}

/// How many calls of each name the child's first thread made before it tried a step, and in all.
pub fn counts(listing: &str, step: usize) -> BTreeMap<&'static str, (usize, usize)> {
    let mark = format!("\"try {step}\\n\"");
    let mark = listing.lines().find(|line| line.contains(&mark));
    let thread = mark.and_then(|line| line.split_whitespace().next());
    let thread = thread.expect("a step that was tried");
    let mut counts = BTreeMap::new();
    let mut is_before = true;
    for line in listing.lines() {
        is_before &= Some(line) != mark;
        let Some((by, made)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let name = made.trim_start().split('(').next().unwrap_or_default();
        let Some(call) = CALLS.iter().chain(&READS).find(|call| **call == name) else {
            continue;
        };
        if by == thread {
            let (before, all): &mut (usize, usize) = counts.entry(*call).or_default();
            *before += usize::from(is_before);
            *all += 1;
        }
    }
    counts
}
