//! Crashes, failing system calls, power cuts and damage, each at every step: what was acknowledged is there, what was
//! not is there wholly or not at all, and the store works on.
//!
//! A *script* (`script.rs`) is a few operations on a store. A child process runs it, this executable started again, and
//! writes to a *ledger* outside the store what it tries, and what it was told. [`check`](check::check) holds what is
//! then found against the ledger, and is the same for all:
//!
//! - `kills.rs`: the child is killed at each system call that changes files, takes locks or opens something (`strace`).
//! - `errors.rs`: each of those calls fails, once or from then on.
//! - `short_writes.rs`: files may not grow beyond a size, so that a write ends within what it was to write.
//! - `power`: the calls of a run are recorded, and directories that a power cut could leave are made and opened.
//! - `damage.rs`: bits flip, blocks become zeros, and files are cut in a store that is closed.
//!
//! Each has controls: a script that acknowledges before it does, a flush that is left out of the record. They must be
//! caught, or the technique proves nothing.
//!
//! A check of each commit tries a seeded choice (`PROMPTBOOK_CRASHES_SEED`), for some minutes; `PROMPTBOOK_CRASHES=10`
//! tries ten times as much, and `all` everything, all sequences of three operations too, for many hours.
//! `PROMPTBOOK_CRASHES_SCRIPT=checkpoint` tries only the scripts that settle. Each test prints how many cases it tried; that
//! is about:
//!
//! | | a check of each commit | `all` |
//! |---|---|---|
//! | kills | 1,000 | 80,000 |
//! | errors | 800 | 43,000 |
//! | states after power cuts | 2,400 | 350,000 |
//! | damages | 2,000 | 520,000 |

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test reaches around the store, to its files"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "in a test they say what failed"
)]
#![allow(unreachable_pub, reason = "a test binary has no outside")]

#[cfg(target_os = "linux")]
mod check;
#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod damage;
#[cfg(target_os = "linux")]
mod errors;
#[cfg(target_os = "linux")]
mod kills;
#[cfg(target_os = "linux")]
mod ledger;
#[cfg(target_os = "linux")]
mod observed;
#[cfg(target_os = "linux")]
mod power;
#[cfg(target_os = "linux")]
mod runs;
#[cfg(target_os = "linux")]
mod scratch;
#[cfg(target_os = "linux")]
mod script;
#[cfg(target_os = "linux")]
mod short_writes;
#[cfg(target_os = "linux")]
mod starts;
#[cfg(target_os = "linux")]
mod strace;
#[cfg(target_os = "linux")]
mod truth;

/// Each test by its name, as the standard harness has them.
#[cfg(target_os = "linux")]
const TESTS: [(&str, fn()); 12] = [
    (
        "kills::a_process_that_is_killed_at_any_call_loses_nothing",
        kills::a_process_that_is_killed_at_any_call_loses_nothing,
    ),
    (
        "kills::a_rash_acknowledgement_is_caught",
        kills::a_rash_acknowledgement_is_caught,
    ),
    (
        "errors::whoever_is_told_of_an_error_is_told_the_truth",
        errors::whoever_is_told_of_an_error_is_told_the_truth,
    ),
    (
        "errors::a_failure_that_is_acknowledged_is_caught",
        errors::a_failure_that_is_acknowledged_is_caught,
    ),
    (
        "short_writes::a_write_that_is_cut_short_is_told",
        short_writes::a_write_that_is_cut_short_is_told,
    ),
    (
        "short_writes::one_that_is_acknowledged_is_caught",
        short_writes::one_that_is_acknowledged_is_caught,
    ),
    (
        "power::a_power_cut_at_any_moment_loses_nothing",
        power::a_power_cut_at_any_moment_loses_nothing,
    ),
    (
        "power::a_power_cut_costs_the_relaxed_their_last_commits_at_most",
        power::a_power_cut_costs_the_relaxed_their_last_commits_at_most,
    ),
    (
        "power::a_flush_that_is_left_out_is_caught",
        power::a_flush_that_is_left_out_is_caught,
    ),
    (
        "power::a_step_that_comes_too_early_is_caught",
        power::a_step_that_comes_too_early_is_caught,
    ),
    (
        "damage::damage_is_reported_or_of_no_consequence",
        damage::damage_is_reported_or_of_no_consequence,
    ),
    (
        "damage::damage_that_nobody_looks_for_is_caught",
        damage::damage_that_nobody_looks_for_is_caught,
    ),
];

/// Not the standard harness: that runs tests in threads of their own, and `strace` counts calls by thread, so what the
/// first one does at the start would hide what a child's script does. Arguments are parts of names, as there.
#[cfg(target_os = "linux")]
fn main() {
    use std::panic::catch_unwind;
    use std::process::exit;
    use std::time::Instant;

    child::run();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--ignored") {
        return;
    }
    let is_list = arguments.iter().any(|argument| argument == "--list");
    let mut parts = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .peekable();
    let is_any = parts.peek().is_none();
    let parts: Vec<&String> = parts.collect();
    let mut failed = Vec::new();
    for (name, test) in TESTS {
        if !is_any && !parts.iter().any(|part| name.contains(part.as_str())) {
            continue;
        }
        if is_list {
            println!("{name}: test");
            continue;
        }
        let since = Instant::now();
        let passed = catch_unwind(test).is_ok();
        let how = if passed { "ok" } else { "FAILED" };
        println!("test {name} ... {how}, {} s", since.elapsed().as_secs());
        failed.extend((!passed).then_some(name));
    }
    if !failed.is_empty() {
        println!("failures: {failed:?}");
        exit(101);
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: strace is Linux's");
}
