//! How a fake is started.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn_with_state;

use super::baseline::Origin;
use super::clock::Clock;
use super::fake_server::Fake;
use super::recorder::pass;
use super::route_names::Known;
use super::state::Stage;
use super::{FakeClock, FakeError, control};
use crate::server::options;
use crate::server::options::ServerOptions;
use crate::server::service;
use crate::server::service::Server;
use crate::server::signature::Signer;
use crate::server::{Fixtures, Limits, Status, routes};
use crate::{Durability, Policy, StoreOptions};

/// How a fake is started.
///
/// ```
/// use promptbook::server::FakeOptions;
///
/// # fn main() -> Result<(), promptbook::server::fake::FakeError> {
/// // Counts as the live service does.
/// let fake = FakeOptions::new().first_version(0, 0).seed(7).start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FakeOptions {
    server: ServerOptions,
    store: StoreOptions,
    address: SocketAddr,
    directory: Option<PathBuf>,
    fixtures: Fixtures,
    seed: u64,
    clock: FakeClock,
}

impl Default for FakeOptions {
    fn default() -> Self {
        let limits = Limits {
            // A test that ends does not wait for what it left under way.
            stop_time: Duration::from_secs(1),
            ..Limits::default()
        };
        Self {
            server: ServerOptions::new().status(Status::Live).limits(limits),
            store: StoreOptions::new()
                .policy(Policy::Free)
                .durability(Durability::Relaxed)
                .author("fake"),
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            directory: None,
            fixtures: Fixtures::default(),
            seed: 0,
            clock: FakeClock::default(),
        }
    }
}

/// The key where none is given: no secret, as only this machine reaches the fake then.
const KEY: &str = "sk-helicone-fake";

impl FakeOptions {
    /// An empty store in memory, on a free port of this machine, with the live service's statuses and a clock that stands.
    pub fn new() -> Self {
        Self::default()
    }

    /// The prompts that are there at the start and after each reset.
    pub fn fixtures(mut self, fixtures: Fixtures) -> Self {
        self.fixtures = fixtures;
        self
    }

    /// Keeps the store in a directory, which stays when the fake stops. Where it is missing or empty, the store is made, and
    /// made anew by each reset; a store that is there is opened, gets the fixtures only if it has no prompts, and can't be
    /// reset. What is acknowledged survives the end of the process, and maybe not power loss.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// What ids are drawn from. The default is 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What time it is. By default it is 2025-01-01T00:00:00Z and stands.
    pub fn clock(mut self, clock: FakeClock) -> Self {
        self.clock = clock;
        self
    }

    /// Which statuses tell of what is wrong. The default is [`Status::Live`].
    pub fn status(mut self, status: Status) -> Self {
        self.server = self.server.status(status);
        self
    }

    /// Lets in who has this key; may be given several times. The default is `sk-helicone-fake`.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.server = self.server.key(key);
        self
    }

    /// The address to listen on; port 0 is any free one. The default is `127.0.0.1:0`. One that other machines reach
    /// needs a [`key`](Self::key).
    pub fn address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// Answers also to requests for this host name, as [`ServerOptions::host`].
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.server = self.server.host(name);
        self
    }

    /// Lets pages of this origin read the answers, as [`ServerOptions::allow_origin`].
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.server = self.server.allow_origin(origin);
        self
    }

    /// What clients can use of the fake. By default it stops within a second.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.server = self.server.limits(limits);
        self
    }

    /// The number of each prompt's first version. The default is 1.0; the live service counts from 0.0.
    pub fn first_version(mut self, major: u32, minor: u32) -> Self {
        self.store = self.store.first_version(major, minor);
        self
    }

    /// Refuses minor versions that break callers, with 409. By default the caller chooses, as with the live service.
    pub fn enforce_bumps(mut self, enforce: bool) -> Self {
        self.store = self.store.policy(match enforce {
            true => Policy::Enforced,
            false => Policy::Free,
        });
        self
    }

    /// Starts the fake.
    ///
    /// # Errors
    ///
    /// [`Server`](FakeError::Server) for an address that can't be had, or that other machines reach and no key was given
    /// for, and for options that are malformed; [`Fixtures`](FakeError::Fixtures) for fixtures that contradict themselves;
    /// [`Store`](FakeError::Store) where the directory holds something else, or can't be written.
    pub fn start(&self) -> Result<Fake, FakeError> {
        let (listener, address) = service::listen_on(&self.address)?;
        let keys = match self.server.uses_own_key(address)? {
            true => vec![KEY.into()],
            false => self.server.keys.clone(),
        };
        let key = keys.first().cloned().unwrap_or_default();

        let clock = Arc::new(Clock::new(self.clock));
        let ticks = Arc::clone(&clock);
        let options = self.store.clone().clock(move || ticks.tick());
        let (origin, store) = Origin::new(
            options,
            self.seed,
            self.clock,
            self.directory.as_deref(),
            &self.fixtures,
        )?;
        clock.restore(origin.start());

        let signer = Signer::new(&format!("fake {}", self.seed));
        let mut app = options::app(store, &self.server, &keys, signer)?;
        let now = Arc::clone(&clock);
        app.clock = Box::new(move || now.now());
        let app = Arc::new(app);

        let (api, described) = routes::all();
        let stage = Stage::new(Arc::clone(&app), clock, Known::of(&described), origin);
        let stage = Arc::new(stage);
        let api = api.layer(from_fn_with_state(Arc::clone(&stage), pass));
        let router = api.merge(control::routes(&stage));
        let router = options::wired(router, &app, &self.server)?;
        let server = Server::new(listener, address, app, router, key);
        Ok(Fake {
            stage,
            running: server.start()?,
        })
    }
}
