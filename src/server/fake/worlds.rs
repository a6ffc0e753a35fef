//! The worlds of a fake: each key has a store, faults, calls and a clock of its own.
//!
//! Tests that run at the same time do not see each other, if each uses the key of its own world.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::http::{HeaderMap, Uri};
use chrono::DateTime;

use super::FakeError;
use super::options::FakeOptions;
use super::start::{DEFAULT_KEY, world};
use super::state::FakeState;
use crate::server::Fixtures;
use crate::server::signature::PREFIX;
use crate::server::site::{RoutedApp, SelectApp};

/// A world and the key that selects it.
pub(super) struct World {
    pub(super) key: String,
    pub(super) routed: RoutedApp,
    pub(super) state: Arc<FakeState>,
}

/// All worlds of a fake.
pub(super) struct Worlds {
    /// The options of the fake, which each world has.
    options: FakeOptions,
    url: String,
    /// The port of the fake.
    port: u16,
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
    pub(super) fn new(options: FakeOptions, url: String, port: u16, main: World) -> Arc<Self> {
        let worlds = Arc::new(Self {
            options,
            url,
            port,
            main,
            others: RwLock::default(),
        });
        worlds.main.state.belongs_to(&worlds);
        worlds
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn main(&self) -> &World {
        &self.main
    }

    /// Returns the keys of all worlds, the main one first.
    pub(super) fn keys(&self) -> Vec<String> {
        let mut keys = vec![self.main.key.clone()];
        keys.extend(self.read().worlds.iter().map(|world| world.key.clone()));
        keys
    }

    /// Creates a world with the fixtures of the fake, in memory.
    pub(super) fn create(self: &Arc<Self>, key: String) -> Result<(), FakeError> {
        let created = self.world(&key, self.options.fixtures.clone())?;
        self.add(created)
    }

    /// Creates a world that begins as another one does after a reset, in memory.
    ///
    /// Returns its key, which is a new one if none is given.
    pub(super) fn create_like(
        self: &Arc<Self>,
        state: &FakeState,
        key: Option<String>,
    ) -> Result<String, FakeError> {
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

    fn world(&self, key: &str, fixtures: Fixtures) -> Result<World, FakeError> {
        let mut options = self.options.clone().fixtures(fixtures);
        options.directory = None;
        world(&options, key, self.port, true)
    }

    fn add(self: &Arc<Self>, created: World) -> Result<(), FakeError> {
        created.state.belongs_to(self);
        let key = created.key.clone();
        let mut others = self.write();
        if self.main.key == key || others.worlds.iter().any(|world| world.key == key) {
            let reason = "exists already";
            return Err(FakeError::World { key, reason });
        }
        others.worlds.push(created);
        Ok(())
    }

    /// Ends a world. The main one cannot be ended.
    pub(super) fn end(&self, state: &Arc<FakeState>) -> Result<(), FakeError> {
        let ended = {
            let mut others = self.write();
            let position = others
                .worlds
                .iter()
                .position(|world| Arc::ptr_eq(&world.state, state));
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
