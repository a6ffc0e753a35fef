//! Other processes: this program, started again and controlled by lines on its standard input.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use promptbook::{PromptId, Store, VersionId};

use crate::{clients, import};

/// The first argument of such a process.
pub(crate) const MARK: &str = "--child";

/// A process that works until it is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Child {
    pub(crate) fn start(role: &str, store: &Path, arguments: &[u64]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([MARK, role])
            .arg(store)
            .args(arguments.iter().map(ToString::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdin: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().unwrap()).lines(),
            process,
        }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn answer(&mut self) -> String {
        self.answers.next().unwrap().unwrap()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let status = self.process.wait().unwrap();
        assert!(status.success() || std::thread::panicking(), "{status}");
    }
}

/// Runs the role of such a process.
pub(crate) fn main(arguments: &[String]) {
    let [role, store, numbers @ ..] = arguments else {
        panic!("a role and a store are missing");
    };
    let numbers: Vec<u64> = numbers.iter().map(|text| text.parse().unwrap()).collect();
    let store = Path::new(store);
    match (role.as_str(), &numbers[..]) {
        ("writer", []) => write(store),
        ("clients", &[first, threads, millis]) => clients::child(store, first, threads, millis),
        ("import", &[prompts, versions]) => import::child(store, prompts, versions),
        _ => panic!("{role} {numbers:?} is not a role"),
    }
}

/// Another process that moves `production` on request, and reports when that is acknowledged.
pub(crate) struct Writer(Child);

impl Writer {
    pub(crate) fn start(store: &Path) -> Self {
        Self(Child::start("writer", store, &[]))
    }

    pub(crate) fn point(&mut self, prompt: PromptId, to: VersionId) {
        self.0.tell(&format!("{prompt} {to}"));
        assert_eq!(self.0.answer(), "moved");
    }
}

fn write(store: &Path) {
    let store = Store::open(store).unwrap();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (prompt, to) = line.split_once(' ').unwrap();
        let prompt: PromptId = prompt.parse().unwrap();
        let to: VersionId = to.parse().unwrap();
        let moved = store.set_environment(prompt, "production", to);
        assert_eq!(moved.unwrap().after, Some(to));
        println!("moved");
    }
}
