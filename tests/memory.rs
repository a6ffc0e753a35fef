//! The memory of a server under load: bounded, regardless of the number and size of simultaneous
//! requests.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test they say what failed"
)]
#![allow(unreachable_pub, reason = "a test binary has no outside")]

#[path = "shared/loads.rs"]
mod loads;

use std::time::Duration;

use loads::{Scale, Server, Taken, run, wait_until_quiet};

/// The maximum memory during a load, in MiB.
const MAX_PEAK: u64 = 800;
/// The maximum memory soon after a load, in MiB.
const MAX_LEFT: u64 = 400;

/// Runs about a tenth of each load of `benches/memory.rs`. Without bounds in the server, each load
/// exceeded the limit of this test.
#[test]
fn loads_take_little_memory_and_give_it_back() {
    let scale = Scale {
        body: 20_000_000,
        versions: 5000,
        clients: 100,
        commits: 400,
        held_back: 24,
        rest: Duration::from_secs(3),
        // Below the limit, so that the next load begins with as little as after the whole time.
        enough: MAX_LEFT / 2,
    };
    let place = tempfile::tempdir().unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_promptbook"));
    let server = Server::start(program, &place.path().join("store"), scale.versions);
    wait_until_quiet(&server);
    let taken = run(&server, &scale);
    for Taken { load, peak, left } in &taken {
        // Soon after a load, the default allocator still holds memory that several threads freed.
        // The benchmark waits longer.
        let bounded = *peak <= MAX_PEAK && *left <= MAX_LEFT;
        assert!(
            bounded,
            "{load}: {peak} MiB, then {left} MiB, of {taken:#?}"
        );
    }
}
