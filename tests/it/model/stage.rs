//! A store and its model, side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use promptbook::changes::RenameOptions;
use promptbook::error::InvalidArgument;
use promptbook::history::OperationKind;
use promptbook::maintenance::GcOptions;
use promptbook::{
    BumpPolicy, Durability, Error, OperationId, Result, Settings, Store, StoreOptions,
    VersionNumber,
};
use serde_json::{Map, json};
use tempfile::TempDir;

use super::book::{Book, ModelOperation, Refusal};
use super::compare::{self, change_of_list, change_of_prompt};
use super::op::{ENVIRONMENTS, NAMES, Op};
use super::perform::{agree, prompt_id, step, tags, unknown_prompt, version_at};
use crate::metered::Backends;

/// A store and its model.
pub struct Stage {
    /// `None` only while the store is reopened.
    store: Option<Store>,
    book: Book,
    clock: Arc<AtomicI64>,
    options: StoreOptions,
    place: Place,
}

/// The place of a store's data.
enum Place {
    Memory,
    Directory(TempDir),
    Backends(Backends),
    #[cfg(feature = "postgres")]
    Schema(String),
}

impl Stage {
    pub fn in_memory(policy: BumpPolicy, first_major: u32) -> Self {
        Self::new(policy, first_major, Place::Memory)
    }

    /// Returns a stage whose store is in a directory, or in a schema if the tests' stores are.
    pub fn in_a_place(policy: BumpPolicy, first_major: u32) -> Self {
        #[cfg(feature = "postgres")]
        if let Some(url) = crate::on_postgres::url_of_this_run() {
            return Self::new(policy, first_major, Place::Schema(url));
        }
        let directory = tempfile::tempdir().unwrap();
        Self::new(policy, first_major, Place::Directory(directory))
    }

    /// Returns a stage whose index and blob store need a millisecond for each call.
    pub fn on_slow_backends(policy: BumpPolicy, first_major: u32) -> Self {
        let mut settings = Settings::default();
        settings.policy = policy;
        settings.first_version = VersionNumber::new(first_major, 0);
        let backends = Backends::new(Duration::from_millis(1), settings);
        Self::new(policy, first_major, Place::Backends(backends))
    }

    fn new(policy: BumpPolicy, first_major: u32, place: Place) -> Self {
        let clock = Arc::new(AtomicI64::new(1_700_000_000_000_000));
        let options = StoreOptions::new()
            .first_version(first_major, 0)
            .policy(policy)
            .author("model")
            // Other tests cover power cuts; flushes would take most of the time here.
            .durability(Durability::Relaxed)
            .seed(42)
            .clock({
                let clock = Arc::clone(&clock);
                move || moment(&clock)
            });
        let store = match &place {
            Place::Memory => options.in_memory().unwrap(),
            Place::Directory(directory) => options.create(directory.path()).unwrap(),
            Place::Backends(backends) => backends.open(&options),
            #[cfg(feature = "postgres")]
            Place::Schema(url) => options.create_url(url).unwrap(),
        };
        Self {
            store: Some(store),
            book: Book::new(policy, VersionNumber::new(first_major, 0)),
            clock,
            options,
            place,
        }
    }

    pub fn store(&self) -> &Store {
        self.store.as_ref().expect("the store is open")
    }

    /// Executes one call. Returns the store's answer as text.
    pub fn perform(&mut self, op: &Op) -> String {
        // A second and a few microseconds, so that times have microseconds.
        self.clock.fetch_add(1_000_003, Ordering::Relaxed);
        let now = moment(&self.clock);
        match self.call(op, now) {
            Ok(answer) => answer,
            Err(error) => format!("{error:?}"),
        }
    }

