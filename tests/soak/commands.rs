//! Calls of the command, repeatedly, beside the workers: they are killed and stopped, and their
//! answers recorded.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use fastrand::Rng;
use promptbook::Version;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::calls::{Call, HistoryItem};
use crate::hang;
use crate::ledger::{Book, now};
use crate::settings::Hazard;
use crate::soak::Round;

/// The number of threads that call the command.
pub const CALLERS: u64 = 2;

/// The time within which every command must end.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Exit code: it is unknown whether the change took place.
const UNKNOWN: i32 = 8;
/// Exit code: the store's contents are damaged.
const DAMAGED: i32 = 6;
/// Exit code: the change took place, but its report could not be written.
const UNREPORTED: i32 = 9;

/// Calls the command until the round is over.
pub fn call(round: &Round<'_>, number: u64) {
    let name = format!("r{}c{number}", round.soak.number);
    let book = Book::create(&round.ledgers, &name);
    let mut caller = Caller {
        round,
        book: &book,
        rng: round.rng(10 + number),
    };
    for number in 0_u64.. {
        if round.is_over() {
            break;
        }
        caller.call(&format!("{name}#{number}"));
        round.count(|tally| tally.commands += 1);
    }
}

struct Caller<'a> {
    round: &'a Round<'a>,
    book: &'a Book,
    rng: Rng,
}

