//! What is measured on: how large, and the store.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use promptbook::{Bump, PromptId, Selector, Store, VersionSpec};
use tempfile::TempDir;

use crate::floor::Floor;
use crate::support::{body, named_prompt, new_prompt, new_version};

/// Versions in one transaction, where many are made.
pub(crate) const BATCH: u64 = 2000;

/// The prompt of a long line of versions: three majors, of so many versions each.
pub(crate) const LONG: &str = "long line of three majors";
const LONG_MAJOR: u64 = 1000;

/// Prompts that a section makes for itself are numbered from here, so that their bodies are no other prompt's.
const OWN: u64 = 1_000_000_000;

pub(crate) struct Bench {
    /// `prompt 0` and so on, beside the long line.
    pub(crate) prompts: u64,
    pub(crate) versions: u64,
    test: bool,
    kept: Option<PathBuf>,
    made: OnceCell<(PathBuf, Option<TempDir>)>,
}

impl Bench {
    pub(crate) fn new(prompts: u64, versions: u64, kept: Option<PathBuf>, test: bool) -> Self {
        assert!(prompts >= 10 && versions >= 2, "too small a store");
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

    /// How often something is done: a few times where the only question is whether it runs.
    pub(crate) fn times(&self, times: usize) -> usize {
        if self.test {
            (times / 100).clamp(2, 10)
        } else {
            times
        }
    }

    /// How many versions of each major the long line has.
    pub(crate) fn long_major(&self) -> u64 {
        if self.test { 60 } else { LONG_MAJOR }
    }

    /// The store's directory. It is made where it is missing, and settled.
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
        eprintln!("making a store of {}", self.size());
        let store = Store::create(directory).unwrap();
        self.make_long_line(&store);
        let at_once = (BATCH / self.versions).max(1);
        for first in (0..self.prompts).step_by(at_once.try_into().unwrap()) {
            let numbers = first..(first + at_once).min(self.prompts);
            make_prompts(&store, numbers, self.versions);
        }
        store.checkpoint(|_| ()).unwrap();
        self.make_files(directory);
    }

    /// Files of the bodies in `production`, which are in packs: as a store has them that was not imported.
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

    /// A store that is kept may be of another size, or have been left half made.
    fn check(&self, directory: &Path) {
        let store = Store::open(directory).unwrap();
        let last = store.version_counts(format!("prompt {}", self.prompts - 1).as_str());
        let next = store.prompt(format!("prompt {}", self.prompts).as_str());
        let fits = next.is_err() && last.is_ok_and(|counts| counts.total == self.versions);
        assert!(fits, "the store that is kept is not of {}", self.size());
    }

    /// The first `count` of the prompts, by number.
    pub(crate) fn prompt_ids(&self, store: &Store, count: u64) -> Vec<PromptId> {
        (0..count.min(self.prompts))
            .map(|number| {
                let name = format!("prompt {number}");
                store.prompt(name.as_str()).unwrap().id
            })
            .collect()
    }

    /// The bare tables of a copy of the store, which nobody may have open now.
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

/// Makes these prompts in one transaction.
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

/// The number of a prompt that no store has yet: whatever is made in a kept one by later runs has other bodies.
pub(crate) fn own_number(store: &Store) -> u64 {
    OWN + store.position().unwrap().number()
}

/// A prompt of one's own, of one version.
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
