//! Failing system calls: one call, or all calls of a name from one on.
//!
//! A reported failure is true: either nothing has changed, or the outcome is unknown, and the
//! operation's id decides it when the store is opened again. After a failed flush the handle
//! refuses every call. A full disk does not prevent reads. Nothing panics, and nothing waits
//! forever.
//!
//! Not covered:
//!
//! - A call that lies, that is, writes fewer bytes than it reports.
//! - `EINTR` without an end, which is not an error but a signal that is repeated forever.
//! - A lock that can never be taken. SQLite takes any error for a lock held by another process, and
//!   each step waits for its ten seconds.

use std::fmt;

use crate::check::check;
use crate::child::Manner;
use crate::ledger::{Ledger, Outcome};
use crate::runs::Run;
use crate::scratch;
use crate::script::{Script, named};
use crate::strace::{self, CALLS, Fault, FaultKind, READS};

/// A script in which calls fail.
struct Case {
    script: Script,
    fault: Fault,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.script, self.fault)
    }
}

/// Returns the errors with which a call may fail.
fn errors_of(call: &str) -> &'static [&'static str] {
    match call {
        "pread64" | "read" | "statx" | "getdents64" => &["EIO", "EINTR"],
        "openat" => &["EIO", "ENOSPC", "EDQUOT", "EMFILE", "EINTR"],
        "fcntl" | "flock" => &["ENOLCK", "EINTR"],
        "unlink" | "unlinkat" => &["EIO", "EINTR"],
        _ => &["EIO", "ENOSPC", "EDQUOT", "EINTR"],
    }
}

fn cases(script: &Script) -> Vec<Case> {
    let listing = scratch::directory();
    let listing = listing.path().join("listing");
    let run = Run::of(script, &strace::listing(&listing), Manner::Honest);
    run.is_through();
    let counts = strace::counts(&std::fs::read_to_string(&listing).unwrap(), 0);
    let mut cases = Vec::new();
    for call in CALLS.into_iter().chain(READS) {
        let (before, all) = counts.get(call).copied().unwrap_or_default();
        for number in before + 1..=all {
            for error in errors_of(call) {
                let is_passing = ["EINTR", "ENOLCK"].contains(error);
                let lasting = (!is_passing).then_some(FaultKind::Errors(error));
                cases.extend(
                    lasting
                        .into_iter()
                        .chain([FaultKind::Error(error)])
                        .map(|kind| {
                            let fault = Fault { call, number, kind };
                            let script = script.clone();
                            Case { script, fault }
                        }),
                );
            }
        }
    }
    cases
}

fn is_told_the_truth(case: &Case, manner: Manner) {
    let run = Run::of(&case.script, &case.fault.wrapper(), manner);
    run.is_through();
    let ledger = run.ledger();
    nothing_succeeds_after_a_failed_flush(&ledger);
    if is_full_disk(&case.fault) {
        reads_go_on(&ledger);
    }
    check(&run.store(), &ledger);
}

/// Returns whether the fault is a full disk. SQLite treats an exhausted quota like any other failed
/// write, which poisons the handle.
fn is_full_disk(fault: &Fault) -> bool {
    let (FaultKind::Error(error) | FaultKind::Errors(error)) = fault.kind else {
        return false;
    };
    let by_files = ["write", "mkdir", "rename"].contains(&fault.call);
    let by_index = ["pwrite64", "fallocate", "ftruncate"].contains(&fault.call);
    error == "ENOSPC" && (by_files || by_index) || error == "EDQUOT" && by_files
}

/// Checks that the same handle refuses every later call, reads included.
fn nothing_succeeds_after_a_failed_flush(ledger: &Ledger) {
    use crate::script::Step;
    let mut is_poisoned = false;
    for (step, tried) in ledger.script.steps.iter().zip(&ledger.tries) {
        match step {
            Step::Make | Step::Open | Step::Close => is_poisoned = false,
            // Time passes in any state of the handle.
            Step::Later => {}
            _ if is_poisoned => {
                let refused = Outcome::Failed("Poisoned".into());
                assert_eq!(tried.outcome, refused, "{step:?} through a poisoned handle");
            }
            _ => {}
        }
        // If no operation is affected, as in a checkpoint, the error names none.
        let nameless = Outcome::Failed("Backend(OutcomeUnknown)".into());
        if matches!(tried.outcome, Outcome::Unknown(..)) || tried.outcome == nameless {
            is_poisoned = true;
            assert_eq!(
                tried.read.as_deref(),
                Some("Poisoned"),
                "a read through a poisoned handle succeeded"
            );
        }
    }
}

fn reads_go_on(ledger: &Ledger) {
    for tried in &ledger.tries {
        let is_poisoned = match &tried.outcome {
            Outcome::Failed(kind) => kind == "Poisoned",
            Outcome::Unknown(..) => true,
            Outcome::Open | Outcome::Done(_) => false,
        };
        let read = tried.read.as_deref().unwrap_or("ok");
        assert!(
            is_poisoned || read == "ok",
            "a read failed on a full disk: {read}"
        );
    }
}

pub fn a_reported_error_is_true() {
    if !strace::is_there() {
        return;
    }
    let of_each = scratch::of_each(&named(), cases);
    let all: Vec<Case> = of_each.into_iter().flatten().collect();
    let of_all = all.len();
    // Each failing lock of SQLite may cost ten seconds.
    let (slow, others): (Vec<Case>, Vec<Case>) =
        all.into_iter().partition(|case| case.fault.call == "fcntl");
    let mut tried = scratch::choice(slow, 4);
    tried.extend(scratch::choice(others, 800));
    println!(
        "{} errors of {of_all} tried, of {} scripts",
        tried.len(),
        named().len()
    );
    scratch::all_hold(&tried, |case| is_told_the_truth(case, Manner::Honest));
}

/// Control: a process that takes a failure for a success is caught.
pub fn a_failure_that_is_acknowledged_is_caught() {
    if !strace::is_there() {
        return;
    }
    let mut all = cases(&"closed: open commit".parse().unwrap());
    all.retain(|case| case.fault.call == "pwrite64" && case.fault.kind == FaultKind::Error("EIO"));
    let failed = scratch::failures(&all, |case| is_told_the_truth(case, Manner::Rash));
    println!(
        "{} of {} failures of pwrite64 were caught",
        failed.len(),
        all.len()
    );
    assert!(!failed.is_empty(), "nothing was caught");
}
