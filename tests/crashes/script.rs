//! Scripts: short sequences of operations on a store.
//!
//! To test another operation at every step, add a word to [`Step`], its action to [`perform`], and
//! a line with it to [`named`]. No expectation is needed, because the expected state comes from
//! running the script in memory.

use std::fmt;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use promptbook::maintenance::GcOptions;
use promptbook::{
    Body, Bump, EnvironmentName, EnvironmentUpdate, NewPrompt, NewVersion, PromptId, Result,
    Selector, Store, StoreOptions, Version,
};

/// An operation. A script's text contains its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Creates the store.
    Make,
    Open,
    Create,
    Commit,
    /// Commits, and moves an environment in the same operation.
    CommitAndMove,
    /// Commits the body of an earlier version, which may be deleted.
    Again,
    Move,
    Batch,
    Delete,
    DeletePrompt,
    Tag,
    Undo,
    Import,
    Settle,
    /// Collects garbage without a retention period.
    Collect,
    /// Commits more bodies than a batch puts into the journal: the rest is packed.
    Bulk,
    /// Lets two days pass, so that bodies are older than the retention period.
    Later,
    /// Packs old bodies, and repacks all packs.
    Repack,
    /// Copies the store to [`backup_of`] it.
    Backup,
    Close,
}

const WORDS: [(&str, Step); 20] = [
    ("make", Step::Make),
    ("open", Step::Open),
    ("create", Step::Create),
    ("commit", Step::Commit),
    ("commit-and-move", Step::CommitAndMove),
    ("again", Step::Again),
    ("move", Step::Move),
    ("batch", Step::Batch),
    ("delete", Step::Delete),
    ("delete-prompt", Step::DeletePrompt),
    ("tag", Step::Tag),
    ("undo", Step::Undo),
    ("import", Step::Import),
    ("checkpoint", Step::Settle),
    ("collect", Step::Collect),
    ("bulk", Step::Bulk),
    ("later", Step::Later),
    ("repack", Step::Repack),
    ("backup", Step::Backup),
    ("close", Step::Close),
];

/// The steps that sequences are built from.
pub const BASIC: [Step; 13] = [
    Step::Create,
    Step::Commit,
    Step::CommitAndMove,
    Step::Again,
    Step::Move,
    Step::Batch,
    Step::Delete,
    Step::Undo,
    Step::Import,
    Step::Settle,
    Step::Collect,
    Step::Bulk,
    Step::Repack,
];

/// The state before a script starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    Nothing,
    /// A closed store with some history.
    Closed,
    /// The same, with the remains of a crash: an unfinished frame of the log, and torn files.
    Crashed,
    /// The same, with a log that is long enough for a WAL checkpoint.
    LongLog,
}

const STARTS: [(&str, Start); 4] = [
    ("nothing", Start::Nothing),
    ("closed", Start::Closed),
    ("crashed", Start::Crashed),
    ("long-log", Start::LongLog),
];

/// A script. Its text consists of the start and the steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Script {
    pub start: Start,
    pub steps: Vec<Step>,
}

/// Returns the scripts that every technique tries; if `PROMPTBOOK_CRASHES_SCRIPT` is set, only
/// those that contain it.
pub fn named() -> Vec<Script> {
    let lines = [
        "nothing: make create",
        "closed: open create",
        "closed: open commit",
        "closed: open create commit move",
        "closed: open batch",
        "closed: open commit checkpoint commit",
        "closed: open commit-and-move again checkpoint close",
        "closed: open delete checkpoint collect commit",
        "closed: open delete collect again checkpoint undo",
        "closed: open commit undo undo delete-prompt undo",
        "closed: open import checkpoint tag",
        "closed: open commit close open collect",
        "closed: open bulk commit",
        "closed: open bulk bulk checkpoint repack commit",
        "closed: open checkpoint later repack close open repack",
        "closed: open bulk checkpoint delete-prompt collect undo",
        "closed: open bulk backup commit checkpoint backup commit",
        "crashed: open commit checkpoint collect",
        "crashed: open again close",
        "long-log: open commit checkpoint close",
        "long-log: open move close open commit",
    ];
    let part = part().unwrap_or_default();
    let lines = lines.iter().filter(|line| line.contains(&part));
    lines.map(|line| line.parse().unwrap()).collect()
}

fn part() -> Option<String> {
    std::env::var("PROMPTBOOK_CRASHES_SCRIPT").ok()
}

