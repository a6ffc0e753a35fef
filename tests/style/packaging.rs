//! What the packages take from the repository.

#![allow(clippy::unwrap_used, reason = "a test panics to report what failed")]

use std::fs;
use std::path::Path;

/// No container engine builds the image in the tests.
#[test]
fn what_the_image_copies_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = fs::read_to_string(root.join("packaging/docker/Dockerfile")).unwrap();
    let mut copied = Vec::new();
    for line in file.lines().filter(|line| line.starts_with("COPY ")) {
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        if words[0].starts_with("--from") {
            continue;
        }
        let (_target, sources) = words.split_last().unwrap();
        copied.extend(sources.iter().map(|source| (*source).to_owned()));
    }
    for source in &copied {
        assert!(root.join(source).exists(), "{source} does not exist");
    }
    // The manifest and the compiler need these.
    let manifest = ["Cargo.toml", "Cargo.lock", ".cargo", "src"];
    assert!(
        manifest
            .iter()
            .all(|name| copied.iter().any(|source| source == name))
    );
}
