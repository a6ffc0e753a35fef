//! A directory to run the command in, and the answers of runs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A body that requires a name.
pub(crate) const GREETING: &str =
    r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi {{hc:name:string}}"}]}"#;

/// The same body with other words.
pub(crate) const REWORDED: &str =
    r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello {{hc:name:string}}"}]}"#;

/// A body that requires one more variable.
pub(crate) const BREAKING: &str = r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi {{hc:name:string}}, {{hc:age:number}}"}]}"#;

/// A temporary directory.
pub(crate) struct Desk {
    directory: tempfile::TempDir,
}

impl Desk {
    /// Creates a directory without a store.
    pub(crate) fn bare() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Creates a directory with a store.
    pub(crate) fn new() -> Self {
        let desk = Self::bare();
        desk.run(&["init"]).ok();
        desk
    }

    /// Creates a directory with a store that has the prompt `greeting`, in version 1.0.
    pub(crate) fn greeting() -> Self {
        let desk = Self::new();
        desk.run_with(&["create", "greeting"], GREETING).ok();
        desk
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file, and creates its parent folders.
    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs the command in the directory.
    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        self.run_with(arguments, "")
    }

    /// Runs the command in the directory, with this text as its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Answer {
        run(command(self.path()).args(arguments), input)
    }

    /// Runs the command in a subdirectory.
    pub(crate) fn run_in(&self, below: &str, arguments: &[&str]) -> Answer {
        run(command(&self.path().join(below)).args(arguments), "")
    }

    /// Runs the command in the directory with `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.json_with(arguments, "")
    }

    /// Runs the command in the directory with `--json`, with this text as its standard input.
    pub(crate) fn json_with(&self, arguments: &[&str], input: &str) -> Value {
        run(command(self.path()).args(arguments).arg("--json"), input).json()
    }
}

/// Returns the command in a directory, isolated from the user's settings.
pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_promptbook"));
    command.current_dir(directory).env("TZ", "UTC");
    for variable in [
        "PROMPTBOOK_STORE",
        "PROMPTBOOK_AUTHOR",
        "PROMPTBOOK_KEY",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command, input: &str) -> Answer {
    run_bytes(command, input.as_bytes())
}

/// Does the same with an input that need not be text.
pub(crate) fn run_bytes(command: &mut Command, input: &[u8]) -> Answer {
    let told = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no input may have ended by now.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Answer {
        told,
        code: output.status.code(),
        out: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The result of a run.
pub(crate) struct Answer {
    told: String,
    code: Option<i32>,
    out: Vec<u8>,
    err: String,
}

impl Answer {
    /// Returns the output of a successful run.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    /// Returns the output of a successful run, as bytes.
    #[track_caller]
    pub(crate) fn bytes(self) -> Vec<u8> {
        assert_eq!(self.code, Some(0), "{}: {}", self.told, self.err);
        self.out
    }

    /// Returns the output of a successful run, as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// Returns the error output of a run that failed with this code.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}: {}", self.told, self.err);
        self.err
    }

    /// Returns the error output of a run that failed.
    #[track_caller]
    pub(crate) fn text_of_failure(self) -> String {
        assert_ne!(self.code, Some(0), "{}", self.told);
        self.err
    }

    /// Returns the output of a run, successful or not.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// Returns the exit code of a run.
    pub(crate) fn code(&self) -> Option<i32> {
        self.code
    }

    /// Returns the error output of a run.
    pub(crate) fn aside(&self) -> &str {
        &self.err
    }
}

/// Returns the members of a JSON object, in their documented order.
#[track_caller]
pub(crate) fn members(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

pub(crate) const PROMPT: [&str; 6] = ["id", "name", "tags", "created_at", "versions", "latest"];
pub(crate) const VERSION: [&str; 11] = [
    "id",
    "prompt_id",
    "number",
    "model",
    "message",
    "author",
    "base",
    "created_at",
    "blob",
    "size",
    "environments",
];
