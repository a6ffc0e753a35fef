//! Temporary directories for tests, limits on file sizes, and the report of a test that cannot run.

use std::path::Path;

use tempfile::TempDir;

/// Creates a temporary directory, in memory if the system supports that: a kill leaves the same
/// state there, and no write waits for a disk.
pub(crate) fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    match tempfile::tempdir_in(memory) {
        Ok(directory) => directory,
        Err(_) => tempfile::tempdir().unwrap(),
    }
}

/// Prints why a test is not run. Fails if `CI` is `true`.
pub(crate) fn not_run(why: &str) {
    println!("not run: {why}");
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!is_ci, "this test must run in CI");
}

/// Returns the command that runs another command with a limit on file sizes. The signal that would
/// end the process is ignored: a write that would exceed the limit is cut short, and the next one
/// fails.
pub(crate) fn file_limit(most: u64) -> Vec<String> {
    let size = format!("--fsize={most}");
    ["env", "--ignore-signal=XFSZ", "prlimit", &size]
        .map(str::to_owned)
        .into()
}

/// Checks whether file sizes can be limited on this system.
pub(crate) fn can_limit_files() -> bool {
    let limit = file_limit(4096);
    let [program, arguments @ ..] = &limit[..] else {
        return false;
    };
    let ran = std::process::Command::new(program)
        .args(arguments)
        .arg("true")
        .status();
    ran.is_ok_and(|status| status.success())
}
