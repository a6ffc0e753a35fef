//! The options with which a store is opened or created.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::engine::{ContractCache, HeadCache, WriteContext};
use crate::fs::lock::policy::{LockPolicy, LockWait};
use crate::model::arguments::IntoEnvironmentName;
use crate::model::clock;
use crate::model::clock::Clock;
use crate::model::environment_list::check_list;
use crate::model::id::EnvironmentName;
use crate::model::invalid_argument::InvalidArgument;
use crate::model::record::{BumpPolicy, Durability, Settings};
use crate::model::version_number::VersionNumber;

/// The options with which a store is opened or created.
///
/// ```
/// use promptbook::{BumpPolicy, StoreOptions};
///
/// // The first number and the rules of the live service.
/// let store = StoreOptions::new().first_version(0, 0).policy(BumpPolicy::Free).in_memory()?;
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone)]
pub struct StoreOptions {
    pub(super) read_only: bool,
    pub(super) allow_network: bool,
    first_version: VersionNumber,
    policy: Option<BumpPolicy>,
    environments: Option<Result<Vec<EnvironmentName>, InvalidArgument>>,
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
            environments: None,
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
            .field("environments", &self.environments)
            .field("author", &self.author)
            .field("durability", &self.durability)
            .field("seed", &self.seed)
            .field("locks", &self.locks)
            .finish_non_exhaustive()
    }
}

impl StoreOptions {
    /// Returns the default options: versions from 1.0, bump rules enforced, full durability.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of a prompt's first version, for a store that is created.
    ///
    /// The default is 1.0; the live service starts at 0.0. If the store exists, its own setting
    /// applies.
    #[must_use]
    pub fn first_version(mut self, major: u32, minor: u32) -> Self {
        self.first_version = VersionNumber::new(major, minor);
        self
    }

    /// Sets the bump policy.
    ///
    /// A store that is created records it. If the store exists, it applies only to this handle.
    #[must_use]
    pub fn policy(mut self, policy: BumpPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Sets the [environment list](crate::View::environment_list) of a store that is created.
    ///
    /// The list is the store's first operation. If the store has operations already, its own list
    /// applies. If a name does not parse, or is given twice, creating the store fails with
    /// [`InvalidArgument`](crate::error::OpenError::InvalidArgument).
    ///
    /// ```
    /// use promptbook::{NewPrompt, StoreOptions};
    ///
    /// let store = StoreOptions::new().environments(["staging", "production"]).in_memory()?;
    /// let created = store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
    /// let version = created.version.id;
    /// assert!(store.set_environment("greeting", "prodution", version).is_err());
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    #[must_use]
    pub fn environments(
        mut self,
        names: impl IntoIterator<Item = impl IntoEnvironmentName>,
    ) -> Self {
        let names = names
            .into_iter()
            .map(IntoEnvironmentName::into_environment_name);
        self.environments = Some(names.collect());
        self
    }

    /// Sets the author of the changes that are made through this handle.
    ///
    /// The default is the user's name from the environment variable `USER`, `LOGNAME` or
    /// `USERNAME`, or `unknown`.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = Some(author.into());
        self
    }

    /// Sets which failures an acknowledged change survives.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Opens the store only for reading.
    ///
    /// This is possible even if this process cannot write the files.
    ///
    /// Every change then fails with [`Error::ReadOnly`](crate::Error::ReadOnly). A store in an
    /// older format is migrated first, if this process can write it.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Opens a store even if it is on a network file system.
    ///
    /// On Linux, FUSE file systems count as such, except for `fuseblk` (disks) and some types that
    /// are known to be local, such as `fuse.mergerfs` and `fuse.bindfs`. The caller must ensure that only one machine uses it.
    #[must_use]
    pub fn allow_network(mut self, allow: bool) -> Self {
        self.allow_network = allow;
        self
    }

    /// Sets how long a call waits for a lock that another thread or process holds.
    ///
    /// The default is 10 s. With zero, a call does not wait.
    ///
    /// The locks are the write lock, the locks on bodies, and SQLite's own. If the time is over,
    /// the call fails with an error of the kind [`Busy`](crate::ErrorKind::Busy). Nothing was
    /// changed, and the call may be repeated.
    ///
    /// The limit applies to each lock, and to the wait for other threads of this handle. A call
    /// that needs several locks one after the other, such as
    /// [`collect_garbage`](crate::Store::collect_garbage), may wait that long for each of them.
    /// Calls that only read wait for no lock.
    ///
    /// The limit also ends a wait for a process that never releases its lock: a process that is
    /// stopped, or the fork of a process that was killed while it wrote. A fork inherits the lock,
    /// and the system keeps it until the fork ends or executes another program.
    #[must_use]
    pub fn busy_timeout(mut self, limit: Duration) -> Self {
        self.locks.limit = limit;
        self
    }

    /// Sets a function that is called when a call has waited one second for a lock.
    ///
    /// It is called once per wait, on the thread that waits, so that a program can report what it
    /// waits for. The function must return quickly, because the lock may become free in the
    /// meantime. It must not use the store.
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

    /// Sets the source of the time, for tests.
    ///
    /// Times are stored in microseconds, and a leap second is stored as the end of the second
    /// before it.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Generates ids from this seed, so that the same calls give the same ids. It is for tests.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Returns the environment list of a store that is created.
    pub(super) fn environment_list(&self) -> Result<Option<Vec<EnvironmentName>>, InvalidArgument> {
        let Some(names) = self.environments.clone().transpose()? else {
            return Ok(None);
        };
        check_list(&names)?;
        Ok(Some(names))
    }

    /// Returns the settings that a store is created with.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            first_version: self.first_version,
            policy: self.policy.unwrap_or_default(),
        }
    }

    /// Returns the context of a handle, for a store with these settings.
    pub(super) fn context(&self, settings: Settings) -> WriteContext {
        let rng = self
            .seed
            .map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        WriteContext {
            settings,
            policy: self.policy.unwrap_or(settings.policy),
            author: self.author.clone().unwrap_or_else(user).into(),
            durability: self.durability,
            clock: Arc::clone(&self.clock),
            rng: Mutex::new(rng),
            seeded: self.seed.is_some(),
            contracts: ContractCache::default(),
            heads: HeadCache::default(),
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
