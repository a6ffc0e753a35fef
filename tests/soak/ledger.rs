//! Ledgers: records of what workers tried and what they were answered, outside the stores. One line
//! per entry, flushed.
//!
//! ```text
//! open HANDLE SITE FROM UNTIL         a handle was opened between these times, at this path
//! try TOKEN HANDLE COUNT TIME         COUNT operations of this token are about to be made
//! done TOKEN COUNT ID/NUMBER/BLOB …   they were acknowledged, with these versions
//! refused TOKEN WHY                   the store reported that nothing was changed
//! unknown TOKEN OPERATION|-           the change may or may not have taken place
//! saw HANDLE version ID               a handle returned this version
//! saw HANDLE operation ID             … or this operation
//! follows HANDLE NUMBER ID            the next operation that a watch reported
//! planted TOKEN                       a fault was planted at this attempt
//! broken HANDLE WHAT                  an answer that is never right
//! note HANDLE FROM UNTIL WHAT         any other action, recorded for investigations
//! ```
//!
//! An attempt makes all of its operations or none. A `try` without an answer belongs to a process
//! that was killed. Times are of the monotonic clock, which all processes share.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use promptbook::error::OpenError;
use promptbook::{BlobId, Error, ErrorKind, OperationId, Version, VersionId, VersionNumber};
use rustix::time::{ClockId, clock_gettime};

use crate::ledgers::each_line;

/// Returns nanoseconds of a clock that all processes share and that never goes back.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
}

/// A ledger that is being written. It consists of several small files, because the size of a
/// worker's files may be limited.
pub struct Book {
    directory: PathBuf,
    name: String,
    file: Mutex<(File, usize)>,
}

/// The size at which a file of a ledger is full.
const MAX_FILE_BYTES: usize = 48 * 1024;

impl Book {
    pub fn create(directory: &Path, name: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            name: name.to_owned(),
            file: Mutex::new((create(directory, name, 0), 0)),
        }
    }

    pub fn line(&self, line: &str) {
        let line = format!("{}\n", line.replace('\n', " "));
        let mut open = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, room) = (
            open.1 / MAX_FILE_BYTES,
            MAX_FILE_BYTES - open.1 % MAX_FILE_BYTES,
        );
        if line.len() >= room {
            *open = (
                create(&self.directory, &self.name, number + 1),
                (number + 1) * MAX_FILE_BYTES,
            );
        }
        open.1 += line.len();
        open.0
            .write_all(line.as_bytes())
            .expect("the ledger can't be written");
        open.0.sync_data().expect("the ledger can't be flushed");
    }

    pub fn note(&self, handle: &str, from: u64, what: &str) {
        self.line(&format!("note {handle} {from} {} {what}", now()));
    }

    pub fn attempt(&self, token: &str, handle: &str, count: u64) {
        self.line(&format!("try {token} {handle} {count} {}", now()));
    }

    pub fn done<'a>(&self, token: &str, count: u64, made: impl IntoIterator<Item = &'a Version>) {
        let mut line = format!("done {token} {count}");
        for version in made {
            line += &format!(" {}/{}/{}", version.id, version.number, version.blob);
        }
        self.line(&line);
    }

    pub fn failed(&self, token: &str, handle: &str, error: &Error) {
        match error {
            Error::OutcomeUnknown { id, .. } => self.line(&format!("unknown {token} {id}")),
            error => self.line(&format!("refused {token} {}", chain(error))),
        }
        self.note_broken(handle, error);
    }

    /// Records an error that no hazard excuses.
    pub fn note_broken(&self, handle: &str, error: &Error) {
        if is_broken(error) {
            self.line(&format!("broken {handle} {}", chain(error)));
        }
    }
}

fn create(directory: &Path, name: &str, number: usize) -> File {
    File::create_new(directory.join(format!("ledger {name} {number:06}"))).unwrap()
}

/// Returns whether an error says that the store is damaged. A directory that is exchanged between
/// two checks may seem to have lost its index, so that error does not count.
fn is_broken(error: &Error) -> bool {
    error.kind() == ErrorKind::Corrupt
        && !matches!(error, Error::Open(OpenError::IndexMissing { .. }))
}

