//! How a store is opened or made.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::engine::{Context, KeptContracts, KeptLines};
use crate::fs::lock::policy::{LockPolicy, LockWait};
use crate::model::clock;
use crate::model::clock::Clock;
use crate::model::record::{Durability, Policy, Settings};
use crate::model::version_number::VersionNumber;

/// How a store is opened or made.
///
/// ```
/// use promptbook::{Policy, StoreOptions};
///
/// // Counts and lets pass as the live service does.
/// let store = StoreOptions::new().first_version(0, 0).policy(Policy::Free).in_memory()?;
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone)]
pub struct StoreOptions {
    pub(super) read_only: bool,
    pub(super) allow_network: bool,
    first_version: VersionNumber,
    policy: Option<Policy>,
    author: Option<String>,
    durability: Durability,
    clock: Clock,
    seed: Option<u64>,
    pub(super) locks: LockPolicy,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            read_only: false,
            allow_network: false,
            first_version: Settings::default().first_version,
            policy: None,
            author: None,
            durability: Durability::default(),
            clock: Arc::new(clock::system),
            seed: None,
            locks: LockPolicy::default(),
        }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("read_only", &self.read_only)
            .field("allow_network", &self.allow_network)
            .field("first_version", &self.first_version)
            .field("policy", &self.policy)
            .field("author", &self.author)
            .field("durability", &self.durability)
            .field("seed", &self.seed)
            .field("locks", &self.locks)
            .finish_non_exhaustive()
    }
}

impl StoreOptions {
    /// The defaults: versions from 1.0, bump rules enforced, full durability.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a prompt's first version, in a store that is made. The default is 1.0; the live service
    /// counts from 0.0. A store that is opened keeps what it was made with.
    #[must_use]
    pub fn first_version(mut self, major: u32, minor: u32) -> Self {
        self.first_version = VersionNumber::new(major, minor);
        self
    }

    /// The bump policy: kept in a store that is made; for this handle only in one that is opened.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Who makes the changes through this handle. The default is the name of the user that the environment
    /// gives (`USER`, `LOGNAME` or `USERNAME`), else `unknown`.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = Some(author.into());
        self
    }

    /// What an acknowledged change survives.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Opens for reading only, also where the files can't be written. Every change is then refused with
    /// [`Error::ReadOnly`](crate::Error::ReadOnly). A store of an older format is brought up to date before, where it
    /// can be.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Opens a store on a network file system all the same. It is on you that one machine only uses it.
    #[must_use]
    pub fn allow_network(mut self, allow: bool) -> Self {
        self.allow_network = allow;
        self
    }

    /// How long a call waits for a lock that others hold: the write lock, the lock on bodies, or one of SQLite's own. Then
    /// it fails with an error of kind [`Busy`](crate::ErrorKind::Busy), and nothing was changed; it may be repeated. The
    /// default is 10 s; with zero it does not wait.
    ///
    /// The limit is for each lock, and for the wait behind other threads of this handle. A call that needs several locks one
    /// after the other, such as [`collect_garbage`](crate::Store::collect_garbage), may wait for each as long. Calls that
    /// only read wait for no lock.
    ///
    /// The limit also ends waits for a process that will never let go: one that is stopped, or the fork of a process that
    /// was killed while it wrote. A fork has inherited the lock, and the system keeps it for the fork until that ends or
    /// executes another program.
    #[must_use]
    pub fn busy_timeout(mut self, limit: Duration) -> Self {
        self.locks.limit = limit;
        self
    }

    /// Calls this when a call has waited for a lock for a second, once for each wait, in the thread that waits: so that a
    /// program can say whom it waits for. It must return soon, as the lock may come meanwhile, and must not use the store.
    ///
    /// ```
    /// use promptbook::StoreOptions;
    ///
    /// let options = StoreOptions::new().on_wait(|wait| eprintln!("waiting for {wait}"));
    /// ```
    #[must_use]
    pub fn on_wait(mut self, notice: impl Fn(&LockWait) + Send + Sync + 'static) -> Self {
        self.locks.notice = Some(Arc::new(notice));
        self
    }

    /// Takes the time from elsewhere: for tests. Moments are kept to the microsecond, and a leap second as the end of the second
    /// before it.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Draws ids from this seed, so that the same calls give the same ids: for tests.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What a store that is made keeps.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            first_version: self.first_version,
            policy: self.policy.unwrap_or_default(),
        }
    }

    /// What this handle works with, in a store of these settings.
    pub(super) fn context(&self, settings: Settings) -> Context {
        let rng = self
            .seed
            .map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Context {
            settings,
            policy: self.policy.unwrap_or(settings.policy),
            author: self.author.clone().unwrap_or_else(user),
            durability: self.durability,
            clock: Arc::clone(&self.clock),
            rng: Mutex::new(rng),
            seeded: self.seed.is_some(),
            contracts: KeptContracts::default(),
            lines: KeptLines::default(),
        }
    }
}

fn user() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".into())
}
