//! Clients for Python and TypeScript, installed below `target`.
//!
//! The versions of Helicone's own are those that the example projects pin. Without Python, npm or a package registry,
//! the tests that need them are skipped; in CI they fail.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns a Python interpreter for which the requirements of `examples/fake_pytest` are installed.
/// If they cannot be installed, reports why.
pub fn python() -> Option<PathBuf> {
    let pins = include_str!("../../examples/fake_pytest/requirements.txt");
    python_with("helicone-python", pins)
}

/// Returns a Python interpreter for which these requirements are installed, in an environment of
/// this name. If they cannot be installed, reports why.
pub fn python_with(name: &str, pins: &str) -> Option<PathBuf> {
    let place = installed(name, pins, |place| {
        run(Command::new("python3").args(["-m", "venv"]).arg(place))?;
        let file = place.join("requirements.txt");
        fs::write(&file, pins).map_err(|error| error.to_string())?;
        let pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check"];
        run(Command::new(interpreter(place))
            .args(pip)
            .arg("-r")
            .arg(file))
        .map(drop)
    });
    place.map(|place| interpreter(&place))
}

fn interpreter(place: &Path) -> PathBuf {
    place.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    })
}

/// Returns a directory whose `node_modules` contains the dependencies of `examples/fake_vitest`.
/// Projects in directories below it find them. If they cannot be installed, reports why.
pub fn node() -> Option<PathBuf> {
    let pins = include_str!("../../examples/fake_vitest/package.json");
    node_with("helicone-node", pins)
}

/// Returns a directory of this name, with the dependencies of a `package.json`, as [`node`] does.
pub fn node_with(name: &str, pins: &str) -> Option<PathBuf> {
    installed(name, pins, |place| {
        fs::write(place.join("package.json"), pins).map_err(|error| error.to_string())?;
        let npm = ["install", "--silent", "--no-audit", "--no-fund"];
        run(Command::new("npm").args(npm).current_dir(place)).map(drop)
    })
}

/// Returns a directory below `target` in which the packages of `pins` are installed, by this run or
/// an earlier one.
fn installed(
    name: &str,
    pins: &str,
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Tests run in parallel, in several processes.
    let lock = File::create(place.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let done = place.join("installed");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == pins) {
        return Some(place);
    }
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    if let Err(why) = install(&place) {
        skip(&format!("{name} cannot be installed: {why}"));
        return None;
    }
    fs::write(done, pins).unwrap();
    Some(place)
}

/// Reports why a test is skipped, and fails in CI.
#[allow(
    clippy::print_stderr,
    reason = "the developer who runs the test should know"
)]
pub fn skip(why: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
    eprintln!("skipped: {why}");
}

/// Runs tests that start the command `promptbook`, and checks that their output contains a summary.
pub fn passes(tests: &mut Command, promptbook: &str, summary: &str) {
    let own = Path::new(promptbook).parent().unwrap().to_path_buf();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = [own].into_iter().chain(std::env::split_paths(&others));
    tests.env("PATH", std::env::join_paths(path).unwrap());
    // The fake is on this machine, so no proxy is needed.
    let said = run(tests.env("NO_PROXY", "*").env("NO_COLOR", "1")).unwrap();
    assert!(said.contains(summary), "{said}");
}

/// Runs a client that prints JSON, and returns that.
pub fn printed(client: &mut Command) -> serde_json::Value {
    // The server is on this machine, so no proxy is needed.
    let output = client.env("NO_PROXY", "*").output().unwrap();
    let failure = String::from_utf8_lossy(&output.stderr);
    let printed = serde_json::from_slice(&output.stdout);
    assert!(output.status.success() && printed.is_ok(), "{failure}");
    printed.unwrap()
}

/// Runs a command. Returns its output, or the reason of its failure.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    if output.status.success() {
        Ok(said)
    } else {
        Err(format!("{command:?}: {said}"))
    }
}
