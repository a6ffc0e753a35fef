//! The commands as their users see them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use promptbook::server::fake::{Fake, Fault};
use promptbook::{NewPrompt, NewVersion};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::organisation;

/// A folder in which commands are run with the key of a fake.
struct Shell {
    folder: TempDir,
    key: String,
}

/// What a command wrote, and its exit code.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Shell {
    fn of(fake: &Fake) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key"), format!("{}\n", fake.key())).unwrap();
        let mut mode = fs::metadata(folder.path().join("key"))
            .unwrap()
            .permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
        fs::set_permissions(folder.path().join("key"), mode).unwrap();
        Self {
            folder,
            key: fake.key().to_owned(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promptbook"));
        command.args(arguments).current_dir(self.folder.path());
        command
            .env("PROMPTBOOK_AUTHOR", "ann")
            .env_remove("PROMPTBOOK_STORE");
        command.env_remove("HELICONE_API_KEY").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().unwrap();
        self.checked(&output)
    }

    /// Runs a command with the key's file.
    fn with_key(&self, arguments: &[&str]) -> Run {
        self.run(&[arguments, &["--key-file", "key"]].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let run = self.with_key(&[arguments, &["--json"]].concat());
        serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{} {}", run.out, run.err))
    }

    /// Checks that the key was not written.
    fn checked(&self, output: &Output) -> Run {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(
            !out.contains(&self.key) && !err.contains(&self.key),
            "{out}{err}"
        );
        let code = output.status.code().unwrap();
        Run { code, out, err }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_newcomer_moves_and_works_on_both_sides() {
    let fake = organisation();
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]});
    fake.store()
        .create_prompt(NewPrompt::new("greeting", &body))
        .unwrap();
    let shell = Shell::of(&fake);
    let cloned = shell.with_key(&["clone", fake.url()]);
    assert_eq!(cloned.code, 0, "{}", cloned.err);
    assert!(
        cloned.out.contains("1 prompt created, 1 new version"),
        "{}",
        cloned.out
    );
    assert!(cloned.err.contains("Cloned into"), "{}", cloned.err);

    // The key is in no file of the store.
    let store = shell.folder.path().join(".promptbook");
    for file in files(&store) {
        let bytes = fs::read(&file).unwrap();
        let has_key = bytes
            .windows(shell.key.len())
            .any(|part| part == shell.key.as_bytes());
        assert!(!has_key, "{}", file.display());
    }
    let again = shell.with_key(&["clone", fake.url()]);
    assert_ne!(again.code, 0);

    fs::write(
        shell.folder.path().join("b.json"),
        r#"{"messages": [{"role": "user", "content": "Hello"}]}"#,
    )
    .unwrap();
    assert_eq!(
        shell
            .run(&[
                "commit",
                "greeting",
                "b.json",
                "-m",
                "Hello",
                "--env",
                "production"
            ])
            .code,
        0
    );
    let status = shell.json(&["sync-status"]);
    assert_eq!(status["prompts"][0]["state"], "ahead", "{status}");
    let planned = shell.with_key(&["push", "--dry-run"]);
    assert!(
        planned.out.contains("create 0.1") && planned.code == 0,
        "{}",
        planned.out
    );
    let pushed = shell.json(&["push"]);
    assert_eq!(
        (
            pushed["versions"].as_u64(),
            pushed["failed"].as_array().unwrap().len()
        ),
        (Some(1), 0)
    );
    assert_eq!(
        fake.store().version("greeting@production").unwrap().message,
        "Hello"
    );

    fake.store().rename("greeting", "theirs").unwrap();
    assert_eq!(shell.run(&["rename", "greeting", "ours"]).code, 0);
    let conflict = shell.with_key(&["pull"]);
    assert_eq!(conflict.code, 4);
    assert!(
        conflict
            .err
            .contains("named \"ours\" here and \"theirs\" there"),
        "{}",
        conflict.err
    );
    assert_eq!(shell.with_key(&["push"]).code, 4);
    assert_eq!(
        shell
            .with_key(&["pull", "--prompt", "ours", "--theirs"])
            .code,
        0
    );
    assert!(shell.run(&["ls"]).out.contains("theirs"));
    assert_eq!(shell.run(&["undo"]).code, 0);
    assert!(shell.run(&["ls"]).out.contains("ours"));
    assert_eq!(shell.run(&["verify"]).code, 0);
}