/// Returns every sequence of this many basic steps, or none if only some scripts are to be tried.
pub fn sequences(length: usize) -> Vec<Script> {
    if part().is_some() {
        return Vec::new();
    }
    let number = BASIC.len().pow(u32::try_from(length).unwrap());
    let sequence = |number: usize| {
        let places = (0..u32::try_from(length).unwrap()).rev();
        let steps = places.map(|place| BASIC[number / BASIC.len().pow(place) % BASIC.len()]);
        Script {
            start: Start::Closed,
            steps: std::iter::once(Step::Open).chain(steps).collect(),
        }
    };
    (0..number).map(sequence).collect()
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = STARTS.iter().find(|(_, start)| *start == self.start);
        write!(f, "{}:", start.unwrap().0)?;
        for step in &self.steps {
            let word = WORDS.iter().find(|(_, word)| word == step);
            write!(f, " {}", word.unwrap().0)?;
        }
        Ok(())
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (start, steps) = text.split_once(':').ok_or("no start")?;
        let start = STARTS.iter().find(|(word, _)| *word == start);
        let step = |text: &str| {
            let word = WORDS.iter().find(|(word, _)| *word == text);
            word.map(|(_, step)| *step).ok_or(text.to_owned())
        };
        Ok(Self {
            start: start.ok_or("another start")?.1,
            steps: steps
                .split_whitespace()
                .map(step)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Returns the path of a store's backup.
pub fn backup_of(store: &Path) -> PathBuf {
    store.with_file_name("backup")
}

/// Returns the id of the prompt that most steps use.
pub fn base() -> PromptId {
    "base01".parse().unwrap()
}

pub fn options() -> StoreOptions {
    let clock = || Utc::now() + TimeDelta::days(DAYS.load(Ordering::Relaxed));
    StoreOptions::new().author("somebody").clock(clock)
}

/// The number of days by which the clock of stores is ahead.
static DAYS: AtomicI64 = AtomicI64::new(0);

/// Returns a body that contains this text. All such bodies have the same contract.
pub fn body(text: impl fmt::Display) -> String {
    format!(r#"{{"model": "m",  "messages": [{{"role": "user", "content": "{text}"}}]}}"#)
}

/// Creates the history of a store before the script starts.
pub fn begin(store: &Store, start: Start) -> Result<()> {
    match start {
        Start::Nothing => return Ok(()),
        Start::Closed | Start::Crashed | Start::LongLog => {}
    }
    store.create_prompt(NewPrompt::new("base", body("zero")).id(base()))?;
    commit(store, body("one"))?;
    store.checkpoint()?;
    commit(store, body("two"))?;
    store.set_environment(base(), "staging", "1.1")?;
    if start == Start::LongLog {
        store.batch(|batch| {
            for number in 0..12 {
                let long = format!("{number} ").repeat(150_000);
                batch.commit(NewVersion::new(base(), body(long)).bump(Bump::Minor))?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn commit(store: &Store, body: String) -> Result<Version> {
    store.commit(NewVersion::new(base(), body).bump(Bump::Minor))
}

/// A number of bodies of which a batch packs some.
const BULK_BODIES: usize = 80;

/// Performs step `number` of a script and returns the versions that it created.
pub fn perform(step: Step, number: usize, store: &Store) -> Result<Vec<Version>> {
    let latest = (base(), Selector::Latest);
    let mut made = Vec::new();
    match step {
        Step::Make | Step::Open | Step::Close => {}
        Step::Create => {
            let new = NewPrompt::new(format!("made {number}"), body(format!("made {number}")));
            made.push(store.create_prompt(new.tag("made"))?.version);
        }
        // More than a page of the index.
        Step::Commit => made.push(commit(store, body(format!("{number} ").repeat(3000)))?),
        Step::CommitAndMove => {
            let production: EnvironmentName = "production".parse()?;
            let new = NewVersion::new(base(), body(format!("moved to {number}")));
            let new = new.environment(production).message("to production");
            made.push(store.commit(new.bump(Bump::Minor))?);
        }
        Step::Again => made.push(commit(store, body("two"))?),
        Step::Move => {
            let staging = EnvironmentUpdate::set(base(), "staging", Selector::Latest);
            let canary = EnvironmentUpdate::set(base(), format!("canary-{number}"), "1.0");
            store.update_environments([staging, canary])?;
        }
        Step::Batch => {
            made = store.batch(|batch| {
                let name = format!("of batch {number}");
                let mut made = vec![
                    batch
                        .create_prompt(NewPrompt::new(name, body("new")))?
                        .version,
                ];
                for part in 0..3 {
                    let new = NewVersion::new(base(), body(format!("part {part} of {number}")));
                    made.push(batch.commit(new.bump(Bump::Minor))?);
                }
                let wish = EnvironmentUpdate::set(base(), "staging", Selector::Latest);
                batch.update_environments([wish])?;
                Ok(made)
            })?;
        }
        Step::Delete => drop(store.delete_version(latest)?),
        Step::DeletePrompt => drop(store.delete_prompt(base())?),
        Step::Tag => drop(store.set_tags(base(), &["one", "two"])?),
        Step::Undo => drop(store.undo_newest()?),
        Step::Import => drop(store.import_bundle(Cursor::new(bundle()?))?),
        Step::Bulk => {
            made = store.batch(|batch| {
                let version = |part: usize| {
                    let text = format!("{part} {number} ").repeat(40);
                    let new = NewVersion::new(base(), body(text));
                    batch.commit(new.bump(Bump::Minor))
                };
                (0..BULK_BODIES).map(version).collect()
            })?;
        }
        Step::Later => DAYS.store(2, Ordering::Relaxed),
        Step::Repack => drop(store.repack()?),
        Step::Backup => {
            // The expected state comes from a store in memory, which has no path.
            if let Some(path) = store.path() {
                let backup = store.backup(backup_of(path))?;
                // The backup is not reliable, for example because it could not be read.
                if !backup.report.is_clean() {
                    return Err(Body::try_from("not sound").unwrap_err().into());
                }
            }
        }
        Step::Settle => drop(store.checkpoint()?),
        Step::Collect => {
            store.collect_garbage_with(GcOptions::new().retention(Duration::ZERO))?;
        }
    }
    Ok(made)
}

/// Returns a bundle of a separate history, which is the same each time.
fn bundle() -> Result<Vec<u8>> {
    let noon = "2026-01-01T12:00:00Z".parse().unwrap_or_default();
    let elsewhere = options().seed(1).clock(move || noon).in_memory()?;
    for name in ["brought in", "brought in too"] {
        elsewhere.create_prompt(NewPrompt::new(name, body(name)))?;
    }
    let mut bundle = Vec::new();
    elsewhere.export_bundle(&mut bundle)?;
    Ok(bundle)
}