    fn call(&mut self, op: &Op, now: DateTime<Utc>) -> Result<String> {
        match op {
            Op::Rename { prompt, name } => {
                let options = RenameOptions::new().allow_duplicate_name();
                let id = prompt_id(&self.book, *prompt);
                let answer = self.store().rename_with(id, NAMES[*name], options);
                let change =
                    |name_of: &mut String, _: &mut Vec<String>| *name_of = NAMES[*name].into();
                self.changed(answer, *prompt, now, OperationKind::Rename, change)
            }
            Op::Tag { prompt, tags: new } => {
                let answer = self
                    .store()
                    .set_tags(prompt_id(&self.book, *prompt), &tags(new));
                let change = |_: &mut String, tags_of: &mut Vec<String>| *tags_of = tags(new);
                self.changed(answer, *prompt, now, OperationKind::Tag, change)
            }
            Op::Record {
                prompt,
                version,
                request,
            } => self.record(*prompt, *version, *request, now),
            Op::AddToList(names) => {
                let names = names.iter().map(|name| ENVIRONMENTS[*name].to_owned());
                let names: Vec<String> = names.collect();
                let mut list = self.book.list.clone().unwrap_or_default();
                for name in &names {
                    if !list.contains(name) {
                        list.push(name.clone());
                    }
                }
                let answer = self.store().add_to_environment_list(&names);
                self.listed(answer, Some(list), now)
            }
            Op::RemoveFromList(names) => {
                let names: Vec<&str> = names.iter().map(|name| ENVIRONMENTS[*name]).collect();
                let mut list = self.book.list.clone();
                if let Some(list) = &mut list {
                    list.retain(|name| !names.contains(&name.as_str()));
                }
                let answer = self.store().remove_from_environment_list(names);
                self.listed(answer, list, now)
            }
            Op::RemoveList => {
                let answer = self.store().remove_environment_list();
                self.listed(answer, None, now)
            }
            Op::Batch { steps, fails } => self.batch(steps, *fails, now),
            Op::Settle => {
                self.store().checkpoint()?;
                let waiting = self.store().stats()?.journaled_bodies;
                assert_eq!(
                    waiting, 0,
                    "bodies are still in the journal after a checkpoint"
                );
                Ok("settled".into())
            }
            Op::Collect { days } => {
                let retention = Duration::from_secs(u64::from(*days) * 24 * 60 * 60);
                // The files are as new as the test; the clock does not apply to them.
                let options = GcOptions::new().retention(retention).trust_clock(true);
                let collected = self.store().collect_garbage_with(options)?;
                let found = (collected.bodies, collected.bytes, collected.inputs);
                assert_eq!(
                    found,
                    self.book.collect(now, retention),
                    "the store removed other bodies than the model"
                );
                assert_eq!(
                    collected.leftovers, 0,
                    "a leftover was removed although nothing was interrupted"
                );
                Ok(format!("{collected:?}"))
            }
            Op::Repack => {
                // The result is not compared: only checkpointed bodies are packed, and a store in
                // memory has no background checkpoints.
                self.store().repack()?;
                Ok("packed".into())
            }
            Op::ADayLater => {
                let day = 25 * 60 * 60 * 1_000_000;
                self.clock.fetch_add(day, Ordering::Relaxed);
                Ok("set on".into())
            }
            Op::Reopen => {
                match &self.place {
                    Place::Memory => {}
                    Place::Directory(directory) => {
                        self.store = None;
                        self.store = Some(self.options.open(directory.path())?);
                    }
                    Place::Backends(backends) => {
                        self.store = None;
                        self.store = Some(backends.open(&self.options));
                    }
                    #[cfg(feature = "postgres")]
                    Place::Schema(url) => {
                        self.store = None;
                        self.store = Some(self.options.open_url(url)?);
                    }
                }
                Ok("opened".into())
            }
            Op::ClockBack(seconds) => {
                let back = i64::from(*seconds) * 1_000_000;
                self.clock.fetch_sub(back, Ordering::Relaxed);
                Ok("set back".into())
            }
            op => {
                let mut store = self.store.as_ref().expect("the store is open");
                step(&mut store, &mut self.book, now, op)
            }
        }
    }

