//! A worker's thread and its handle, with a record of everything that it tries and reads.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use promptbook::{Result, Selector, Store, Version, VersionId};

use crate::actions::{any_environment, any_prompt};
use crate::ledger::{Book, Seen};
use crate::settings::Orders;

/// An open store, and the author of the operations made through it.
pub struct Handle {
    pub store: Store,
    pub author: String,
    attempts: AtomicU64,
    undone: Mutex<HashSet<u64>>,
}

impl Handle {
    pub fn new(store: Store, author: String) -> Self {
        Self {
            store,
            author,
            attempts: AtomicU64::new(0),
            undone: Mutex::new(HashSet::new()),
        }
    }

    /// Returns whether this handle has not yet tried to undo the operation.
    pub fn is_new(&self, operation: u64) -> bool {
        self.undone.lock().unwrap().insert(operation)
    }

    pub fn token(&self) -> String {
        format!(
            "{}#{}",
            self.author,
            self.attempts.fetch_add(1, Ordering::Relaxed)
        )
    }
}

/// A thread of a worker.
pub struct Hand<'a> {
    pub book: &'a Book,
    pub orders: &'a Orders,
    pub rng: Rng,
    /// Versions that it created and has not tried to delete.
    pub own: Vec<VersionId>,
    /// The last item recorded, so that repeated answers are recorded once.
    pub last_seen: Option<Seen>,
}

/// The number of operations and the versions that were created.
type Made = (u64, Vec<Version>);

impl Hand<'_> {
    /// Makes an attempt and records its outcome. Returns the error, by which the worker judges the
    /// handle.
    pub fn attempt(
        &mut self,
        handle: &Handle,
        token: &str,
        count: u64,
        work: impl FnOnce(&Store) -> Result<Made>,
    ) -> Result<()> {
        self.book.attempt(token, &handle.author, count);
        match work(&handle.store) {
            Ok((count, versions)) => {
                self.book.done(token, count, &versions);
                self.own.extend(versions.iter().map(|version| version.id));
                Ok(())
            }
            Err(error) => {
                self.book.failed(token, &handle.author, &error);
                Err(error)
            }
        }
    }

    /// Reads from the store and records what was read.
    pub fn read(&mut self, handle: &Handle) -> Result<()> {
        let (store, prompt) = (&handle.store, any_prompt(&mut self.rng));
        match self.rng.u32(..12) {
            0 => {
                let versions = store.versions(prompt).page(None, 10)?;
                versions
                    .iter()
                    .for_each(|one| self.saw(handle, Seen::Version(one.id)));
            }
            1 => {
                let operations = store.operations().page(None, 10)?;
                operations
                    .iter()
                    .for_each(|one| self.saw(handle, Seen::Operation(one.id)));
                if let Some(oldest) = operations.last() {
                    store.at(oldest.number)?.prompts().page(None, 20)?;
                }
            }
            2 => drop(store.search("soaked", 5)?),
            3 => drop(store.diff(
                (prompt, "1.0".parse::<Selector>()?),
                (prompt, Selector::Latest),
            )?),
            4 => {
                store.stats()?;
            }
            5 => drop(store.blame((prompt, Selector::Latest))?),
            _ => {
                let name = any_environment(&mut self.rng);
                let resolved = store.resolve((prompt, Selector::Environment(name)))?;
                if resolved.body.id() != resolved.version.blob {
                    self.book.line(&format!(
                        "broken {} the body differs from the version's",
                        handle.author
                    ));
                }
                self.saw(handle, Seen::Version(resolved.version.id));
            }
        }
        std::thread::sleep(Duration::from_micros(self.rng.u64(..500)));
        Ok(())
    }

    pub fn saw(&mut self, handle: &Handle, seen: Seen) {
        if self.last_seen != Some(seen) {
            self.last_seen = Some(seen);
            let (kind, id) = match seen {
                Seen::Version(id) => ("version", id.to_string()),
                Seen::Operation(id) => ("operation", id.to_string()),
            };
            self.book
                .line(&format!("saw {} {kind} {id}", handle.author));
        }
    }
}