impl Caller<'_> {
    fn call(&mut self, token: &str) {
        let root = &self.round.soak.root;
        let (site, path) = match self.rng.u32(..10) {
            0 if self.round.has(Hazard::Backups) => ("backup", self.round.soak.backup()),
            1 | 2 if self.round.has(Hazard::Full) => ("full", root.join("full/store")),
            _ => ("main", root.join("main/store")),
        };
        // After a write to the backup it is no longer a backup of this store, so writes are rare.
        let is_reader = site == "backup" && self.rng.u32(..20) != 0;
        let scratch = root.join("scratch");
        let backup = self.backup(site);
        let call = Call::any(&mut self.rng, token, &scratch, &backup, is_reader);
        let wrapper = match site {
            "full" => self.round.soak.disk.wrapper(self.rng.u64(..)),
            _ => Vec::new(),
        };
        if let Some(count) = call.count {
            self.book.attempt(token, token, count);
        }
        let is_mute =
            call.count.is_some() && self.round.has(Hazard::Output) && self.rng.u32(..20) == 0;
        let from = now();
        let store = call.store.as_ref().unwrap_or(&path);
        let command = command(&wrapper, store, token, &call);
        let (output, was_killed) = self.run(&command, &call, is_mute);
        self.book
            .line(&format!("open {token} {site} {from} {}", now()));
        if let Some(output) = output {
            let what = format!("{:?}: {}", call.arguments, output.status);
            self.book.note(token, from, &what);
            self.take_down(token, &call, &output, was_killed);
        }
        for file in &call.files {
            let _ = if file.is_dir() {
                fs::remove_dir_all(file)
            } else {
                fs::remove_file(file)
            };
        }
    }

    fn backup(&self, site: &str) -> PathBuf {
        match site {
            "full" => self.round.soak.root.join("scratch/backup of full"),
            "backup" => self.round.soak.root.join("scratch/backup of backup"),
            _ => self.round.soak.backup(),
        }
    }

    /// Runs a command to its end, which may be an early one. Returns its output, and whether it was
    /// killed.
    fn run(&mut self, arguments: &[String], call: &Call, is_mute: bool) -> (Option<Output>, bool) {
        let mut command = Command::new(&arguments[0]);
        command
            .args(&arguments[1..])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped());
        command
            .env("RUST_BACKTRACE", "0")
            .env_remove("PROMPTBOOK_STORE");
        if is_mute {
            command.stdout(File::options().write(true).open("/dev/full").unwrap())
        } else {
            command.stdout(Stdio::piped())
        };
        let mut child = command.spawn().unwrap();
        // A command that reads no input may have ended by now.
        let _ = child.stdin.take().unwrap().write_all(call.input.as_bytes());
        let was_killed = self.disturb(&mut child);
        let pid = Pid::from_child(&child);
        let (send, receive) = mpsc::channel();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || send.send(child.wait_with_output()));
            receive.recv_timeout(TIMEOUT).unwrap_or_else(|_| {
                let waits = hang::describe(pid.as_raw_pid());
                self.round.problem(format!("{arguments:?} hangs\n{waits}"));
                let _ = kill_process(pid, Signal::KILL);
                receive.recv().unwrap()
            })
        });
        (output.ok(), was_killed)
    }

    fn disturb(&mut self, child: &mut Child) -> bool {
        match self.rng.u32(..8) {
            0 if self.round.has(Hazard::Kills) => {
                std::thread::sleep(Duration::from_micros(self.rng.u64(..80_000)));
                child.kill().unwrap();
                self.round.count(|tally| tally.kills += 1);
                true
            }
            1 if self.round.has(Hazard::Stops) => {
                let pid = Pid::from_child(child);
                std::thread::sleep(Duration::from_micros(self.rng.u64(..40_000)));
                let _ = kill_process(pid, Signal::STOP);
                std::thread::sleep(Duration::from_millis(self.rng.u64(1..200)));
                let _ = kill_process(pid, Signal::CONT);
                self.round.count(|tally| tally.stops += 1);
                false
            }
            _ => false,
        }
    }

    fn take_down(&self, token: &str, call: &Call, output: &Output, was_killed: bool) {
        let status = output.status;
        let error = String::from_utf8_lossy(&output.stderr);
        let broken = |what: &str| self.book.line(&format!("broken {token} {what}"));
        let Some(code) = status.code() else {
            if !(was_killed && status.signal() == Some(9)) {
                broken(&format!("{:?}: {status}: {error}", call.arguments));
            }
            return;
        };
        let answer = String::from_utf8_lossy(&output.stdout);
        // A directory that is exchanged between two checks may seem to have lost its index, and a
        // first backup that was killed has none yet.
        let is_without_index =
            error.contains("\"index_missing\"") || answer.contains("has no index, but a directory");
        let is_damage = code == DAMAGED && !is_without_index;
        if is_damage || code > UNREPORTED {
            let answer = answer.split_whitespace().collect::<Vec<_>>().join(" ");
            let arguments = &call.arguments;
            broken(&format!(
                "{arguments:?}: exit code {code}: {error} {answer:.2000}"
            ));
        }
        let Some(count) = call.count else {
            if code == 0 {
                for told in call.told(&output.stdout) {
                    self.saw(token, &told);
                }
            }
            return;
        };
        match code {
            0 => match serde_json::from_slice::<Value>(&output.stdout) {
                Ok(answer) => {
                    let made = (call.made)(&answer);
                    let version: Option<Version> =
                        serde_json::from_value(answer["version"].clone()).ok();
                    let version = version.filter(|_| call.makes_version);
                    self.book.done(token, made, &version);
                }
                Err(why) => broken(&format!("{:?} answered {why}", call.arguments)),
            },
            UNREPORTED => self.book.done(token, count, []),
            UNKNOWN => self.book.line(&format!("unknown {token} -")),
            code => self.book.line(&format!("refused {token} {code}: {error}")),
        }
    }

    fn saw(&self, token: &str, told: &HistoryItem) {
        self.book.line(&match told {
            HistoryItem::Version(id) => format!("saw {token} version {id}"),
            HistoryItem::Operation(id) => format!("saw {token} operation {id}"),
            HistoryItem::Followed(number, id) => format!("follows {token} {number} {id}"),
        });
    }
}

fn command(wrapper: &[String], store: &Path, token: &str, call: &Call) -> Vec<String> {
    let global = [
        "--json",
        "--author",
        token,
        "--store",
        store.to_str().unwrap(),
    ];
    let mut command = wrapper.to_vec();
    command.push(env!("CARGO_BIN_EXE_promptbook").to_owned());
    command.extend(global.map(str::to_owned));
    command.extend(call.arguments.iter().cloned());
    command
}
