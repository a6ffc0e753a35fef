//! A soak: processes of the library and the command on the same stores, killed, stopped and misled, and ledgers of what
//! they were told.
//!
//! A *round* has workers (`worker.rs`, this executable started again), calls of the command (`commands.rs`) and a server
//! (`server.rs`) at work for some seconds. They make every change that there is, alone, in batches and as imports, take back each other's, read,
//! watch, settle, collect at once, pack, verify, back up, restore, export. Each writes to a ledger outside the stores what
//! it is about to try, and what it was answered. Then all end, and the stores are held against the ledgers
//! ([`check`](check::check) says what must hold); the next round goes on with the same stores.
//!
//! Meanwhile these *hazards* come over them:
//!
//! - `kills`: SIGKILL, of workers and of commands.
//! - `stops`: SIGSTOP, and SIGCONT up to 1.5 s later; who is stopped may hold any lock.
//! - `swaps`: the store's directory changes places with another store's, is away for a while, or is put back from a backup,
//!   under open handles. One worker opens its store by a relative path and changes its directory between two that both
//!   have a store there.
//! - `backups`: others open the backup, for reading and for writing, while it is brought up to date.
//! - `full`: one store is on a disk that fills up, again and again: a tmpfs of 48 MiB or, if none can be mounted, files of
//!   limited size.
//! - `clocks`: every third handle has a clock that is wrong by up to 800 days, jumps, is before 1970, or shows a leap second.
//! - `output`: a command that makes a change can't write its answer.
//! - `removals`: a store of its own loses its directory, its index or its log under an open handle.
//!
//! Faults are planted to prove that the check sees what it is there for (`plants.rs`): an acknowledged write that is lost,
//! one that is made twice, and one that goes to another store. Each must be reported by the name of its operation.
//!
//! A plain `cargo test` soaks for some seconds. `PROMPTBOOK_SOAK=1800 cargo test --all-features --test soak` does so for half
//! an hour. `PROMPTBOOK_SOAK_SEED` repeats a run's choices, as far as processes allow; `PROMPTBOOK_SOAK_HAZARDS=kills,full`
//! leaves out other hazards; `PROMPTBOOK_SOAK_DIR` says where the stores are, which is in memory otherwise. A run that fails
//! keeps its directory, and says where it is.

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

/// Not the standard harness, as the executable is started again as a worker. Arguments are parts of names, as there.
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
    println!("not run: directories are exchanged, and file systems mounted, by Linux's calls");
}