    /// Compares the answer of a call that changes a prompt's name or tags, and applies the change
    /// to the model.
    fn changed(
        &mut self,
        answer: Result<promptbook::Prompt>,
        prompt: usize,
        at: DateTime<Utc>,
        kind: OperationKind,
        change: impl FnOnce(&mut String, &mut Vec<String>),
    ) -> Result<String> {
        let (answer, id) = agree(answer, self.book.prompt(prompt).map(|line| line.id))?;
        let line = self.book.prompt_mut(id);
        let (name, tags) = (line.name.clone(), line.tags.clone());
        change(&mut line.name, &mut line.tags);
        if (&name, &tags) != (&line.name, &line.tags) {
            let (before, after) = ((&name, &tags), (&line.name, &line.tags));
            let changes = vec![change_of_prompt(id, Some(before), Some(after))];
            self.book
                .operations
                .push(ModelOperation { at, kind, changes });
        }
        Ok(format!("{answer:?}"))
    }

    /// Compares the answer of a change of the environment list, and applies it to the model.
    fn listed<T: std::fmt::Debug>(
        &mut self,
        answer: Result<T>,
        list: Option<Vec<String>>,
        at: DateTime<Utc>,
    ) -> Result<String> {
        let model = match &list {
            Some(names) if list != self.book.list => self.book.check_list(names),
            _ => Ok(()),
        };
        let (answer, ()) = agree(answer, model)?;
        let before = std::mem::replace(&mut self.book.list, list);
        if before != self.book.list {
            let changes = vec![change_of_list(before.as_ref(), self.book.list.as_ref())];
            let kind = OperationKind::EnvironmentList;
            let operation = ModelOperation { at, kind, changes };
            self.book.operations.push(operation);
        }
        Ok(format!("{answer:?}"))
    }

    fn record(
        &mut self,
        prompt: usize,
        version: usize,
        request: usize,
        at: DateTime<Utc>,
    ) -> Result<String> {
        let Some(take) = version_at(&self.book, prompt, version) else {
            return Ok("no version to record for".into());
        };
        let mut inputs = Map::new();
        inputs.insert("at".into(), json!(at.timestamp_micros()));
        let answer = self
            .store()
            .record_inputs(take.id, request.to_string(), inputs, None);
        let model = if take.live {
            Ok(take.id)
        } else {
            Err(Refusal::NoVersion)
        };
        let (answer, id) = agree(answer, model)?;
        self.book.inputs.insert((id, request), at);
        Ok(format!("{answer:?}"))
    }

    /// Executes steps in one transaction. The first refusal rolls back all of them, as does the
    /// final error if `fails` is set.
    fn batch(&mut self, steps: &[Op], fails: bool, now: DateTime<Utc>) -> Result<String> {
        let before = self.book.clone();
        let book = &mut self.book;
        let answer = self
            .store
            .as_ref()
            .expect("the store is open")
            .batch(|batch| {
                let answers = steps.iter().map(|op| step(batch, book, now, op));
                let answers = answers.collect::<Result<Vec<_>>>()?;
                for take in book.live().flat_map(|line| line.live_versions()) {
                    let seen = batch.version(take.id)?;
                    assert_eq!(seen.number, take.number, "a batch does not see what it did");
                }
                if fails {
                    // An error that does not depend on the store.
                    "".parse::<promptbook::EnvironmentName>()
                        .map_err(|error: InvalidArgument| Error::from(error))?;
                }
                Ok(format!("{answers:?}"))
            });
        if answer.is_err() {
            self.book = before;
        }
        answer
    }

    /// Compares every read of the store with the model.
    pub fn compare(&self) {
        compare::all(self.store(), &self.book);
        let missing = self.store().prompt(unknown_prompt());
        assert!(missing.is_err(), "a prompt that never existed was found");
    }

    /// Verifies the store. Returns its head hash.
    pub fn verify(&self) -> Option<OperationId> {
        let report = self.store().verify().unwrap();
        assert!(report.is_clean(), "{:#?}", report.violations);
        assert_eq!(report.operations, self.book.operations.len() as u64);
        assert_eq!(
            report.bodies,
            self.book.bodies.len() as u64,
            "the number of stored bodies differs"
        );
        report.head
    }
}

fn moment(clock: &AtomicI64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(clock.load(Ordering::Relaxed)).unwrap()
}
