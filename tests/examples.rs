//! The example projects in other languages, whose tests run against the fake.

#![allow(clippy::unwrap_used, reason = "a test panics to report what failed")]
#![allow(unreachable_pub, reason = "no other crate uses a test binary")]

use std::fs;
use std::path::Path;
use std::process::Command;

#[path = "shared/clients.rs"]
#[allow(dead_code, reason = "only other tests run other clients")]
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

/// The reason is in the output of the tests, which end at once.
#[test]
fn fake_pytest_says_why_the_fake_cannot_start() {
    let Some(python) = clients::python() else {
        return;
    };
    let project = tempfile::tempdir().unwrap();
    copy("fake_pytest", project.path());
    fs::write(project.path().join("prompts.json"), WRONG).unwrap();
    let mut tests = Command::new(python);
    tests.args(["-m", "pytest"]).current_dir(&project);
    fails(&mut tests);
}

#[test]
fn fake_vitest_says_why_the_fake_cannot_start() {
    let Some(packages) = clients::node() else {
        return;
    };
    let project = packages.join("fake_vitest_wrong");
    copy("fake_vitest", &project);
    fs::write(project.join("prompts.json"), WRONG).unwrap();
    let mut tests = Command::new("npm");
    tests.arg("test").current_dir(&project);
    fails(&mut tests);
}

/// Fixtures with a mistake, and the message about it.
const WRONG: &str = r#"{"prompts": [{"nam": "greeting", "versions": []}]}"#;
const REASON: &str = "unknown field `nam`";

/// Runs tests whose fake cannot start, and checks that the output contains the reason.
fn fails(tests: &mut Command) {
    let own = Path::new(PROMPTBOOK).parent().unwrap().to_path_buf();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = [own].into_iter().chain(std::env::split_paths(&others));
    tests.env("PATH", std::env::join_paths(path).unwrap());
    let output = tests.env("NO_COLOR", "1").output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(!output.status.success(), "{said:?}");
    // The first line of the fake, rather than what it writes to standard error.
    let reason = "promptbook fake cannot start: ";
    assert!(
        said.iter()
            .any(|text| text.contains(reason) && text.contains(REASON)),
        "{said:?}"
    );
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
