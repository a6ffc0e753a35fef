//! Options of a fake.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::FakeClock;
use crate::server::options::ServerOptions;
use crate::server::{Fixtures, GatewayGeneration, Limits, StatusMode};
use crate::{BumpPolicy, Durability, StoreOptions};

/// Options of a fake.
///
/// ```
/// use promptbook::server::fake::FakeOptions;
///
/// # fn main() -> Result<(), promptbook::server::fake::FakeError> {
/// // Number versions as the live service does.
/// let fake = FakeOptions::new().first_version(0, 0).seed(7).start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FakeOptions {
    pub(super) server: ServerOptions,
    pub(super) store: StoreOptions,
    pub(super) address: SocketAddr,
    pub(super) directory: Option<PathBuf>,
    pub(super) fixtures: Fixtures,
    pub(super) seed: u64,
    pub(super) clock: FakeClock,
}

impl Default for FakeOptions {
    fn default() -> Self {
        let limits = Limits {
            // A test that ends does not wait for requests that it left in progress.
            stop_time: Duration::from_secs(1),
            ..Limits::default()
        };
        Self {
            server: ServerOptions::new().status(StatusMode::Live).limits(limits),
            store: StoreOptions::new()
                .policy(BumpPolicy::Free)
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

impl FakeOptions {
    /// Returns the default options.
    ///
    /// They are an empty store in memory, a free port of this machine, the live service's statuses,
    /// and a stopped clock.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the prompts that exist at the start and after each reset.
    pub fn fixtures(mut self, fixtures: Fixtures) -> Self {
        self.fixtures = fixtures;
        self
    }

    /// Keeps the store in a directory, which remains when the fake stops.
    ///
    /// The worlds of further keys are in memory. If the directory is missing or empty, the store is created there, and each reset creates it
    /// again. An existing store is opened, gets the fixtures only if it has no prompts, and cannot
    /// be reset. An acknowledged change survives the end of the process, but may be lost on power
    /// failure.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// Sets the seed of ids. The default is 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the clock. By default it is stopped at 2025-01-01T00:00:00Z.
    pub fn clock(mut self, clock: FakeClock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets which statuses report errors. The default is [`StatusMode::Live`].
    pub fn status(mut self, status: StatusMode) -> Self {
        self.server = self.server.status(status);
        self
    }

    /// Accepts requests that carry this key; can be called several times.
    ///
    /// Each further key has a world of its own: a store with the same fixtures, faults, calls and a
    /// clock. So tests that run at the same time do not see each other. The [`Fake`](super::Fake)
    /// itself is the world of the first key. The default is `sk-helicone-fake`.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.server = self.server.key(key);
        self
    }

    /// Sets the address to listen on; port 0 selects a free port. The default is `127.0.0.1:0`.
    ///
    /// An address that other machines can reach needs a [`key`](Self::key).
    pub fn address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// Also answers requests for this host name, as [`ServerOptions::host`] does.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.server = self.server.host(name);
        self
    }

    /// Lets pages of this origin read responses, as [`ServerOptions::allow_origin`] does.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.server = self.server.allow_origin(origin);
        self
    }

    /// Lets these pages send this header, as [`ServerOptions::allow_header`] does.
    pub fn allow_header(mut self, name: impl Into<String>) -> Self {
        self.server = self.server.allow_header(name);
        self
    }

    /// Sets the URL by which clients know the fake, as [`ServerOptions::public_url`] does.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.server = self.server.public_url(url);
        self
    }

    /// Sets the generation of Helicone's AI Gateway, as [`ServerOptions::gateway`] does.
    pub fn gateway(mut self, generation: GatewayGeneration) -> Self {
        self.server = self.server.gateway(generation);
        self
    }

    /// Sets the limits on what clients can use of the fake. By default it stops within a second.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.server = self.server.limits(limits);
        self
    }

    /// Sets the number of each prompt's first version.
    ///
    /// The default is 1.0. The live service begins with 0.0.
    pub fn first_version(mut self, major: u32, minor: u32) -> Self {
        self.store = self.store.first_version(major, minor);
        self
    }

    /// Refuses minor versions that break callers, with 409.
    ///
    /// By default callers choose the number, as in the live service.
    pub fn enforce_bumps(mut self, enforce: bool) -> Self {
        self.store = self.store.policy(if enforce {
            BumpPolicy::Enforced
        } else {
            BumpPolicy::Free
        });
        self
    }
}
