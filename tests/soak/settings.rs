//! What a soak is asked for, and what its workers are told.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is done to workers and stores, beside operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hazard {
    /// Processes die by SIGKILL.
    Kills,
    /// Processes are stopped for a while.
    Stops,
    /// Store directories are exchanged, moved away and restored under open handles; a process changes its directory.
    Swaps,
    /// Others open the backup, write to it, and hold it open while it is brought up to date.
    Backups,
    /// The disk of one store fills up.
    Full,
    /// Clocks jump, also to before 1970 and to leap seconds.
    Clocks,
    /// The output of a command can't be written.
    Output,
    /// Files of a store are deleted under open handles.
    Removals,
}

const HAZARDS: [(&str, Hazard); 8] = [
    ("kills", Hazard::Kills),
    ("stops", Hazard::Stops),
    ("swaps", Hazard::Swaps),
    ("backups", Hazard::Backups),
    ("full", Hazard::Full),
    ("clocks", Hazard::Clocks),
    ("output", Hazard::Output),
    ("removals", Hazard::Removals),
];

/// A set of hazards.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Hazards(Vec<Hazard>);

impl Hazards {
    pub fn all() -> Self {
        Self(HAZARDS.iter().map(|(_, hazard)| *hazard).collect())
    }

    pub fn none() -> Self {
        Self::default()
    }

    pub fn has(&self, hazard: Hazard) -> bool {
        self.0.contains(&hazard)
    }

    /// Reads words with commas in between.
    fn parse(text: &str) -> Self {
        let hazard = |word: &str| {
            let found = HAZARDS.iter().find(|(name, _)| *name == word);
            found.unwrap_or_else(|| panic!("no hazard {word}")).1
        };
        Self(
            text.split(',')
                .filter(|word| !word.is_empty())
                .map(hazard)
                .collect(),
        )
    }
}

impl fmt::Display for Hazards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = HAZARDS.iter().filter(|(_, hazard)| self.has(*hazard));
        let words: Vec<&str> = words.map(|(word, _)| *word).collect();
        f.write_str(&words.join(","))
    }
}

/// What a soak is asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    pub seconds: u64,
    pub seed: u64,
    pub hazards: Hazards,
    /// Where its directory is made; in memory if the system has that.
    pub place: Option<PathBuf>,
}

/// A soak of a plain test run takes this long, in seconds.
const SHORT: u64 = 8;

impl Settings {
    /// What the environment asks for.
    pub fn from_environment() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        let number = |name: &str| {
            let text = text(name)?;
            Some(
                text.parse()
                    .unwrap_or_else(|_| panic!("{name} is a number")),
            )
        };
        Self {
            seconds: number("PROMPTBOOK_SOAK").unwrap_or(SHORT),
            seed: number("PROMPTBOOK_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000)),
            hazards: text("PROMPTBOOK_SOAK_HAZARDS")
                .map_or_else(Hazards::all, |words| Hazards::parse(&words)),
            place: std::env::var_os("PROMPTBOOK_SOAK_DIR").map(PathBuf::from),
        }
    }

    /// The same without hazards, for some seconds.
    pub fn calm(seconds: u64) -> Self {
        Self {
            seconds,
            hazards: Hazards::none(),
            ..Self::from_environment()
        }
    }
}

/// How a worker process works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Reads and writes.
    Writer,
    /// The same, and looks after the store: settles, collects, packs, verifies, backs up, restores, watches.
    Keeper,
    /// Reads and writes a store that it opened by a relative path, and changes its directory meanwhile.
    Walker,
    /// Opens the backup, reads, sometimes writes, and closes it again.
    Guest,
}

/// What a worker process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// Unique: the process's part of the names of its handles.
    pub name: String,
    pub role: Role,
    /// The name of the path at which it opens the store, for the ledger.
    pub site: String,
    /// That path.
    pub path: PathBuf,
    /// Another store, for walkers and planted faults.
    pub other: PathBuf,
    /// Where the keeper puts the backup.
    pub backup: PathBuf,
    /// Where the ledgers are.
    pub ledgers: PathBuf,
    /// The worker ends when this file is there.
    pub stop: PathBuf,
    /// A directory of its own.
    pub scratch: PathBuf,
    pub seed: u64,
    pub hazards: Hazards,
    pub plant: Option<Plant>,
}

/// What a planted worker does once, and leaves out of its ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plant {
    /// Makes one commit twice.
    Doubled,
    /// Makes one commit in another store.
    Misplaced,
}
