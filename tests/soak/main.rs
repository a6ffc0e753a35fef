//! Soak test: processes of the library and of the command use the same stores, are killed, stopped
//! and misled, and record what they were answered in ledgers.
//!
//! In a *round*, workers (`worker.rs`, this executable started again), calls of the command
//! (`commands.rs`) and a server (`server.rs`) run for some seconds. They make every kind of change,
//! alone, in batches and as imports. They also undo each other's changes, read, watch, run
//! checkpoints, collect garbage without a retention period, repack, verify, back up, restore and
//! export. Each of them writes to a ledger outside the stores what it is about to try and what it
//! was answered. Then all of them end, and the stores are compared with the ledgers
//! ([`check`](check::check) lists the rules). The next round continues with the same stores.
//!
//! Meanwhile these *hazards* occur:
//!
//! - `kills`: workers and commands get SIGKILL.
//! - `stops`: they get SIGSTOP, and SIGCONT up to 1.5 s later. A stopped process may hold any lock.
//! - `swaps`: the store's directory is exchanged with another store's, is moved away for a while,
//!   or is replaced by a restored backup, under open handles. One worker opens its store by a
//!   relative path and changes its working directory between two directories that both contain a
//!   store.
//! - `backups`: other processes open the backup, for reading and for writing, while it is updated.
//! - `full`: one store is on a disk that fills up repeatedly: a tmpfs of 48 MiB or, if none can be
//!   mounted, files of limited size.
//! - `clocks`: every third handle has a clock that is wrong by up to 800 days, jumps, is before
//!   1970, or shows a leap second.
//! - `output`: a command that makes a change cannot write its answer.
//! - `removals`: a separate store loses its directory, its index or its log under an open handle.
//!
//! Planted faults prove that the check detects what it exists for (`plants.rs`): a lost
//! acknowledged write, a write made twice, and a write that goes to another store. The check must
//! report each by the token of its operation.
//!
//! A plain `cargo test` soaks for some seconds. `PROMPTBOOK_SOAK=1800 cargo test --all-features
//! --test soak` does so for half an hour. `PROMPTBOOK_SOAK_SEED` repeats a run's choices, to the
//! extent that the scheduling of processes allows. `PROMPTBOOK_SOAK_HAZARDS=kills,full` selects
//! hazards. `PROMPTBOOK_SOAK_DIR` sets the directory of the stores; the default is in memory. A
//! failed run keeps its directory and reports its path.

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
mod actions;
#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod check;
#[cfg(target_os = "linux")]
mod commands;
#[cfg(target_os = "linux")]
mod crew;
#[cfg(target_os = "linux")]
mod full;
#[cfg(target_os = "linux")]
mod hand;
#[cfg(target_os = "linux")]
mod hang;
#[cfg(target_os = "linux")]
mod history;
#[cfg(target_os = "linux")]
mod keeper;
#[cfg(target_os = "linux")]
mod ledger;
#[cfg(target_os = "linux")]
#[path = "../shared/ledgers.rs"]
mod ledgers;
#[cfg(target_os = "linux")]
#[path = "../shared/place.rs"]
mod place;
#[cfg(target_os = "linux")]
mod plants;
#[cfg(target_os = "linux")]
mod removals;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod settings;
#[cfg(target_os = "linux")]
mod sites;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod swaps;
#[cfg(target_os = "linux")]
mod worker;

#[cfg(target_os = "linux")]
const TESTS: [(&str, fn()); 4] = [
    (
        "plants::a_lost_write_is_caught",
        plants::a_lost_write_is_caught,
    ),
    (
        "plants::a_doubled_write_is_caught",
        plants::a_doubled_write_is_caught,
    ),
    (
        "plants::a_misplaced_write_is_caught",
        plants::a_misplaced_write_is_caught,
    ),
    (
        "soak::nothing_is_lost_doubled_or_misplaced",
        soak::nothing_is_lost_doubled_or_misplaced,
    ),
];

/// Replaces the standard test harness, because the executable is started again as a worker.
/// Arguments are parts of test names, as in the standard harness.
#[cfg(target_os = "linux")]
fn main() {
    worker::run();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--ignored") {
        return;
    }
    let is_list = arguments.iter().any(|argument| argument == "--list");
    let parts: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let mut failed = Vec::new();
    for (name, test) in TESTS {
        if !parts.is_empty() && !parts.iter().any(|part| name.contains(part.as_str())) {
            continue;
        }
        if is_list {
            println!("{name}: test");
            continue;
        }
        let since = std::time::Instant::now();
        let passed = std::panic::catch_unwind(test).is_ok();
        let how = if passed { "ok" } else { "FAILED" };
        println!("test {name} ... {how}, {} s", since.elapsed().as_secs());
        failed.extend((!passed).then_some(name));
    }
    if !failed.is_empty() {
        println!("failures: {failed:?}");
        std::process::exit(101);
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: the exchange of directories and the mounts need Linux");
}
