//! Checks that need a separate process, with fewer permissions or less disk space.
//!
//! Such a check is an ignored test of this binary. The test that needs it runs it in a child
//! process, and passes it the store's directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use promptbook::{Store, StoreOptions};

use crate::support::open_named;

const DIRECTORY: &str = "PROMPTBOOK_CHILD_DIRECTORY";

/// Returns the directory that the parent passed.
pub fn directory() -> PathBuf {
    std::env::var_os(DIRECTORY)
        .expect("this check must be started by another test")
        .into()
}

/// Returns the command that runs one ignored test, such as `child::check`, of `this` (this binary
/// or a copy), started by `wrapper`.
pub fn command(this: &Path, wrapper: &[&str], test: &str, directory: &Path) -> Command {
    let arguments = ["--exact", test, "--ignored", "--nocapture"];
    let mut command = match wrapper {
        [] => Command::new(this),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(this);
            command
        }
    };
    command.args(arguments).env(DIRECTORY, directory);
    command
}

/// Copies this binary. Another process writes the copy. If this process wrote it, a child that
/// another thread starts at the same time would inherit the file open for writing, and the copy
/// could not be executed.
#[cfg(unix)]
pub fn copy_this(to: &Path) {
    let this = std::env::current_exe().unwrap();
    let copied = Command::new("cp").arg(this).arg(to).status().unwrap();
    assert!(copied.success());
}

/// Runs a child, and asserts that its check passes.
pub fn passes(mut command: Command) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success() && text(&output.stdout).contains("1 passed"),
        "{command:?}: {}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
}

/// Opens the store in the place that the parent passed.
pub fn store() -> Store {
    open_named(&directory(), &StoreOptions::new()).unwrap()
}
