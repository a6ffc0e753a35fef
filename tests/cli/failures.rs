use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Desk, GREETING, command, members};

fn error(told: &str) -> Value {
    serde_json::from_str::<Value>(told).unwrap()["error"].clone()
}

#[test]
fn errors_are_json_where_answers_are() {
    let desk = Desk::greeting();
    for (arguments, code, kind) in [
        (&["show", "nobody", "--json"][..], 3, "prompt_not_found"),
        (&["--json", "show", "greeting@9.9"], 3, "version_not_found"),
        (
            &["show", "greeting@nowhere", "--json"],
            3,
            "environment_not_found",
        ),
        (
            &["--json", "commit", "greeting", "-m", "x"],
            2,
            "invalid_body",
        ),
        (
            &["create", "x", "missing.json", "--json"],
            3,
            "file_not_found",
        ),
        (&["--json", "nonsense"], 2, "usage"),
        (&["show", "greeting@^x", "--json"], 2, "usage"),
        (&["--json", "init"], 4, "store_exists"),
        (&["--json", "ls", "--store", "missing"], 3, "not_a_store"),
    ] {
        let error = error(&desk.run(arguments).fails(code));
        assert_eq!(
            members(&error),
            ["kind", "code", "message", "details", "causes", "hint"]
        );
        assert_eq!(error["kind"], kind, "{arguments:?}");
        assert_eq!(error["code"], code, "{arguments:?}");
    }
}

#[test]
fn errors_say_what_to_do() {
    let desk = Desk::bare();
    for arguments in [
        &["ls"][..],
        &["commit", "greeting", "-m", "x"],
        &["verify"],
        &["import", "."],
    ] {
        let told = desk.run_with(arguments, GREETING).fails(3);
        assert!(told.starts_with("error: no .promptbook in "), "{told}");
        assert!(told.contains("\nhint: promptbook init"), "{told}");
    }
}

#[test]
fn a_body_that_is_none_says_where() {
    let desk = Desk::new();
    let told = desk.run_with(&["create", "x"], "{\"a\": }").fails(2);
    assert!(
        told.contains("standard input") && told.contains("line 1 column 7"),
        "{told}"
    );
    desk.write("list.json", "[1]");
    let told = desk.run(&["create", "x", "list.json"]).fails(2);
    assert!(
        told.contains("list.json") && told.contains("found an array"),
        "{told}"
    );
    desk.run(&["create", "bad\nname", "list.json"]).fails(2);
    desk.run(&["create", "", "list.json"]).fails(2);
}

#[test]
fn help_tells_the_commands_and_exit_codes() {
    let desk = Desk::bare();
    let help = desk.run(&["--help"]).ok();
    for part in [
        "commit",
        "Global options:",
        "PROMPTBOOK_STORE",
        "Exit codes:",
        "5  refused by the bump rules",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
    assert!(desk.run(&["--version"]).ok().starts_with("promptbook "));
    desk.run(&[]).fails(2);
    desk.run(&["commit", "--help"]).ok();
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let desk = Desk::new();
    // More than a pipe holds.
    let body = format!("{{\"a\": \"{}\"}}", "x".repeat(1 << 20));
    desk.run_with(&["create", "large"], &body).ok();
    for arguments in [["resolve", "large"], ["show", "large"]] {
        let mut child = command(desk.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_output_that_cannot_be_written_is_a_failure() {
    let desk = Desk::greeting();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = command(desk.path())
        .arg("ls")
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"));
}

#[test]
#[cfg(unix)]
fn a_store_that_cannot_be_written_is_read() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::greeting();
    let store = desk.path().join(".promptbook");
    let set = |mode| {
        for path in [&store, &store.join("index.db")] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    set(0o555);
    // Who may write anything is not kept from it by a mode.
    let free = std::fs::File::create(store.join("probe")).is_ok();
    assert!(desk.run(&["resolve", "greeting"]).bytes() == GREETING.as_bytes());
    if !free {
        let told = desk.run(&["tag", "greeting", "x"]).fails(1);
        assert!(
            told.contains("can't be written") && told.contains("because: "),
            "{told}"
        );
    }
    set(0o755);
}

#[test]
#[cfg(unix)]
fn arguments_that_are_no_text_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let desk = Desk::greeting();
    let odd = OsStr::from_bytes(b"\xff\xfe");
    for command_name in ["show", "search", "create", "render"] {
        let output = command(desk.path())
            .arg(command_name)
            .arg(odd)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{command_name}");
    }
    let output = command(desk.path())
        .args(["import"])
        .arg(odd)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
}
