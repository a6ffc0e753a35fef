//! The example projects in other languages, whose tests run against the fake.
//!
//! The packages for Python and npm are taken from their source; `.ci/packages` installs them.

#![allow(clippy::unwrap_used, reason = "a test panics to report what failed")]
#![allow(unreachable_pub, reason = "no other crate uses a test binary")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "shared/clients.rs"]
#[allow(dead_code, reason = "only other tests run other clients")]
mod clients;

const PROMPTBOOK: &str = env!("CARGO_BIN_EXE_promptbook");

/// Copies the files of a folder of the repository, so that a run leaves nothing there.
fn copy(folder: &str, to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        // Packages that were installed in the repository are not copied.
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// Returns the tests of a copy of `examples/fake_pytest`, with the package's source in place of an
/// installed package.
fn pytest(project: &Path) -> Option<Command> {
    let python = clients::python()?;
    copy("examples/fake_pytest", project);
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/python/src");
    let mut tests = Command::new(python);
    tests.args(["-m", "pytest", "-p", "promptbook_store.pytest_plugin"]);
    tests.current_dir(project).env("PYTHONPATH", package);
    Some(environment(tests))
}

/// Returns the tests of a copy of `examples/fake_vitest` of this name, as [`pytest`] does.
fn vitest(name: &str) -> Option<(PathBuf, Command)> {
    let project = clients::node()?.join(name);
    copy("examples/fake_vitest", &project);
    let package = project.join("node_modules/promptbook-store");
    copy("packaging/node/promptbook-store", &package);
    copy("packaging/node/promptbook-store/lib", &package.join("lib"));
    let mut tests = Command::new("npm");
    tests.arg("test").current_dir(&project);
    Some((project, environment(tests)))
}

fn environment(mut tests: Command) -> Command {
    tests.env("PROMPTBOOK_COMMAND", PROMPTBOOK);
    // The fake is on this machine, so no proxy is needed.
    tests.env("NO_PROXY", "*").env("NO_COLOR", "1");
    tests
}

#[test]
fn the_tests_of_fake_pytest_pass() {
    let project = tempfile::tempdir().unwrap();
    let Some(mut tests) = pytest(project.path()) else {
        return;
    };
    let said = clients::run(&mut tests).unwrap();
    assert!(said.contains("3 passed"), "{said}");
}

#[test]
fn the_tests_of_fake_vitest_pass() {
    let Some((_, mut tests)) = vitest("fake_vitest") else {
        return;
    };
    let said = clients::run(&mut tests).unwrap();
    assert!(said.contains("3 passed"), "{said}");
}

/// The reason is in the output of the tests, which end at once.
#[test]
fn fake_pytest_says_why_the_fake_cannot_start() {
    let project = tempfile::tempdir().unwrap();
    let Some(tests) = pytest(project.path()) else {
        return;
    };
    fs::write(project.path().join("prompts.json"), WRONG).unwrap();
    fails(tests);
}

#[test]
fn fake_vitest_says_why_the_fake_cannot_start() {
    let Some((project, tests)) = vitest("fake_vitest_wrong") else {
        return;
    };
    fs::write(project.join("prompts.json"), WRONG).unwrap();
    fails(tests);
}

/// Fixtures with a mistake, and the message about it.
const WRONG: &str = r#"{"prompts": [{"nam": "greeting", "versions": []}]}"#;
const REASON: &str = "unknown field `nam`";

/// Runs tests whose fake cannot start, and checks that the output contains the reason.
fn fails(mut tests: Command) {
    let said = clients::run(&mut tests).unwrap_err();
    // The first line of the fake, rather than what it writes to standard error.
    let reason = "promptbook fake cannot start: ";
    assert!(said.contains(reason) && said.contains(REASON), "{said}");
}
