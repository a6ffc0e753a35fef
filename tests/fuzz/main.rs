//! Fuzzing: whatever bytes come, what must hold holds.
//!
//! Each file beside this one is a target: what its input means, and what must hold. `libfuzzer` has programs that look for
//! inputs which reach further (`cargo install cargo-fuzz`; see its `Cargo.toml`), and `seeds` what they begin with: a folder
//! for each target, with what was found among it. Here each seed is held once, by any compiler.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test they say what failed"
)]
#![allow(unreachable_pub, reason = "a test binary has no outside")]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

mod bodies;
mod bundles;
mod control;
mod index;
mod requests;
mod selectors;
mod templates;

/// Holds each seed of a target.
fn replay(target: &str, holds: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/seeds")
        .join(target);
    let mut seeds: Vec<_> = fs::read_dir(&seeds)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty());
    let fails = |seed: &&std::path::PathBuf| {
        let bytes = fs::read(seed).unwrap();
        catch_unwind(|| holds(&bytes)).is_err()
    };
    let failed: Vec<_> = seeds.iter().filter(fails).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn bodies() {
    replay("bodies", bodies::holds);
}

#[test]
fn bundles() {
    replay("bundles", bundles::holds);
}

#[test]
fn index() {
    replay("index", index::holds);
}

#[test]
fn requests() {
    replay("requests", requests::holds);
}

#[test]
fn selectors() {
    replay("selectors", selectors::holds);
}

#[test]
fn templates() {
    replay("templates", templates::holds);
}

/// The control is one that does not hold, and nothing that the fuzzer begins with tells so.
#[test]
fn control() {
    replay("control", control::holds);
    assert!(catch_unwind(|| control::holds(b"ab@>=7.3")).is_err());
}
