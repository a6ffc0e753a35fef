//! Clients for Python and TypeScript, installed below `target`.
//!
//! All clients share one environment for each language, which stays between runs as long as the list of packages is
//! the same. Without Python, npm or a package registry, the tests that need them are skipped; in CI they fail.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const OPENAI_3: &str = include_str!("clients/openai-3.txt");

/// Returns a Python interpreter for which the clients are installed, and what
/// `examples/fake_pytest` requires. If they cannot be installed, reports why.
pub fn python() -> Option<PathBuf> {
    python_clients().map(|place| interpreter(&place))
}

/// Returns a command that runs Python as [`python`] does, but with version 3 of OpenAI's client.
pub fn python_with_openai_3() -> Option<Command> {
    let place = python_clients()?;
    let mut python = Command::new(interpreter(&place));
    python.env("PYTHONPATH", place.join("openai-3"));
    Some(python)
}

fn python_clients() -> Option<PathBuf> {
    let pins = concat!(
        include_str!("../../examples/fake_pytest/requirements.txt"),
        include_str!("clients/python.txt"),
    );
    installed("clients-python", &format!("{pins}{OPENAI_3}"), |place| {
        run(Command::new("python3").args(["-m", "venv"]).arg(place))?;
        pip_install(place, "clients.txt", pins, &[])?;
        let target = place.join("openai-3");
        let target = target.to_str().ok_or("a path that is not Unicode")?;
        pip_install(place, "openai-3.txt", OPENAI_3, &["--target", target])
    })
}

/// Installs exactly the packages of a list. Python compiles the modules that it imports.
fn pip_install(place: &Path, name: &str, pins: &str, options: &[&str]) -> Result<(), String> {
    let file = place.join(name);
    fs::write(&file, pins).map_err(|error| error.to_string())?;
    let mut pip = Command::new(interpreter(place));
    pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check"]);
    pip.args(["--no-deps", "--no-compile"]).args(options);
    run(pip.arg("-r").arg(file)).map(drop)
}

fn interpreter(place: &Path) -> PathBuf {
    place.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    })
}

/// Returns a directory whose `node_modules` contains the clients, and what `examples/fake_vitest`
/// requires. Projects in directories below it find them. If they cannot be installed, reports why.
pub fn node() -> Option<PathBuf> {
    let pins = include_str!("clients/package.json");
    installed("clients-node", pins, |place| {
        fs::write(place.join("package.json"), pins).map_err(|error| error.to_string())?;
        let npm = ["install", "--loglevel=error", "--no-audit", "--no-fund"];
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
pub fn run(command: &mut Command) -> Result<String, String> {
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
