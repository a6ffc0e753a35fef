//! Faults and recordings of a child's system calls, by `strace`.
//!
//! `strace` counts calls by name and by thread, so one name is swept at a time, and a script runs
//! in one thread. The maintenance worker runs concurrently, mostly at a close. A fault hits its
//! call of a number only if the script has not made that many calls before.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::scratch;

/// The calls that are swept: those that change files, flush, open, or lock. Some do not exist on
/// every processor.
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

/// The calls that fail in addition, because a medium may be unreadable.
pub const READS: [&str; 4] = ["pread64", "read", "statx", "getdents64"];

/// Returns whether children can be traced here. If not, reports that, and fails if CI is true.
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

/// A fault of one call of a child, or of that call and all later ones.
#[derive(Clone, Debug)]
pub struct Fault {
    pub call: &'static str,
    /// The number of the call among those of its name, counted from 1.
    pub number: usize,
    pub kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The process is killed before it makes the call.
    Kill,
    /// The call is not made, and returns this error.
    Error(&'static str),
    /// This call and all later ones are not made, and return this error.
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
    /// Returns the command that injects the fault into a child. It does without `--seccomp-bpf`,
    /// which is faster, because strace 6.1 injects nothing with it.
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

/// Returns the command that lists a child's calls in a file.
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

/// Returns, by name, the number of calls that the child's first thread made before it tried a step,
/// and in total.
pub fn counts(listing: &str, step: usize) -> BTreeMap<&'static str, (usize, usize)> {
    let mark = format!("\"try {step}\\n\"");
    let mark = listing.lines().find(|line| line.contains(&mark));
    let thread = mark.and_then(|line| line.split_whitespace().next());
    let thread = thread.expect("the step was not tried");
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
