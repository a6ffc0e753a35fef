//! The `promptbook fake` command: its output, and its end together with the test run.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use promptbook::server::Fixtures;
use promptbook::{NewPrompt, Store};
use serde_json::Value;

use crate::support::{COUNT, Client, fixtures};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_promptbook"));
    command.args(arguments).env("PROMPTBOOK_STORE", "/nowhere");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Reads the line that it prints, which is the only one.
fn announced(child: &mut Child) -> Value {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    std::thread::spawn(move || {
        let mut more = String::new();
        let _ = out.read_to_string(&mut more);
        assert_eq!(more, "");
    });
    line
}

fn client(line: &Value) -> Client {
    Client::new(line["url"].as_str().unwrap(), line["key"].as_str().unwrap())
}

/// Waits until no process listens at the address any more.
#[track_caller]
fn assert_gone(line: &Value) {
    let authority = line["url"]
        .as_str()
        .unwrap()
        .strip_prefix("http://")
        .unwrap();
    let started = Instant::now();
    while TcpStream::connect(authority).is_ok() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the server still listens"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(process: u32, name: &str) {
    let kill = Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .status();
    assert!(kill.unwrap().success());
}

#[test]
fn it_announces_its_address_and_ends_on_a_signal() {
    for name in ["TERM", "INT"] {
        let mut child = command(&["fake", "--addr", "127.0.0.1:0"]).spawn().unwrap();
        let line = announced(&mut child);
        let control = format!("{}/__promptbook", line["url"].as_str().unwrap());
        assert_eq!(line["control"], control);
        signal(child.id(), name);
        assert!(child.wait().unwrap().success(), "{name}");
        assert_gone(&line);
    }
}

/// As an argument, the key would be visible in the list of processes.
#[test]
fn its_key_may_be_in_a_file() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("key");
    std::fs::write(&file, "sk-mine\n").unwrap();
    let file = file.to_str().unwrap();
    let mut child = command(&["fake", "--key-file", file]).spawn().unwrap();
    let line = announced(&mut child);
    assert_eq!(line["key"], "sk-mine");
    assert_eq!(client(&line).get("/__promptbook/clock").status, 200);
    signal(child.id(), "TERM");
    assert!(child.wait().unwrap().success());
    let both = ["fake", "--key-file", file, "--key", "sk-other"];
    let refused = command(&both).stderr(Stdio::null()).status().unwrap();
    assert_eq!(refused.code(), Some(2));
}

#[test]
fn it_ends_with_its_standard_input_if_requested() {
    let mut child = command(&["fake", "--until-stdin-closes"]).spawn().unwrap();
    let line = announced(&mut child);
    assert_eq!(client(&line).get(COUNT).status, 200);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_gone(&line);
}

#[test]
fn it_ends_with_its_parent() {
    let script = r#""$0" fake <&0 & wait"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_promptbook")]);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let line = announced(&mut shell);
    assert_eq!(client(&line).get(COUNT).status, 200);
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert_gone(&line);
}

#[test]
fn its_options_are_those_of_the_library() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("fixtures.json");
    std::fs::write(&path, fixtures().to_json()).unwrap();
    let arguments = [
        "fake",
        "--fixtures",
        path.to_str().unwrap(),
        "--key",
        "mine",
        "--status",
        "plain",
        "--clock",
        "2030-01-01",
        "--until-stdin-closes",
    ];
    let mut child = command(&arguments).env("TZ", "UTC").spawn().unwrap();
    let line = announced(&mut child);
    assert_eq!(line["key"], "mine");
    let client = client(&line);
    assert_eq!(client.get("/v1/prompt-2025/id/nobody").status, 404);
    let created = client.get("/v1/prompt-2025/id/abc123").data()["created_at"].clone();
    assert_eq!(created, "2030-01-01T00:00:00Z");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

/// `serve` reads the same variables.
#[test]
fn its_key_and_its_log_may_be_in_the_environment() {
    let mut fake = command(&["fake", "--until-stdin-closes"]);
    fake.env("PROMPTBOOK_KEY", "sk-named")
        .env("PROMPTBOOK_LOG", "info");
    let mut child = fake.stderr(Stdio::piped()).spawn().unwrap();
    let line = announced(&mut child);
    assert_eq!(line["key"], "sk-named");
    client(&line).get(COUNT);
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && log.contains(COUNT), "{log}");
}

#[test]
fn errors_are_reported_before_it_starts() {
    for (arguments, code) in [
        (["fake", "--clock", "tomorrow"], 2),
        (["fake", "--fixtures", "/nowhere/at/all"], 3),
        (["fake", "--addr", "0.0.0.0:0"], 2),
        (["fake", "--addr", "127.0.0.1"], 2),
        (["fake", "--clock", "12"], 2),
        (["fake", "--key", ""], 2),
        (["fake", "--addr", "192.0.2.1:0"], 1),
    ] {
        let output = command(&arguments).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["error"]["code"], code, "{arguments:?}");
        assert!(!line["error"]["message"].as_str().unwrap().is_empty());
        assert_eq!(
            output.stdout.iter().filter(|byte| **byte == b'\n').count(),
            1
        );
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn a_store_is_written_as_fixtures() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("store");
    let store = Store::create(&directory).unwrap();
    let new = NewPrompt::new("mine", r#"{"messages": []}"#);
    store.create_prompt(new).unwrap();
    let wanted = Fixtures::of(&store).unwrap();
    let store = directory.to_str().unwrap();
    let output = command(&["fixtures", "--store", store]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(Fixtures::from_json(&text).unwrap(), wanted);
}
