//! Crashes, failing system calls, power cuts and damage, each at every step: acknowledged changes
//! are there, other changes are there entirely or not at all, and the store remains usable.
//!
//! A *script* (`script.rs`) consists of a few operations on a store. A child process, which is this
//! executable started again, runs the script. It records in a *ledger* outside the store what it
//! tries and what it was answered. [`check`](check::check) compares the store with the ledger
//! afterwards, in the same way for all techniques:
//!
//! - `kills.rs`: the child is killed at each system call that changes files, takes locks or opens
//!   something (`strace`).
//! - `errors.rs`: each of those calls fails, once or from then on.
//! - `short_writes.rs`: files may not grow beyond a size, so that a write is cut short.
//! - `power`: the calls of a run are recorded, and the directories that a power cut could leave are
//!   created and opened.
//! - `damage.rs`: in a closed store, bits are flipped, blocks are zeroed, and files are truncated.
//!
//! Each technique has controls, for example a script that acknowledges before it writes, or a flush
//! that is removed from the recording. The check must catch them, or the technique proves nothing.
//!
//! A seeded selection of the cases is tried (`PROMPTBOOK_CRASHES_SEED`), a short one if nothing else
//! is set. `PROMPTBOOK_CRASHES=1` tries as many as the check of each commit, for some minutes, `10`
//! ten times as many, and `all` everything, including all sequences of three operations, for many
//! hours. `PROMPTBOOK_CRASHES_SCRIPT=checkpoint` tries only the scripts whose text contains that. Each
//! test prints how many cases it tried; these are about:
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
    reason = "a test panics to report what failed"
)]
#![allow(unreachable_pub, reason = "no other crate uses a test binary")]

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

/// Each test with its name, as the standard harness would list it.
#[cfg(target_os = "linux")]
const TESTS: [(&str, fn()); 14] = [
    (
        "kills::a_process_that_is_killed_at_any_call_loses_nothing",
        kills::a_process_that_is_killed_at_any_call_loses_nothing,
    ),
    (
        "kills::a_rash_acknowledgement_is_caught",
        kills::a_rash_acknowledgement_is_caught,
    ),
    (
        "errors::a_reported_error_is_true",
        errors::a_reported_error_is_true,
    ),
    (
        "errors::a_failure_that_is_acknowledged_is_caught",
        errors::a_failure_that_is_acknowledged_is_caught,
    ),
    (
        "short_writes::a_write_that_is_cut_short_is_reported",
        short_writes::a_write_that_is_cut_short_is_reported,
    ),
    (
        "short_writes::a_short_write_that_is_acknowledged_is_caught",
        short_writes::a_short_write_that_is_acknowledged_is_caught,
    ),
    (
        "power::a_power_cut_at_any_moment_loses_nothing",
        power::a_power_cut_at_any_moment_loses_nothing,
    ),
    (
        "power::with_relaxed_durability_a_power_cut_loses_only_the_last_commits",
        power::with_relaxed_durability_a_power_cut_loses_only_the_last_commits,
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
        "power::what_follows_a_failed_flush_survives_a_power_cut",
        power::what_follows_a_failed_flush_survives_a_power_cut,
    ),
    (
        "power::a_log_that_is_not_written_again_is_caught",
        power::a_log_that_is_not_written_again_is_caught,
    ),
    (
        "damage::damage_is_reported_or_has_no_effect",
        damage::damage_is_reported_or_has_no_effect,
    ),
    (
        "damage::unverified_damage_is_caught",
        damage::unverified_damage_is_caught,
    ),
];

/// Replaces the standard test harness, which runs tests in separate threads. `strace` counts calls
/// per thread, so the calls of the first thread at the start would hide those of a child's script.
/// Arguments are parts of test names, as in the standard harness.
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
    println!("not run: strace exists on Linux only");
}
