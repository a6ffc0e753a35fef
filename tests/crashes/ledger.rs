//! Ledgers: records of what a child tried and what it was answered, outside the store. One line per
//! entry.
//!
//! ```text
//! script closed: open commit
//! child 4711
//! try 1
//! done 1 0192…/1.3/5f2a…       the versions that were created: id, number, address of the body
//! failed 1 Backend(Io)          the store reported that nothing has changed
//! unknown 1 7 9ab3…             the outcome is unknown: operation 7 would have this id
//! read 1 ok                     the answer of a read after a failure
//! panic …
//! end
//! ```

use std::fs::File;
use std::io::{IoSlice, Write};
use std::path::Path;
use std::sync::Mutex;

use promptbook::{BlobId, Error, OperationId, Version, VersionId, VersionNumber};

use crate::script::Script;

/// A ledger that is being written.
pub struct Book(Mutex<File>);

impl Book {
    pub fn open(path: &Path) -> Self {
        let file = File::options().create(true).append(true).open(path);
        Self(Mutex::new(file.unwrap()))
    }

    /// Adds a line. The system call is one that nothing else here makes, so it neither fails nor is
    /// counted.
    pub fn tell(&self, line: &str) {
        let line = format!("{}\n", line.replace('\n', " "));
        let mut file = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let written = file.write_vectored(&[IoSlice::new(line.as_bytes())]);
        assert_eq!(
            written.unwrap(),
            line.len(),
            "the ledger's line was not written entirely"
        );
    }

    pub fn tell_result(&self, number: usize, result: &Result<Vec<Version>, Error>) {
        self.tell(&match result {
            Ok(made) => {
                let mut line = format!("done {number}");
                for version in made {
                    line += &format!(" {}/{}/{}", version.id, version.number, version.blob);
                }
                line
            }
            Err(Error::OutcomeUnknown {
                number: operation,
                id,
                ..
            }) => format!("unknown {number} {operation} {id}"),
            Err(error) => format!("failed {number} {}", kind(error)),
        });
    }
}

/// Returns an error's kind, in one word.
pub fn kind(error: &Error) -> String {
    match error {
        Error::Storage(error) => format!("Backend({:?})", error.kind()),
        error => {
            let debug = format!("{error:?}");
            let end = debug.find(|character: char| !character.is_alphanumeric());
            debug[..end.unwrap_or(debug.len())].to_owned()
        }
    }
}

/// A ledger that was read back.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub script: Script,
    pub child: Option<u32>,
    /// The steps that were tried.
    pub tries: Vec<Try>,
    pub panics: Vec<String>,
    pub ended: bool,
    /// Whether the latest acknowledged changes may be lost, because the power failed and the
    /// durability leaves flushes to the operating system.
    pub may_lose: bool,
}

/// A step that was tried.
#[derive(Clone, Debug)]
pub struct Try {
    pub outcome: Outcome,
    /// The answer of a read, which is made after the step failed.
    pub read: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The child died before it had an answer.
    Open,
    Done(Vec<Made>),
    Failed(String),
    Unknown(u64, OperationId),
}

/// A version as it was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    pub id: VersionId,
    pub number: VersionNumber,
    pub blob: BlobId,
}

impl Ledger {
    pub fn read(path: &Path) -> Self {
        Self::parse(&std::fs::read_to_string(path).unwrap())
    }

    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let script = lines.next().and_then(|line| line.strip_prefix("script "));
        let mut ledger = Self {
            script: script.expect("no script in the ledger").parse().unwrap(),
            child: None,
            tries: Vec::new(),
            panics: Vec::new(),
            ended: false,
            may_lose: false,
        };
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let told = || rest.split_once(' ').map_or("", |(_, told)| told);
            match word {
                "child" => ledger.child = Some(rest.parse().unwrap()),
                "try" => ledger.tries.push(Try {
                    outcome: Outcome::Open,
                    read: None,
                }),
                "panic" => ledger.panics.push(rest.to_owned()),
                "end" => ledger.ended = true,
                "read" => ledger.last().read = Some(told().to_owned()),
                "done" => {
                    let made = told().split_whitespace().map(made).collect();
                    ledger.last().outcome = Outcome::Done(made);
                }
                "failed" => ledger.last().outcome = Outcome::Failed(told().to_owned()),
                "unknown" => {
                    let (number, id) = told().split_once(' ').unwrap();
                    let outcome = Outcome::Unknown(number.parse().unwrap(), id.parse().unwrap());
                    ledger.last().outcome = outcome;
                }
                _ => panic!("unknown line of a ledger: {line:?}"),
            }
        }
        ledger
    }

    fn last(&mut self) -> &mut Try {
        self.tries.last_mut().expect("no try before the answer")
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
