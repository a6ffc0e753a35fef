//! The memory of a server under loads that would exhaust it without limits, with the default
//! allocator: `cargo bench --bench memory --features cli,server`. Linux only; about four minutes.
//!
//! The target is at most 1 GiB at any time, and 200 MiB ten seconds after each load.

#![allow(clippy::print_stdout, clippy::print_stderr)] // It prints figures.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark panics to report what failed"
)]

#[cfg(target_os = "linux")]
#[path = "../tests/shared/loads.rs"]
mod loads;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: the memory of a process is read from /proc, which exists on Linux only");
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use std::time::Duration;

    use loads::{Scale, Server, Taken, run, wait_until_quiet};

    // `cargo bench -- --test` only checks that it runs.
    let short = std::env::args().any(|argument| argument == "--test");
    let scale = if short {
        Scale {
            body: 8_000_000,
            versions: 2000,
            clients: 10,
            commits: 40,
            held_back: 4,
            rest: Duration::from_millis(200),
            enough: 0,
        }
    } else {
        Scale {
            body: 48_000_000,
            versions: 50_000,
            clients: 100,
            commits: 1200,
            held_back: 24,
            rest: Duration::from_secs(10),
            enough: 0,
        }
    };
    let place = tempfile::tempdir().unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_promptbook"));
    let server = Server::start(program, &place.path().join("store"), scale.versions);
    wait_until_quiet(&server);
    let mut bounded = true;
    for Taken { load, peak, left } in run(&server, &scale) {
        println!("{load:50} {peak:5} MiB, then {left:5} MiB");
        bounded &= peak <= 1024 && left <= 200;
    }
    if bounded {
        std::process::ExitCode::SUCCESS
    } else {
        std::process::ExitCode::FAILURE
    }
}
