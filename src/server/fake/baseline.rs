//! The baseline of a fake: the state that it starts with and that a reset restores.

use std::fs;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::clock::{FakeTime, TimeMode};
use super::{FakeClock, FakeError};
use crate::maintenance::StoreImage;
use crate::server::Fixtures;
use crate::{Store, StoreOptions};

/// The baseline: the fixtures, and the time after they were loaded.
#[derive(Debug)]
pub(crate) struct Baseline {
    /// How the store is created; its clock is the fake's.
    options: StoreOptions,
    seed: u64,
    clock: FakeClock,
    home: BaselineHome,
    /// The fixtures with all their ids and times, so that loading them always gives the same store.
    fixtures: Fixtures,
    /// The store in memory that the fixtures produce.
    image: Option<StoreImage>,
    start: TimeMode,
}

#[derive(Debug)]
enum BaselineHome {
    Memory,
    /// A directory that was missing or empty.
    Created(PathBuf),
    /// A store that existed before the fake.
    Existing(PathBuf),
}

impl BaselineHome {
    fn of(directory: Option<&Path>) -> Self {
        let Some(path) = directory else {
            return Self::Memory;
        };
        let empty = match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_none(),
            // Opening the store reports any other fault of the directory.
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if empty {
            Self::Created(path.into())
        } else {
            Self::Existing(path.into())
        }
    }
}

impl Baseline {
    /// Returns the baseline, and the store that the fake starts with.
    pub(crate) fn new(
        options: StoreOptions,
        seed: u64,
        clock: FakeClock,
        directory: Option<&Path>,
        fixtures: &Fixtures,
    ) -> Result<(Self, Store), FakeError> {
        let mut baseline = Self {
            options: options.seed(seed),
            seed,
            clock,
            home: BaselineHome::of(directory),
            fixtures: Fixtures::default(),
            image: None,
            start: clock.into(),
        };
        baseline.fill(fixtures)?;
        let store = match &baseline.home {
            BaselineHome::Existing(path) => {
                let store = baseline.options.open(path)?;
                if store.prompts().count()? == 0 {
                    baseline.fixtures.load(&store)?;
                }
                store
            }
            _ => baseline.create()?,
        };
        Ok((baseline, store))
    }

    /// Returns the clock's state at the start.
    pub(crate) fn start(&self) -> TimeMode {
        self.start
    }

    /// Returns the fixtures with all their ids and times.
    pub(crate) fn fixtures(&self) -> &Fixtures {
        &self.fixtures
    }

    /// Sets the clock's state at the start.
    pub(crate) fn set_start(&mut self, start: TimeMode) {
        self.start = start;
    }

    /// Replaces the fixtures; after an error the old ones remain.
    pub(crate) fn fill(&mut self, fixtures: &Fixtures) -> Result<(), FakeError> {
        // A separate clock and another seed, so that the ids that a script creates do not depend on
        // the fixtures.
        let clock = Arc::new(FakeTime::new(self.clock));
        let ticks = Arc::clone(&clock);
        let options = self.options.clone().clock(move || ticks.tick());
        let store = options.seed(!self.seed).in_memory()?;
        fixtures.load(&store)?;
        self.fixtures = Fixtures::of(&store)?;
        self.image = store.image();
        self.start = clock.mode();
        Ok(())
    }

    /// Checks whether the fake created the store, so that a reset may create it again.
    pub(crate) fn check_recreatable(&self) -> Result<(), FakeError> {
        match &self.home {
            BaselineHome::Existing(path) => Err(FakeError::NotMadeHere { path: path.clone() }),
            _ => Ok(()),
        }
    }

    /// Creates the store again, as it was at the start.
    ///
    /// If removal or creation fails, `store` is an empty one in memory.
    pub(crate) fn recreate(&self, store: &mut Store) -> Result<(), FakeError> {
        self.check_recreatable()?;
        if let BaselineHome::Created(path) = &self.home {
            let old = mem::replace(store, self.options.in_memory()?);
            old.abandon();
            // This closes the files.
            drop(old);
            Store::remove(path)?;
        }
        *store = self.create()?;
        Ok(())
    }

    fn create(&self) -> Result<Store, FakeError> {
        match (&self.home, &self.image) {
            (BaselineHome::Created(path) | BaselineHome::Existing(path), _) => {
                let store = self.options.create(path)?;
                self.fixtures.load(&store)?;
                Ok(store)
            }
            (BaselineHome::Memory, Some(image)) => Ok(self.options.in_memory_from(image)),
            (BaselineHome::Memory, None) => Ok(self.options.in_memory()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewPrompt;

    #[test]
    fn removing_a_store_removes_all_its_files_and_no_others() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::create(place.path()).unwrap();
        let new = NewPrompt::new("a", r#"{"messages": []}"#);
        store.create_prompt(new).unwrap();
        store.checkpoint().unwrap();
        drop(store);
        fs::write(place.path().join("notes.txt"), "mine").unwrap();
        Store::remove(place.path()).unwrap();
        let left: Vec<_> = fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["notes.txt"]);
    }
}
