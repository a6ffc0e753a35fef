use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Desk, GREETING, REWORDED, command, members};

fn error(told: &str) -> Value {
    serde_json::from_str::<Value>(told).unwrap()["error"].clone()
}

#[test]
fn errors_are_json_if_answers_are() {
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
            [
                "kind", "code", "message", "details", "causes", "hint", "fields"
            ]
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
        assert!(
            told.contains("\nhint: create a store here with promptbook init"),
            "{told}"
        );
    }
}

#[test]
fn an_invalid_body_is_reported_with_its_position() {
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
fn help_lists_the_commands_and_exit_codes() {
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
    assert!(desk.run(&[]).ok().contains("Usage: promptbook"));
    desk.run(&["commit", "--help"]).ok();
}

#[test]
fn a_closed_output_is_not_a_failure() {
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

/// The watch writes nothing that would fail.
#[test]
#[cfg(unix)]
fn a_watch_ends_when_its_output_is_closed() {
    let desk = Desk::greeting();
    let mut child = command(desk.path())
        .args(["watch", "--from", "start", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    drop(out);
    let end = Instant::now() + Duration::from_secs(30);
    let code = loop {
        match child.try_wait().unwrap() {
            Some(ended) => break ended.code(),
            None if Instant::now() > end => {
                child.kill().unwrap();
                panic!("the watch continues without a reader");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert_eq!(code, Some(0));
}

/// Runs a command whose output cannot be written, because its device is full.
#[cfg(target_os = "linux")]
fn unreported(desk: &Desk, arguments: &[&str]) -> (Option<i32>, String) {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let mut command = command(desk.path());
    let command = command.args(arguments).stdout(full.unwrap());
    let output = command.stdin(Stdio::null()).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// A user who repeated the command would make the change twice.
#[test]
#[cfg(target_os = "linux")]
fn a_change_whose_report_cannot_be_written_has_its_own_exit_code() {
    let desk = Desk::greeting();
    desk.write("body.json", REWORDED);
    desk.write("folder/more.json", GREETING);
    desk.write("folder/most.json", GREETING);
    let source = Desk::greeting();
    source.run(&["export", "--bundle", "a.bundle"]).ok();
    desk.write(
        "a.bundle",
        std::fs::read(source.path().join("a.bundle")).unwrap(),
    );
    let cases: &[(&[&str], &str)] = &[
        (
            &["create", "other", "body.json"],
            "operation 2 was committed",
        ),
        (
            &["commit", "greeting", "body.json", "-m", "x"],
            "operation 3 was committed",
        ),
        (
            &["env", "set", "greeting", "staging", "1.1"],
            "operation 4 was committed",
        ),
        (
            &["env", "remove", "greeting", "staging"],
            "operation 5 was committed",
        ),
        (
            &["tag", "set", "greeting", "a", "b"],
            "operation 6 was committed",
        ),
        (&["rename", "other", "another"], "operation 7 was committed"),
        (&["rm", "greeting@1.1"], "operation 8 was committed"),
        (&["undo"], "operation 9 was committed"),
        (&["rm", "another", "--yes"], "operation 10 was committed"),
        (&["import", "folder"], "operations 11 to 12 were committed"),
        (&["import", "a.bundle"], "operation 13 was committed"),
        (
            &["create", "--json", "last", "body.json"],
            "operation 14 was committed",
        ),
        (&["checkpoint"], "the bodies were moved to the blob store"),
        (&["gc"], "the garbage was collected"),
        (&["backup", "backup"], "the backup was written"),
        (&["backup", "--json", "backup"], "the backup was written"),
        (
            &["restore", "backup", "--store", "restored"],
            "the store was created",
        ),
        (
            &["verify", "--repair", "--from", "backup"],
            "the store was repaired",
        ),
        (&["export", "out"], "the files were written"),
        (
            &["export", "--bundle", "b.bundle"],
            "the bundle was written",
        ),
        (&["freeze", "prompts.frozen"], "the files were written"),
        (&["init", "--store", "new"], "the store was created"),
        (&["demo", "demo"], "the demo's store was created"),
    ];
    for (arguments, made) in cases {
        let (code, told) = unreported(&desk, arguments);
        assert_eq!(code, Some(9), "{arguments:?}: {told}");
        for part in [made, "could not be written", "No space left"] {
            assert!(told.contains(part), "{arguments:?}: {told}");
        }
    }
    let last = desk.json(&["ops", "--limit", "1"]);
    assert_eq!(last["operations"][0]["number"], 14);
    for made in ["restored", "new", "demo/.promptbook"] {
        desk.run(&["--store", made, "verify"]).ok();
    }
    let (_, told) = unreported(
        &desk,
        &["commit", "--json", "last", "folder/more.json", "-m", "x"],
    );
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["error"]["code"], 9);
    assert_eq!(told["error"]["kind"], "unreported");
}

/// The exit code of a change that did not take place, or of damage, stays the same.
#[test]
#[cfg(target_os = "linux")]
fn without_a_change_the_exit_code_is_the_usual_one() {
    let desk = Desk::greeting();
    desk.write("folder/greeting.json", GREETING);
    for (arguments, code) in [
        (&["env", "set", "greeting", "production", "1.0"][..], 1),
        (&["import", "folder"], 1),
        (&["tag", "list", "greeting", "--json"], 1),
        (&["export", "folder"], 1),
        (&["rm", "missing@1.0"], 3),
    ] {
        let (found, told) = unreported(&desk, arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {told}");
    }
    desk.run(&["checkpoint"]).ok();
    std::fs::remove_dir_all(desk.path().join(".promptbook/blobs")).unwrap();
    std::fs::create_dir(desk.path().join(".promptbook/blobs")).unwrap();
    for arguments in [&["verify"][..], &["backup", "backup"]] {
        let (found, told) = unreported(&desk, arguments);
        assert_eq!(found, Some(6), "{arguments:?}: {told}");
    }
}

/// The reader closed the output itself, so it expects no report.
#[test]
#[cfg(unix)]
fn an_output_closed_before_a_change_is_not_a_failure() {
    let desk = Desk::greeting();
    desk.write("body.json", REWORDED);
    let script = "\"$0\" commit greeting body.json -m x | true; exit \"${PIPESTATUS[0]}\"";
    for _ in 0..20 {
        let mut shell = std::process::Command::new("bash");
        let shell = shell.args(["-c", script, env!("CARGO_BIN_EXE_promptbook")]);
        let output = shell.current_dir(desk.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
    let log = desk.json(&["log", "greeting"]);
    assert_eq!(log["versions"].as_array().unwrap().len(), 21);
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
    // A process that may write anything ignores the mode.
    let free = std::fs::File::create(store.join("probe")).is_ok();
    assert!(desk.run(&["resolve", "greeting"]).bytes() == GREETING.as_bytes());
    if !free {
        let told = desk.run(&["tag", "set", "greeting", "x"]).fails(1);
        assert!(
            told.contains("cannot be written") && told.contains("because: "),
            "{told}"
        );
    }
    set(0o755);
}

#[test]
#[cfg(unix)]
fn arguments_that_are_not_utf_8_are_refused() {
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

#[test]
fn a_url_creates_no_directory() {
    let desk = Desk::bare();
    let url = "postgres://someone:secret@localhost:1/nothing?schema=x";
    for arguments in [
        &["--store", url, "init"][..],
        &["--store", url, "ls"],
        &["--store", url, "create", "greeting"],
        &["--store", "s3://bucket/prompts", "init"],
    ] {
        let told = desk.run_with(arguments, GREETING).text_of_failure();
        assert!(!told.contains("secret"), "{told}");
    }
    if !cfg!(feature = "postgres") {
        let told = desk.run(&["--store", url, "init"]).fails(2);
        assert!(told.contains("the feature `postgres`"), "{told}");
    }
    assert!(!desk.path().join("postgres:").exists() && !desk.path().join("s3:").exists());
}
