//! The worlds of a fake: each key has a store, faults, calls and a clock of its own.
//!
//! Tests that run at the same time do not see each other, if each uses the key of its own world.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use axum::http::{HeaderMap, Uri};
use chrono::DateTime;

use super::FakeError;
use super::manage_worlds::ManageWorlds;
use super::options::FakeOptions;
use super::state::FakeState;
use super::world::{DEFAULT_KEY, World, world};
use crate::server::Fixtures;
use crate::server::signature::PREFIX;
use crate::server::site::{RoutedApp, SelectApp};

/// All worlds of a fake.
pub(super) struct Worlds {
    own: Weak<Worlds>,
    /// The options of the fake, which each world has.
    options: FakeOptions,
    url: String,
    main: World,
    others: RwLock<OtherWorlds>,
}

#[derive(Default)]
struct OtherWorlds {
    worlds: Vec<World>,
    /// The number of worlds that were created without a given key.
    unnamed: u64,
}

impl Worlds {
    pub(super) fn new(options: FakeOptions, url: String, main: World) -> Arc<Self> {
        Arc::new_cyclic(|own: &Weak<Self>| {
            main.slot.set(own.clone());
            Self {
                own: own.clone(),
                options,
                url,
                main,
                others: RwLock::default(),
            }
        })
    }

    pub(super) fn main(&self) -> &World {
        &self.main
    }

    /// Creates a world with the fixtures of the fake, in memory.
    pub(super) fn create(&self, key: &str) -> Result<(), FakeError> {
        let created = self.world(key, self.options.fixtures.clone())?;
        self.add(created)
    }

    fn world(&self, key: &str, fixtures: Fixtures) -> Result<World, FakeError> {
        let mut options = self.options.clone().fixtures(fixtures);
        options.directory = None;
        world(&options, key, self.main.routed.app.port, true)
    }

    fn add(&self, created: World) -> Result<(), FakeError> {
        created.slot.set(self.own.clone());
        let mut others = self.write();
        let is_its_key = |world: &World| world.key == created.key;
        if is_its_key(&self.main) || others.worlds.iter().any(is_its_key) {
            return Err(FakeError::World {
                key: created.key,
                reason: "exists already",
            });
        }
        others.worlds.push(created);
        Ok(())
    }

    /// Ends the calls that a fault holds back, in all worlds.
    pub(super) fn close(&self) {
        self.main.state.close();
        self.read()
            .worlds
            .iter()
            .for_each(|world| world.state.close());
    }

    fn read(&self) -> RwLockReadGuard<'_, OtherWorlds> {
        self.others.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, OtherWorlds> {
        self.others.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ManageWorlds for Worlds {
    fn url(&self) -> &str {
        &self.url
    }

    fn keys(&self) -> Vec<String> {
        let mut keys = vec![self.main.key.clone()];
        keys.extend(self.read().worlds.iter().map(|world| world.key.clone()));
        keys
    }

    fn create_like(&self, state: &FakeState, key: Option<String>) -> Result<String, FakeError> {
        let key = key.unwrap_or_else(|| {
            let mut others = self.write();
            others.unnamed += 1;
            format!("{DEFAULT_KEY}-{}", others.unnamed)
        });
        let (fixtures, start) = state.start();
        let created = self.world(&key, fixtures)?;
        created.state.set_start(start);
        self.add(created)?;
        Ok(key)
    }

    fn end(&self, state: &Arc<FakeState>) -> Result<(), FakeError> {
        let ended = {
            let mut others = self.write();
            let mut worlds = others.worlds.iter();
            let position = worlds.position(|world| Arc::ptr_eq(&world.state, state));
            position.map(|position| others.worlds.remove(position))
        };
        match ended {
            Some(world) => {
                world.state.close();
                Ok(())
            }
            None => Err(FakeError::World {
                key: self.main.key.clone(),
                reason: "is the main one, which ends with the fake",
            }),
        }
    }
}

impl SelectApp for Worlds {
    /// Selects the world by the key, or by the signature of a body's URL, which carries no key.
    fn select(&self, uri: &Uri, headers: &HeaderMap) -> Option<RoutedApp> {
        let others = self.read();
        let body = uri.path().strip_prefix(PREFIX);
        let is_of = |world: &&World| match body {
            // An expired URL belongs to the world that signed it.
            Some(version) => {
                let query = uri.query().unwrap_or_default();
                let signer = &world.routed.app.signer;
                signer.check(version, query, DateTime::UNIX_EPOCH).is_ok()
            }
            None => world.routed.app.keys.admit(headers).is_ok(),
        };
        others
            .worlds
            .iter()
            .find(is_of)
            .map(|world| world.routed.clone())
    }
}

impl fmt::Debug for Worlds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.read().worlds.len();
        f.debug_struct("Worlds")
            .field("others", &others)
            .finish_non_exhaustive()
    }
}