/// Returns an error and its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A version as it was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    pub id: VersionId,
    pub number: VersionNumber,
    pub blob: BlobId,
}

impl From<&Version> for Made {
    fn from(version: &Version) -> Self {
        Self {
            id: version.id,
            number: version.number,
            blob: version.blob,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The worker was killed before it was answered.
    Open,
    Done(u64, Vec<Made>),
    Refused(String),
    Unknown(Option<OperationId>),
}

#[derive(Clone, Debug)]
pub struct Attempt {
    pub handle: String,
    /// The number of operations that it makes if it succeeds.
    pub count: u64,
    pub tried_at: u64,
    pub outcome: Outcome,
}

/// An item that a handle returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seen {
    Version(VersionId),
    Operation(OperationId),
}

#[derive(Clone, Debug, Default)]
pub struct Handle {
    /// The path's name, and the times between which it was opened.
    pub opened: Option<(String, u64, u64)>,
    pub saw: BTreeSet<Seen>,
    /// The operations that a watch reported, in order.
    pub followed: Vec<u64>,
}

/// All ledgers of a round.
#[derive(Debug, Default)]
pub struct Records {
    pub attempts: BTreeMap<String, Attempt>,
    pub handles: BTreeMap<String, Handle>,
    pub broken: Vec<String>,
    pub planted: Vec<String>,
}

impl Records {
    pub fn read(directory: &Path) -> Self {
        let mut records = Self::default();
        each_line(directory, |line| records.take(line));
        records
    }

    fn take(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, told) = rest.split_once(' ').unwrap_or((rest, ""));
        let words: Vec<&str> = told.split(' ').collect();
        match word {
            "open" => {
                let times = (words[1].parse().unwrap(), words[2].parse().unwrap());
                let handle = self.handles.entry(name.to_owned()).or_default();
                handle.opened = Some((words[0].to_owned(), times.0, times.1));
            }
            "try" => {
                let attempt = Attempt {
                    handle: words[0].to_owned(),
                    count: words[1].parse().unwrap(),
                    tried_at: words[2].parse().unwrap(),
                    outcome: Outcome::Open,
                };
                let twice = self.attempts.insert(name.to_owned(), attempt);
                assert!(twice.is_none(), "the token {name} is used twice");
            }
            "done" => {
                let count = words[0].parse().unwrap();
                let made = words[1..].iter().map(|text| made(text)).collect();
                self.answer(name, Outcome::Done(count, made));
            }
            "refused" => self.answer(name, Outcome::Refused(told.to_owned())),
            "unknown" => self.answer(name, Outcome::Unknown(told.parse().ok())),
            "saw" => {
                let seen = match words[0] {
                    "version" => Seen::Version(words[1].parse().unwrap()),
                    _ => Seen::Operation(words[1].parse().unwrap()),
                };
                let handle = self.handles.entry(name.to_owned()).or_default();
                handle.saw.insert(seen);
            }
            "follows" => {
                let handle = self.handles.entry(name.to_owned()).or_default();
                handle.followed.push(words[0].parse().unwrap());
                handle
                    .saw
                    .insert(Seen::Operation(words[1].parse().unwrap()));
            }
            "planted" => self.planted.push(name.to_owned()),
            "broken" => self.broken.push(rest.to_owned()),
            "note" => {}
            _ => panic!("unknown line of a ledger: {line:?}"),
        }
    }

    fn answer(&mut self, token: &str, outcome: Outcome) {
        let attempt = self
            .attempts
            .get_mut(token)
            .expect("an answer without a try");
        attempt.outcome = outcome;
    }

    pub fn acknowledged(&self) -> usize {
        let attempts = self.attempts.values();
        attempts
            .filter(|one| matches!(one.outcome, Outcome::Done(..)))
            .count()
    }
}

fn made(text: &str) -> Made {
    let mut parts = text.split('/');
    let mut next = || parts.next().unwrap();
    Made {
        id: next().parse().unwrap(),
        number: next().parse().unwrap(),
        blob: next().parse().unwrap(),
    }
}
