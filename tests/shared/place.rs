//! Where tests put what they make, and what they say if something can't be tried.

use std::path::Path;

use tempfile::TempDir;

/// A temporary directory, in memory if the system has that: what a kill leaves is the same, and nothing waits for a disk.
pub(crate) fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    match tempfile::tempdir_in(memory) {
        Ok(directory) => directory,
        Err(_) => tempfile::tempdir().unwrap(),
    }
}

/// Says why something is not tried, and fails if CI is true.
pub(crate) fn not_run(why: &str) {
    println!("not run: {why}");
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!is_ci, "CI tries this");
}

/// The command that limits the size of files of another one. Without the signal that ends the process, a write that
/// would exceed the limit is cut short, and the next one fails.
pub(crate) fn file_limit(most: u64) -> Vec<String> {
    let size = format!("--fsize={most}");
    ["env", "--ignore-signal=XFSZ", "prlimit", &size]
        .map(str::to_owned)
        .into()
}

/// Whether sizes of files can be limited here.
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
