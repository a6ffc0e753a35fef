//! Scripts: short sequences of operations on a store.
//!
//! To try something else at every step, add a word to [`Step`] and what it does to [`perform`], and a line with it to
//! [`named`]. Nothing else need be told: what must be found afterwards is learnt by running the script in memory.

use std::fmt;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use promptbook::{
    Body, Bump, EnvironmentName, EnvironmentUpdate, NewPrompt, NewVersion, PromptId, Result,
    Selector, Store, StoreOptions, Version,
};

/// One operation. A script's text names each by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Makes the store.
    Make,
    Open,
    Create,
    Commit,
    /// Commits, and moves an environment by the same operation.
    CommitAndMove,
    /// Commits the body that an earlier version has or had.
    Again,
    Move,
    Batch,
    Delete,
    DeletePrompt,
    Tag,
    Undo,
    Import,
    Settle,
    /// Collects what is not used, at once.
    Collect,
    /// Commits more than a batch journals: the rest is packed.
    Bulk,
    /// Two days pass, so that bodies are no longer young.
    Later,
    /// Packs what is old, and all packs anew.
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
    ("settle", Step::Settle),
    ("collect", Step::Collect),
    ("bulk", Step::Bulk),
    ("later", Step::Later),
    ("repack", Step::Repack),
    ("backup", Step::Backup),
    ("close", Step::Close),
];

/// Those that any sequence is made of.
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

/// What is there when a script starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    Nothing,
    /// A store of some history, closed.
    Closed,
    /// The same, with what a crash leaves: an end of the log and files that are torn.
    Crashed,
    /// The same, with a log that is long enough to be folded into the index.
    LongLog,
}

const STARTS: [(&str, Start); 4] = [
    ("nothing", Start::Nothing),
    ("closed", Start::Closed),
    ("crashed", Start::Crashed),
    ("long-log", Start::LongLog),
];

/// As text: the start and the steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Script {
    pub start: Start,
    pub steps: Vec<Step>,
}

/// The scripts that are tried by every technique; only those of which `PROMPTBOOK_CRASHES_SCRIPT` is a part, where that
/// is set.
pub fn named() -> Vec<Script> {
    let lines = [
        "nothing: make create",
        "closed: open create",
        "closed: open commit",
        "closed: open create commit move",
        "closed: open batch",
        "closed: open commit settle commit",
        "closed: open commit-and-move again settle close",
        "closed: open delete settle collect commit",
        "closed: open delete collect again settle undo",
        "closed: open commit undo undo delete-prompt undo",
        "closed: open import settle tag",
        "closed: open commit close open collect",
        "closed: open bulk commit",
        "closed: open bulk bulk settle repack commit",
        "closed: open settle later repack close open repack",
        "closed: open bulk settle delete-prompt collect undo",
        "closed: open bulk backup commit settle backup commit",
        "crashed: open commit settle collect",
        "crashed: open again close",
        "long-log: open commit settle close",
        "long-log: open move close open commit",
    ];
    let part = part().unwrap_or_default();
    let lines = lines.iter().filter(|line| line.contains(&part));
    lines.map(|line| line.parse().unwrap()).collect()
}

fn part() -> Option<String> {
    std::env::var("PROMPTBOOK_CRASHES_SCRIPT").ok()
}

/// Every sequence of this many basic steps; none where only some scripts are to be tried.
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

/// Where a store is backed up to.
pub fn backup_of(store: &Path) -> PathBuf {
    store.with_file_name("backup")
}

/// The prompt that most steps are about.
pub fn base() -> PromptId {
    "base01".parse().unwrap()
}

pub fn options() -> StoreOptions {
    let clock = || Utc::now() + TimeDelta::days(DAYS.load(Ordering::Relaxed));
    StoreOptions::new().author("somebody").clock(clock)
}

/// How many days the clock of stores is ahead.
static DAYS: AtomicI64 = AtomicI64::new(0);

/// A body with this text in it; any two have the same contract.
pub fn body(text: impl fmt::Display) -> String {
    format!(r#"{{"model": "m",  "messages": [{{"role": "user", "content": "{text}"}}]}}"#)
}

/// The history of a store before the script starts.
pub fn begin(store: &Store, start: Start) -> Result<()> {
    match start {
        Start::Nothing => return Ok(()),
        Start::Closed | Start::Crashed | Start::LongLog => {}
    }
    store.create_prompt(NewPrompt::new("base", body("zero")).id(base()))?;
    commit(store, body("one"))?;
    store.checkpoint(|_| ())?;
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

/// Bodies of which a batch packs some.
const MANY: usize = 80;

/// Does what step `number` of a script says, and gives the versions that it made.
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
                (0..MANY).map(version).collect()
            })?;
        }
        Step::Later => DAYS.store(2, Ordering::Relaxed),
        Step::Repack => drop(store.repack()?),
        Step::Backup => {
            // What the script makes is learnt from a store in memory.
            if let Some(path) = store.path() {
                let backup = store.backup(backup_of(path), |_| ())?;
                // Not one to rely on, such as where it could not be read.
                if !backup.report.is_clean() {
                    return Err(Body::try_from("not sound").unwrap_err());
                }
            }
        }
        Step::Settle => drop(store.checkpoint(|_| ())?),
        Step::Collect => drop(store.collect_garbage(Duration::ZERO)?),
    }
    Ok(made)
}

/// A history of its own, the same each time.
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
