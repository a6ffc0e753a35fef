//! The subject of the measurements: its size, and the store.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use promptbook::{Bump, PromptId, Selector, Store, VersionSpec};
use tempfile::TempDir;

use crate::floor::Floor;
use crate::support::{body, named_prompt, new_prompt, new_version};

/// Versions per transaction, when many are created.
pub(crate) const BATCH: u64 = 2000;

/// The name of the prompt with many versions: three majors with this number of versions each.
pub(crate) const LONG: &str = "long line of three majors";
const LONG_MAJOR: u64 = 1000;

/// Prompts that a section creates for itself are numbered from here, so that no other prompt has
/// the same bodies.
const OWN: u64 = 1_000_000_000;

pub(crate) struct Bench {
    /// The number of prompts `prompt 0` and so on, in addition to the one with many versions.
    pub(crate) prompts: u64,
    pub(crate) versions: u64,
    test: bool,
    kept: Option<PathBuf>,
    made: OnceCell<(PathBuf, Option<TempDir>)>,
}

impl Bench {
    pub(crate) fn new(prompts: u64, versions: u64, kept: Option<PathBuf>, test: bool) -> Self {
        assert!(prompts >= 10 && versions >= 2, "the store is too small");
        Self {
            prompts,
            versions,
            test,
            kept,
            made: OnceCell::new(),
        }
    }

    pub(crate) fn is_test(&self) -> bool {
        self.test
    }

    pub(crate) fn size(&self) -> String {
        format!("{} prompts of {} versions", self.prompts, self.versions)
    }

    pub(crate) fn place(&self) -> &'static str {
        match self.kept {
            Some(_) => "in a store that is kept",
            None => "in a store made for this run",
        }
    }

    /// Returns the number of repetitions, which is small if only a check that everything runs is
    /// wanted.
    pub(crate) fn times(&self, times: usize) -> usize {
        if self.test {
            (times / 100).clamp(2, 10)
        } else {
            times
        }
    }

    /// Returns the number of versions of each major of the prompt with many versions.
    pub(crate) fn long_major(&self) -> u64 {
        if self.test { 60 } else { LONG_MAJOR }
    }

    /// Returns the store's directory. A missing store is created, and a checkpoint is run.
    pub(crate) fn directory(&self) -> &Path {
        let made = self.made.get_or_init(|| match &self.kept {
            Some(kept) => {
                if !kept.join("index.db").exists() {
                    self.make(kept);
                }
                self.check(kept);
                (kept.clone(), None)
            }
            None => {
                let temporary = temporary();
                self.make(temporary.path());
                (temporary.path().to_owned(), Some(temporary))
            }
        });
        &made.0
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(self.directory()).unwrap()
    }

    fn make(&self, directory: &Path) {
        eprintln!("creating a store of {}", self.size());
        let store = Store::create(directory).unwrap();
        self.make_long_line(&store);
        let at_once = (BATCH / self.versions).max(1);
        for first in (0..self.prompts).step_by(at_once.try_into().unwrap()) {
            let numbers = first..(first + at_once).min(self.prompts);
            make_prompts(&store, numbers, self.versions);
        }
        store.checkpoint().unwrap();
        self.make_files(directory);
    }

    /// Creates loose files of the bodies in `production`, which are in packs. A store that was not
    /// created by an import has such files.
    fn make_files(&self, directory: &Path) {
        for number in 0..self.prompts {
            let body = body(number, 0);
            let hex = promptbook::BlobId::of(body.as_bytes()).to_string();
            let folder = directory.join("blobs").join(&hex[..2]);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(&hex[2..]), body).unwrap();
        }
    }

    fn make_long_line(&self, store: &Store) {
        let number = OWN - 1;
        let new = named_prompt(LONG, number);
        let id = store.create_prompt(new).unwrap().prompt.id;
        let majors = 3 * self.long_major();
        let commit = |batch: &mut promptbook::Batch<'_>| {
            for version in 1..majors {
                let bump = match version % self.long_major() {
                    0 => Bump::Major,
                    _ => Bump::Minor,
                };
                batch.commit(new_version(id, number, version).bump(bump))?;
            }
            Ok(())
        };
        store.batch(commit).unwrap();
    }

    /// Checks the size of an existing store, which may differ or be incomplete.
    fn check(&self, directory: &Path) {
        let store = Store::open(directory).unwrap();
        let last = store.version_counts(format!("prompt {}", self.prompts - 1).as_str());
        let next = store.prompt(format!("prompt {}", self.prompts).as_str());
        let fits = next.is_err() && last.is_ok_and(|counts| counts.total == self.versions);
        assert!(fits, "the existing store does not have {}", self.size());
    }

    /// Returns the ids of the first `count` prompts, by number.
    pub(crate) fn prompt_ids(&self, store: &Store, count: u64) -> Vec<PromptId> {
        (0..count.min(self.prompts))
            .map(|number| {
                let name = format!("prompt {number}");
                store.prompt(name.as_str()).unwrap().id
            })
            .collect()
    }

    /// Returns the floor on a copy of the store, which must be closed.
    pub(crate) fn floor(&self) -> (TempDir, Floor) {
        let copy = temporary();
        for name in ["index.db", "index.db-wal"] {
            let (from, to) = (self.directory().join(name), copy.path().join(name));
            if from.exists() {
                std::fs::copy(from, &to).unwrap();
                std::fs::File::open(to).unwrap().sync_all().unwrap();
            }
        }
        let floor = Floor::open(copy.path());
        (copy, floor)
    }
}

pub(crate) fn temporary() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Creates these prompts in one transaction.
pub(crate) fn make_prompts(store: &Store, numbers: std::ops::Range<u64>, versions: u64) {
    let make = |batch: &mut promptbook::Batch<'_>| {
        for number in numbers {
            let id = batch.create_prompt(new_prompt(number))?.prompt.id;
            for version in 1..versions {
                batch.commit(new_version(id, number, version))?;
            }
        }
        Ok(())
    };
    store.batch(make).unwrap();
}

/// Returns the number of a prompt that does not exist yet, so that later runs on an existing store
/// create other bodies.
pub(crate) fn own_number(store: &Store) -> u64 {
    OWN + store.position().unwrap().number()
}

/// Creates a new prompt with one version.
pub(crate) fn own_prompt(store: &Store, number: u64) -> PromptId {
    let new = named_prompt(&format!("own {number}"), number);
    store.create_prompt(new).unwrap().prompt.id
}

pub(crate) fn production(prompt: PromptId) -> VersionSpec {
    VersionSpec::new(
        prompt,
        Selector::Environment(promptbook::EnvironmentName::production()),
    )
}
