//! Fuzz tests: invariants that hold for all inputs.
//!
//! Each other file of this directory is a target. It describes the form of its input and the
//! invariant. `libfuzzer` contains programs that search for inputs which reach further (`cargo
//! install cargo-fuzz`; see its `Cargo.toml`). `seeds` contains a directory of initial inputs for
//! each target, including inputs that once failed. These tests run each target once on each of its
//! seeds, with any compiler.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test panics to report what failed"
)]
#![allow(unreachable_pub, reason = "no other crate uses a test binary")]

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

/// Runs a target on each of its seeds.
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

/// The control fails, but not for any of the fuzzer's initial inputs.
#[test]
fn control() {
    replay("control", control::holds);
    assert!(catch_unwind(|| control::holds(b"ab@>=7.3")).is_err());
}