#[test]
fn errors_say_what_to_do() {
    let fake = organisation();
    let shell = Shell::of(&fake);
    let says = |arguments: &[&str], code: i32, text: &str| {
        let run = shell.run(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.err);
        assert!(run.err.contains(text), "{arguments:?}: {}", run.err);
    };
    says(&["clone", fake.url()], 2, "HELICONE_API_KEY");
    says(
        &["clone", "helicone", "--key-file", "key"],
        2,
        "expected a URL",
    );
    says(
        &["clone", "http://example.com", "--key-file", "key"],
        2,
        "--allow-http",
    );
    says(
        &["clone", fake.url(), "--key-file", "none"],
        3,
        "no file none",
    );
    assert!(!shell.folder.path().join(".promptbook").exists());
    assert_eq!(shell.run(&["init"]).code, 0);
    says(&["pull", "--key-file", "key"], 3, "remote add NAME URL");
    says(
        &["remote", "add", "a/b", fake.url()],
        2,
        "not a name of a remote",
    );
    says(
        &["remote", "add", "origin", "https://me:secret@host"],
        2,
        "--key-file",
    );
    assert_eq!(shell.run(&["remote", "add", "origin", fake.url()]).code, 0);
    says(
        &["remote", "add", "origin", fake.url()],
        4,
        "already has a remote origin",
    );
    says(
        &["pull", "--key-file", "key", "--prompt", "nope"],
        3,
        "has the prompt \"nope\"",
    );
    says(&["pull", "--theirs"], 2, "--prompt");
    fs::write(
        shell.folder.path().join(".promptbook/remotes/origin"),
        "garbage",
    )
    .unwrap();
    says(&["pull", "--key-file", "key"], 6, "remote remove NAME");
    assert_eq!(shell.run(&["remote", "remove", "origin"]).code, 0);
    says(&["remote", "remove", "origin"], 3, "no remote origin");
}

#[test]
fn the_key_comes_from_the_environment_or_standard_input() {
    let fake = organisation();
    let shell = Shell::of(&fake);
    let mut cloned = shell.command(&["clone", fake.url(), "one"]);
    let cloned = cloned.env("HELICONE_API_KEY", fake.key()).output().unwrap();
    assert_eq!(shell.checked(&cloned).code, 0);
    let key = fs::File::open(shell.folder.path().join("key")).unwrap();
    let mut cloned = shell.command(&["clone", fake.url(), "two", "--key-file", "-"]);
    let cloned = cloned.stdin(key).output().unwrap();
    assert_eq!(shell.checked(&cloned).code, 0);
    assert!(
        shell
            .folder
            .path()
            .join("two/.promptbook/index.db")
            .exists()
    );
}

/// A first Ctrl-C stops before the next request; the next pull continues.
#[test]
fn ctrl_c_leaves_a_sound_store() {
    let fake = organisation();
    for number in 0..40 {
        let body = json!({"messages": [number]});
        let created = fake
            .store()
            .create_prompt(NewPrompt::new(format!("p{number}"), body))
            .unwrap();
        let body = json!({"messages": [number, 1]});
        fake.store()
            .commit(NewVersion::new(created.prompt.id, body))
            .unwrap();
    }
    let shell = Shell::of(&fake);
    fake.fault(
        Fault::delay(Duration::from_millis(30))
            .on("GET /prompt-bodies/{promptVersionId}")
            .always(),
    )
    .unwrap();
    let mut clone = shell.command(&["clone", fake.url(), "--key-file", "key"]);
    let clone = clone
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !shell
        .folder
        .path()
        .join(".promptbook/remotes/origin")
        .exists()
    {
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = rustix::process::Pid::from_child(&clone);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let stopped = shell.checked(&clone.wait_with_output().unwrap());
    assert_eq!(stopped.code, 1, "{}", stopped.err);
    assert!(stopped.err.contains("continues"), "{}", stopped.err);
    fake.clear_faults();
    assert_eq!(shell.run(&["verify"]).code, 0);
    let pulled = shell.with_key(&["pull"]);
    assert_eq!(pulled.code, 0, "{}", pulled.err);
    let stats = shell.run(&["stats", "--json"]).out;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["operations"], 40, "{stats}");
}
