//! The example projects in other languages, whose tests run against the fake.

#![allow(clippy::unwrap_used, reason = "a test panics to report what failed")]
#![allow(unreachable_pub, reason = "no other crate uses a test binary")]

use std::fs;
use std::path::Path;
use std::process::Command;

#[path = "shared/clients.rs"]
mod clients;

const PROMPTBOOK: &str = env!("CARGO_BIN_EXE_promptbook");

/// Copies an example project, so that a run leaves nothing in the repository.
fn copy(name: &str, to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        // Packages that were installed in the repository are not copied.
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn the_tests_of_fake_pytest_pass() {
    let Some(python) = clients::python() else {
        return;
    };
    let project = tempfile::tempdir().unwrap();
    copy("fake_pytest", project.path());
    let mut tests = Command::new(python);
    tests.args(["-m", "pytest"]).current_dir(&project);
    clients::passes(&mut tests, PROMPTBOOK, "3 passed");
}

#[test]
fn the_tests_of_fake_vitest_pass() {
    let Some(packages) = clients::node() else {
        return;
    };
    let project = packages.join("fake_vitest");
    copy("fake_vitest", &project);
    let mut tests = Command::new("npm");
    tests.arg("test").current_dir(&project);
    clients::passes(&mut tests, PROMPTBOOK, "3 passed");
}
