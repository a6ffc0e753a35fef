//! Checks of the source itself: its words, its names, and its layers.
//!
//! `src/docs/style.md` states the rules. What clippy can check is a lint in `Cargo.toml` or `clippy.toml` instead.

mod circles;
mod features;
mod names;
mod packaging;
mod reads;
mod source;
mod words;

use std::fs;
use std::path::Path;

/// A README is read in five minutes.
#[test]
fn the_readme_has_at_most_150_lines() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let lines = fs::read_to_string(path).unwrap().lines().count();
    assert!(lines <= 150, "README.md has {lines} lines");
}
