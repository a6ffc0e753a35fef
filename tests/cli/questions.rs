//! The questions of commands on a terminal, with every kind of answer.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::support::{Desk, REWORDED};

/// The exit code of a process that SIGINT ended, as a shell reports it.
const INTERRUPTED: i32 = 130;

/// The exit code for a program that does not exist.
const NOT_FOUND: i32 = 127;

/// The seconds after which a command that waits for more input is ended.
const ANSWER_TIMEOUT: &str = "60";

/// Types this text once the command asks, and returns the exit code and what the terminal showed.
///
/// `script` gives the command a terminal of its own. Returns `None` if there is no such program.
fn on_terminal(desk: &Desk, arguments: &str, typed: &str) -> Option<(Option<i32>, String)> {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_promptbook"));
    // A test that runs in the background ignores SIGINT, and its processes would do so, too.
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", "timeout", ANSWER_TIMEOUT]);
    command.args(["script", "-qec", &line, "/dev/null"]);
    command.current_dir(desk.path()).env("NO_COLOR", "1");
    let mut script = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = script.stdin.take().unwrap();
    let mut output = script.stdout.take().unwrap();
    let (mut shown, mut buffer) = (Vec::new(), [0; 1024]);
    let mut is_answered = false;
    loop {
        let read = output.read(&mut buffer).unwrap();
        if read == 0 {
            break;
        }
        shown.extend_from_slice(&buffer[..read]);
        if !is_answered && String::from_utf8_lossy(&shown).contains("[y/N] ") {
            input.write_all(typed.as_bytes()).unwrap();
            is_answered = true;
        }
    }
    let code = script.wait().unwrap().code();
    if code == Some(NOT_FOUND) {
        return None;
    }
    let shown = String::from_utf8_lossy(&shown).replace('\r', "");
    assert!(is_answered, "{arguments} asked nothing: {shown}");
    Some((code, shown))
}

fn versions(desk: &Desk) -> usize {
    let log = desk.json(&["log", "greeting"]);
    log["versions"].as_array().unwrap().len()
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that cannot run here says so")]
fn only_yes_does_what_is_asked() {
    let desk = Desk::greeting();
    desk.run_with(&["commit", "greeting", "-m", "second"], REWORDED)
        .ok();
    let remove = "rm greeting@1.0";
    for typed in ["n\n", "\n", "no\n", "yes please\n", "\u{4}", "yn\n"] {
        let Some((code, shown)) = on_terminal(&desk, remove, typed) else {
            eprintln!("not run: no script command");
            return;
        };
        assert_eq!(code, Some(0), "{typed:?}: {shown}");
        assert!(shown.contains("production"), "{shown}");
        assert!(
            shown.lines().any(|line| line == "nothing was deleted"),
            "{typed:?}: {shown}"
        );
        assert_eq!(versions(&desk), 2, "{typed:?}");
    }
    let (code, shown) = on_terminal(&desk, remove, "\u{3}").unwrap();
    assert_eq!(code, Some(INTERRUPTED), "{shown}");
    assert_eq!(versions(&desk), 2);
    for (typed, left) in [("y\n", 1), (" YES \n", 1)] {
        let (code, shown) = on_terminal(&desk, remove, typed).unwrap();
        assert_eq!(
            (code, versions(&desk)),
            (Some(0), left),
            "{typed:?}: {shown}"
        );
        desk.run(&["undo", "--yes"]).ok();
    }
    assert_eq!(versions(&desk), 2);
    desk.run(&["verify"]).ok();
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that cannot run here says so")]
fn every_command_that_asks_takes_no_for_an_answer() {
    let desk = Desk::greeting();
    let id = desk.json(&["show", "greeting"])["prompt"]["id"].clone();
    let user = format!("{{{{hcp:{}:0:production}}}}", id.as_str().unwrap());
    let body = format!(r#"{{"messages": [{{"role": "user", "content": "{user}"}}]}}"#);
    desk.run_with(&["create", "welcome"], &body).ok();
    let before = desk.json(&["ops"])["operations"].clone();
    for (command, nothing) in [
        ("rm greeting", "nothing was deleted"),
        ("env remove greeting production", "nothing was removed"),
        ("undo", "nothing was undone"),
        ("gc --retention 0", "nothing was removed"),
    ] {
        let Some((code, shown)) = on_terminal(&desk, command, "n\n") else {
            eprintln!("not run: no script command");
            return;
        };
        assert_eq!(code, Some(0), "{command}: {shown}");
        assert!(shown.contains(nothing), "{command}: {shown}");
        let (code, shown) = on_terminal(&desk, command, "\u{3}").unwrap();
        assert_eq!(code, Some(INTERRUPTED), "{command}: {shown}");
    }
    assert_eq!(desk.json(&["ops"])["operations"], before);
}
