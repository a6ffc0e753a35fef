//! Settings of a soak and of its workers.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A disturbance of workers and stores, in addition to their operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hazard {
    /// Processes are killed by SIGKILL.
    Kills,
    /// Processes are stopped for a while.
    Stops,
    /// Store directories are exchanged, moved away and restored under open handles; a process
    /// changes its working directory.
    Swaps,
    /// Other processes open the backup, write to it, and hold it open while it is updated.
    Backups,
    /// The disk of one store fills up.
    Full,
    /// Clocks jump, also to before 1970 and to leap seconds.
    Clocks,
    /// The output of a command cannot be written.
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

    /// Parses hazard names separated by commas.
    fn parse(text: &str) -> Self {
        let hazard = |word: &str| {
            let found = HAZARDS.iter().find(|(name, _)| *name == word);
            found.unwrap_or_else(|| panic!("unknown hazard {word}")).1
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

/// Settings of a soak.
#[derive(Clone, Debug)]
pub struct Settings {
    pub seconds: u64,
    pub seed: u64,
    pub hazards: Hazards,
    /// The parent of its directory; by default in memory if the system supports it.
    pub place: Option<PathBuf>,
}

/// Duration of the soak in a plain test run, in seconds.
const SHORT_SOAK_SECONDS: u64 = 8;

impl Settings {
    /// Reads the settings from environment variables.
    pub fn from_environment() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        let number = |name: &str| {
            let text = text(name)?;
            Some(
                text.parse()
                    .unwrap_or_else(|_| panic!("{name} must be a number")),
            )
        };
        Self {
            seconds: number("PROMPTBOOK_SOAK").unwrap_or(SHORT_SOAK_SECONDS),
            seed: number("PROMPTBOOK_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000)),
            hazards: text("PROMPTBOOK_SOAK_HAZARDS")
                .map_or_else(Hazards::all, |words| Hazards::parse(&words)),
            place: std::env::var_os("PROMPTBOOK_SOAK_DIR").map(PathBuf::from),
        }
    }

    /// Returns the same settings without hazards, for some seconds.
    pub fn calm(seconds: u64) -> Self {
        Self {
            seconds,
            hazards: Hazards::none(),
            ..Self::from_environment()
        }
    }
}

/// The kind of work that a worker process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Reads and writes.
    Writer,
    /// Reads and writes, and maintains the store: runs checkpoints, collects garbage, repacks,
    /// verifies, backs up, restores, watches.
    Keeper,
    /// Reads and writes a store that it opened by a relative path, and changes its working
    /// directory meanwhile.
    Walker,
    /// Opens the backup, reads, sometimes writes, and closes it again.
    Guest,
}

/// The instructions to a worker process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// A unique name: the process's part of the names of its handles.
    pub name: String,
    pub role: Role,
    /// The name, in the ledger, of the path at which it opens the store.
    pub site: String,
    /// The path at which it opens the store.
    pub path: PathBuf,
    /// Another store, for walkers and planted faults.
    pub other: PathBuf,
    /// The directory of the keeper's backup.
    pub backup: PathBuf,
    /// The directory of the ledgers.
    pub ledgers: PathBuf,
    /// The worker ends when this file exists.
    pub stop: PathBuf,
    /// A directory for files of this worker.
    pub scratch: PathBuf,
    pub seed: u64,
    pub hazards: Hazards,
    pub plant: Option<Plant>,
}

/// A fault that a worker makes once and does not record in its ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plant {
    /// Makes one commit twice.
    Doubled,
    /// Makes one commit in another store.
    Misplaced,
}
