//! The README's examples for test suites in other languages, run exactly as printed.
//!
//! Their dependencies are installed once, below `target`. Without Python, npm or a package
//! registry, the tests are skipped; in CI they fail.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "in a test they say what failed"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const README: &str = include_str!("../README.md");

/// Returns the example in this language from the chapter about the fake.
fn example(language: &str) -> &'static str {
    let (_, chapter) = README.split_once("\n## Fake it in tests\n").unwrap();
    let (_, rest) = chapter.split_once(&format!("\n```{language}\n")).unwrap();
    let (code, _) = rest.split_once("\n```\n").unwrap();
    code
}

/// Returns a directory below `target` in which a dependency is installed, by this run or an earlier
/// one.
fn installed(name: &str, install: impl FnOnce(&Path) -> Result<(), String>) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let done = place.join("installed");
    if !done.exists() {
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).unwrap();
        if let Err(why) = install(&place) {
            let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!is_ci, "{name} cannot be installed: {why}");
            eprintln!("skipped: {name} cannot be installed: {why}");
            return None;
        }
        File::create(done).unwrap();
    }
    Some(place)
}

/// Runs a command. Returns its output, or the reason of its failure.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.env("NO_PROXY", "*").output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
    match output.status.success() {
        true => Ok(told),
        false => Err(format!("{command:?}: {told}")),
    }
}

/// Returns a `PATH` with which a shell finds the `promptbook` command.
fn path() -> std::ffi::OsString {
    let command = Path::new(env!("CARGO_BIN_EXE_promptbook"))
        .parent()
        .unwrap();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let places = [command.to_path_buf()]
        .into_iter()
        .chain(std::env::split_paths(&others));
    std::env::join_paths(places).unwrap()
}

#[test]
fn the_example_for_pytest_passes() {
    let place = installed("readme-pytest", |place| {
        run(Command::new("python3").args(["-m", "venv"]).arg(place))?;
        let pip = [
            "-m",
            "pip",
            "install",
            "-q",
            "pytest",
            "helicone-helpers==1.2.1",
        ];
        run(Command::new(place.join("bin/python")).args(pip)).map(drop)
    });
    let Some(place) = place else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("prompts.json"), example("json")).unwrap();
    fs::write(folder.path().join("test_prompts.py"), example("python")).unwrap();
    let told = run(Command::new(place.join("bin/python"))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .current_dir(&folder)
        .env("PATH", path()))
    .unwrap();
    assert!(told.contains("2 passed"), "{told}");
}

#[test]
fn the_example_for_vitest_passes() {
    let place = installed("readme-vitest", |place| {
        fs::write(place.join("package.json"), r#"{"type": "module"}"#)
            .map_err(|error| error.to_string())?;
        let npm = [
            "install",
            "--silent",
            "--no-audit",
            "vitest",
            "@helicone/helpers@1.8.3",
        ];
        run(Command::new("npm").args(npm).current_dir(place)).map(drop)
    });
    let Some(place) = place else { return };
    fs::write(place.join("prompts.json"), example("json")).unwrap();
    fs::write(place.join("prompts.test.js"), example("js")).unwrap();
    let told = run(Command::new("npx")
        .args(["vitest", "run", "--no-color"])
        .current_dir(&place)
        .env("PATH", path()))
    .unwrap();
    assert!(told.contains("2 passed"), "{told}");
}
