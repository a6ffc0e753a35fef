//! [`PostgresIndex`], the index in a schema: what an open handle has.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::history_end::SeenOperation;
use super::migrate;
use super::planted_fault::PlantedFault;
use super::pool::ConnectionPool;
use super::url::PostgresUrl;
use crate::model::record::Settings;
use crate::storage::{Deadline, StorageError, StorageErrorKind, StorageResult};

/// The default limit of a wait for a lock.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

/// An index in a schema of a Postgres database.
#[derive(Debug)]
pub(crate) struct PostgresIndex {
    pub(super) pool: Arc<ConnectionPool>,
    pub(super) locks: LockNames,
    pub(super) planted_fault: PlantedFault,
    /// The name of the channel on which commits are announced.
    pub(super) channel: String,
    /// The last operation that this handle saw.
    pub(super) seen: SeenOperation,
    limit: Duration,
    closes_by: Mutex<Deadline>,
    /// The process that opened it: connections do not survive a fork.
    process: u32,
    /// Whether bodies at rest are objects, and not in the schema.
    has_objects: bool,
}

/// The names of a store's advisory locks, which follow from its random id.
#[derive(Clone, Copy, Debug)]
pub(super) struct LockNames {
    pub(super) writers: i64,
    pub(super) bodies: i64,
    pub(super) packs: i64,
}

impl LockNames {
    fn of(id: &[u8]) -> Self {
        let name = |purpose: &str| {
            let hash = blake3::Hasher::new()
                .update(id)
                .update(purpose.as_bytes())
                .finalize();
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&hash.as_bytes()[..8]);
            i64::from_le_bytes(bytes)
        };
        Self {
            writers: name("writers"),
            bodies: name("bodies"),
            packs: name("packs"),
        }
    }
}

/// Returns the name of a store's channel, which follows from its random id.
fn channel_of(id: &[u8]) -> String {
    let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("promptbook_{digits}")
}

impl PostgresIndex {
    /// Opens the index of a store. Returns `None` if the schema contains no store.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, its `fsync` is off, or the store has another format.
    pub(crate) fn open(url: &PostgresUrl) -> StorageResult<Option<Self>> {
        let pool = ConnectionPool::new(url.clone());
        let connection = pool.take()?;
        if !migrate::exists(&connection, &url.schema)? {
            return Ok(None);
        }
        if !url.allows_fsync_off {
            migrate::check_durable(&connection)?;
        }
        let id = migrate::check(&connection)?;
        migrate::check_objects(&connection, url)?;
        pool.put_back(connection);
        Ok(Some(Self {
            pool: Arc::new(pool),
            locks: LockNames::of(&id),
            planted_fault: url.planted_fault,
            channel: channel_of(&id),
            seen: SeenOperation::default(),
            limit: DEFAULT_LIMIT,
            closes_by: Mutex::new(Deadline::NEVER),
            process: std::process::id(),
            has_objects: url.objects_text().is_some(),
        }))
    }

    /// Creates a store in a schema, unless there is one. Returns whether it was created.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open). A failure creates no table.
    pub(crate) fn create(url: &PostgresUrl, settings: Settings) -> StorageResult<bool> {
        let connection = ConnectionPool::new(url.clone()).connect()?;
        if !url.allows_fsync_off {
            migrate::check_durable(&connection)?;
        }
        #[cfg(feature = "s3")]
        if !migrate::exists(&connection, &url.schema)? {
            super::objects::probe(url)?;
        }
        migrate::create(&connection, url, settings)
    }

    /// Returns whether the journal is as good a place for bodies as the blob store.
    pub(crate) fn keeps_journal(&self) -> bool {
        !self.has_objects
    }

    /// Returns the name of the schema.
    pub(crate) fn schema(&self) -> &str {
        &self.pool.connector.url.schema
    }

    /// Returns the limit of waits for locks.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Sets the limit of waits for locks.
    pub(crate) fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self.pool.set_patience(limit);
        self
    }

    /// Returns the deadline of a call that begins now.
    pub(super) fn deadline(&self) -> Deadline {
        self.before_closing(Deadline::after(self.limit))
    }

    pub(super) fn before_closing(&self, deadline: Deadline) -> Deadline {
        deadline.min(
            *self
                .closes_by
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    pub(super) fn set_closing(&self, moment: Deadline) {
        let mut closes_by = self
            .closes_by
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *closes_by = closes_by.min(moment);
    }

    pub(super) fn check_process(&self) -> StorageResult<()> {
        if std::process::id() == self.process {
            return Ok(());
        }
        let opened = self.process;
        let reason = format!(
            "the store was opened by process {opened}, of which this process is a fork; open the store again in this process"
        );
        Err(StorageError::new(StorageErrorKind::Forked, reason))
    }
}
