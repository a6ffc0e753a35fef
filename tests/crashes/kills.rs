//! Kills of a process at each system call of a script.
//!
//! SIGKILL comes before the call is made, so the store is in the state that all earlier calls left.
//! All steps of named scripts are swept, but only the last step of other scripts: their earlier
//! steps are the last ones of shorter scripts. The operating system's caches survive a kill, so
//! these tests say nothing about flushes; `power` tests those.

use std::fmt;

use crate::check::check;
use crate::child::Manner;
use crate::runs::Run;
use crate::scratch;
use crate::script::{Script, named, sequences};
use crate::strace::{self, CALLS, Fault, FaultKind};

/// A script that is killed at a call.
struct Case {
    script: Script,
    fault: Fault,
    /// Whether it is the last call of its name. Later ones are tried too, until the script ends
    /// without being killed.
    is_last: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.script, self.fault)
    }
}

/// Returns every call of a script from a step on.
fn cases(script: &Script, from: usize) -> Vec<Case> {
    let listing = scratch::directory();
    let listing = listing.path().join("listing");
    let run = Run::of(script, &strace::listing(&listing), Manner::Honest);
    run.is_through();
    let listing = std::fs::read_to_string(&listing).unwrap();
    let mut cases = Vec::new();
    for call in CALLS {
        let counts = strace::counts(&listing, from);
        let (before, all) = counts.get(call).copied().unwrap_or_default();
        cases.extend((before + 1..=all + 1).map(|number| Case {
            script: script.clone(),
            fault: Fault {
                call,
                number,
                kind: FaultKind::Kill,
            },
            is_last: number == all + 1,
        }));
    }
    cases
}

/// The number of calls of the maintenance worker that are tried after the first thread's last call
/// of a name. The long run tries all of them.
const MAINTENANCE_CALLS: usize = 4;

/// Kills the child at the call and checks the store. After the last call of a name, continues until
/// the child ends without being killed.
fn survives(case: &Case, manner: Manner) {
    let mut fault = case.fault.clone();
    let beyond = scratch::scaled(MAINTENANCE_CALLS).unwrap_or(usize::MAX);
    let last = case.fault.number.saturating_add(beyond);
    loop {
        let run = Run::of(&case.script, &fault.wrapper(), manner);
        let killed = run.was_killed();
        if !killed {
            run.is_through();
        }
        check(&run.store(), &run.ledger());
        if !(killed && case.is_last && fault.number < last) {
            return;
        }
        fault.number += 1;
    }
}

pub fn a_process_that_is_killed_at_any_call_loses_nothing() {
    if !strace::is_there() {
        return;
    }
    let of_named = scratch::of_each(&named(), |script| cases(script, 0));
    let mut all: Vec<Case> = of_named.into_iter().flatten().collect();
    let longest = if scratch::is_long() { 3 } else { 2 };
    let sequences = scratch::choice((1..=longest).flat_map(sequences).collect(), 12);
    let last = |script: &Script| cases(script, script.steps.len() - 1);
    all.extend(scratch::of_each(&sequences, last).into_iter().flatten());
    let (number, of_sequences) = (all.len(), sequences.len());
    let tried = scratch::choice(all, 1000);
    println!(
        "{} kills of {number} tried, of {} scripts and {of_sequences} sequences",
        tried.len(),
        named().len()
    );
    scratch::all_hold(&tried, |case| survives(case, Manner::Honest));
}

/// Control: a process that acknowledges before it commits is caught.
pub fn a_rash_acknowledgement_is_caught() {
    if !strace::is_there() {
        return;
    }
    for script in ["closed: open commit", "nothing: make create"] {
        let all = cases(&script.parse().unwrap(), 1);
        let failed = scratch::failures(&all, |case| survives(case, Manner::Rash));
        println!(
            "{script}: {} of {} kills were caught",
            failed.len(),
            all.len()
        );
        assert!(!failed.is_empty(), "nothing was caught");
    }
}
